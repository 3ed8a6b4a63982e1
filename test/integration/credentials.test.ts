import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { runCommand } from "../../shared/cli/run-command.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { hmacSha256 } from "../../shared/host/hmac.ts";
import { commandHost, optionArgs } from "../support/command-host.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { type SandboxListener, startSandboxListener } from "../support/sandbox-listener.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const AUDIENCE = "https://bridge.example.test";
const person = { id: "person", secret: "person-secret-for-tests" };
const environment = { OLD: "old-secret-for-tests", NEW: "new-secret-for-tests", LISTENER: "listener-token-for-tests" };

let home: string;
let identity: IdentityProvider;
let listener: SandboxListener;
let bridge: Awaited<ReturnType<typeof startStandalone>>;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-"));
  identity = await startIdentityProvider({ clients: [person] });
  listener = await startSandboxListener({ token: environment.LISTENER });
  const target = { kind: "tekton", runsReportedBy: "cluster", token: "env:LISTENER" };
  const hubSignature = { current: "env:OLD", next: "env:NEW" };
  const config = {
    issuers: { people: { issuer: identity.issuer, audience: AUDIENCE, roles: ["on-call"] } },
    sources: {
      wiki: { provider: "confluence", site: "https://wiki.example.test", hubSignature },
      cluster: { provider: "tekton", basic: { username: "tekton", password: { current: "env:OLD" } } },
    },
    targets: { listener: { ...target, url: listener.url.href }, idle: { ...target, url: "http://127.0.0.1:9" } },
    routes: {
      build: { when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "listener" } } },
      nowhere: { when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "idle" } } },
    },
  };
  await writeFile(join(home, "drawbridge.yaml"), stringify(config));
  bridge = await startStandalone({
    config: await loadConfig(join(home, "drawbridge.yaml")),
    secrets: secretsOf(environment),
    log: silentLog,
    retry: { baseMs: 1, capMs: 2, maxAttempts: 2 },
    address: { hostname: "127.0.0.1", port: 0 },
  });
});
afterAll(async () => {
  await bridge?.stop();
  await listener?.close();
  await identity?.close();
  await rm(home, { recursive: true, force: true });
});

async function edit(page: number, secret: string): Promise<number> {
  const body = JSON.stringify({ timestamp: 1_793_600_000_000, event: "page_updated", page: { id: page } });
  const signature = `sha256=${hmacSha256(secret, [body]).toString("hex")}`;
  const headers = { "content-type": "application/json", "x-hub-signature": signature };
  return (await fetch(new URL("/webhooks/wiki", bridge.url), { method: "POST", headers, body })).status;
}

/** What `drawbridge secrets` prints, without the heading: its rows, each time as `<time>`. */
async function printedSecrets(): Promise<readonly string[]> {
  const printed: string[] = [];
  const options = optionArgs({ url: bridge.url.href, config: join(home, "drawbridge.yaml") });
  const token = { DRAWBRIDGE_TOKEN: await identity.token(person, AUDIENCE) };
  const host = commandHost({ environment: token, print: (text) => void printed.push(text) });
  expect(await runCommand(["secrets", ...options], host)).toBe(0);
  const rows = printed.join("\n").split("\n").slice(1);
  return rows.map((row) => row.replace(/\d{4}-\S+Z/, "<time>").replace(/ {2,}/g, " | "));
}

describe("drawbridge secrets", () => {
  it("every configured credential is listed before any was used", async () => {
    expect(await printedSecrets()).toEqual([
      "source wiki | hub-signature current (hubSignature) | never | keep: the sender was not changed yet",
      "source wiki | hub-signature next (hubSignature) | never | never used: the sender was not changed yet",
      "source cluster | basic current (basic.password) | never | never used",
      "target listener | secret env:LISTENER (token) | never | never used",
      "target idle | secret env:LISTENER (token) | never | never used",
    ]);
  });

  it("the list shows which credentials proved a delivery or were sent to a target that responded", async () => {
    expect(await edit(98310, "a guess at the secret")).toBe(401);
    expect([await edit(98310, environment.OLD), await edit(98311, environment.NEW)]).toEqual([202, 202]);
    await until(
      "three credentials to be used",
      printedSecrets,
      (rows) => rows.filter((row) => row.includes("<time>")).length === 3,
    );
    expect(await printedSecrets()).toEqual([
      "source wiki | hub-signature current (hubSignature) | <time> | keep: used within a day, so not every sender was changed",
      "source wiki | hub-signature next (hubSignature) | <time> | in use",
      "source cluster | basic current (basic.password) | never | never used",
      "target listener | secret env:LISTENER (token) | <time> | keep",
      "target idle | secret env:LISTENER (token) | never | never used",
    ]);
  });

  it("the list needs a token with the role to read deliveries", async () => {
    const url = new URL("/v1/credentials", bridge.url);
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, { method: "POST" })).status).toBe(405);
    const headers = { authorization: `Bearer ${await identity.token(person, AUDIENCE)}` };
    const body = await (await fetch(url, { headers })).text();
    for (const secret of Object.values(environment)) expect(body).not.toContain(secret);
  });
});
