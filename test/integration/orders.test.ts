import { execFile, spawnSync } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { promisify } from "node:util";
import { Client } from "@modelcontextprotocol/client";
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { serveMcp } from "../../shared/cli/mcp.ts";
import { runCommand } from "../../shared/cli/run-command.ts";
import { openSession } from "../../shared/cli/session.ts";
import { parseConfig } from "../../shared/config/load.ts";
import type { ListedApprovals } from "../../shared/http/approvals.ts";
import type { ShownDelivery } from "../../shared/http/deliveries.ts";
import { commandHost } from "../support/command-host.ts";
import { blocksOf, readText } from "../support/documents.ts";
import { type IdentityProvider, type MachineClient, startIdentityProvider } from "../support/identity-provider.ts";
import { type SandboxListener, startSandboxListener } from "../support/sandbox-listener.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const DOCUMENT = readText("docs/orders.md");
const AUDIENCE = "https://bridge.example.com";
const COMMIT = "9f3c2d1e8b7a6f5c4d3e2b1a0f9e8d7c6b5a4f3e";
const SECRETS = { CLUSTER_PASSWORD: "cluster-secret-for-tests", ORIGIN_KEY: "origin-key-for-tests-0123456789abcdef" };

/** A client of the identity provider, whose tokens have the claims of another one's. */
const clientOf = (id: string, claims: Readonly<Record<string, unknown>> = {}): MachineClient => ({
  id,
  secret: `${id}-secret-for-tests`,
  instead: { claims: { sub: id, ...claims }, header: {} },
});
const personOf = (id: string, claims: object = {}) => clientOf(id, { kind: "person", ...claims });
const release = { groups: ["releases"] };
const GITLAB = { namespace_id: "72", namespace_path: "platform", project_path: "platform/docs", user_id: "7" };
const dana = personOf("dana", release);
const kim = personOf("kim", { groups: ["releases", "managers"] });
const max = personOf("max", { groups: ["managers"] });
const guest = personOf("guest");
/** An agent with a token of its own that may also approve, and the same agent with a token that acts for Dana. */
const agent = personOf("agent-7", { groups: ["managers"] });
const agentForDana = personOf("agent-for-dana", { ...release, sub: "dana", act: { sub: "agent-7" } });
/** The same agent for Dana, which another agent started. */
const chainForDana = personOf("chain-for-dana", {
  ...release,
  sub: "dana",
  act: { sub: "agent-7", act: { sub: "agent-8" } },
});
/** An agent that acts for Max. */
const agentForMax = personOf("agent-for-max", { sub: "max", groups: ["managers"], act: { sub: "agent-9" } });
const agent8 = personOf("agent-8", { groups: ["managers"] });
/** Dana's token by the trust entry of jobs. */
const danaAsJob = clientOf("dana-as-job", { ...GITLAB, sub: "dana", ref_protected: "true" });
const danaApproves = personOf("dana-as-manager", { sub: "dana", groups: ["managers"] });
const gitlabJob = clientOf("gitlab-job", { ...GITLAB, sub: "project_path:platform/docs", ref_protected: "true" });
const BUILDKITE = { organization_slug: "example", pipeline_slug: "docs", sub: "organization:example" };
/** What the agent hands out without `--claim organization_id`, and with it. */
const plainBuildkiteJob = clientOf("plain-buildkite-job", BUILDKITE);
const buildkiteJob = clientOf("buildkite-job", {
  ...BUILDKITE,
  organization_id: "018a6f2e-0000-4000-8000-000000000001",
});

let identity: IdentityProvider;
let listener: SandboxListener;
/** The commits whose runs fail. */
const failing = new Set<string>();
let bridge: Awaited<ReturnType<typeof startStandalone>>;
let folder: string;

