import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { callOut, type OutboundRequest } from "../../shared/host/call-out.ts";

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
});

async function serve(listener: RequestListener): Promise<URL> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return new URL(`http://127.0.0.1:${(started.address() as AddressInfo).port}/secret-path?key=secret-query`);
}

const to = (url: URL, changes: Partial<OutboundRequest> = {}): OutboundRequest => ({
  method: "POST",
  url,
  headers: { "content-type": "application/json" },
  body: "{}",
  timeoutMs: 2_000,
  maxAnswerBytes: 1_000,
  ...changes,
});

describe("a call out", () => {
  it("gives the answer's status, headers and bytes", async () => {
    const url = await serve((request, response) => {
      response.writeHead(202, { "x-told": `${request.method} ${request.url}` }).end("accepted");
    });
    const { status, headers, body } = await callOut(to(url));
    expect([status, headers.get("x-told"), Buffer.from(body).toString()]).toEqual([
      202,
      "POST /secret-path?key=secret-query",
      "accepted",
    ]);
  });

  it("follows no redirect", async () => {
    const asked: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url);
      response.writeHead(302, { location: "/login" }).end();
    });
    expect((await callOut(to(url))).status).toBe(302);
    expect(asked).toHaveLength(1);
  });

  it("reads no more than it was told to", async () => {
    const url = await serve((_, response) => {
      response.end("x".repeat(1_001));
    });
    await expect(callOut(to(url))).rejects.toMatchObject({ code: "target_answer_too_large", retryable: false });
  });

  it("knows that nothing was done when no connection came about", async () => {
    const url = await serve(() => undefined);
    await new Promise((resolve) => server?.close(resolve));
    await expect(callOut(to(url))).rejects.toMatchObject({ code: "target_unreachable", retryable: true });
  });

  it("does not claim to know what was done when the answer does not come, breaks off, or is waited for no longer", async () => {
    const silent = await serve(() => undefined);
    await expect(callOut(to(silent, { timeoutMs: 50 }))).rejects.toMatchObject({ code: "target_timeout" });
    await expect(callOut(to(silent, { signal: AbortSignal.timeout(20) }))).rejects.toMatchObject({
      code: "target_timeout",
    });
    server?.closeAllConnections();
    const breaking = await serve((request) => void request.socket.destroy());
    await expect(callOut(to(breaking))).rejects.toMatchObject({ code: "target_timeout" });
    const halfway = await serve((request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("half");
      setTimeout(() => request.socket.destroy(), 10);
    });
    await expect(callOut(to(halfway))).rejects.toMatchObject({ code: "target_timeout" });
  });

  it("names the host in its faults, and neither path nor query", async () => {
    const url = await serve((request) => void request.socket.destroy());
    const fault: unknown = await callOut(to(url)).catch((error: unknown) => error);
    expect(String(fault)).toContain(url.host);
    expect(String(fault)).not.toMatch(/secret-(path|query)/);
  });
});
