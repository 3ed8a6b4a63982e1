import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { parseConfig } from "../../shared/config/load.ts";
import type { ListedApprovals } from "../../shared/http/approvals.ts";
import type { ShownDelivery } from "../../shared/http/deliveries.ts";
import { blocksOf, readText } from "../support/documents.ts";
import { type IdentityProvider, type MachineClient, startIdentityProvider } from "../support/identity-provider.ts";
import { type SandboxListener, startSandboxListener } from "../support/sandbox-listener.ts";
import { sharedService } from "../support/shared-services.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

// The server as the process that an agent's program starts: the bundle, its own arguments and environment, and the
// official client at the other ends of its standard input and output.

const { drawbridge } = await sharedService("programs");
const AUDIENCE = "https://bridge.example.com";
const SECRETS = { CLUSTER_PASSWORD: "cluster-secret-for-tests", ORIGIN_KEY: "origin-key-for-tests-0123456789abcdef" };
const COMMIT = "9f3c2d1e8b7a6f5c4d3e2b1a0f9e8d7c6b5a4f3e";

const person = (id: string, claims: Readonly<Record<string, unknown>>): MachineClient => ({
  id,
  secret: `${id}-secret-for-tests`,
  instead: { claims: { sub: id, kind: "person", ...claims }, header: {} },
});
const agent = person("agent-for-dana", { sub: "dana", groups: ["releases"], act: { sub: "agent-7" } });
const manager = person("max", { groups: ["managers"] });

let identity: IdentityProvider;
let listener: SandboxListener;
let bridge: Awaited<ReturnType<typeof startStandalone>>;

/** The example of the document, with this test's issuer and listener. */
function config() {
  const value = parse(blocksOf(readText("docs/orders.md"), "yaml")[0] ?? "");
  for (const [name, { preset: _, ...entry }] of Object.entries<Record<string, unknown>>(value.issuers)) {
    const own = name === "people" ? { claims: [{ path: "kind", equals: "person" }] } : {};
    value.issuers[name] = { ...entry, issuer: identity.issuer, ...own };
  }
  value.targets.listener.url = listener.url.href;
  const loaded = parseConfig(stringify(value), "test.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  return loaded.config;
}

beforeAll(async () => {
  identity = await startIdentityProvider({ clients: [agent, manager] });
  const authorization = `Basic ${Buffer.from(`tekton:${SECRETS.CLUSTER_PASSWORD}`).toString("base64")}`;
  listener = await startSandboxListener({
    sink: () => ({ url: new URL("/webhooks/cluster", bridge.url), headers: { authorization } }),
    resultFor: () => ({ reason: "Succeeded" }),
  });
  bridge = await startStandalone({
    config: config(),
    secrets: secretsOf(SECRETS),
    log: silentLog,
    retry: { baseMs: 20, capMs: 200, maxAttempts: 10 },
    address: { hostname: "127.0.0.1", port: 0 },
  });
}, 60_000);
afterAll(async () => {
  await bridge.stop();
  await listener.close();
  await identity.close();
});

async function ask<T>(path: string, body?: object): Promise<T> {
  const response = await fetch(new URL(path, bridge.url), {
    method: body ? "POST" : "GET",
    headers: {
      authorization: `Bearer ${await identity.token(manager, AUDIENCE)}`,
      ...(body && { "content-type": "application/json" }),
    },
    body: body ? JSON.stringify(body) : null,
  });
  expect(response.status).toBe(200);
  return (await response.json()) as T;
}

it("an agent's program starts the server, proposes an order, waits for a person, and is told what became of it", async () => {
  const token = await identity.token(agent, AUDIENCE);
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [drawbridge, "mcp"],
    env: { DRAWBRIDGE_URL: bridge.url.href, DRAWBRIDGE_TOKEN: token },
    stderr: "pipe",
  });
  let said = "";
  transport.stderr?.on("data", (chunk) => {
    said += chunk;
  });
  const client = new Client({ name: "agent", version: "1.0.0" });
  await client.connect(transport);
  const use = async (name: string, args: Readonly<Record<string, unknown>> = {}) => {
    const { content, isError } = await client.callTool({ name, arguments: args });
    const [{ text } = { text: "" }] = content as readonly { readonly text: string }[];
    return isError ? { refused: text } : JSON.parse(text);
  };
  try {
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["find", "explain", "propose", "wait"]);
    const inputs = { environment: "production", commit: COMMIT };
    const placed = await use("propose", { order: "deploy-docs", inputs });
    expect(placed).toMatchObject({ status: "accepted" });
    // It waits in one call, as an agent does, and a person decides meanwhile.
    const told = use("wait", { delivery: placed.delivery, seconds: 50 });
    // Awaited at once, so that it is not open if the rest fails.
    const [ended] = await Promise.all([told, approve(placed.delivery)]);
    expect(ended).toMatchObject({ state: "ran", isOpen: false, runs: [{ state: "succeeded", isGood: true }] });
    expect(await use("propose", { order: "deploy-docs", inputs })).toMatchObject({
      delivery: placed.delivery,
      status: "duplicate",
    });
    expect(listener.runs.size).toBe(1);
    expect(await use("propose", { order: "deploy-docs", inputs: { environment: "moon", commit: COMMIT } })).toEqual({
      refused: expect.stringContaining("one of staging, production"),
    });
  } finally {
    await client.close();
  }
  await until(
    "the end of the process",
    () => transport.pid,
    (pid) => pid === null,
  );
  expect(said).not.toContain(token);
}, 120_000);

/** A manager grants the run, which nothing has started before. */
async function approve(delivery: string): Promise<void> {
  const open = await until(
    "the approval",
    async () => (await ask<ListedApprovals>("/v1/approvals")).approvals,
    (all) => all.some((one) => one.delivery === delivery),
  );
  expect(listener.runs.size).toBe(0);
  await until(
    "the wait of the order",
    () => ask<ShownDelivery>(`/v1/deliveries/${delivery}`),
    ({ delivery: { state } }) => state === "waiting",
  );
  await ask(`/v1/approvals/${open.find((one) => one.delivery === delivery)?.id}`, { decision: "grant" });
}
