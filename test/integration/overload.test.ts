import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { systemClock } from "../../shared/host/clock.ts";
import { commandLine } from "../support/command-line.ts";
import { CANARY, gitlabHeaders, httpBridge } from "../support/http-bridge.ts";
import { rawConnection, requestHead } from "../support/raw-connection.ts";
import { until } from "../support/until.ts";

type Bridge = Awaited<ReturnType<typeof httpBridge>>;
let bridge: Bridge;
afterEach(() => {
  const closed = bridge.close();
  bridge.destroy();
  return closed;
});

const PUSH = JSON.stringify({ object_kind: "push" });

/** A bridge whose store records nothing before `release`, and what it was asked to record. */
async function withHeldStore(changes: Omit<NonNullable<Parameters<typeof httpBridge>[0]>, "receiving">) {
  const held: (() => void)[] = [];
  let isReleased = false;
  const record = (): Promise<"recorded"> =>
    new Promise((resolve) => {
      held.push(() => resolve("recorded"));
      if (isReleased) resolve("recorded");
    });
  bridge = await httpBridge({ ...changes, receiving: { deliveries: { record } } });
  const release = (): void => {
    isReleased = true;
    for (const end of held) end();
  };
  return { held, release };
}

let pushes = 0;
function push(): Promise<Response> {
  pushes += 1;
  const headers = gitlabHeaders(PUSH, bridge.clock.now(), `delivery-${pushes}`);
  return fetch(bridge.url, { method: "POST", headers, body: PUSH });
}

/** No half-sent request is late, however busy the machine is that runs the test. */
const UNHURRIED = { arrivalMs: 60_000 };

const bodyHead = (bytes: number): string =>
  requestHead("POST", "/webhooks/gitlab", { "Content-Type": "application/json", "Content-Length": bytes });

/** Sends the head of a request and a part of its body. Resolves when the server has both and waits for the rest. */
async function halfSent(
  headers: Readonly<Record<string, string | number>>,
  { path = "/webhooks/gitlab", part = 0 }: { readonly path?: string; readonly part?: number } = {},
) {
  const connection = await rawConnection(bridge.url);
  const head = requestHead("POST", path, { "Content-Type": "application/json", Expect: "100-continue", ...headers });
  connection.send(head + "x".repeat(part));
  await connection.received(CONTINUE);
  return connection;
}

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";

const get = (path: string): Promise<Response> => fetch(new URL(path, bridge.url));

/** The status of the answer to a complete request without a signature: 401, or 503 if the server has no room. */
async function statusOfUnsigned(bytes: number): Promise<number> {
  const headers = { "content-type": "application/json" };
  return (await fetch(bridge.url, { method: "POST", headers, body: "x".repeat(bytes) })).status;
}

const rejectedIn = (lines: readonly string[]): readonly number[] =>
  lines.map((line) => JSON.parse(line)).flatMap(({ rejected }) => (rejected === undefined ? [] : [rejected]));

const cutIn = (lines: readonly string[]): number =>
  lines.map((line) => JSON.parse(line)).reduce((sum, { cut = 0 }) => sum + cut, 0);

describe("a server with as many requests in flight as it takes", () => {
  it("the next request gets a 503 before its body is sent, health checks are answered, and then it takes requests again", async () => {
    const { held, release } = await withHeldStore({ limits: { requests: 8 } });
    const taken = [push(), push(), push(), push()];
    await until("4 requests at the store", () => held.length === 4);

    let answer = "";
    for (let request = 0; request < 5; request++) {
      const connection = await rawConnection(bridge.url);
      connection.send(bodyHead(1_000));
      answer = await connection.received("}");
    }
    expect(answer).toMatch(/^HTTP\/1\.1 503 /);
    expect(answer).toMatch(/^retry-after: \d+\r$/im);
    expect(answer).toMatch(/^content-type: application\/problem\+json\r$/im);
    expect(JSON.parse(answer.split("\r\n\r\n")[1] ?? "")).toEqual({
      type: "urn:drawbridge:problem:503",
      title: "The bridge has too many requests; nothing was recorded",
      status: 503,
      instance: expect.stringMatching(/^urn:uuid:/),
      reason: "overloaded",
    });
    expect([(await get("/healthz")).status, (await get("/readyz")).status]).toEqual([200, 200]);
    expect((await get("/v1/deliveries")).status).toBe(401);

    release();
    expect((await Promise.all(taken)).map(({ status }) => status)).toEqual([202, 202, 202, 202]);
    expect((await push()).status).toBe(202);
  });

  it("all paths together get no more than the limit", async () => {
    await withHeldStore({ limits: { ...UNHURRIED, requests: 4 } });
    for (const path of ["/webhooks/gitlab", "/v1/status", "/v1/status", "/webhooks/gitlab"]) {
      await halfSent({ "Content-Length": 9 }, { path });
    }
    expect((await get("/v1/deliveries")).status).toBe(503);
    expect((await get("/healthz")).status).toBe(200);
  });

  it("one log line counts the rejected requests of a period", async () => {
    const { held } = await withHeldStore({ limits: { requests: 2 } });
    void push().catch(() => undefined);
    await until("a request at the store", () => held.length === 1);
    for (let request = 0; request < 5; request++) expect((await push()).status).toBe(503);
    expect(rejectedIn(bridge.lines)).toEqual([1]);
    const closed = bridge.close();
    bridge.destroy();
    await closed;
    expect(rejectedIn(bridge.lines)).toEqual([1, 4]);
    expect(bridge.lines.filter((line) => line.includes('"reason":"overloaded"'))).toHaveLength(2);
  });
});