/** The example of the document, with this test's issuers and listener. */
function configOf(change: (value: Record<string, Record<string, Record<string, unknown>>>) => void = () => undefined) {
  const value = parse(blocksOf(DOCUMENT, "yaml").find((block) => block.startsWith("# drawbridge.yaml")) ?? "");
  for (const [name, { preset: _, ...entry }] of Object.entries<Record<string, unknown>>(value.issuers)) {
    // A preset says who may issue its tokens. Here one provider issues all of them, so only the claims decide.
    const own = name === "people" ? { path: "kind", equals: "person" } : undefined;
    value.issuers[name] = { ...entry, issuer: identity.issuer, ...(own && { claims: [own] }) };
  }
  value.targets.listener.url = listener.url.href;
  change(value);
  const loaded = parseConfig(stringify(value), "test.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  return loaded.config;
}

const settings = () => ({ config: configOf(), secrets: secretsOf(SECRETS) });

beforeAll(async () => {
  identity = await startIdentityProvider({
    clients: [
      ...[dana, kim, max, guest, agent, agentForDana, danaApproves, gitlabJob],
      ...[chainForDana, agent8, danaAsJob, agentForMax, buildkiteJob, plainBuildkiteJob],
    ],
  });
  const authorization = `Basic ${Buffer.from(`tekton:${SECRETS.CLUSTER_PASSWORD}`).toString("base64")}`;
  listener = await startSandboxListener({
    sink: () => ({ url: new URL("/webhooks/cluster", bridge.url), headers: { authorization } }),
    resultFor: (run) => ({
      reason: [...failing].some((one) => JSON.stringify(run).includes(one)) ? "Failed" : "Succeeded",
    }),
  });
  bridge = await startStandalone({
    ...settings(),
    log: silentLog,
    retry: { baseMs: 20, capMs: 200, maxAttempts: 10 },
    address: { hostname: "127.0.0.1", port: 0 },
  });
  folder = await mkdtemp(join(tmpdir(), "drawbridge-orders-"));
});
afterAll(async () => {
  await bridge.stop();
  await listener.close();
  await identity.close();
  await rm(folder, { recursive: true });
});

let keys = 0;
const newKey = (): string => `key-${keys++}`;

async function call<T>(client: MachineClient | undefined, path: string, body?: object, key?: string) {
  const headers = {
    ...(client && { authorization: `Bearer ${await identity.token(client, AUDIENCE)}` }),
    ...(key !== undefined && { "idempotency-key": key }),
    ...(body && { "content-type": "application/json" }),
  };
  const response = await fetch(new URL(path, bridge.url), {
    headers,
    ...(body && { method: "POST", body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as T & { readonly reason?: string } };
}

interface Placed {
  readonly delivery: string;
  readonly status: string;
}
const STAGING = { environment: "staging", commit: COMMIT };
const PRODUCTION = { environment: "production", commit: COMMIT };
const place = (client: MachineClient | undefined, inputs: object, key: string | undefined = newKey()) =>
  call<Placed>(client, "/v1/orders/deploy-docs", { inputs }, key);

const shown = async (id: string) => (await call<ShownDelivery>(dana, `/v1/deliveries/${id}`)).body;
const runsWith = (commit: string) => [...listener.runs.values()].filter((run) => JSON.stringify(run).includes(commit));
/** A commit of its own for each case, by which its runs are found. */
let commits = 0;
const newCommit = (): string => (++commits).toString(16).padStart(40, "c");
const ran = (commit: string) =>
  until(
    `a run of ${commit}`,
    () => runsWith(commit),
    (runs) => runs.length > 0,
  );
const stateOf = (id: string, ...states: readonly string[]) =>
  until(
    `${states.join(" or ")} of ${id}`,
    () => shown(id),
    ({ delivery }) => states.includes(delivery.state ?? ""),
  );
const approvalOf = async (delivery: string) => {
  const open = async () => (await call<ListedApprovals>(max, "/v1/approvals")).body.approvals;
  const found = await until(`the approval of ${delivery}`, open, (all) => all.some((one) => one.delivery === delivery));
  return found.find((one) => one.delivery === delivery)?.id ?? "";
};
const grant = (client: MachineClient, approval: string) =>
  call<object>(client, `/v1/approvals/${approval}`, { decision: "grant" });

describe("an order", () => {
  it("a person places it, and the run gets its inputs and the person", async () => {
    const commit = newCommit();
    const { status, body } = await place(dana, { environment: "staging", commit });
    expect({ status, body }).toEqual({
      status: 202,
      body: { delivery: expect.stringMatching(/^d-/), status: "accepted" },
    });
    await ran(commit);
    const { delivery, events } = await shown(body.delivery);
    expect(delivery).toMatchObject({ source: "orders", what: "order.placed", principal: { subject: "dana" } });
    expect(events).toMatchObject([
      {
        source: "drawbridge.orders",
        detail: {
          principal: { id: "people:dana", roles: ["release"] },
          order: { name: "deploy-docs", inputs: { environment: "staging", commit } },
        },
      },
    ]);
    expect(events[0]?.detail).not.toHaveProperty("actor");
    expect(runsWith(commit)).toHaveLength(1);
  });

  it("the same key and inputs, at once and later, are one run; with other inputs they are refused", async () => {
    const commit = newCommit();
    const key = newKey();
    const inputs = { environment: "staging", commit };
    const placed = await Promise.all(Array.from({ length: 8 }, () => place(dana, inputs, key)));
    const ids = new Set(placed.map(({ body }) => body.delivery));
    expect(ids.size).toBe(1);
    expect(placed.map(({ body }) => body.status).filter((status) => status === "accepted")).toHaveLength(1);
    await ran(commit);
    const turned = { commit, environment: "staging" };
    expect(await place(dana, turned, key)).toMatchObject({ status: 202, body: { status: "duplicate" } });
    const other = await place(dana, { ...inputs, commit: newCommit() }, key);
    expect(other).toMatchObject({ status: 422, body: { reason: "idempotency_key_reused" } });
    // The key belongs to its caller.
    expect(await place(kim, inputs, key)).toMatchObject({ status: 202, body: { status: "accepted" } });
    await until(
      "the run of the second caller",
      () => runsWith(commit),
      (runs) => runs.length === 2,
    );
  });

  it("a key belongs to a subject of an issuer and to all who act for it, whichever trust entry accepts the token", async () => {
    const key = newKey();
    const inputs = { environment: "staging", commit: newCommit() };
    const first = (await place(dana, inputs, key)).body;
    expect((await place(danaAsJob, inputs, key)).body).toEqual({ ...first, status: "duplicate" });
    const byAgent = (await place(agentForDana, inputs, key)).body;
    const byChain = (await place(chainForDana, inputs, key)).body;
    expect(new Set([first.delivery, byAgent.delivery, byChain.delivery]).size).toBe(3);
    expect([byAgent.status, byChain.status]).toEqual(["accepted", "accepted"]);
    expect((await place(chainForDana, inputs, key)).body).toEqual({ ...byChain, status: "duplicate" });
  });

  it.each<[string, MachineClient | undefined, object, string | undefined, number, string | undefined]>([
    ["nobody", undefined, STAGING, "k", 401, undefined],
    ["a person without a role", guest, STAGING, "k", 403, "role_missing"],
    ["a job, for an environment outside its role", gitlabJob, PRODUCTION, "k", 403, "order_confined"],
    ["without a key", dana, STAGING, undefined, 400, "idempotency_key_missing"],
    ["with an empty key", dana, STAGING, "", 400, "idempotency_key_missing"],
    ["with a long key", dana, STAGING, "k".repeat(201), 400, "idempotency_key_missing"],
    ["with a choice that is none", dana, { ...STAGING, environment: "test" }, "k", 400, "input_invalid"],
    ["with a branch for a commit", dana, { ...STAGING, commit: "main" }, "k", 400, "input_invalid"],
    ["without an input", dana, { environment: "staging" }, "k", 400, "input_invalid"],
    ["with one input too many", dana, { ...STAGING, force: "yes" }, "k", 400, "input_invalid"],
    ["with a name of a prototype", dana, JSON.parse('{"__proto__":"x"}'), "k", 400, "body_invalid"],
    ["with a hidden character", dana, { ...STAGING, environment: "staging\u200b" }, "k", 400, "input_invalid"],
    ["with a number", dana, { ...STAGING, commit: 7 }, "k", 400, "body_invalid"],
  ])("%s: it is refused, and nothing is recorded", async (_, client, inputs, key, status, reason) => {
    const before = listener.requests.length;
    const response = await call<object>(client, "/v1/orders/deploy-docs", { inputs }, key);
    expect([response.status, response.body.reason]).toEqual([status, reason]);
    const listed = await call<{ deliveries: readonly { what: string; outcome: string }[] }>(
      dana,
      "/v1/deliveries?source=orders&limit=50",
    );
    expect(listed.body.deliveries.filter(({ outcome }) => outcome !== "event")).toEqual([]);
    expect(listener.requests.length).toBe(before);
  });

  it("an order that is not declared is answered 404, whatever its name", async () => {
    for (const name of ["nothing", "constructor", "__proto__", "deploy-docs%2F.."])
      expect(await call(dana, `/v1/orders/${name}`, { inputs: {} }, "k"), name).toMatchObject({ status: 404 });
  });

  it("a caller sees only what they may place, and what it would run", async () => {
    const { body } = await call<{ orders: readonly object[] }>(dana, "/v1/orders");
    expect(body.orders).toEqual([
      {
        order: "deploy-docs",
        description: "Deploy the documentation",
        inputs: [
          { name: "environment", kind: "choice", choices: ["staging", "production"] },
          { name: "commit", kind: "ref", of: "commit" },
        ],
      },
    ]);
    expect((await call<object>(max, "/v1/orders")).body).toEqual({ orders: [] });
    const before = listener.requests.length;
    const previews = [STAGING, PRODUCTION].map((inputs) =>
      call<{ routes: readonly object[] }>(dana, "/v1/orders/deploy-docs/preview", { inputs }),
    );
    expect((await Promise.all(previews)).map((one) => one.body.routes)).toEqual([
      [{ route: "deploy-staging", target: "listener" }],
      [{ route: "deploy-production", target: "listener", approval: { people: 1, roles: ["manager"] } }],
    ]);
    expect(listener.requests.length).toBe(before);
  });

  it("a preview names the rules that may grant the run, and none in shadow mode", async () => {
    const change: Parameters<typeof configOf>[0] = ({ routes }) => {
      const when = { requester: ["person"] };
      const grantedBy = [
        { id: "people", when },
        { id: "tried", mode: "shadow", when },
      ];
      Object.assign(routes?.["deploy-production"] ?? {}, { approval: { grantedBy } });
    };
    bridge.use({ config: configOf(change), secrets: secretsOf(SECRETS) });
    try {
      const { body } = await call<{ routes: readonly object[] }>(dana, "/v1/orders/deploy-docs/preview", {
        inputs: PRODUCTION,
      });
      const approval = { people: 1, roles: ["manager"], rules: ["people"] };
      expect(body.routes).toEqual([{ route: "deploy-production", target: "listener", approval }]);
    } finally {
      bridge.use(settings());
    }
  });

  it("a preview promises no approval and refuses no role for a route in shadow mode, which holds nothing back", async () => {
    const change: Parameters<typeof configOf>[0] = ({ routes, roles }) => {
      Object.assign(routes?.["deploy-production"] ?? {}, { mode: "shadow" });
      Object.assign(roles?.["manager"] ?? {}, { fire: ["deploy-production"] });
    };
    bridge.use({ config: configOf(change), secrets: secretsOf(SECRETS) });
    try {
      const { body } = await call<{ routes: readonly object[] }>(dana, "/v1/orders/deploy-docs/preview", {
        inputs: PRODUCTION,
      });
      expect(body.routes).toEqual([{ route: "deploy-production", target: "listener" }]);
    } finally {
      bridge.use(settings());
    }
  });
});

describe("an order of an agent", () => {
  const STAGING_OF = (commit: string) => ({ environment: "staging", commit });

  it("a route without an approval does not fire for it, and its preview says so", async () => {
    const commit = newCommit();
    const { body } = await call<{ routes: readonly object[] }>(agentForDana, "/v1/orders/deploy-docs/preview", {
      inputs: STAGING_OF(commit),
    });
    expect(body.routes).toEqual([
      { route: "deploy-staging", target: "listener", problem: "it needs no approval, and agents fire no such route" },
    ]);
    const { delivery } = (await place(agentForDana, STAGING_OF(commit))).body;
    const { timeline } = await stateOf(delivery, "not_fired");
    expect(timeline).toContainEqual(
      expect.objectContaining({ kind: "denied", refusal: expect.objectContaining({ reason: "agent_unattended" }) }),
    );
    expect(runsWith(commit)).toEqual([]);
  });

  it("it fires such a route if the order says that agents need nobody", async () => {
    const commit = newCommit();
    const change: Parameters<typeof configOf>[0] = ({ orders }) =>
      void Object.assign(orders?.["deploy-docs"] ?? {}, { agents: "unattended" });
    bridge.use({ config: configOf(change), secrets: secretsOf(SECRETS) });
    try {
      await place(agentForDana, STAGING_OF(commit));
      await ran(commit);
    } finally {
      bridge.use(settings());
    }
  });
});

describe("what an agent asks to run again", () => {
  const mayReplay: Parameters<typeof configOf>[0] = ({ roles }) =>
    void Object.assign(roles?.["release"] ?? {}, { replay: ["deploy-staging"] });
  const unattended: Parameters<typeof configOf>[0] = (value) => {
    mayReplay(value);
    Object.assign(value["orders"]?.["deploy-docs"] ?? {}, { agents: "unattended" });
  };
  const use = (change: Parameters<typeof configOf>[0]) =>
    bridge.use({ config: configOf(change), secrets: secretsOf(SECRETS) });
  const again = async (client: MachineClient, id: string) =>
    (await call<Placed>(client, `/v1/deliveries/${id}/replay`, {}, newKey())).body.delivery;
  const refusedOf = async (id: string) =>
    (await stateOf(id, "not_fired")).timeline.filter(({ kind }) => kind === "denied");
  const refused = [expect.objectContaining({ refusal: expect.objectContaining({ reason: "agent_unattended" }) })];

  beforeEach(() => use(mayReplay));
  afterEach(() => bridge.use(settings()));

  it("its own refused order does not fire in a replay, of a replay neither, until a person asks for it", async () => {
    const commit = newCommit();
    const { delivery } = (await place(agentForDana, { environment: "staging", commit })).body;
    await stateOf(delivery, "not_fired");
    const replayed = await again(agentForDana, delivery);
    expect(await refusedOf(replayed)).toEqual(refused);
    expect(await refusedOf(await again(chainForDana, replayed))).toEqual(refused);
    expect(runsWith(commit)).toEqual([]);
    await again(dana, delivery);
    await ran(commit);
  });

  it("a person's order does not fire for it either, nor does a rollback", async () => {
    const [first, second] = [newCommit(), newCommit()];
    for (const commit of [first, second])
      await stateOf((await place(dana, { environment: "staging", commit })).body.delivery, "ran");
    const rollback = await call<Placed>(agentForDana, "/v1/rollbacks", { route: "deploy-staging" }, newKey());
    expect(rollback.status).toBe(202);
    expect(await refusedOf(rollback.body.delivery)).toEqual(refused);
    const { delivery } = (await place(dana, { environment: "staging", commit: first })).body;
    await stateOf(delivery, "ran");
    expect(await refusedOf(await again(agentForDana, delivery))).toEqual(refused);
    expect([runsWith(first).length, runsWith(second).length]).toEqual([2, 1]);
  });

  it("it fires if the order says that agents need nobody, and no longer once the order does not", async () => {
    const commit = newCommit();
    const { delivery } = (await place(agentForDana, { environment: "staging", commit })).body;
    await stateOf(delivery, "not_fired");
    use(unattended);
    await stateOf(await again(agentForDana, delivery), "ran");
    expect(runsWith(commit)).toHaveLength(1);
    use(mayReplay);
    expect(await refusedOf(await again(agentForDana, delivery))).toEqual(refused);
    expect(runsWith(commit)).toHaveLength(1);
  });
});

describe("an order that waits for an approval", () => {
  it("an agent does not grant it, in an emergency neither, and may deny it", async () => {
    bridge.use({
      config: configOf(({ routes }) => {
        Object.assign(routes?.["deploy-production"]?.["approval"] ?? {}, { emergency: ["manager"] });
      }),
      secrets: secretsOf(SECRETS),
    });
    try {
      const commit = newCommit();
      const id = await approvalOf((await place(dana, { environment: "production", commit })).body.delivery);
      for (const decision of ["grant", "emergency"])
        expect(
          await call<object>(agentForMax, `/v1/approvals/${id}`, { decision, comment: "it burns" }),
          decision,
        ).toMatchObject({ status: 403, body: { reason: "agent_cannot_approve" } });
      const { approvals } = (await call<ListedApprovals>(agentForMax, "/v1/approvals")).body;
      expect(approvals.find((one) => one.id === id)).toMatchObject({ state: "requested", may: ["deny", "withdraw"] });
      expect(await call(agentForMax, `/v1/approvals/${id}`, { decision: "deny" })).toMatchObject({ status: 200 });
      expect(runsWith(commit)).toEqual([]);
    } finally {
      bridge.use(settings());
    }
  });

  it("whoever placed it cannot approve it, with any of their tokens, and neither can the agent that acted for them", async () => {
    const commit = newCommit();
    const inputs = { environment: "production", commit };
    const own = await approvalOf((await place(kim, inputs)).body.delivery);
    expect(await grant(kim, own)).toMatchObject({ status: 403, body: { reason: "self_approval" } });
    const placed = (await place(agentForDana, inputs)).body.delivery;
    const id = await approvalOf(placed);
    expect((await shown(placed)).events).toMatchObject([
      { detail: { principal: { subject: "dana" }, order: { act: "agent-7" } } },
    ]);
    const byChain = await approvalOf((await place(chainForDana, { ...inputs, commit: newCommit() })).body.delivery);
    for (const one of [agent8, agent])
      expect(await grant(one, byChain)).toMatchObject({ status: 403, body: { reason: "self_approval" } });
    for (const one of [danaApproves, agent])
      expect(await grant(one, id)).toMatchObject({ status: 403, body: { reason: "self_approval" } });
    expect(runsWith(commit)).toEqual([]);
    expect(await grant(max, id)).toMatchObject({ status: 200 });
    await ran(commit);
    await stateOf(placed, "ran");
    expect(runsWith(commit)).toHaveLength(1);
  });

  it.each<[string, Parameters<typeof configOf>[0], string]>([
    ["is removed", (value) => void Reflect.deleteProperty(value, "orders"), "order_unknown"],
    [
      "is removed, and its route is in shadow mode,",
      (value) => {
        Reflect.deleteProperty(value, "orders");
        Object.assign(value["routes"]?.["deploy-production"] ?? {}, { mode: "shadow" });
      },
      "order_unknown",
    ],
    [
      "takes other roles",
      (value) => void Object.assign(value["orders"]?.["deploy-docs"] ?? {}, { roles: ["staging"] }),
      "role_missing",
    ],
    [
      "takes other inputs",
      (value) =>
        void Object.assign(value["orders"]?.["deploy-docs"] ?? {}, {
          inputs: { environment: { choice: ["staging"] }, commit: { ref: "commit" } },
        }),
      "input_invalid",
    ],
    [
      "is confined to something else",
      (value) => void Object.assign(value["orders"]?.["deploy-docs"] ?? {}, { in: { environments: ["staging"] } }),
      "order_confined",
    ],
  ])("it does not fire if it %s before it is approved", async (_, change, reason) => {
    const commit = newCommit();
    const key = newKey();
    const inputs = { environment: "production", commit };
    const { delivery } = (await place(dana, inputs, key)).body;
    const id = await approvalOf(delivery);
    bridge.use({ config: configOf(change), secrets: secretsOf(SECRETS) });
    try {
      // The repeat of a request is answered as the first, as far as the order is there and the caller may place it.
      const repeated = await place(dana, inputs, key);
      if (reason === "input_invalid" || reason === "order_confined")
        expect(repeated.body).toEqual({ delivery, status: "duplicate" });
      else expect(repeated.body.reason).toBe(reason);
      await grant(max, id);
      const { timeline } = await stateOf(delivery, "not_fired");
      expect(timeline).toContainEqual(
        expect.objectContaining({ kind: "denied", refusal: expect.objectContaining({ reason }) }),
      );
      expect(runsWith(commit)).toEqual([]);
    } finally {
      bridge.use(settings());
    }
  });
});

const hasBash = spawnSync("bash", ["--version"]).status === 0 && spawnSync("curl", ["--version"]).status === 0;

/** Runs a script of the document against this test's bridge. */
async function run(script: string, environment: Readonly<Record<string, string>>): Promise<Placed> {
  const address = new URL("/v1/orders/deploy-docs", bridge.url).href;
  const text = script.replace("https://bridge.example.com/v1/orders/deploy-docs", address);
  expect(text).toContain(address);
  const env = { PATH: `${folder}:${process.env["PATH"]}`, ...environment };
  const { stdout } = await promisify(execFile)("bash", ["-c", text], { env });
  return JSON.parse(stdout);
}

const blockWith = (start: string): string => blocksOf(DOCUMENT, "yaml").find((block) => block.startsWith(start)) ?? "";

describe.skipIf(!hasBash)(`a script of docs/orders.md${hasBash ? "" : ": left out, bash or curl is missing"}`, () => {
  it("a GitLab job places the order with its own token, and a retry of the request changes nothing", async () => {
    const block = blockWith("# .gitlab-ci.yml");
    const file = parse(block) as { deploy: { script: string[] } };
    expect(block).toMatch(/id.tokens:\n +DRAWBRIDGE_TOKEN: \{ aud: https:\/\/bridge\.example\.com \}/);
    const [script = ""] = file.deploy.script;
    const CI_COMMIT_SHA = newCommit();
    const DRAWBRIDGE_TOKEN = await identity.token(gitlabJob, AUDIENCE);
    const job = { DRAWBRIDGE_TOKEN, CI_JOB_ID: "302", CI_COMMIT_SHA };
    const first = await run(script, job);
    expect(await run(script, job)).toEqual({ delivery: first.delivery, status: "duplicate" });
    expect((await run(script, { ...job, CI_JOB_ID: "303" })).delivery).not.toBe(first.delivery);
    await until(
      "both runs",
      () => runsWith(CI_COMMIT_SHA),
      (runs) => runs.length === 2,
    );
    await expect(run(script, { ...job, DRAWBRIDGE_TOKEN: "x.y.z" })).rejects.toThrow("401");
  });

  it("a Buildkite step places the order with the token of its agent", async () => {
    const asked = "oidc request-token --audience https://bridge.example.com";
    const claim = " --claim organization_id";
    const [token, plainToken] = await Promise.all(
      [buildkiteJob, plainBuildkiteJob].map((job) => identity.token(job, AUDIENCE)),
    );
    await writeFile(
      join(folder, "buildkite-agent"),
      `#!/bin/sh\ncase "$*" in\n"${asked}${claim}") echo ${token} ;;\n"${asked}") echo ${plainToken} ;;\nesac\n`,
    );
    await chmod(join(folder, "buildkite-agent"), 0o755);
    const file = parse(blockWith("# .buildkite/pipeline.yml")) as { steps: [{ command: string }] };
    const BUILDKITE_COMMIT = newCommit();
    // `pipeline upload` makes one dollar of two.
    const script = file.steps[0].command.replaceAll("$$", "$");
    const { delivery } = await run(script, { BUILDKITE_JOB_ID: "018a", BUILDKITE_COMMIT });
    const withoutClaim = run(script.replace(claim, ""), { BUILDKITE_JOB_ID: "018b", BUILDKITE_COMMIT });
    await expect(withoutClaim).rejects.toThrow("401");
    await ran(BUILDKITE_COMMIT);
    expect((await shown(delivery)).delivery.principal).toMatchObject({ trustEntry: "buildkite-jobs" });
  });

  it("no block of the document has a secret in it", () => {
    const blocks = ["yaml", "sh"].flatMap((language) => blocksOf(DOCUMENT, language)).slice(1);
    expect(
      blocks.filter((block) => /secret|password|api[-_ ]?key|client_secret|glpat|variables:/i.test(block)),
    ).toEqual([]);
    expect(blocks).toHaveLength(3);
  });
});

describe("drawbridge run", () => {
  interface Typed {
    readonly client?: MachineClient;
    readonly answer?: string;
    readonly signal?: AbortSignal;
    readonly printed?: string[];
    readonly warned?: string[];
  }
  async function command(line: readonly string[], { client = dana, answer, signal, ...lines }: Typed = {}) {
    const { printed = [], warned = [] } = lines;
    const asked: string[] = [];
    const host = commandHost({
      environment: { DRAWBRIDGE_URL: bridge.url.href, DRAWBRIDGE_TOKEN: await identity.token(client, AUDIENCE) },
      print: (text) => void printed.push(text),
      warn: (text) => void warned.push(text),
      ...(signal && { interrupted: () => signal }),
      ...(answer !== undefined && {
        openTerminal: () => ({
          ask: async (question: string) => {
            asked.push(question);
            return answer;
          },
          close: () => undefined,
        }),
      }),
    });
    const code = await runCommand(["run", ...line], host);
    return { code, printed: printed.join("\n"), warned: warned.join("\n"), asked };
  }
  const inputsFor = (environment: string, commit: string) =>
    ["--set", `environment=${environment}`, "--set", `commit=${commit}`] as const;

  it("the command of the document places an order, waits for its end and shows it as JSON", async () => {
    const commit = newCommit();
    const [block = ""] = blocksOf(DOCUMENT, "sh");
    const words = block.trim().replace('"$(git rev-parse HEAD)"', commit).replace("production", "staging").split(" ");
    expect(words.slice(0, 5)).toEqual(["npm", "run", "drawbridge", "--", "run"]);
    const key = newKey();
    const { code, printed, warned } = await command([...words.slice(5), "--key", key, "--json"]);
    const runs = [{ what: expect.stringContaining("deploy-staging"), state: "succeeded", isGood: true }];
    expect({ code, ...JSON.parse(printed) }).toMatchObject({ code: 0, status: "accepted", key, state: "ran", runs });
    expect(warned).toContain(`is placed as ${JSON.parse(printed).delivery}, with --key ${key}`);
    expect(runsWith(commit)).toHaveLength(1);
    const again = await command([...words.slice(5), "--key", key]);
    expect(again).toMatchObject({ code: 0, printed: expect.stringContaining("was placed before with this key") });
    expect(runsWith(commit)).toHaveLength(1);
  });

  it("it waits for the end of the run, and a run that failed is no success", async () => {
    const commit = newCommit();
    failing.add(commit);
    const { code, printed } = await command(["deploy-docs", ...inputsFor("staging", commit), "--wait"]);
    expect(code).toBe(8);
    expect(printed).toMatch(
      /^deploy-docs is placed as (d-\w+), with --key \S+\n\1: ran\n {2}\S*deploy-staging\S*: failed$/,
    );
  });

  it.each([[[]], [["--json"]]])(
    "a job that may place an order and not read it gets to know what was placed %j",
    async (format) => {
      const line = ["deploy-docs", ...inputsFor("staging", newCommit()), "--key", newKey(), "--wait", ...format];
      const { code, printed, warned } = await command(line, { client: gitlabJob });
      expect(code).toBe(9);
      expect(`${printed} ${warned}`).toMatch(/is placed as d-\w+, with --key/);
      expect(warned).toMatch(/deploy-docs is placed\. Its end is not awaited: .*403/);
      if (format.length > 0) expect(JSON.parse(printed)).toMatchObject({ delivery: expect.stringMatching(/^d-/) });
    },
  );

  it("it waits no longer than it was told to, and says what the order waits for", async () => {
    const line = ["deploy-docs", ...inputsFor("production", newCommit()), "--wait", "--for", "1s"];
    const { code, printed, warned } = await command(line);
    expect(code).toBe(9);
    expect(printed).toMatch(/: waiting, for .*manager/);
    expect(warned).toContain("goes on; the time of --for is over");
  });

  it.each([[[]], [["--json"]]])("a Ctrl-C while it waits ends it with what it printed before %j", async (format) => {
    const controller = new AbortController();
    const key = newKey();
    const line = ["deploy-docs", ...inputsFor("production", newCommit()), "--key", key, "--wait", ...format];
    const [printed, warned]: [string[], string[]] = [[], []];
    const ended = command(line, { signal: controller.signal, printed, warned });
    const said = format.length === 0 ? printed : warned;
    await until(
      "the delivery and the key",
      () => said,
      (lines) => lines.some((one) => one.includes(`, with --key ${key}`)),
    );
    controller.abort(130);
    expect((await ended).code).toBe(130);
  });

  it("a Ctrl-C before the answer prints the key by which the order is placed again safely", async () => {
    const { code, warned } = await command(["deploy-docs", ...inputsFor("production", newCommit())], {
      signal: AbortSignal.abort(130),
    });
    expect([code, warned]).toEqual([130, expect.stringMatching(/^to place it again safely: --key \S+$/)]);
  });

  it("on a terminal it shows what would run and who approves, and places nothing unless the person says yes", async () => {
    const commit = newCommit();
    const line = ["deploy-docs", ...inputsFor("production", commit), "--key", newKey()];
    const no = await command(line, { answer: "" });
    expect(no).toMatchObject({ code: 1, printed: "", asked: ["Place it? [y/N] "] });
    expect(no.warned).toContain("deploy-production");
    expect(no.warned).toContain("needs 1 of manager, not you");
    const yes = await command(line, { answer: "yes" });
    expect(yes).toMatchObject({ code: 0, printed: expect.stringContaining("is placed as d-") });
  });

  it("without an order it lists what the caller may place, with the form of each input", async () => {
    const { printed } = await command([]);
    expect(printed).toContain("environment=<staging|production> commit=<commit>");
    expect((await command([], { client: max })).printed).toBe("You may place no order.");
  });

  it("what is refused ends the command with the code of its kind", async () => {
    const codeOf = (line: readonly string[], client = dana) =>
      command(line, { client }).then(
        ({ code }) => code,
        (error: { code: string }) => error.code,
      );
    const line = ["deploy-docs", ...inputsFor("staging", newCommit())];
    expect(await codeOf(line, guest)).toBe("not_allowed");
    expect(await codeOf(["deploy-docs", "--set", "environment=test"])).toBe("bridge_refused");
    expect(await codeOf(["deploy-docs", "--set", "environment"])).toBe("usage_invalid");
    expect(await codeOf(["deploy-docs", "--set", "a=1", "--set", "a=2"])).toBe("usage_invalid");
    expect(await codeOf(["--key", "k"])).toBe("usage_invalid");
    expect(await codeOf([...line, "--for", "1m"])).toBe("usage_invalid");
    expect(await codeOf([...line, "--wait", "--for", "soon"])).toBe("usage_invalid");
  });
});

describe("drawbridge mcp", () => {
  it("ends when its input ends before a first message", async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const environment = { DRAWBRIDGE_URL: bridge.url.href, DRAWBRIDGE_TOKEN: await identity.token(dana, AUDIENCE) };
    input.end();
    await serveMcp(await openSession({ environment }), new StdioServerTransport(input, output), "0.0.0");
    expect(output.read()).toBeNull();
  });

  /** Connects the official client to the server by two streams, as standard input and output are. */
  async function agentClient(client: MachineClient) {
    const [input, output] = [new PassThrough(), new PassThrough()];
    const environment = { DRAWBRIDGE_URL: bridge.url.href, DRAWBRIDGE_TOKEN: await identity.token(client, AUDIENCE) };
    const serving = serveMcp(await openSession({ environment }), new StdioServerTransport(input, output), "0.0.0");
    const mcp = new Client({ name: "agent", version: "1.0.0" });
    await mcp.connect(new StdioServerTransport(output, input));
    const use = async (name: string, args: Readonly<Record<string, unknown>> = {}) => {
      const { content, isError } = await mcp.callTool({ name, arguments: args });
      const [{ text } = { text: "" }] = content as readonly { readonly text: string }[];
      return isError ? { refused: text } : JSON.parse(text);
    };
    const close = async () => {
      await mcp.close();
      input.end();
      await serving;
    };
    return { mcp, use, close };
  }

  it("an agent places an order, waits for a person by rule, and is told what became of it; proposed twice it is one run", async () => {
    const commit = newCommit();
    const inputs = { environment: "production", commit };
    const { mcp, use, close } = await agentClient(agentForDana);
    expect((await mcp.listTools()).tools.map(({ name }) => name)).toEqual(["find", "explain", "propose", "wait"]);
    expect(await use("find")).toMatchObject({
      orders: [
        {
          order: "deploy-docs",
          inputs: [{ name: "environment", mustBe: "one of staging, production" }, { name: "commit" }],
        },
      ],
    });
    expect(await use("explain", { order: "deploy-docs", inputs })).toMatchObject({
      routes: [{ route: "deploy-production", approval: { people: 1, roles: ["manager"] } }],
    });
    const placed = await use("propose", { order: "deploy-docs", inputs });
    expect(placed).toMatchObject({ status: "accepted", key: expect.stringMatching(/^mcp-/) });
    const id = await approvalOf(placed.delivery);
    expect(await use("wait", { delivery: placed.delivery, seconds: 1 })).toEqual({
      ...{ state: "waiting", waitsFor: expect.stringContaining("manager"), runs: [], isOpen: true },
    });
    expect(runsWith(commit)).toEqual([]);
    expect(await grant(max, id)).toMatchObject({ status: 200 });
    expect(await use("wait", { delivery: placed.delivery })).toMatchObject({
      ...{ state: "ran", isOpen: false, runs: [{ state: "succeeded", isGood: true }] },
    });
    const turned = { commit, environment: "production" };
    expect(await use("propose", { order: "deploy-docs", inputs: turned })).toEqual({ ...placed, status: "duplicate" });
    expect(await use("propose", { order: "deploy-docs", inputs, key: placed.key })).toMatchObject({
      delivery: placed.delivery,
    });
    expect(runsWith(commit)).toHaveLength(1);
    expect(await use("find", { text: commit })).toMatchObject({
      deliveries: expect.arrayContaining([expect.objectContaining({ id: placed.delivery, state: "ran" })]),
    });
    expect(await use("explain", { delivery: placed.delivery })).toMatchObject({ routes: expect.any(Array) });
    await close();
  });

  it("it may do what its token may, and a refusal is an answer", async () => {
    const { use, close } = await agentClient(gitlabJob);
    const refused = { refused: expect.stringContaining("role") };
    expect(await use("propose", { order: "deploy-docs", inputs: PRODUCTION })).toEqual(refused);
    expect(await use("find", { text: COMMIT })).toEqual(refused);
    expect(await use("propose", { order: "none" })).toEqual({ refused: expect.stringContaining("no such order") });
    const either = { refused: expect.stringContaining("give either delivery, or order with its inputs") };
    for (const args of [{}, { delivery: "d-1", order: "deploy-docs" }])
      expect(await use("explain", args)).toEqual(either);
    expect(await use("explain", { delivery: ".." })).toEqual({ refused: expect.stringContaining("no ids") });
    for (const args of [
      { order: "none", key: "two\nlines" },
      { order: "none", inputs: { n: 1 } },
      { order: "none", by: "max" },
    ])
      expect(await use("propose", args)).toEqual({ refused: expect.stringContaining("Invalid arguments") });
    await close();
  });
});
