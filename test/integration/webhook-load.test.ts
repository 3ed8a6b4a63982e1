import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type LoadGenerator, startLoadGenerator } from "../bench/webhook-load.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function generator(): Promise<LoadGenerator> {
  const started = await startLoadGenerator();
  closers.push(started.close);
  return started;
}

/** A receiver of webhooks on loopback. */
async function receiver(respond: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(
    (request, response) => void request.resume().once("end", () => respond(request, response)),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.close();
    server.closeAllConnections();
  });
  // A server that listens on a port has an AddressInfo.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("the load of the benchmarks", () => {
  it("sends at a fixed rate to a receiver that does not answer, and counts its silence as latency", async () => {
    const held: ServerResponse[] = [];
    const url = await receiver((_, response) => {
      held.push(response);
      if (held.length === 40) for (const one of held) one.end();
    });
    const { accepted, latency } = await (await generator()).run({
      url,
      pace: { perSecond: 200 },
      seconds: 0.2,
      fireEvery: 10,
      quietMs: 100,
    });
    expect(accepted).toBe(40);
    // The last of 40 requests is due 195 ms after the first, and the median one 100 ms before the last.
    expect(latency.p99).toBeGreaterThan(190);
    expect(latency.p50).toBeGreaterThan(90);
  });

  it("repeats accepted deliveries, each with its id and body", async () => {
    const ids: string[] = [];
    const url = await receiver((request, response) => {
      ids.push(`${request.headers["webhook-id"]} ${request.headers["x-hub-signature-256"]}`);
      response.end();
    });
    const { accepted, repeated } = await (await generator()).run({
      url,
      pace: { connections: 2 },
      seconds: 0.2,
      fireEvery: 10,
      quietMs: 100,
      repeatEvery: 5,
    });
    expect(repeated).toBe(Math.floor(ids.length / 5));
    expect(accepted + repeated).toBe(ids.length);
    expect(new Set(ids).size).toBe(accepted);
  });

  it("counts an answer that is no 2xx as failed, by status", async () => {
    const url = await receiver((_, response) => response.writeHead(503).end());
    const { accepted, failures } = await (await generator()).run({
      url,
      pace: { perSecond: 100 },
      seconds: 0.1,
      fireEvery: 10,
      quietMs: 100,
    });
    expect({ accepted, failures }).toEqual({ accepted: 0, failures: { 503: 10 } });
  });

  it("measures until the listener is called by the trace, and names pushes that never call it", async () => {
    const load = await generator();
    let pushes = 0;
    const url = await receiver(({ headers: { traceparent } }, response) => {
      pushes += 1;
      if (pushes > 1) request(load.listener, { method: "POST", headers: { traceparent } }).end();
      response.end();
    });
    const { accepted, crossing, notFired } = await load.run({
      url,
      pace: { perSecond: 100 },
      seconds: 0.1,
      fireEvery: 1,
      quietMs: 100,
    });
    expect({ accepted, notFired }).toEqual({ accepted: 10, notFired: 1 });
    expect(crossing.p50).toBeGreaterThanOrEqual(0);
  });
});
