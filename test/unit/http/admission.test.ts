import { ServerResponse } from "node:http";
import { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { ADMISSION_LIMITS, Admission, MeteredMessage } from "../../../shared/http/admission.ts";
import { silentLog } from "../../support/test-doubles.ts";

const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** Begins a request whose body is to come. It is never answered. */
function begin(admission: Admission): MeteredMessage {
  const socket = new Socket();
  sockets.push(socket);
  const incoming = new MeteredMessage(socket);
  incoming.url = "/webhooks/gitlab";
  incoming.headers["content-length"] = "1000000";
  void admission.serve({ incoming, outgoing: new ServerResponse(incoming) }, () => new Promise(() => undefined));
  return incoming;
}

/** The shortest of some times, in milliseconds, in which a body with so many other requests in flight takes its parts. */
function msOfParts(requests: number): number {
  const limits = { ...ADMISSION_LIMITS, requests: 100_000 };
  const admission = new Admission({ limits, maxBodyBytes: () => 1_048_576, log: silentLog });
  for (let request = 0; request < requests; request++) begin(admission);
  let shortestMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const incoming = begin(admission);
    const part = new Uint8Array(1);
    const started = performance.now();
    for (let parts = 0; parts < 1_000; parts++) incoming.push(part);
    shortestMs = Math.min(shortestMs, performance.now() - started);
  }
  return shortestMs;
}

describe("a part of a body", () => {
  it("costs about the same with 1 and with 5,000 requests in flight", () => {
    msOfParts(1);
    expect(msOfParts(5_000)).toBeLessThan(20 * msOfParts(1));
  });
});