describe("a server that holds as many bytes as it takes", () => {
  it("a request whose body has no room gets a 503, and a smaller one is read", async () => {
    await withHeldStore({ limits: { ...UNHURRIED, bodyBytes: 4_000, partBytes: 0 } });
    await halfSent({ "Content-Length": 1_501 }, { part: 1_500 });
    expect(await statusOfUnsigned(501)).toBe(503);
    expect(await statusOfUnsigned(500)).toBe(401);
  });

  it("a body of unknown length needs room for the largest one, and holds what has arrived", async () => {
    await withHeldStore({ limits: { ...UNHURRIED, bodyBytes: 2 * 1_048_576, partBytes: 0 } });
    const chunked = await halfSent({ "Transfer-Encoding": "chunked" });
    expect(await statusOfUnsigned(1_048_576)).toBe(401);
    chunked.send("1\r\nx\r\n");
    await until("a byte that is held", async () => (await statusOfUnsigned(1_048_576)) === 503);
    expect(await statusOfUnsigned(1_048_575)).toBe(401);
    expect(await (await halfSent({ "Transfer-Encoding": "chunked" })).received("}")).toMatch(/HTTP\/1\.1 503 /);
  });

  it("bodies that had room together when they were announced are cut once more of them arrives than the limit", async () => {
    await withHeldStore({ limits: { ...UNHURRIED, bodyBytes: 4_000, partBytes: 0 } });
    for (let round = 0; round < 2; round++) {
      const first = await halfSent({ "Content-Length": 1_450 }, { part: 1_400 });
      const second = await halfSent({ "Content-Length": 600 });
      second.send("x".repeat(599));
      second.send("x");
      expect(await second.received("}")).toMatch(/HTTP\/1\.1 401 /);
      const third = await halfSent({ "Content-Length": 600 });
      const fourth = await halfSent({ "Content-Length": 600 });
      third.send("x".repeat(550));
      fourth.send("x".repeat(550));
      expect(await Promise.race([third.ended, fourth.ended])).toBe(CONTINUE);
      first.send("x".repeat(50));
      expect(await first.received("}")).toMatch(/HTTP\/1\.1 401 /);
      for (const { socket, ended } of [third, fourth]) {
        socket.destroy();
        await ended;
      }
      await until("no byte that is held", async () => (await statusOfUnsigned(2_000)) === 401);
    }
  });

  it("a body in parts of one byte holds what its parts take, and is cut once that is more than the limit", async () => {
    const limits = { ...UNHURRIED, bodyBytes: 4 * 1_048_576, partBytes: 524_288 };
    const { release } = await withHeldStore({ limits });
    release();
    for (let round = 0; round < 2; round++) {
      const parts = await halfSent({ "Transfer-Encoding": "chunked" });
      parts.send("1\r\nx\r\n".repeat(4));
      await until("parts that are held", async () => (await statusOfUnsigned(1)) === 503);
      expect(parts.socket.destroyed).toBe(false);
      parts.send("1\r\nx\r\n");
      await parts.ended;
      await until("room again", async () => (await push()).status === 202);
    }
  });

  it("a body that arrives too slowly is cut for the one that needs its room", async () => {
    // Late at once, also within the millisecond of its arrival.
    await withHeldStore({ limits: { bodyBytes: 4_000, partBytes: 0, arrivalMs: -1, arrivalBytesPerMs: 1e9 } });
    const stalled = await halfSent({ "Content-Length": 1_500 }, { part: 1_400 });
    // There is room for it even while the answered request is still counted.
    const small = await halfSent({ "Content-Length": 1_300 }, { part: 10 });
    expect(await statusOfUnsigned(601)).toBe(401);
    expect(await stalled.ended).toBe(CONTINUE);
    small.send("x".repeat(1_290));
    expect(await small.received("}")).toMatch(/HTTP\/1\.1 401 /);
  });
});

