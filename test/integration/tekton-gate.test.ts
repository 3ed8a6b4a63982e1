import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { COMMANDS } from "../../shared/cli/commands.ts";
import { parseCommandLine } from "../../shared/cli/parse.ts";
import { approvalTasks } from "../../shared/cluster/approval-tasks.ts";
import { askBridge, type BridgeSource, postToBridge } from "../../shared/cluster/bridge-source.ts";
import { Counters } from "../../shared/cluster/counters.ts";
import { pipelineRuns } from "../../shared/cluster/pipeline-runs.ts";
import { RUN_CANCELLER_COUNTERS, RunCanceller } from "../../shared/cluster/run-canceller.ts";
import { TASK_GATE_COUNTERS, TaskGate } from "../../shared/cluster/task-gate.ts";
import { taskGateObjects } from "../../shared/cluster/task-gate-objects.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { callOut } from "../../shared/host/call-out.ts";
import { systemClock, toSeconds } from "../../shared/host/clock.ts";
import { apiToken, sandboxApprovalTasks } from "../support/sandbox-approval-tasks.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";
import { AUDIENCE, keySetOf, signingKey, tokenOf } from "../unit/identity/tokens.ts";

const CLUSTER = "https://kubernetes.default.svc";
const PEOPLE = "https://idp.example.test";
const ACCOUNT = "system:serviceaccount:drawbridge:drawbridge-gate";
const key = signingKey("k1");
const peopleKey = signingKey("k2");
const now = () => toSeconds(systemClock.now());
const claims = (more: object) => ({ iat: now() - 10, exp: now() + 290, ...more });

let bridge: Awaited<ReturnType<typeof startStandalone>>;
let cluster: Awaited<ReturnType<typeof sandboxApprovalTasks>>;
let home: string;
let gate: TaskGate;

beforeAll(async () => {
  cluster = await sandboxApprovalTasks();
  home = await mkdtemp(join(tmpdir(), "drawbridge-gate-"));
  const jwks = { inline: keySetOf(key) };
  const loaded = parseConfig(
    stringify({
      issuers: {
        gate: { preset: "kubernetes", issuer: CLUSTER, audience: AUDIENCE, jwks, roles: ["gate"] },
        people: { issuer: PEOPLE, audience: AUDIENCE, jwks: { inline: keySetOf(peopleKey) }, roles: ["manager"] },
      },
      roles: {
        gate: { call: ["gates", "cancellations"] },
        manager: { call: ["deliveries"], approve: ["release-gate"] },
      },
      orders: { build: { roles: ["manager"], inputs: { page: { pattern: "[0-9]+" } } } },
      sources: { cluster: { provider: "tekton", bearer: { trust: "gate" }, namespaces: ["ci"] } },
      targets: {
        listener: {
          kind: "tekton",
          url: new URL("listener", cluster.url).href,
          runsReportedBy: "cluster",
          namespaces: ["ci"],
          runName: "fixed",
        },
      },
      routes: {
        "release-gate": {
          when: { source: ["drawbridge.tekton"], "detail-type": ["approval.requested"] },
          approval: { expiresMinutes: 60 },
          do: { tekton: { target: "listener", gate: true } },
        },
        "docs-build": {
          when: { "detail-type": ["order.placed"] },
          // biome-ignore lint/suspicious/noThenProperty: a key of the configuration, which nobody awaits.
          flow: { key: "$.detail.order.inputs.page", running: 1, then: "cancel" },
          do: { tekton: { target: "listener" } },
        },
      },
    }),
    "test.yaml",
  );
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  bridge = await startStandalone({
    config: loaded.config,
    secrets: secretsOf({}),
    log: silentLog,
    retry: { baseMs: 20, capMs: 200, maxAttempts: 3 },
    address: { hostname: "127.0.0.1", port: 0 },
  });
  await writeFile(join(home, "api"), apiToken(ACCOUNT));
  await writeFile(join(home, "bridge"), tokenOf(CLUSTER, key, { claims: claims({ sub: ACCOUNT }) }));
});
afterAll(async () => {
  await Promise.all([bridge.stop(), cluster.close()]);
  await rm(home, { recursive: true, force: true });
});

const source = (): BridgeSource => ({
  url: new URL("/webhooks/cluster", bridge.url),
  tokenFile: join(home, "bridge"),
  callOut,
});

