import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { type Standalone, startStandalone } from "../../functions/standalone.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { hmacSha256 } from "../../shared/host/hmac.ts";
import { commandLine } from "../support/command-line.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const AUDIENCE = "https://bridge.example.test";
const SECRET = "wiki-secret-for-tests";
const reader = { id: "reader", secret: "reader-secret-for-tests" };

let home: string;
let identity: IdentityProvider;
let bridge: Standalone;
let port = 0;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-tail-"));
  identity = await startIdentityProvider({ clients: [reader] });
  await startBridge();
  port = Number(bridge.url.port);
});
afterAll(async () => {
  await bridge.stop();
  await identity.close();
  await rm(home, { recursive: true, force: true });
});

async function startBridge(): Promise<void> {
  const { issuer } = identity;
  const roles = [{ role: "on-call", when: [{ path: "sub", equals: "reader" }] }];
  const text = stringify({
    issuers: { people: { issuer, audience: AUDIENCE, claims: [{ path: "sub", equals: "reader" }], roles } },
    roles: { "on-call": { call: ["deliveries"] } },
    sources: {
      wiki: { provider: "confluence", site: "https://wiki.example.test", hubSignature: { current: "env:WIKI" } },
    },
  });
  const loaded = parseConfig(text, "test.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  bridge = await startStandalone({
    config: loaded.config,
    secrets: secretsOf({ WIKI: SECRET }),
    log: silentLog,
    retry: { baseMs: 20, capMs: 200, maxAttempts: 3 },
    address: { hostname: "127.0.0.1", port },
    dataPath: join(home, "data"),
  });
}

let version = 0;
async function edit(): Promise<string> {
  version += 1;
  const body = JSON.stringify({
    timestamp: 1_793_600_000_000 + version,
    event: "page_updated",
    page: { id: 98310, version },
  });
  const signature = `sha256=${hmacSha256(SECRET, [body]).toString("hex")}`;
  const headers = { "content-type": "application/json", "x-hub-signature": signature };
  const answer = await fetch(new URL("/webhooks/wiki", bridge.url), { method: "POST", headers, body });
  return ((await answer.json()) as { delivery: string }).delivery;
}

async function tail(...options: readonly string[]) {
  const environment = {
    DRAWBRIDGE_URL: bridge.url.origin,
    DRAWBRIDGE_TOKEN: await identity.token(reader, AUDIENCE),
  };
  return commandLine(["events", "tail", ...options], { cwd: home, environment });
}

describe("events tail", () => {
  it("a followed tail prints each delivery once in JSON lines, also when the bridge is restarted, and ends on SIGINT", async () => {
    const before = await edit();
    const { child, ran, ended, printed } = await tail("--follow", "--output", "jsonl");
    await printed(before);
    const during = await edit();
    await printed(during);
    await bridge.stop();
    await until(
      "the tail to miss the bridge",
      () => ran.err,
      (text) => text.includes("trying again"),
    );
    await startBridge();
    const after = [await edit(), await edit()];
    await printed(after[1] ?? "");
    await until(
      "the tail to find the bridge",
      () => ran.err,
      (text) => text.includes("the bridge answers again"),
    );
    child.kill("SIGINT");
    const { code, out } = await ended;
    expect(code).toBe(130);
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).id),
    ).toEqual([before, during, ...after]);
  });

  it("a followed tail ends when its reader does", async () => {
    const { child, ended, printed } = await tail("--follow");
    await printed("page.updated 98310 (wiki)");
    child.stdout.destroy();
    await edit();
    const { code, err } = await ended;
    expect([code, err]).toEqual([141, ""]);
  });

  it("without --follow the newest deliveries are printed, the oldest first", async () => {
    const [first, second] = [await edit(), await edit()];
    const { code, out } = await (await tail("--limit", "2")).ended;
    expect(code).toBe(0);
    expect(out.split("\n").map((line) => line.split(/ +/).at(-1))).toEqual([first, second, ""]);
    const json = await (await tail("--limit", "2", "--json")).ended;
    expect(JSON.parse(json.out)).toMatchObject([{ id: first }, { id: second }]);
  });

  it("a tail that may not read ends at once with what the bridge says", async () => {
    const environment = { DRAWBRIDGE_URL: bridge.url.origin, DRAWBRIDGE_TOKEN: "word" };
    const { code, err } = await commandLine(["events", "tail", "--follow"], { cwd: home, environment }).ended;
    expect([code, err]).toEqual([4, expect.stringContaining("does not accept your token")]);
  });
});