describe("requests that are held open without being sent", () => {
  it("announced bytes that have not arrived close no source, however often they are announced", async () => {
    const { release } = await withHeldStore({});
    release();
    for (let round = 0; round < 2; round++) {
      const connections = await Promise.all(
        Array.from({ length: 70 }, () => halfSent({ "Content-Length": 1_048_576 }, { part: 1 })),
      );
      expect((await push()).status).toBe(202);
      for (const { socket } of connections) expect(socket.destroyed).toBe(false);
      for (const { socket } of connections) socket.destroy();
    }
  });

  it("the half-sent request of which least has arrived is cut if another one needs its room, and the others are not", async () => {
    const { release } = await withHeldStore({ limits: { requests: 6, arrivalMs: -1, arrivalBytesPerMs: 1e9 } });
    release();
    for (let round = 0; round < 2; round++) {
      const larger = await halfSent({ "Content-Length": 1_000 }, { part: 900 });
      const least = await halfSent({ "Content-Length": 1_000 }, { part: 1 });
      const more = await halfSent({ "Content-Length": 1_000 }, { part: 500 });
      expect((await push()).status).toBe(202);
      expect(await least.ended).toBe(CONTINUE);
      larger.send("x".repeat(100));
      more.send("x".repeat(500));
      for (const connection of [larger, more]) expect(await connection.received("}")).toMatch(/HTTP\/1\.1 401 /);
      for (const { socket } of [larger, more]) socket.destroy();
    }
    await bridge.close();
    expect(cutIn(bridge.lines)).toBe(2);
  });

  it("a half-sent request is not cut while it arrives fast enough, and the next request gets a 503", async () => {
    await withHeldStore({ limits: { requests: 2, arrivalMs: -1, arrivalBytesPerMs: 1e-3 } });
    const slow = await halfSent({ "Content-Length": 1_000 }, { part: 900 });
    expect((await push()).status).toBe(503);
    slow.send("x".repeat(100));
    expect(await slow.received("}")).toMatch(/HTTP\/1\.1 401 /);
  });
});

describe("a source whose requests take long", () => {
  it("its next requests get a 503 until the slow ones are answered, and other paths are answered meanwhile", async () => {
    const { held, release } = await withHeldStore({ limits: { slowAfterMs: 20, slowRequests: 2 } });
    const slow = [push(), push()];
    await until("2 requests at the store", () => held.length === 2);
    await until("an overloaded source", async () => (await statusOfUnsigned(9)) === 503);
    expect((await get("/v1/deliveries")).status).toBe(401);
    release();
    expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([202, 202]);
    expect((await push()).status).toBe(202);
  });
});

describe("a delivery that the store does not record in time", () => {
  it("it gets a 503 that calls the outcome unknown, before its sender gives up", async () => {
    await withHeldStore({ answerWithinMs: 20 });
    const answer = await push();
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "2"]);
    expect(await answer.json()).toMatchObject({
      title: "The bridge could not finish this request; whether it was recorded is unknown",
    });
    expect(JSON.parse(bridge.lines.at(-1) ?? "")).toMatchObject({ message: "failed", fault: "deadline_exceeded" });
  });
});

describe("a bridge process after a flood and a pause", () => {
  it("it answers each request of a flood with 202 or 503, and accepts within 10 seconds after SIGSTOP and SIGCONT", async () => {
    const folder = await mkdtemp(join(tmpdir(), "drawbridge-flood-"));
    const gitlab = { provider: "gitlab", signingToken: { current: "env:TOKEN" } };
    await writeFile(join(folder, "drawbridge.yaml"), stringify({ sources: { gitlab } }));
    const { child, ran, ended, printed } = commandLine(["start", "--port", "0", "--data", "data"], {
      cwd: folder,
      environment: { TOKEN: CANARY },
    });
    try {
      await printed('"message":"started"');
      const url = new URL("/webhooks/gitlab", /"url":"([^"]+)"/.exec(ran.out)?.[1]);
      let sent = 0;
      const send = async (givesUp?: AbortSignal): Promise<number> => {
        sent += 1;
        const headers = gitlabHeaders(PUSH, systemClock.now(), `delivery-${sent}`);
        const signal = givesUp ?? null;
        return (await fetch(url, { method: "POST", headers, body: PUSH, signal })).status;
      };
      const flood = await Promise.all(Array.from({ length: 200 }, () => send()));
      expect([...new Set(flood)].filter((status) => status !== 202 && status !== 503)).toEqual([]);
      expect(flood).toContain(202);

      child.kill("SIGSTOP");
      const givesUp = AbortSignal.timeout(200);
      const senders = await Promise.allSettled(Array.from({ length: 100 }, () => send(givesUp)));
      expect(senders.filter(({ status }) => status === "fulfilled")).toEqual([]);
      child.kill("SIGCONT");
      await until("an accepted delivery", async () => (await send()) === 202, Boolean, { limitMs: 10_000 });
    } finally {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    }
  });
});