/** A process that knows nothing yet: each test begins with one, as after a crash. */
const startGate = () =>
  new TaskGate({
    namespaces: ["ci"],
    tasks: approvalTasks({ url: cluster.url, tokenFile: join(home, "api"), callOut }),
    post: (event) => postToBridge(event, source()),
    ask: (path) => askBridge(path, source()),
    counters: new Counters(TASK_GATE_COUNTERS),
    clock: systemClock,
    log: silentLog,
  });
beforeEach(() => {
  gate = startGate();
  cluster.beforeUpdate(() => undefined);
});

const person = (subject: string) => tokenOf(PEOPLE, peopleKey, { claims: claims({ sub: subject }) });

async function ask(path: string, { token = person("max"), body }: { token?: string; body?: object } = {}) {
  const response = await fetch(new URL(path, bridge.url), {
    method: body ? "POST" : "GET",
    headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
    body: body ? JSON.stringify(body) : null,
  });
  return { status: response.status, body: (await response.json()) as Listed };
}

interface Listed {
  readonly approvals: readonly Shown[];
  readonly deliveries: readonly Shown[];
}

interface Shown {
  readonly id: string;
  readonly subject: string;
  readonly state: string;
  readonly delivery: string;
  readonly endedFor?: string;
}
async function approvalOf(name: string): Promise<Shown | undefined> {
  const [open, ended] = await Promise.all([ask("/v1/approvals?all=true"), ask("/v1/approvals?state=ended")]);
  return [...open.body.approvals, ...ended.body.approvals].find(({ subject }: Shown) => subject === `ci/${name}`);
}

/** A task that waits, reported to the bridge, whose approval is open. */
async function waiting(name: string, approvers: readonly string[] = [ACCOUNT], required = 1): Promise<Shown> {
  cluster.create(name, { approvers, required });
  await gate.round();
  await until("the approval", async () => (await approvalOf(name)) !== undefined);
  const approval = await approvalOf(name);
  if (approval === undefined) throw new Error("it is there");
  return approval;
}

async function decide({ id }: Shown, decision: string, comment?: string): Promise<void> {
  expect(await ask(`/v1/approvals/${id}`, { body: { decision, comment } })).toMatchObject({ status: 200 });
}

const entryOf = (name: string, account = ACCOUNT) =>
  cluster.find(name).spec.approvers.find((one) => one.name === account);
const stateOf = (name: string) => cluster.find(name).status.state;
const updates = (name: string) =>
  cluster.requests.filter((one) => one.startsWith("PUT") && one.endsWith(`/${name}`)).length;

