import { TLSSocket } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { Secret } from "../../shared/host/secrets.ts";
import { ADMISSION_LIMITS, Admission, type AdmissionLimits } from "../../shared/http/admission.ts";
import { type Listening, listen } from "../../shared/http/listen.ts";
import type { TlsSettings } from "../../shared/http/tls.ts";
import { selfSigned } from "../support/certificates.ts";
import { gitlabHeaders, httpBridge } from "../support/http-bridge.ts";
import { type RawConnection, rawConnection, rawTlsConnection, requestHead } from "../support/raw-connection.ts";
import { silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const PUSH = JSON.stringify({ object_kind: "push" });
const get = (path: string): string => requestHead("GET", path, {});

const own = selfSigned("invented test server");
const TRANSPORTS: readonly (readonly [string, TlsSettings | undefined, typeof rawConnection])[] = [
  ["HTTP", undefined, rawConnection],
  ["HTTPS", { certificate: own.certificate, key: new Secret(own.key) }, rawTlsConnection],
];

type Bridge = Awaited<ReturnType<typeof httpBridge>>;
let servers: Pick<Listening, "close" | "destroy">[] = [];
afterEach(async () => {
  const closed = Promise.all(servers.map(({ close }) => close()));
  for (const { destroy } of servers) destroy();
  await closed;
  servers = [];
});

/** A bridge that answers nothing that needs the store or the readiness before `release`, and how often it was asked. */
async function heldBridge(limits: Partial<AdmissionLimits>, tls?: TlsSettings) {
  const held: (() => void)[] = [];
  const hold = <T>(value: T): Promise<T> => new Promise((resolve) => void held.push(() => resolve(value)));
  const bridge = await httpBridge(
    {
      limits,
      receiving: { deliveries: { record: () => hold("recorded") } },
      ready: () => hold({ status: "ready", checks: [] } as never),
    },
    tls,
  );
  servers.push(bridge);
  const release = (): void => {
    for (const end of held.splice(0)) end();
  };
  return { bridge, held, release };
}

let pushes = 0;
function pushText(bridge: Bridge): string {
  pushes += 1;
  const headers = gitlabHeaders(PUSH, bridge.clock.now(), `delivery-${pushes}`);
  return requestHead("POST", "/webhooks/gitlab", { ...headers, "content-length": PUSH.length }) + PUSH;
}

const statusesIn = (text: string): readonly number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

describe("a request of HTTP/1.0", () => {
  it("a health check without a host is answered, and the same request of HTTP/1.1 is rejected", async () => {
    const bridge = await httpBridge();
    servers.push(bridge);
    for (const [version, status] of [
      ["1.0", 200],
      ["1.1", 400],
    ]) {
      const connection = await rawConnection(bridge.url);
      connection.send(`GET /healthz HTTP/${version}\r\n\r\n`);
      expect(await connection.ended).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    }
  });
});

describe("a request whose address is not valid", () => {
  it.each(["1.2.3.4.5", "256.1.1.1", "", "a b", "[::1", "bridge:99999"])(
    "the host %j gets a 400 on every path, and one line in the log",
    async (host) => {
      const bridge = await httpBridge();
      servers.push(bridge);
      for (const head of ["GET /healthz", "POST /webhooks/gitlab", "GET /nowhere"]) {
        const connection = await rawConnection(bridge.url);
        connection.send(`${head} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
        expect(await connection.ended).toMatch(/^HTTP\/1.1 400 .*"reason":"request_malformed"/s);
      }
      const logged = bridge.lines.map((line) => JSON.parse(line));
      const line = { reason: "request_malformed", status: 400, message: "refused", request: expect.any(String) };
      expect(logged).toEqual([line, line, line]);
    },
  );

  it("an app that fails is answered 503, and the log has the failure", async () => {
    const lines: object[] = [];
    const log = { ...silentLog, error: (fields: object) => void lines.push(fields) };
    const admission = new Admission({ limits: ADMISSION_LIMITS, maxBodyBytes: () => 100, log });
    const app = {
      fetch: () => {
        throw new TypeError("a header");
      },
    };
    const server = await listen(app, { hostname: "127.0.0.1", port: 0 }, admission);
    servers.push(server);
    expect((await fetch(server.url)).status).toBe(503);
    expect(lines).toEqual([expect.objectContaining({ status: 503, error: "TypeError" })]);
    expect(JSON.stringify(lines)).not.toContain("a header");
  });
});

describe("a client that closes its connection before the whole body has arrived", () => {
  it.each([
    ["with its length", "content-length: 100", "{"],
    ["in chunks", "transfer-encoding: chunked", "1\r\n{\r\n"],
  ])("a body %s causes one line of the level info, and no record", async (_, header, part) => {
    const logged: (readonly [string, object])[] = [];
    const at = (level: string) => (fields: object) => void logged.push([level, fields]);
    const bridge = await httpBridge({ log: { info: at("info"), warn: at("warn"), error: at("error") } });
    servers.push(bridge);
    const [name = "", value = ""] = header.split(": ");
    const connection = await rawConnection(bridge.url);
    connection.send(
      requestHead("POST", "/webhooks/gitlab", { "content-type": "application/json", [name]: value }) + part,
    );
    // A second request is answered once the first one's head has been read.
    const other = await rawConnection(bridge.url);
    other.send(get("/healthz"));
    await other.received("200");
    connection.socket.destroy();
    await until(
      "the line in the log",
      async () => logged.length,
      (lines) => lines > 0,
    );
    expect(logged).toEqual([["info", expect.objectContaining({ reason: "body_incomplete", status: 499 })]]);
    expect(bridge.records.size).toBe(0);
  });
});

const ENDINGS: readonly (readonly [string, (connection: RawConnection) => void])[] = [
  // A connection over TLS cannot be reset in this way.
  ["a reset", ({ socket }) => void (socket instanceof TLSSocket ? socket.destroy() : socket.resetAndDestroy())],
  ["FIN", ({ socket }) => void socket.destroy()],
  ["FIN after its last request only", ({ socket }) => void socket.end()],
];

const PIPELINES: readonly (readonly [string, (bridge: Bridge) => string])[] = [
  ["a readiness check and 18 requests without a signature", () => get("/readyz") + get("/webhooks/gitlab").repeat(18)],
  ["a readiness check and 40 health checks", () => get("/readyz") + get("/healthz").repeat(40)],
  ["5 deliveries", (bridge) => Array.from({ length: 5 }, () => pushText(bridge)).join("")],
  ["a delivery and 9 calls of the API", (bridge) => pushText(bridge) + get("/v1/deliveries").repeat(9)],
];

describe.each(TRANSPORTS)("a pipeline over %s whose connection ends before it is answered", (_, tls, connect) => {
  it.each(ENDINGS.flatMap(([ending, end]) => PIPELINES.map(([sent, text]) => [sent, ending, text, end] as const)))(
    "%s hold nothing after %s",
    async (_, __, text, end) => {
      const { bridge, held, release } = await heldBridge({ requests: 8 }, tls);
      for (let attack = 0; attack < 3; attack++) {
        const connection = await connect(bridge.url);
        connection.send(text(bridge));
        await until("the first request", () => held.length > 0);
        end(connection);
        await connection.ended;
        // The server notices the end before it answers a later connection.
        expect(await statusOf(connect, bridge.url, "/nothing")).toBe(404);
        release();
      }
      // A path may have 4 requests in flight. They all have room if nothing is held, and the fifth has none.
      expect(await statusOf(connect, bridge.url, "/healthz")).toBe(200);
      expect(await statusOf(connect, bridge.url, "/v1/deliveries")).toBe(401);
      const taken = await Promise.all(Array.from({ length: 4 }, () => connect(bridge.url)));
      for (const { send } of taken) send(pushText(bridge));
      await until("4 deliveries at the store", () => held.length === 4, Boolean, { limitMs: 3_000 });
      const fifth = await connect(bridge.url);
      fifth.send(pushText(bridge));
      expect(statusesIn(await fifth.received("}"))).toEqual([503]);
      release();
      for (const { received } of taken) expect(statusesIn(await received("}"))).toEqual([202]);
    },
  );
});

async function statusOf(connect: typeof rawConnection, url: URL, path: string): Promise<number | undefined> {
  const connection = await connect(url);
  connection.send(get(path));
  const [status] = statusesIn(await connection.received("}"));
  connection.socket.destroy();
  return status;
}

describe("a pipeline whose client reads", () => {
  it("each request is answered in its order, on one connection that stays open", async () => {
    const { bridge, held, release } = await heldBridge({ requests: 8 });
    const connection = await rawConnection(bridge.url);
    for (let round = 1; round <= 3; round++) {
      connection.send(pushText(bridge) + get("/healthz") + pushText(bridge) + get("/nothing"));
      await until("2 deliveries at the store", () => held.length === 2);
      release();
      const text = await until(
        "all answers",
        () => connection.received("HTTP"),
        (seen) => statusesIn(seen).length === 4 * round,
      );
      expect(statusesIn(text).slice(-4)).toEqual([202, 200, 202, 404]);
    }
  });
});

/** Larger than what the system takes for a client that does not read. */
const LARGE = "x".repeat(16_000_000);

/** A server that answers `/large` with a large text and all other paths with a short one. */
async function largeServer(limits: Partial<AdmissionLimits>): Promise<Listening> {
  const app = { fetch: ({ url }: Request) => new Response(url.endsWith("/large") ? LARGE : "short") };
  const admission = new Admission({
    limits: { ...ADMISSION_LIMITS, ...limits },
    maxBodyBytes: () => 0,
    log: silentLog,
  });
  const server = await listen(app, { hostname: "127.0.0.1", port: 0 }, admission);
  servers.push(server);
  return server;
}

/** Sends a pipeline behind a large answer of which only the beginning is read. */
async function unreadConnection(url: URL, text: string): Promise<RawConnection> {
  const connection = await rawConnection(url);
  connection.send(get("/large") + text);
  await connection.received("HTTP");
  connection.socket.pause();
  return connection;
}

async function answered(url: URL, path: string): Promise<number> {
  const answer = await fetch(new URL(path, url));
  await answer.text();
  return answer.status;
}

describe("a client that does not read its answers", () => {
  it("its answers take no room of other requests and of health checks, and it gets them all when it reads", async () => {
    const { url } = await largeServer({ requests: 8, healthChecks: 3 });
    const unread: RawConnection[] = [];
    for (let attack = 0; attack < 3; attack++) {
      unread.push(await unreadConnection(url, get("/a").repeat(3) + get("/b").repeat(3) + get("/healthz").repeat(3)));
    }
    for (const path of ["/a", "/b", "/large", "/healthz", "/readyz"]) expect(await answered(url, path)).toBe(200);
    for (const { socket, received } of unread) {
      socket.resume();
      const shorts = (text: string): number => text.slice(-10_000).split("short").length - 1;
      const text = await until(
        "9 short answers",
        () => received("HTTP"),
        (seen) => shorts(seen) === 9,
      );
      expect(text.length).toBeGreaterThan(LARGE.length);
      socket.destroy();
    }
  });

  it("the connection with the most answers is cut if too many are not read, and a slow reader is not", async () => {
    const { url } = await largeServer({ unsentAnswers: 10 });
    const slow = await unreadConnection(url, "");
    for (let attack = 0; attack < 2; attack++) {
      const flood = await rawConnection(url);
      flood.send(get("/large") + get("/a").repeat(5) + get("/b").repeat(5));
      expect((await flood.ended).length).toBeLessThan(LARGE.length);
      expect(await answered(url, "/a")).toBe(200);
    }
    slow.socket.resume();
    const text = await until(
      "the large answer",
      () => slow.received("HTTP"),
      (seen) => seen.endsWith("x") && seen.length > LARGE.length,
    );
    expect(statusesIn(text)).toEqual([200]);
    slow.socket.destroy();
  });

  it("it does not keep a server open that closes", async () => {
    const { url, close } = await largeServer({ unsentMs: 20 });
    await unreadConnection(url, `${get("/a").repeat(20)}GET /a HT`);
    await unreadConnection(url, "");
    await close();
  });
});
