import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request as httpRequest, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { type Standalone, startStandalone } from "../../functions/standalone.ts";
import { parseConfig } from "../../shared/config/load.ts";
import type { Config } from "../../shared/config/schema.ts";
import { systemClock } from "../../shared/host/clock.ts";
import type { Log, LogFields } from "../../shared/host/log.ts";
import { signedGitlabHeaders } from "../support/gitlab-signature.ts";
import { secretsOf } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const SECRETS = {
  GITLAB: `whsec_${Buffer.alloc(32, 7).toString("base64")}`,
  NEXT: `whsec_${Buffer.alloc(32, 8).toString("base64")}`,
  CLUSTER: "cluster-secret-for-tests",
};

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A listener whose responses wait until the test sends them. */
async function heldListener() {
  const waiting: ServerResponse[] = [];
  const deliveries: (string | undefined)[] = [];
  let answer: number | undefined;
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      deliveries.push(/d-[a-z2-7]{26}/.exec(body)?.[0]);
      if (answer === undefined) waiting.push(response);
      else response.writeHead(answer).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server that listens on TCP has a port");
  const releaseAll = (status = 202): void => {
    for (const response of waiting.splice(0)) response.writeHead(status).end("{}");
  };
  const answerAll = (status: number): void => {
    answer = status;
    releaseAll(status);
  };
  closers.push(async () => {
    answerAll(202);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `http://127.0.0.1:${address.port}`,
    received: () => deliveries.length,
    /** Fails every attempt until this listener has seen an attempt for so many deliveries. */
    failFor: (count: number) =>
      until(
        `attempts for ${count} deliveries`,
        () => {
          releaseAll(503);
          return new Set(deliveries).size;
        },
        (seen) => seen >= count,
      ),
    waiting: () => waiting.length,
    /** Answers each request that waits. */
    releaseAll,
    /** Answers each request that waits, and each later one at once. */
    answerAll,
  };
}

interface Parts {
  /** The secret of the source `hooks`. Default: `env:GITLAB`. */
  readonly hooks?: string | undefined;
  /** Addresses of the targets. */
  readonly targets?: Readonly<Record<string, string>>;
  /** The target of the route `push-build`; there is no route if it is undefined. */
  readonly fires?: string | undefined;
  readonly limits?: object;
}

function configOf({ hooks = "env:GITLAB", targets = {}, fires, limits = {} }: Parts): Config {
  const listeners = Object.entries(targets).map(([name, url]) => [
    name,
    { kind: "tekton", url, runsReportedBy: "cluster" },
  ]);
  const yaml = stringify({
    sources: {
      hooks: { provider: "gitlab", signingToken: { current: hooks } },
      cluster: { provider: "tekton", basic: { username: "tekton", password: { current: "env:CLUSTER" } } },
    },
    targets: Object.fromEntries(listeners),
    ...(fires && {
      routes: { "push-build": { when: { "detail-type": ["code.pushed"] }, do: { tekton: { target: fires } } } },
    }),
    limits,
  });
  const loaded = parseConfig(yaml, "test.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  return loaded.config;
}

const withoutHooks = (config: Config): Config => ({
  ...config,
  sources: config.sources.filter(({ name }) => name !== "hooks"),
});

/** A running bridge, its log, and the ways to change it and to send to it. */
async function running(parts: Parts, dataPath?: string) {
  const lines: (LogFields & { readonly message: string })[] = [];
  const line = (fields: LogFields, message: string) => void lines.push({ ...fields, message });
  const log: Log = { info: line, warn: line, error: line };
  const bridge: Standalone = await startStandalone({
    config: configOf(parts),
    secrets: secretsOf(SECRETS),
    log,
    retry: { baseMs: 20, capMs: 200, maxAttempts: 1_000 },
    address: { hostname: "127.0.0.1", port: 0 },
    ...(dataPath !== undefined && { dataPath }),
  });
  closers.push(bridge.stop);
  const attempts = () => lines.filter(({ attempt, outcome }) => attempt !== undefined && outcome !== "retry");
  return {
    bridge,
    lines,
    attempts,
    use: (next: Parts) => bridge.use({ config: configOf(next), secrets: secretsOf(SECRETS) }),
    push: (secret: keyof typeof SECRETS = "GITLAB") => push(bridge.url, secret),
    /** Waits for the log lines of so many attempts that ended an action. */
    ended: (count: number) => until(`${count} ended actions`, attempts, (seen) => seen.length >= count),
  };
}

async function stop(bridge: Standalone): Promise<void> {
  await bridge.stop();
  closers.splice(closers.indexOf(bridge.stop), 1);
}

function pushBody(): string {
  const commit = randomBytes(20).toString("hex");
  return JSON.stringify({
    object_kind: "push",
    before: "1".repeat(40),
    after: commit,
    ref: "refs/heads/main",
    checkout_sha: commit,
    user_id: 7,
    user_username: "robin",
    project_id: 15,
    project: { id: 15, path_with_namespace: "platform/docs", web_url: "https://gitlab.example.test/platform/docs" },
    commits: [],
    total_commits_count: 0,
  });
}

const headersOf = (body: string, secret: keyof typeof SECRETS): Record<string, string> =>
  signedGitlabHeaders(body, { token: SECRETS[secret], id: randomUUID(), at: systemClock.now() });

async function push(url: URL, secret: keyof typeof SECRETS): Promise<number> {
  const body = pushBody();
  const address = new URL("/webhooks/hooks", url);
  return (await fetch(address, { method: "POST", headers: headersOf(body, secret), body })).status;
}

/** Sends the headers and half of a push. `finish` sends the rest and returns the status of the answer. */
async function halfPush(url: URL) {
  const body = pushBody();
  const headers = { ...headersOf(body, "GITLAB"), expect: "100-continue", "content-length": body.length };
  const request = httpRequest(new URL("/webhooks/hooks", url), { method: "POST", headers, agent: false });
  const status = new Promise<number | undefined>((resolve, reject) => {
    request.on("error", reject).on("response", (response) => {
      response.resume();
      resolve(response.statusCode);
    });
  });
  // The bridge answers `100 Continue` when it starts to handle the request.
  await new Promise<void>((resolve) => request.on("continue", resolve).flushHeaders());
  request.write(body.slice(0, 20));
  return {
    finish: () => {
      request.end(body.slice(20));
      return status;
    },
  };
}

/** It names a trust entry that does not exist. */
const CONSOLE: NonNullable<Config["console"]> = {
  trust: "absent",
  url: "https://bridge.example.test",
  clientId: "console",
  scope: "openid",
  sealedBy: { current: "env:SEAL" },
};

describe("a bridge that takes up another configuration while it runs", () => {
  it("new sources, targets and routes take effect at once", async () => {
    const listener = await heldListener();
    listener.answerAll(202);
    const { bridge, use, push, ended } = await running({});
    bridge.use({ config: withoutHooks(configOf({})), secrets: secretsOf(SECRETS) });
    expect(await push()).toBe(404);
    use({ targets: { ci: listener.url }, fires: "ci" });
    expect(await push()).toBe(202);
    expect(await ended(1)).toMatchObject([{ route: "push-build", target: "ci", outcome: "accepted" }]);
    expect(listener.received()).toBe(1);
  });

  it("a changed secret is used for the next request, and the earlier one is refused", async () => {
    const { use, push } = await running({});
    expect([await push("GITLAB"), await push("NEXT")]).toEqual([202, 401]);
    use({ hooks: "env:NEXT" });
    expect([await push("GITLAB"), await push("NEXT")]).toEqual([401, 202]);
  });

  it("a request under way is answered with the configuration that it began with", async () => {
    const { bridge, push } = await running({});
    const { finish } = await halfPush(bridge.url);
    bridge.use({ config: withoutHooks(configOf({})), secrets: secretsOf(SECRETS) });
    expect(await push()).toBe(404);
    expect(await finish()).toBe(202);
  });

  it("an attempt under way ends with the target that it began with, and the next attempt uses the new address", async () => {
    const [first, second] = [await heldListener(), await heldListener()];
    second.answerAll(202);
    const { use, push, ended, attempts } = await running({ targets: { ci: first.url }, fires: "ci" });
    await push();
    await until("the attempt to reach the first address", first.waiting);
    use({ targets: { ci: second.url }, fires: "ci" });
    await push();
    await ended(1);
    expect([first.received(), second.received()]).toEqual([1, 1]);
    first.releaseAll();
    await ended(2);
    expect(attempts()).toMatchObject([{ outcome: "accepted" }, { outcome: "accepted" }]);
    expect([first.received(), second.received()]).toEqual([1, 1]);
  });

  it("an attempt that fails under the earlier configuration is retried with the new one", async () => {
    const [first, second] = [await heldListener(), await heldListener()];
    second.answerAll(202);
    const { use, push, ended } = await running({ targets: { ci: first.url }, fires: "ci" });
    await push();
    await until("the attempt to reach the first address", first.waiting);
    use({ targets: { ci: second.url }, fires: "ci" });
    first.releaseAll(503);
    expect(await ended(1)).toMatchObject([{ target: "ci", attempt: 2, outcome: "accepted" }]);
    expect([first.received(), second.received()]).toEqual([1, 1]);
  });

  it("the actions of a removed route wait, one warning counts them, and they run if the route comes back", async () => {
    const listener = await heldListener();
    const parts = { targets: { ci: listener.url }, fires: "ci" };
    const { lines, use, push, attempts } = await running(parts);
    // Fewer failures than open the circuit breaker of the target.
    for (let n = 0; n < 4; n++) await push();
    await until("4 attempts", listener.waiting, (count) => count === 4);
    use({});
    listener.answerAll(503);
    const waits = () =>
      new Set(
        lines
          .filter(({ message }) => message.startsWith("the route is not configured now"))
          .map(({ delivery }) => delivery),
      );
    await until("4 actions that wait", waits, ({ size }) => size === 4);
    use({});
    listener.answerAll(202);
    use(parts);
    await until(
      "4 runs",
      () => attempts().filter(({ outcome }) => outcome === "accepted").length,
      (count) => count === 4,
    );
    expect(lines.filter(({ graceMinutes }) => graceMinutes !== undefined)).toEqual([
      {
        routes: "push-build (4)",
        actions: 4,
        graceMinutes: 15,
        message:
          "routes with unfinished actions were removed; their actions wait for the routes, and are then given up",
      },
    ]);
  });

  it("a route that is removed without an unfinished action causes no warning", async () => {
    const listener = await heldListener();
    listener.answerAll(202);
    const { bridge, lines, use, push, ended } = await running({ targets: { ci: listener.url }, fires: "ci" });
    await push();
    await ended(1);
    use({});
    // The stop waits for the count.
    await stop(bridge);
    expect(lines.filter(({ graceMinutes }) => graceMinutes !== undefined)).toEqual([]);
  });

  it("the queue of a removed target runs at the target to which its route was moved", async () => {
    const [first, second] = [await heldListener(), await heldListener()];
    second.answerAll(202);
    const { use, push, ended } = await running({ targets: { ci: first.url }, fires: "ci" });
    for (let n = 0; n < 10; n++) await push();
    // The circuit breaker of the removed target opens, and holds none of them back.
    await first.failFor(4);
    use({ targets: { other: second.url }, fires: "other" });
    first.answerAll(503);
    await until("10 requests", second.received, (count) => count === 10);
    expect(new Set((await ended(10)).map(({ outcome }) => outcome))).toContain("accepted");
  });

  it("a start without the target of waiting actions runs them at the target to which their route was moved", async () => {
    const folder = await mkdtemp(join(tmpdir(), "drawbridge-targets-"));
    closers.push(() => rm(folder, { recursive: true, force: true }));
    const [first, second] = [await heldListener(), await heldListener()];
    second.answerAll(202);
    const before = await running({ targets: { ci: first.url }, fires: "ci" }, folder);
    for (let n = 0; n < 4; n++) await before.push();
    await first.failFor(4);
    first.answerAll(503);
    await stop(before.bridge);
    const without = await running({}, folder);
    const waits = () => without.lines.filter(({ outcome }) => outcome === "wait");
    await until("4 actions that wait", waits, ({ length }) => length === 4);
    await stop(without.bridge);
    const moved = await running({ targets: { other: second.url }, fires: "other" }, folder);
    expect(new Set((await moved.ended(4)).map(({ outcome }) => outcome))).toEqual(new Set(["accepted"]));
    expect(second.received()).toBe(4);
  });

  it("a target that is removed and added again continues, and never has more than eight attempts at once", async () => {
    const listener = await heldListener();
    const parts = { targets: { ci: listener.url }, fires: "ci" };
    const { use, push, ended } = await running(parts);
    for (let n = 0; n < 20; n++) await push();
    await until("eight attempts", listener.waiting, (count) => count === 8);
    for (const next of [{}, parts, parts, {}, parts]) use(next);
    // Each push nudges the lane, which has no place for a ninth attempt.
    for (let n = 0; n < 4; n++) expect(await push()).toBe(202);
    expect([listener.waiting(), listener.received()]).toEqual([8, 8]);
    listener.answerAll(202);
    expect(new Set((await ended(24)).map(({ outcome }) => outcome))).toEqual(new Set(["accepted"]));
    expect(listener.received()).toBe(24);
  });

  it("a changed limit of bodies holds for the next request", async () => {
    const { bridge, use } = await running({});
    const post = async () => {
      const headers = { "content-type": "application/json" };
      const url = new URL("/webhooks/hooks", bridge.url);
      return (await fetch(url, { method: "POST", headers, body: "x".repeat(2_000) })).status;
    };
    expect(await post()).toBe(401);
    use({ limits: { bodyBytes: 1_024 } });
    expect(await post()).toBe(413);
    use({});
    expect(await post()).toBe(401);
  });

  it("readiness names the configuration in force", async () => {
    const { bridge, use } = await running({});
    const ready = async () => (await fetch(new URL("/readyz", bridge.url))).json();
    const before = await ready();
    expect(before).toMatchObject({ status: "ready", configuration: expect.stringMatching(/^[0-9a-f]{12}$/) });
    use({ limits: { retentionDays: 30 } });
    expect(await ready()).not.toEqual(before);
    use({});
    expect(await ready()).toEqual(before);
  });

  it("a configuration that cannot be used changes nothing", async () => {
    const { bridge, push } = await running({});
    const config = { ...configOf({}), console: CONSOLE };
    expect(() => bridge.use({ config: withoutHooks(config), secrets: secretsOf(SECRETS) })).toThrow("console");
    expect(await push()).toBe(202);
  });

  it("the bridge stops after the attempts of every configuration", async () => {
    const listener = await heldListener();
    const { bridge, use, push, attempts } = await running({ targets: { ci: listener.url }, fires: "ci" });
    await push();
    await until("the attempt", listener.waiting);
    use({});
    const stopped = bridge.stop();
    listener.releaseAll();
    await stopped;
    closers.splice(closers.indexOf(bridge.stop), 1);
    expect(attempts()).toMatchObject([{ outcome: "accepted" }]);
  });
});
