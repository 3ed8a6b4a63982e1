import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo, LookupFunction } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { callOut, callOutWith, type OutboundRequest } from "../../shared/host/call-out.ts";

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
  maxResponseBytes: 1_000,
  ...changes,
});

describe("an outbound call", () => {
  it("the result has the response's status, headers and bytes", async () => {
    const url = await serve((request, response) => {
      response.writeHead(202, { "x-request": `${request.method} ${request.url}` }).end("accepted");
    });
    const { status, headers, body } = await callOut(to(url));
    expect([status, headers.get("x-request"), Buffer.from(body).toString()]).toEqual([
      202,
      "POST /secret-path?key=secret-query",
      "accepted",
    ]);
  });

  it.each([
    ["a bearer token", "Bearer to/ken+1", "to/ken+1"],
    ["a password", `Basic ${Buffer.from('user:pass"word').toString("base64")}`, 'pass"word'],
  ])(
    "%s is removed from an error response that repeats it, and every other text and every 200 stay unchanged",
    async (_, given, secret) => {
      const url = await serve((request, response) => {
        const { authorization = "" } = request.headers;
        response.statusCode = Number(request.headers["x-status"]);
        response.end(`${authorization}, ${JSON.stringify(secret)} ${encodeURIComponent(secret)} \u{20AC}`);
      });
      const answerTo = async (status: string): Promise<string> => {
        const { body } = await callOut(to(url, { headers: { authorization: given, "x-status": status } }));
        return Buffer.from(body).toString();
      };
      const [scheme, credential] = given.split(" ");
      expect(await answerTo("200")).toContain(credential);
      for (const status of ["202", "400", "500"]) {
        expect(await answerTo(status)).toBe(`${scheme} [secret], "[secret]" [secret] \u{20AC}`);
      }
    },
  );

  it("a redirect is not followed", async () => {
    const asked: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url);
      response.writeHead(302, { location: "/login" }).end();
    });
    expect((await callOut(to(url))).status).toBe(302);
    expect(asked).toHaveLength(1);
  });

  it("no more than the given number of bytes is read", async () => {
    const url = await serve((_, response) => {
      response.end("x".repeat(1_001));
    });
    await expect(callOut(to(url))).rejects.toMatchObject({ code: "target_answer_too_large", retryable: false });
  });

  it("the fault says that nothing was done if no connection was made, and why", async () => {
    const url = await serve(() => undefined);
    await new Promise((resolve) => server?.close(resolve));
    const isUnreachable = { code: "target_unreachable", retryable: true };
    const refused = { ...isUnreachable, message: `${url.host}: connection refused (ECONNREFUSED)` };
    await expect(callOut(to(url))).rejects.toMatchObject(refused);
    const blocked = { ...isUnreachable, message: "127.0.0.1:6000: blocked port" };
    await expect(callOut(to(new URL("http://127.0.0.1:6000/")))).rejects.toMatchObject(blocked);
    const lookupFor = (): LookupFunction => (_, __, answer) => {
      answer(Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" }), "");
    };
    const unknown = callOutWith({ lookupFor });
    await expect(unknown(to(new URL("http://ci.invalid/"), { onlyPublic: true }))).rejects.toMatchObject({
      ...isUnreachable,
      message: "ci.invalid: host name not found (ENOTFOUND)",
    });
    // It speaks HTTP where TLS is expected.
    const plain = await serve(() => undefined);
    await expect(callOut(to(new URL(`https://${plain.host}/`)))).rejects.toMatchObject({
      ...isUnreachable,
      message: expect.stringContaining(`${plain.host}: no TLS connection (ERR_SSL_`),
    });
  });

  it("the fault says that the outcome is unknown if the response is missing, incomplete or aborted, and which", async () => {
    const unknown = (url: URL, what: string) => ({ code: "target_timeout", message: `${url.host}: ${what}` });
    const silent = await serve(() => undefined);
    const late = unknown(silent, "no complete response in time");
    await expect(callOut(to(silent, { timeoutMs: 50 }))).rejects.toMatchObject(late);
    await expect(callOut(to(silent, { signal: AbortSignal.timeout(20) }))).rejects.toMatchObject(late);
    const stopped = unknown(silent, "stopped before a complete response");
    await expect(callOut(to(silent, { signal: AbortSignal.abort() }))).rejects.toMatchObject(stopped);
    server?.closeAllConnections();
    const closed = "connection closed before a complete response (UND_ERR_SOCKET)";
    const breaking = await serve((request) => void request.socket.destroy());
    await expect(callOut(to(breaking))).rejects.toMatchObject(unknown(breaking, closed));
    const halfway = await serve((request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("half");
      setTimeout(() => request.socket.destroy(), 10);
    });
    await expect(callOut(to(halfway))).rejects.toMatchObject(unknown(halfway, closed));
    const other = await serve((request) => void request.socket.end("SSH-2.0\r\n\r\n"));
    await expect(callOut(to(other))).rejects.toMatchObject({
      code: "target_timeout",
      message: expect.stringContaining(`${other.host}: the response is not HTTP (HPE_`),
    });
  });

  it("a fault names the host, and neither path nor query", async () => {
    const url = await serve((request) => void request.socket.destroy());
    const fault: unknown = await callOut(to(url)).catch((error: unknown) => error);
    expect(String(fault)).toContain(url.host);
    expect(String(fault)).not.toMatch(/secret-(path|query)/);
  });
});

