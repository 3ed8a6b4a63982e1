import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { peopleOf } from "../../shared/approvals/people.ts";
import { AuditLog } from "../../shared/delivery/audit-log.ts";
import { RefusalCounts } from "../../shared/delivery/refusal-counts.ts";
import { epochMillis, laterBy, toIso } from "../../shared/host/clock.ts";
import { apiCalls } from "../../shared/http/calls.ts";
import { order } from "../../shared/identity/order.ts";
import { policyOf, type Roles } from "../../shared/identity/policy.ts";
import type { BridgeEvent, BridgeEvents } from "../../shared/model/event.ts";
import { factsOf } from "../../shared/model/event-facts.ts";
import type { Principal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { ok } from "../../shared/model/result.ts";
import { memoryStores } from "../support/memory-stores.ts";
import { propertyCases } from "../support/property-cases.ts";
import { sampleDelivery } from "../support/samples.ts";
import { noSites, secretsOf, silentLog, testClock } from "../support/test-doubles.ts";

const TIME = "2026-11-02T09:00:00.000Z";
const ABSENT = "d-aaaaaaaaaaaaaaaaaaaaaaaaaa";

/** What the table below knows of an event. The oracle reads nothing else. */
interface Facts {
  readonly projects?: string;
  readonly spaces?: string;
  readonly namespaces?: string;
  readonly environments?: string;
  readonly pipelines?: string;
}
interface Sample {
  readonly event: BridgeEvent;
  readonly facts: Facts;
}
const shared = { keyParts: ["1"], time: TIME, subject: "s" } as const;
const site = "https://wiki.example.test";
const run = { id: "1", state: "succeeded" } as const;

const COMMIT = "c".repeat(40);
const code = (project: string): Sample => ({
  event: {
    ...shared,
    type: "code.pushed",
    code: {
      project,
      ref: "refs/heads/main",
      name: "main",
      change: "updated",
      commits: [],
      commitCount: 1,
      commit: COMMIT,
    },
  },
  facts: { projects: project },
});
const deployment = (project: string, environment: string): Sample => ({
  event: { ...shared, type: "deployment.succeeded", deployment: { ...run, project, environment } },
  facts: { projects: project, environments: environment },
});
const pipeline = (project: string, pipeline: string): Sample => ({
  event: { ...shared, type: "build.succeeded", build: { ...run, system: "gitlab", pipeline } },
  facts: { projects: project, pipelines: pipeline },
});
const job = (project: string, environment: string): Sample => ({
  event: {
    ...shared,
    type: "job.succeeded",
    job: { ...run, system: "gitlab", name: "deploy", pipeline: project, environment },
  },
  facts: { projects: project, pipelines: project, environments: environment },
});
const cluster = (namespace: string): Sample => ({
  event: { ...shared, type: "build.succeeded", build: { ...run, system: "tekton", pipeline: `${namespace}/docs` } },
  facts: { namespaces: namespace, pipelines: `${namespace}/docs` },
});
const hosted: Sample = {
  event: { ...shared, type: "build.succeeded", build: { ...run, system: "buildkite", pipeline: "platform/docs" } },
  facts: { pipelines: "platform/docs" },
};
const page = (space?: string): Sample => ({
  event: { ...shared, type: "page.updated", page: { site, id: "1", ...(space && { space }) } },
  facts: space ? { spaces: space } : {},
});
const gate: Sample = {
  event: {
    ...shared,
    type: "approval.requested",
    approval: {
      system: "drawbridge",
      build: "p-1",
      pipeline: "platform/docs",
      gate: { state: "requested", approvers: [], requestedAt: TIME, until: TIME },
    },
  },
  facts: {},
};
const oldJob: Sample = {
  event: {
    ...shared,
    type: "job.succeeded",
    job: { ...run, system: "gitlab", name: "x", pipeline: "Platform / docs" },
  },
  facts: { pipelines: "Platform / docs" },
};

const project = fc.constantFrom("platform/docs", "Platform/Site", "tools/x", "platform-2/docs");
const environment = fc.constantFrom("prod", "review/1", "production");
const sample = fc.oneof(
  project.map(code),
  fc.tuple(project, environment).map((all) => deployment(...all)),
  fc.tuple(project, fc.constantFrom("", " (child)", ": deploy")).map(([of, rest]) => pipeline(of, `${of}${rest}`)),
  fc.tuple(project, environment).map((all) => job(...all)),
  fc.constantFrom("ci", "ci-docs", "prod").map(cluster),
  fc.constantFrom("DOC", "ENG", "docs2", undefined).map(page),
  fc.constantFrom(hosted, gate, oldJob),
);
/** The samples of one delivery: none for one that is no event. */
const samplesOfOne = fc.oneof(
  { weight: 1, arbitrary: fc.constant([]) },
  { weight: 9, arbitrary: fc.array(sample, { minLength: 1, maxLength: 2 }) },
);

const some = (...entries: string[]) => fc.subarray(entries, { minLength: 1 });
const scope = fc
  .record(
    {
      projects: some("platform/*", "PLATFORM/docs", "tools/x"),
      spaces: some("doc*", "ENG"),
      namespaces: some("ci", "ci-*"),
      environments: some("prod", "review/*"),
      pipelines: some("platform/docs", "ci/*", "Platform *"),
    },
    { requiredKeys: [] },
  )
  .filter((one) => Object.keys(one).length > 0);
const role = fc.record(
  {
    call: fc.subarray(["deliveries", "payloads", "sessions", "status"] as const),
    fire: fc.subarray(["docs"]),
    replay: fc.subarray(["docs"]),
    approve: fc.subarray(["docs"]),
    promote: fc.subarray(["docs"]),
    summarise: fc.subarray(["pages"]),
    pause: fc.subarray(["ci"]),
    in: scope,
  },
  { requiredKeys: ["call", "fire", "replay", "approve", "promote", "summarise", "pause"] },
);
const NAMES = ["a", "b", "c"] as const;
type Permission =
  | "deliveries"
  | "payloads"
  | "sessions"
  | "summarise"
  | "pause"
  | "fire"
  | "replay"
  | "approve"
  | "promote";

/** The oracle: who may what, from the table of facts and the text of the roles. */
function oracle(roles: Roles, held: readonly string[]) {
  const own = held.map((name) => roles[name]).filter((one) => one !== undefined);
  const has = (one: Roles[string], what: Permission) =>
    what === "deliveries" || what === "payloads" || what === "sessions"
      ? one.call.includes(what)
      : one[what].length > 0;
  const covers = (one: Roles[string], samples: readonly Sample[]): boolean => {
    if (one.in === undefined) return true;
    const lists = Object.entries(one.in) as [keyof Facts, readonly string[]][];
    return samples.some(({ facts }) =>
      lists.every(([fact, entries]) => {
        const flags = fact === "projects" || fact === "spaces" ? "i" : "";
        const forms = entries.map((entry) => entry.replace(/[.()]/g, "\\$&").replace(/\*$/, ".*"));
        const value = facts[fact];
        return value !== undefined && forms.some((form) => new RegExp(`^${form}$`, flags).test(value));
      }),
    );
  };
  const revealing = ["deliveries", "replay", "approve", "promote"] as const;
  return {
    covers: (one: Sample) => own.some((role) => covers(role, [one])),
    holds: (what: Permission) => own.some((one) => has(one, what)),
    may: (what: Permission, samples: readonly Sample[]) => own.some((one) => has(one, what) && covers(one, samples)),
    /** For what is about no event. */
    mayAboutNothing: (what: Permission) => own.some((one) => has(one, what) && one.in === undefined),
    knows: (samples: readonly Sample[]) =>
      own.every((one) => one.in === undefined) ||
      own.some((one) => revealing.some((what) => has(one, what)) && covers(one, samples)),
  };
}

const clock = testClock();

/** What it is about follows from two of its inputs. */
const ORDER = v.parse(order, {
  roles: ["a", "b"],
  inputs: { project: { pattern: ".+" }, environment: { choice: ["prod", "review/1", "production"] } },
});

/** A bridge with these deliveries, which answers the calls of principals. Every second delivery waits for an approval. */
async function bridgeOf(
  roles: Roles,
  deliveries: readonly (readonly Sample[])[],
  { at = (n: number) => n * 10, waits = true } = {},
) {
  const stores = memoryStores({ clock });
  const policy = policyOf(roles);
  const records = deliveries.map((samples, n): RecordedDelivery => {
    const { events: _, ...rest } = sampleDelivery(n);
    const receivedAt = epochMillis(clock.now() - 60_000 + at(n));
    const [first, ...others] = samples.map(({ event }) => event);
    if (first === undefined) return { ...rest, receivedAt, outcome: "ignored", what: "other" };
    const events: BridgeEvents = [first, ...others];
    return { ...rest, receivedAt, what: first.type, events };
  });
  for (const [n, record] of records.entries()) {
    await stores.deliveries.record(record);
    if (record.events === undefined || !waits) continue;
    const scheduled = { at: record.receivedAt, kind: "scheduled", route: "docs", action: "webhook" } as const;
    await stores.deliveries.addToTimeline(record.id, scheduled);
    await stores.runs.record("docs", { delivery: record.id, firedAt: toIso(record.receivedAt) });
    const end = { succeeded: true, at: toIso(record.receivedAt) };
    await stores.runs.record("docs", { delivery: record.id, beganAt: toIso(record.receivedAt), end });
    if (n % 2 === 0) await request(n, record);
  }
  async function request(n: number, { id: delivery, principal, events }: RecordedDelivery) {
    const [event] = events ?? [];
    await stores.approvals.request({
      id: `p-${n}`,
      route: "docs",
      action: `a-${n}`,
      delivery,
      subject: "s",
      requester: principal,
      requestedAt: clock.now(),
      until: laterBy(clock.now(), 3_600_000),
      approvers: [],
      ...(event && { facts: factsOf(event) }),
    });
  }
  const runReporters = [{ name: "docs", runsReportedBy: "cluster", target: "ci" }];
  const calls = apiCalls({
    ...stores,
    woken: async () => undefined,
    config: { issuers: {}, roles: {}, upstreams: {} },
    issuer: undefined,
    tokens: { verify: async (token) => ok({ principal: personWith(token.token), claims: {} }) },
    trustEntries: ["people"],
    policy,
    people: peopleOf({ issuers: {}, sources: [] }),
    rules: new Map(),
    latencyOf: () => undefined,
    rejectionAudit: { record: async () => undefined },
    log: silentLog,
    patterns: async () => [],
    orders: async () => ({ deploy: ORDER }),
    refusalCounts: new RefusalCounts({ refusals: stores.refusals, clock, log: silentLog }),
    sourcesWithNext: [],
    ready: async () => ({ status: "ready", checks: {} }),
    sites: noSites,
    runReporters,
    targetNames: ["ci"],
    sourcesOfCluster: () => [],
    jobs: [],
    secrets: secretsOf({}),
    targetHosts: { pages: [] },
    sourceNames: ["wiki"],
    auditLog: new AuditLog({ deliveries: stores.deliveries, log: silentLog }),
    rejectOverRate: async () => undefined,
    withAccess: async (by: Principal) => by,
    recorded: () => undefined,
    clock,
  });
  let requests = 0;
  return {
    records,
    policy,
    async ask(held: readonly string[], method: string, path: string, body?: object) {
      const url = new URL(path, "https://bridge.example.test");
      const call = calls.find((one) => one.method === method && patternOf(one.path).test(url.pathname));
      if (call === undefined) throw new Error(`there is no call ${method} ${path}`);
      const { id = "", target = "" } = patternOf(call.path).exec(url.pathname)?.groups ?? {};
      const headers = new Headers({
        authorization: `Bearer ${held.join("+") || "nothing"}`,
        "idempotency-key": `${requests++}`,
      });
      const bytes = body ? Buffer.from(JSON.stringify(body)) : new Uint8Array();
      const received = { method, url, headers, body: bytes, receivedAt: clock.now(), requestId: "r" };
      const result = await call.handle(received, id, target);
      return result.ok ? { answer: JSON.parse(JSON.stringify(result.value)) } : { refused: result.rejection.reason };
    },
  };
}

const patternOf = (path: string) => new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`);

const personWith = (token: string): Principal => ({
  issuer: "https://idp.example.test",
  subject: "max",
  method: "oidc",
  credential: "k",
  trustEntry: "people",
  roles: token.split("+"),
});

type Bridge = Awaited<ReturnType<typeof bridgeOf>>;

/** All pages of a list, each with at most two deliveries. */
async function listAll(bridge: Bridge, held: readonly string[]) {
  const ids: string[] = [];
  const cursors: string[] = [];
  for (let cursor = ""; ; ) {
    const page = await bridge.ask(held, "GET", `/v1/deliveries?limit=2${cursor}`);
    if (page.refused !== undefined) return { refused: page.refused, ids, cursors };
    ids.push(...page.answer.deliveries.map(({ id }: { id: string }) => id));
    if (page.answer.next === undefined) return { ids, cursors };
    cursors.push(page.answer.next);
    cursor = `&cursor=${page.answer.next}`;
  }
}

describe("roles that are confined", () => {
  it("every call allows exactly what the table says, and answers like absent what the caller may not know", async () => {
    const configuration = fc.record({ a: role, b: role, c: role });
    await fc.assert(
      fc.asyncProperty(
        configuration,
        fc.array(samplesOfOne, { minLength: 4, maxLength: 8 }),
        async (roles, deliveries) => {
          const bridge = await bridgeOf(roles as Roles, deliveries);
          const idOf = (n: number) => bridge.records[n]?.id ?? "";
          for (const held of [[], ["a"], ["b"], ["a", "b"], [...NAMES]]) {
            const table = oracle(roles as Roles, held);
            const readable = deliveries.flatMap((samples, n) => (table.may("deliveries", samples) ? [idOf(n)] : []));
            const listed = await listAll(bridge, held);
            const replays = bridge.records.map(({ id }) => id);
            const seen = { ...listed, ids: listed.ids.filter((id) => replays.includes(id)).reverse() };
            if (table.holds("deliveries")) expect(seen.ids).toEqual(readable);
            else expect(seen).toMatchObject({ refused: "role_missing", ids: [] });

            for (const [n, samples] of deliveries.entries()) {
              const got = await bridge.ask(held, "GET", `/v1/deliveries/${idOf(n)}`);
              if (table.may("deliveries", samples)) expect(got).toHaveProperty("answer.delivery.id", idOf(n));
              else expect(got).toEqual(await bridge.ask(held, "GET", `/v1/deliveries/${ABSENT}`));

              const request = await bridge.ask(held, "GET", `/v1/deliveries/${idOf(n)}/request`);
              if (!table.holds("payloads")) expect(request).toEqual({ refused: "role_missing" });
              else if (!table.may("deliveries", samples))
                expect(request).toEqual(await bridge.ask(held, "GET", `/v1/deliveries/${ABSENT}/request`));
              else if (table.may("payloads", samples)) expect(request).toHaveProperty("answer.delivery", idOf(n));
              else expect(request).toEqual({ refused: "role_missing" });

              const thread = await bridge.ask(held, "GET", `/v1/threads?delivery=${idOf(n)}`);
              if (table.may("deliveries", samples)) {
                const shown: readonly { delivery: string }[] = thread.answer.spans;
                expect(shown.map(({ delivery }) => delivery)).toContain(idOf(n));
                expect(shown.filter(({ delivery }) => !readable.includes(delivery))).toEqual([]);
              } else expect(thread).toEqual(await bridge.ask(held, "GET", `/v1/threads?delivery=${ABSENT}`));

              const summary = { text: "All is well.", sources: [idOf(n)] };
              const submitted = await bridge.ask(held, "PUT", "/v1/targets/pages/pages/1/summary", summary);
              expect("answer" in submitted).toBe(
                table.mayAboutNothing("summarise") && table.may("deliveries", samples) && samples.length > 0,
              );

              const fires = samples
                .slice(0, 1)
                .map((one) => bridge.policy.rejectRoute({ roles: held }, "fire", "docs", [factsOf(one.event)]));
              const isReserved = Object.values(roles).some(({ fire }) => fire.length > 0);
              if (samples.length > 0)
                expect(fires[0] === undefined).toBe(!isReserved || table.may("fire", samples.slice(0, 1)));
            }

            const ordering = held.filter((name) => ORDER.roles.includes(name));
            const placing = oracle(roles as Roles, ordering);
            for (const [of, environment] of [
              ["platform/docs", "prod"],
              ["tools/x", "review/1"],
            ] as const) {
              const inputs = { project: of, environment };
              const placed = await bridge.ask(held, "POST", "/v1/orders/deploy", { inputs });
              const may = placing.covers(deployment(of, environment));
              const refused = ordering.length > 0 ? "order_confined" : "role_missing";
              expect(placed).toEqual(may ? { answer: expect.anything() } : { refused });
              const preview = await bridge.ask(held, "POST", "/v1/orders/deploy/preview", { inputs });
              expect("answer" in preview).toBe(may);
            }
            const { answer: offered } = await bridge.ask(held, "GET", "/v1/orders");
            expect(offered.orders).toHaveLength(ordering.length > 0 ? 1 : 0);

            const revoked = await bridge.ask(held, "POST", "/v1/sessions/revoke", { subject: "mia" });
            expect("answer" in revoked).toBe(table.mayAboutNothing("sessions"));
            const paused = await bridge.ask(held, "POST", "/v1/targets/ci/pause", { reason: "a test" });
            expect("answer" in paused).toBe(table.mayAboutNothing("pause"));
            const resumed = await bridge.ask(held, "POST", "/v1/targets/ci/resume", {});
            expect("answer" in resumed).toBe(table.mayAboutNothing("pause"));
            const targets = await bridge.ask(held, "GET", "/v1/targets");
            expect("answer" in targets).toBe(table.mayAboutNothing("deliveries"));
            const used = await bridge.ask(held, "GET", "/v1/credentials");
            expect("answer" in used).toBe(table.mayAboutNothing("deliveries"));

            const { answer: approvals } = await bridge.ask(held, "GET", "/v1/approvals");
            const waiting = deliveries.flatMap((samples, n) => (n % 2 === 0 && samples.length > 0 ? [n] : []));
            const decidable = waiting.filter((n) => table.may("approve", deliveries[n]?.slice(0, 1) ?? []));
            expect(approvals.approvals.map(({ id }: { id: string }) => id).sort()).toEqual(
              decidable.map((n) => `p-${n}`),
            );
            for (const n of waiting.filter((one) => !decidable.includes(one))) {
              const { refused } = await bridge.ask(held, "POST", `/v1/approvals/p-${n}`, { decision: "deny" });
              const isKnown = table.knows(deliveries[n]?.slice(0, 1) ?? []);
              expect(refused).toBe(isKnown ? "role_missing" : "approval_unknown");
            }
          }
          // Replays add deliveries, so they come last.
          for (const held of [[], ["a"], ["b"], ["a", "b"], [...NAMES]]) {
            const table = oracle(roles as Roles, held);
            for (const [n, samples] of deliveries.entries()) {
              const replayed = await bridge.ask(held, "POST", `/v1/deliveries/${idOf(n)}/replay`, {});
              const isKnown = table.knows(samples);
              if (samples.length === 0)
                expect(replayed.refused).toBe(isKnown ? "replay_impossible" : "delivery_unknown");
              else if (!isKnown) expect(replayed).toEqual({ refused: "delivery_unknown" });
              else if (table.may("replay", samples)) expect(replayed).toHaveProperty("answer.replayOf", idOf(n));
              else expect(replayed).toEqual({ refused: "role_missing" });
            }
            const good = deliveries.flatMap((samples, n) =>
              samples.length > 0 && table.may("replay", samples) ? [n] : [],
            );
            // Five good runs are kept.
            const kept = deliveries.flatMap((samples, n) => (samples.length > 0 ? [n] : [])).slice(-5);
            const target = good.filter((n) => kept.includes(n)).at(-2);
            const preview = await bridge.ask(held, "GET", "/v1/rollbacks?route=docs");
            if (!table.holds("replay")) expect(preview).toEqual({ refused: "role_missing" });
            else {
              const named = JSON.stringify(preview).match(/d-[a-z2-7]{26}/g) ?? [];
              const known = deliveries.flatMap((samples, n) => (table.may("replay", samples) ? [idOf(n)] : []));
              expect(known).toEqual(expect.arrayContaining([...new Set(named)]));
            }
            const asked = await bridge.ask(held, "GET", "/v1/promotions?route=docs&from=staging&to=production");
            expect(asked).toEqual({ refused: table.holds("promote") ? "promotion_impossible" : "role_missing" });
            const rolledBack = await bridge.ask(held, "POST", "/v1/rollbacks", { route: "docs" });
            if (!table.holds("replay")) expect(rolledBack).toEqual({ refused: "role_missing" });
            else if (target === undefined) expect(rolledBack).toEqual({ refused: "rollback_impossible" });
            else expect(rolledBack).toHaveProperty("answer.replayOf", idOf(target));
          }
        },
      ),
      propertyCases("confined roles", { weight: 50 }),
    );
  });

  it("a list that stops at the limit of its scan never names a delivery that the caller may not know", async () => {
    const mine = [0, 1, 700];
    const samples = Array.from({ length: 701 }, (_, n) => [code(mine.includes(n) ? "platform/docs" : "tools/x")]);
    const roles = {
      a: {
        call: ["deliveries"],
        fire: [],
        replay: [],
        approve: [],
        promote: [],
        summarise: [],
        pause: [],
        in: { projects: ["platform/*"] },
      },
    };
    const bridge = await bridgeOf(roles as Roles, samples, { at: (n) => n * 7, waits: false });
    const { ids, cursors } = await listAll(bridge, ["a"]);
    expect(ids).toEqual([700, 1, 0].map((n) => bridge.records[n]?.id));
    expect(cursors).toEqual([
      expect.stringMatching(/000\.0$/),
      `${bridge.records[0]?.receivedAt}.${bridge.records[0]?.id}`,
    ]);
  });

  it("who may roll back but may not read a delivery learns no more of a run than which, when and how it ended", async () => {
    const none = { call: [], fire: [], replay: [], approve: [], promote: [], summarise: [], pause: [] };
    const roles = {
      operator: { ...none, replay: ["docs"] },
      reader: { ...none, call: ["deliveries"], in: { projects: ["platform/*"] } },
    };
    const samples = ["platform/docs", "tools/x", "tools/x"].map((name) => [code(name)]);
    const bridge = await bridgeOf(roles as Roles, samples, { waits: true });
    const runs = async (...held: readonly string[]) => {
      const preview = await bridge.ask(held, "GET", "/v1/rollbacks?route=docs");
      const [{ newest, good }] = preview.answer.places;
      return [newest, ...good].map((one) => Object.keys(one).sort().join(" "));
    };
    const bare = "delivery endedAt firedAt problem state";
    expect(await runs("operator")).toEqual([bare, bare, bare]);
    // The oldest is in the scope of the second role.
    expect(await runs("operator", "reader")).toEqual([
      bare,
      bare,
      expect.stringContaining("reference state subject what"),
    ]);
  });
});