describe("a task that waits inside a run", () => {
  it("is approved in the cluster by the process's own account, after a person approved it here, with the person's name", async () => {
    const approval = await waiting("one-release");
    await gate.round();
    expect(stateOf("one-release")).toBe("pending");
    await decide(approval, "grant", "looks\ngood");
    await until("the firing", async () => (await approvalOf("one-release"))?.state === "fired");
    await gate.round();
    expect(stateOf("one-release")).toBe("approved");
    const message = `approved by max of ${PEOPLE} because “looks good” (Drawbridge, approval ${approval.id})`;
    expect(entryOf("one-release")).toMatchObject({ input: "approve", message });
  });

  it("is rejected there after a denial, and after a withdrawal", async () => {
    for (const [name, decision, word] of [
      ["two-release", "deny", "denied"],
      ["three-release", "withdraw", "withdrawn"],
    ] as const) {
      const approval = await waiting(name);
      await decide(approval, decision);
      await gate.round();
      expect(stateOf(name)).toBe("rejected");
      expect(entryOf(name)?.message).toContain(`${word} by max`);
    }
  });

  it("is decided once, whenever the process is killed and starts again", async () => {
    const approval = await waiting("four-release", [ACCOUNT, "kim"], 2);
    gate = startGate();
    await gate.round();
    await decide(approval, "grant");
    await until("the firing", async () => (await approvalOf("four-release"))?.state === "fired");
    for (let starts = 0; starts < 3; starts++) {
      gate = startGate();
      await gate.round();
      await gate.round();
    }
    expect(updates("four-release")).toBe(1);
    expect(stateOf("four-release")).toBe("pending");
    const reports = await ask("/v1/deliveries?type=approval.requested&source=cluster");
    const own = reports.body.deliveries.filter(({ subject }: Shown) => subject === "ci/four-release");
    expect(own).toHaveLength(1);
    expect(cluster.decideAs("kim", "four-release", "approve")).toBeUndefined();
    expect(stateOf("four-release")).toBe("approved");
  });

  it("a decision there ends the approval here, and the record names who decided", async () => {
    const approval = await waiting("five-release", [ACCOUNT, "kim"]);
    expect(cluster.decideAs("kim", "five-release", "approve", "checked by hand")).toBeUndefined();
    await gate.round();
    await until("the report", async () => (await reported("approval.granted", "ci/five-release")) !== undefined);
    expect(await ask(`/v1/approvals/${approval.id}`, { body: { decision: "grant" } })).toMatchObject({
      status: 409,
      body: { reason: "approval_outdated" },
    });
    const report = await reported("approval.granted", "ci/five-release");
    const shown = await ask(`/v1/deliveries/${report?.id}`);
    expect(JSON.stringify(shown.body)).toContain("kim (checked by hand)");
    expect(updates("five-release")).toBe(0);
  });

  it("a timeout, and a deletion, end the approval here", async () => {
    const timed = await waiting("six-release");
    const deleted = await waiting("seven-release");
    cluster.timeOut("six-release");
    cluster.remove("seven-release");
    await gate.round();
    for (const [name, approval, why] of [
      ["six-release", timed, "its timeout"],
      ["seven-release", deleted, "its deletion"],
    ] as const) {
      await until("the report", async () => (await reported("approval.denied", `ci/${name}`)) !== undefined);
      const report = await reported("approval.denied", `ci/${name}`);
      expect(JSON.stringify((await ask(`/v1/deliveries/${report?.id}`)).body)).toContain(why);
      expect(await ask(`/v1/approvals/${approval.id}`, { body: { decision: "grant" } })).toMatchObject({ status: 409 });
    }
  });

  it("a decision that somebody writes at the same moment is not overwritten", async () => {
    const approval = await waiting("eight-release", [ACCOUNT, "kim"], 2);
    await decide(approval, "deny");
    let isFirst = true;
    cluster.beforeUpdate(() => {
      if (!isFirst) return;
      isFirst = false;
      cluster.decideAs("kim", "eight-release", "approve", "mine");
    });
    await gate.round();
    expect(entryOf("eight-release")).toMatchObject({ input: "pending" });
    await gate.round();
    expect(entryOf("eight-release")).toMatchObject({ input: "reject" });
    expect(entryOf("eight-release", "kim")).toMatchObject({ input: "approve", message: "mine" });
  });

  it("is not reported if it does not name the process's account", async () => {
    cluster.create("nine-release", { approvers: ["kim"] });
    await gate.round();
    const asked = cluster.requests.some((one) => one.endsWith("customruns/nine-release"));
    expect(asked).toBe(false);
    expect(cluster.find("nine-release").status.state).toBe("pending");
  });
});

describe("GET /v1/gates/{id}", () => {
  it("answers nobody but the account that reported the task, with the role", async () => {
    const { delivery } = await waiting("ten-release");
    const tokenFor = (sub: string) => tokenOf(CLUSTER, key, { claims: claims({ sub }) });
    const path = `/v1/gates/${delivery}`;
    expect(await ask(path, { token: tokenFor(ACCOUNT) })).toMatchObject({ status: 200, body: { decision: "wait" } });
    expect(await ask(path, { token: tokenFor("system:serviceaccount:ci:other") })).toMatchObject({ status: 404 });
    expect(await ask(path)).toMatchObject({ status: 403, body: { reason: "role_missing" } });
    expect(await ask(path, { token: "none" })).toMatchObject({ status: 401 });
  });
});