/** A lookup by which every name is this machine. */
const toThisMachine: LookupFunction = (_, { all }, answer) =>
  all ? answer(null, [{ address: "127.0.0.1", family: 4 }]) : answer(null, "127.0.0.1", 4);

/** `url` under a name that only a test's own lookup knows. */
const named = (url: URL): URL => new URL(`http://keys.example.test:${url.port}${url.pathname}`);

describe("an outbound call to a public address only", () => {
  it("makes no connection to a name that resolves to this machine", async () => {
    let requests = 0;
    const url = await serve((_, response) => {
      requests += 1;
      response.end();
    });
    const call = callOut(to(new URL(`http://localhost:${url.port}/`), { onlyPublic: true }));
    await expect(call).rejects.toMatchObject({ code: "target_unreachable", retryable: true });
    await expect(call).rejects.toThrow("localhost resolves to an internal address");
    expect(requests).toBe(0);
  });

  it("connects to the addresses that the lookup returned, and has the same result and limits as other calls", async () => {
    const url = await serve((request, response) => {
      if (request.url === "/long") response.end("x".repeat(1_001));
      else if (request.url === "/moved") response.writeHead(302, { location: "/secret-path" }).end();
      else if (request.url === "/silent") return;
      else {
        response.writeHead(202, { "set-cookie": ["a=1", "b=2"], "x-host": request.headers.host });
        request.pipe(response);
      }
    });
    const call = callOutWith({ lookupFor: () => toThisMachine });
    const { status, headers, body } = await call(to(named(url), { onlyPublic: true, body: "\u{20AC}" }));
    expect([status, headers.getSetCookie(), headers.get("x-host"), Buffer.from(body).toString()]).toEqual([
      202,
      ["a=1", "b=2"],
      `keys.example.test:${url.port}`,
      "\u{20AC}",
    ]);
    const at = (path: string): OutboundRequest => to(new URL(path, named(url)), { onlyPublic: true, timeoutMs: 300 });
    expect((await call(at("/moved"))).status).toBe(302);
    await expect(call(at("/long"))).rejects.toMatchObject({ code: "target_answer_too_large" });
    await expect(call(at("/silent"))).rejects.toMatchObject({ code: "target_timeout" });
    await new Promise((resolve) => {
      server?.close(resolve);
      server?.closeAllConnections();
    });
    await expect(call(at("/"))).rejects.toMatchObject({ code: "target_unreachable" });
  });
});
