import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { systemClock } from "../../shared/host/clock.ts";
import { Secret } from "../../shared/host/secrets.ts";
import { selfSigned } from "../support/certificates.ts";
import { commandLine } from "../support/command-line.ts";
import { CANARY, gitlabHeaders, httpBridge } from "../support/http-bridge.ts";
import { type RawConnection, rawConnection, requestHead } from "../support/raw-connection.ts";
import { until } from "../support/until.ts";

const PUSH = JSON.stringify({ object_kind: "push" });

/** Connections that wait for a client: each is a request that is half sent, or none. */
async function idleConnections(url: URL): Promise<readonly RawConnection[]> {
  const texts = {
    silent: "",
    "half a head": "POST /webhooks/gitlab HTTP/1.1\r\nHost: brid",
    "half a body": `${requestHead("POST", "/webhooks/gitlab", { "Content-Type": "application/json", "Content-Length": 1_000 })}{`,
    "kept alive": requestHead("GET", "/healthz", {}),
  };
  const connections = await Promise.all(Object.values(texts).map(() => rawConnection(url)));
  for (const [place, text] of Object.values(texts).entries()) connections[place]?.send(text);
  await connections.at(-1)?.received('{"status":"up"}');
  return connections;
}

describe("a server that closes", () => {
  it("a request in flight is answered with Connection: close, and no other connection is accepted", async () => {
    let release: () => void = () => undefined;
    const held = new Promise<"recorded">((resolve) => {
      release = () => resolve("recorded");
    });
    let asked = 0;
    const record = () => {
      asked += 1;
      return held;
    };
    const bridge = await httpBridge({ receiving: { deliveries: { record } } });
    const busy = await rawConnection(bridge.url);
    const kept = await rawConnection(bridge.url);
    kept.send(requestHead("GET", "/healthz", {}));
    await kept.received('{"status":"up"}');
    const headers = { ...gitlabHeaders(PUSH, bridge.clock.now()), "content-length": PUSH.length };
    busy.send(requestHead("POST", "/webhooks/gitlab", headers) + PUSH);
    await until("the request at the store", () => asked === 1);

    const closed = bridge.close();
    await kept.ended;
    await expect(rawConnection(bridge.url)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    release();
    const answer = await busy.ended;
    expect(answer).toMatch(/^HTTP\/1\.1 202 /);
    expect(answer).toMatch(/^connection: close\r$/im);
    await closed;
  });

  it("a request that is on its way is answered", async () => {
    const bridge = await httpBridge();
    const connection = await rawConnection(bridge.url);
    const headers = { ...gitlabHeaders(PUSH, bridge.clock.now()), "content-length": PUSH.length };
    const text = requestHead("POST", "/webhooks/gitlab", headers) + PUSH;
    const other = await rawConnection(bridge.url);
    connection.send(text.slice(0, 30));
    other.send(text.slice(0, -1));
    const closed = bridge.close();
    connection.send(text.slice(30));
    other.send(text.slice(-1));
    for (const answer of [await connection.ended, await other.ended]) {
      expect(answer).toMatch(/^HTTP\/1\.1 20\d /);
      expect(answer).toMatch(/^connection: close\r$/im);
    }
    await closed;
  });

  const own = selfSigned("invented test server");
  it.each([
    ["HTTP", undefined],
    ["TLS", { certificate: own.certificate, key: new Secret(own.key) }],
  ])("half-sent requests and idle connections do not keep a server with %s open", async (_, tls) => {
    const bridge = await httpBridge({}, tls);
    // Over TLS each of these is half of a handshake.
    const connections = tls ? [await rawConnection(bridge.url)] : await idleConnections(bridge.url);
    await bridge.close();
    for (const { ended } of connections) await ended;
  });
});

describe("a bridge process that gets a signal", () => {
  let folder: string;
  let bridge: ReturnType<typeof commandLine> | undefined;
  /** The trigger requests and key requests, which get no answer from the test before it wants to give one. */
  const asked: { readonly path: string; readonly answer: ServerResponse }[] = [];
  const outside = createServer((request, answer) => {
    request.resume();
    asked.push({ path: request.url ?? "", answer });
  });
  const askedFor = (path: string): Promise<ServerResponse> =>
    until(
      path,
      () => asked.find((one) => one.path.startsWith(path))?.answer,
      (answer) => answer !== undefined,
    ) as Promise<ServerResponse>;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "drawbridge-shutdown-"));
    asked.length = 0;
    await new Promise<void>((resolve) => outside.listen(0, "127.0.0.1", resolve));
  });
  afterEach(async () => {
    bridge?.child.kill("SIGKILL");
    await bridge?.ended;
    await new Promise<void>((resolve) => {
      outside.close(() => resolve());
      outside.closeAllConnections();
    });
    await rm(folder, { recursive: true, force: true });
  });

  /** Starts a bridge on the folder's data, and resolves with its address. */
  async function start({ shutdownSeconds }: { readonly shutdownSeconds: number }) {
    const { port } = outside.address() as AddressInfo;
    const origin = `http://127.0.0.1:${port}`;
    const config = {
      issuers: { ci: { issuer: origin, audience: "bridge", jwks: { url: `${origin}/keys` } } },
      sources: {
        gitlab: { provider: "gitlab", signingToken: { current: "env:TOKEN" } },
        cluster: { provider: "tekton", basic: { username: "tekton", password: { current: "env:TOKEN" } } },
      },
      targets: { listener: { kind: "tekton", url: `${origin}/trigger`, runsReportedBy: "cluster" } },
      routes: { build: { when: { "detail-type": ["code.pushed"] }, do: { tekton: { target: "listener" } } } },
      limits: { shutdownSeconds },
    };
    await writeFile(join(folder, "drawbridge.yaml"), stringify(config));
    const started = commandLine(["start", "--port", "0", "--data", "data"], {
      cwd: folder,
      environment: { TOKEN: CANARY },
    });
    bridge = started;
    await started.printed('"message":"started"');
    const [, url = ""] = /"url":"([^"]+)"/.exec(started.ran.out) ?? [];
    return { ...started, url: new URL(url) };
  }

  async function push(url: URL): Promise<void> {
    const body = await readFile("shared/providers/gitlab/fixtures/push.body");
    const headers = gitlabHeaders(body, systemClock.now());
    const answer = await fetch(new URL("/webhooks/gitlab", url), { method: "POST", headers, body });
    expect([answer.status, await answer.json()]).toMatchObject([202, { status: "accepted" }]);
  }

  it("it answers what is in flight, waits for no half-sent request, and exits with 0", async () => {
    const { url, child, ended } = await start({ shutdownSeconds: 300 });
    const connections = await idleConnections(url);
    const claims = { iss: `http://127.0.0.1:${(outside.address() as AddressInfo).port}`, aud: "bridge" };
    const [header, payload] = [{ alg: "RS256", kid: "one" }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString("base64url"),
    );
    const busy = await rawConnection(url);
    const authorization = `Bearer ${header}.${payload}.${Buffer.alloc(256).toString("base64url")}`;
    busy.send(requestHead("GET", "/v1/deliveries", { authorization }));
    const keys = await askedFor("/keys");
    child.kill("SIGTERM");
    // The connection that was kept alive ends first.
    await connections.at(-1)?.ended;
    keys.end("{}");
    expect(await busy.ended).toMatch(/^HTTP\/1\.1 [45]\d\d .*^connection: close\r$/ims);
    for (const connection of connections) await connection.ended;
    expect(await ended).toMatchObject({ code: 0, err: "" });
  });

  it("a client that sends requests and reads no answer does not delay the end, and the exit code is 0", async () => {
    const { url, child, ended } = await start({ shutdownSeconds: 8 });
    const clients = await Promise.all([rawConnection(url), rawConnection(url)]);
    for (const { socket, send } of clients) {
      socket.pause();
      for (let part = 0; part < 400; part++) send(requestHead("GET", "/healthz", {}).repeat(500));
    }
    for (const { socket } of clients) {
      let sent = 0;
      await until("a server that reads no more", () => {
        const before = sent;
        sent = socket.bytesWritten - socket.writableLength;
        return sent > 0 && sent === before;
      });
    }
    expect((await fetch(new URL("/healthz", url))).status).toBe(200);
    expect((await fetch(new URL("/webhooks/gitlab", url))).status).toBe(405);
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 0, err: "" });
    for (const { socket } of clients) socket.destroy();
  });

  it("an action that outlasts the deadline is cut off and runs at the next start, and a second signal ends at once", async () => {
    const first = await start({ shutdownSeconds: 1 });
    await push(first.url);
    await askedFor("/trigger");
    first.child.kill("SIGTERM");
    // As npm does, which forwards a signal that the process has already.
    first.child.kill("SIGTERM");
    expect(await first.ended).toMatchObject({ code: 5, err: "" });

    asked.length = 0;
    const second = await start({ shutdownSeconds: 300 });
    await askedFor("/trigger");
    second.child.kill("SIGINT");
    await second.printed('"message":"stopping"');
    second.child.kill("SIGTERM");
    expect(await second.ended).toMatchObject({ code: 143, err: "", out: expect.not.stringContaining('"stopped') });

    asked.length = 0;
    const third = await start({ shutdownSeconds: 300 });
    (await askedFor("/trigger")).writeHead(202, { "content-type": "application/json" }).end(ACCEPTED);
    await third.printed('"outcome":"accepted"');
    third.child.kill("SIGINT");
    expect(await third.ended).toMatchObject({ code: 0, err: "" });
  }, 60_000);
});

/** A listener's answer to a trigger. */
const ACCEPTED = JSON.stringify({ eventListener: "l", namespace: "n", eventListenerUID: "u", eventID: "one" });