describe("a run that something newer in its flow replaces", () => {
  const startCanceller = () =>
    new RunCanceller({
      namespaces: ["ci"],
      runs: pipelineRuns({ url: cluster.url, tokenFile: join(home, "api"), callOut }),
      ask: (path, body) => askBridge(path, source(), body),
      counters: new Counters(RUN_CANCELLER_COUNTERS),
      log: silentLog,
    });
  const order = async (page: string, key: string): Promise<string> => {
    const response = await fetch(new URL("/v1/orders/build", bridge.url), {
      method: "POST",
      headers: {
        authorization: `Bearer ${person("max")}`,
        "content-type": "application/json",
        "idempotency-key": key,
      },
      body: JSON.stringify({ inputs: { page } }),
    });
    return v.parse(v.object({ delivery: v.string() }), await response.json()).delivery;
  };
  const runOf = (delivery: string) =>
    cluster.pipelineRuns().find(({ metadata }) => metadata.annotations["drawbridge.dev/delivery"] === delivery);
  const linesOf = async (delivery: string): Promise<readonly Line[]> => {
    const { timeline } = v.parse(
      v.object({ timeline: v.array(v.looseObject({ kind: v.string(), state: v.optional(v.string()) })) }),
      (await ask(`/v1/deliveries/${delivery}`)).body,
    );
    return timeline as readonly Line[];
  };
  const cancelLines = async (delivery: string) =>
    (await linesOf(delivery)).filter(({ kind }) => kind === "cancel").map(({ summary }) => summary);
  const listed = async (): Promise<readonly string[]> => {
    const { status, body } = await askBridgeFor({});
    expect(status).toBe(200);
    return body.cancellations.map(({ run }) => run);
  };
  const askBridgeFor = async (body: object, token?: string) => {
    const response = await fetch(new URL("/v1/cancellations", bridge.url), {
      method: "POST",
      headers: {
        authorization: `Bearer ${token ?? tokenOf(CLUSTER, key, { claims: claims({ sub: ACCOUNT }) })}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });
    return {
      status: response.status,
      body: (await response.json()) as {
        readonly cancellations: readonly { readonly run: string; readonly by: string }[];
      },
    };
  };
  /** Tekton ends the run, and its events controller reports that. */
  const end = async (delivery: string, reason: "Cancelled" | "Completed"): Promise<void> => {
    const run = runOf(delivery);
    if (run === undefined) throw new Error("it runs");
    const time = new Date().toISOString();
    run.status = { completionTime: time };
    const isGood = reason === "Completed";
    const answer = await postToBridge(
      {
        headers: {
          "content-type": "application/json",
          "ce-specversion": "1.0",
          "ce-id": `end-of-${run.metadata.name}`,
          "ce-source": `/apis///namespaces/ci//${run.metadata.name}`,
          "ce-time": time,
          "ce-type": `dev.tekton.event.pipelinerun.${isGood ? "successful" : "failed"}.v1`,
        },
        body: JSON.stringify({
          pipelineRun: {
            metadata: { ...run.metadata, labels: { "tekton.dev/pipeline": "docs" }, creationTimestamp: time },
            spec: run.spec,
            status: {
              conditions: [{ type: "Succeeded", status: isGood ? "True" : "False", reason, lastTransitionTime: time }],
              startTime: time,
              completionTime: time,
            },
          },
        }),
      },
      source(),
    );
    expect(answer.status).toBe(202);
  };

  it("is cancelled in the cluster, and the newest starts when its end was reported and not before", async () => {
    const first = await order("1", "one");
    await until("the first run", () => runOf(first) !== undefined);
    expect(await listed()).toEqual([]);
    const second = await order("1", "two");
    await until("what has to be cancelled", async () => (await listed()).length === 1);
    await startCanceller().round();
    expect(runOf(first)?.spec.status).toBe("Cancelled");
    // Asked again by a process that knows nothing, as after a crash: the object says that it was cancelled.
    await startCanceller().round();
    expect(
      cluster.requests.filter((one) => one.startsWith("PATCH") && one.endsWith(`/${runOf(first)?.metadata.name}`)),
    ).toHaveLength(1);
    expect(runOf(second)).toBeUndefined();
    const third = await order("1", "three");
    const isForThird = async () => (await askBridgeFor({})).body.cancellations.some(({ by }) => by === third);
    await until("the third order in place of the second", isForThird);
    await end(first, "Cancelled");
    await until("the third run", () => runOf(third) !== undefined);
    expect(await cancelLines(first)).toEqual([
      `is being cancelled, superseded by ${third}`,
      `cancelled, superseded by ${third}`,
    ]);
    expect(await listed()).toEqual([]);
    expect([runOf(second), runOf(third)?.spec.status]).toEqual([undefined, undefined]);
  });

  it("a cancellation that the API server refuses is recorded once for each reason, and tried again", async () => {
    const first = await order("2", "2-one");
    await until("the first run", () => runOf(first) !== undefined);
    const second = await order("2", "2-two");
    await until("what has to be cancelled", async () => (await listed()).length === 1);
    const canceller = startCanceller();
    cluster.allowPatch(false);
    for (const _ of [1, 2, 3]) await canceller.round();
    expect(await cancelLines(first)).toEqual([
      `is being cancelled, superseded by ${second}`,
      `not cancelled yet, superseded by ${second}; it is tried again: the API server answered 403`,
    ]);
    cluster.allowPatch(true);
    await canceller.round();
    expect(runOf(first)?.spec.status).toBe("Cancelled");
    // It ended by itself in that moment: nothing says that it was cancelled.
    await end(first, "Completed");
    await until("the second run", () => runOf(second) !== undefined);
    expect(await cancelLines(first)).toHaveLength(2);
    await end(second, "Completed");
  });

  it("a run of the same name that another delivery started is left alone", async () => {
    const first = await order("3", "3-one");
    await until("the first run", () => runOf(first) !== undefined);
    const run = runOf(first);
    Object.assign(run?.metadata.annotations ?? {}, { "drawbridge.dev/delivery": "d-other" });
    await order("3", "3-two");
    await until("what has to be cancelled", async () => (await listed()).length === 1);
    const canceller = startCanceller();
    for (const _ of [1, 2]) await canceller.round();
    expect(run?.spec.status).toBeUndefined();
    expect((await cancelLines(first)).at(-1)).toContain("the run of this name is of another delivery");
  });

  it("only a role for it, of a trust entry of that cluster, gets to know what has to be cancelled", async () => {
    expect(await askBridgeFor({}, person("max"))).toMatchObject({ status: 403, body: { reason: "role_missing" } });
    expect(await askBridgeFor({}, "none")).toMatchObject({ status: 401 });
    expect(await askBridgeFor({ failed: [{ id: "a-1" }] })).toMatchObject({ status: 400 });
    // An id that is not listed changes nothing.
    expect(await askBridgeFor({ failed: [{ id: "a-unknown", problem: "none" }] })).toMatchObject({ status: 200 });
  });
});

interface Line {
  readonly kind: string;
  readonly state?: string;
  readonly summary?: string;
}

async function reported(type: string, subject: string): Promise<{ readonly id: string } | undefined> {
  const { body } = await ask(`/v1/deliveries?type=${type}&source=cluster`);
  return body.deliveries.find((one: Shown) => one.subject === subject);
}

describe("drawbridge tekton gate", () => {
  const objects = taskGateObjects({
    namespace: "drawbridge",
    image: "registry.example.test/drawbridge",
    source: "https://bridge.example.test/webhooks/cluster",
    tokenAudience: "bridge",
    taskNamespaces: ["ci", "docs"],
    runNamespaces: [],
  });
  const ofKind = (kind: string) => objects.filter((one) => "kind" in one && one.kind === kind);

  it("its rights are those of its requests, in the namespaces of the tasks alone", () => {
    const rules = [
      { apiGroups: ["openshift-pipelines.org"], resources: ["approvaltasks"], verbs: ["list", "update"] },
      { apiGroups: ["tekton.dev"], resources: ["customruns"], verbs: ["get"] },
    ];
    expect(ofKind("Role")).toMatchObject(["ci", "docs"].map((namespace) => ({ metadata: { namespace }, rules })));
    expect(ofKind("RoleBinding")).toHaveLength(2);
    expect(ofKind("ClusterRole")).toEqual([]);
    const made = new Set(
      cluster.requests.map((one) => `${one.split(" ")[0]} ${/(approvaltasks|customruns|pipelineruns)/.exec(one)?.[0]}`),
    );
    expect(made).toEqual(
      new Set([
        ...["GET approvaltasks", "GET customruns", "PUT approvaltasks"],
        ...["GET pipelineruns", "PATCH pipelineruns"],
      ]),
    );
  });

  it("only where it may cancel runs it may patch them", () => {
    const roles = taskGateObjects({
      namespace: "drawbridge",
      image: "registry.example.test/drawbridge",
      source: "https://bridge.example.test/webhooks/cluster",
      tokenAudience: "bridge",
      taskNamespaces: [],
      runNamespaces: ["ci"],
    }).filter((one) => "kind" in one && one.kind === "Role");
    const rules = [{ apiGroups: ["tekton.dev"], resources: ["pipelineruns"], verbs: ["get", "patch"] }];
    expect(roles).toMatchObject([{ metadata: { namespace: "ci" }, rules }]);
  });

  it("this version accepts its arguments, nobody may reach it, and it trusts the authority of the API server", () => {
    const [deployment] = ofKind("Deployment");
    const { args, env } = v.parse(deployed, deployment).spec.template.spec.containers[0];
    const parsed = parseCommandLine(args, COMMANDS);
    expect(parsed).toMatchObject({ options: { as: "gate", "task-namespaces": "ci,docs" } });
    expect(env).toEqual([
      { name: "NODE_EXTRA_CA_CERTS", value: "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt" },
    ]);
    expect(ofKind("NetworkPolicy")).toMatchObject([{ spec: { policyTypes: ["Ingress"], ingress: [] } }]);
  });
});

const container = v.object({ args: v.array(v.string()), env: v.array(v.unknown()) });
const deployed = v.object({
  spec: v.object({ template: v.object({ spec: v.object({ containers: v.tuple([container]) }) }) }),
});
