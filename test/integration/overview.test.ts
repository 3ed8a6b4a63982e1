import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it, vi } from "vitest";
import { relayBus } from "../../functions/relay-bus.ts";
import { peopleOf } from "../../shared/approvals/people.ts";
import { homePage } from "../../shared/console/home-page.ts";
import { targetsPage } from "../../shared/console/targets-page.ts";
import { AuditLog } from "../../shared/delivery/audit-log.ts";
import type { Readiness } from "../../shared/delivery/readiness.ts";
import { RefusalCounts } from "../../shared/delivery/refusal-counts.ts";
import { relay } from "../../shared/delivery/relay.ts";
import { replay } from "../../shared/delivery/replay.ts";
import { pauseTarget, resumeTarget } from "../../shared/delivery/target-gate.ts";
import { laterBy, toIso } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import { apiCalls } from "../../shared/http/calls.ts";
import type { Overview } from "../../shared/http/overview.ts";
import { overviewRows } from "../../shared/http/overview-text.ts";
import type { ListedTargets } from "../../shared/http/targets.ts";
import { policyOf, role } from "../../shared/identity/policy.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import { factsOf } from "../../shared/model/event-facts.ts";
import { actionIdOf } from "../../shared/model/idempotency-keys.ts";
import type { Principal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { ok } from "../../shared/model/result.ts";
import { LEVEL_WORDS, targetWordsOf } from "../../shared/model/state-words.ts";
import { TARGET_STATES } from "../../shared/model/target-state.ts";
import type { Route } from "../../shared/routes/route.ts";
import { openTable } from "../../shared/store/sqlite/open.ts";
import { bridgeParts, type PartsOptions, routeOf, scripted } from "../support/bridge-parts.ts";
import { propertyCases } from "../support/property-cases.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { noSites, secretsOf, silentLog, testClock } from "../support/test-doubles.ts";
import { shownBy, visitOf } from "../unit/console/visiting.ts";

const ROLES = v.parse(v.record(v.string(), role), {
  "on-call": { call: ["deliveries"], replay: ["*"], pause: ["ci"] },
  docs: { call: ["deliveries"], approve: ["docs"], in: { spaces: ["DOC"] } },
  outsider: { call: ["status"] },
});

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const WEEK_MS = 7 * 24 * HOUR_MS;

/** A bridge with these routes, and its overview as somebody with one of the roles asks for it. */
async function bridgeOf(routes: readonly Route[], options: PartsOptions = {}) {
  const parts = await bridgeParts(routes, options);
  const { deliveries, clock, ownAccounts, targets } = parts;
  const bus = relayBus(parts.bridge, parts.bus);
  const refusalCounts = new RefusalCounts(parts.bridge);
  const readiness: Pick<Readiness, "status" | "checks"> & { configuration: string } = {
    status: "ready",
    checks: { store: "ok" },
    configuration: "3f2a9c1b77aa",
  };
  let ready = async () => readiness;
  const calls = apiCalls({
    ...parts,
    woken: async () => undefined,
    config: { issuers: {}, roles: {}, upstreams: {} },
    orders: async () => ({}),
    issuer: undefined,
    tokens: {
      verify: async ({ token }) => {
        const person = {
          issuer: "https://idp.test",
          subject: "max",
          method: "oidc",
          credential: "k",
          roles: [token],
        };
        return ok({ principal: { ...person, trustEntry: "people" }, claims: {} });
      },
    },
    trustEntries: ["people"],
    policy: policyOf(ROLES),
    people: peopleOf({ issuers: {}, sources: [] }),
    rules: new Map(),
    log: silentLog,
    patterns: async () => [],
    refusalCounts,
    sourcesWithNext: [],
    ready: () => ready(),
    sites: noSites,
    runReporters: routes,
    targetNames: [...new Set(routes.map(({ target }) => target))],
    sourcesOfCluster: () => [],
    jobs: [],
    secrets: secretsOf({}),
    targetHosts: { pages: [] },
    latencyOf: () => ({ attempts: 20, p95AtMostMs: 300 }),
    rejectionAudit: { record: async () => undefined },
    sourceNames: ["wiki", "api", "status"],
    auditLog: new AuditLog({ deliveries, log: silentLog }),
    rejectOverRate: async () => undefined,
    withAccess: async (by: Principal) => by,
    recorded: () => undefined,
  });
  let received = 0;
  const ask = async (held: string, called = "/v1/overview") => {
    const call = calls.find(({ path }) => path === called);
    const url = new URL(called, "https://bridge.example.test");
    const headers = new Headers({ authorization: `Bearer ${held}` });
    const request = { method: "GET", url, headers, body: new Uint8Array(), receivedAt: clock.now(), requestId: "r" };
    return call?.handle(request, "", "");
  };
  return {
    ...parts,
    refusalCounts,
    ask,
    use: (next: Partial<Readiness>) => {
      ready = async () => ({ ...readiness, ...next });
    },
    fail: (error: Error) => {
      ready = () => Promise.reject(error);
    },
    overview: async (held = "on-call"): Promise<Overview> => {
      const result = await ask(held);
      if (!result?.ok) throw new Error(JSON.stringify(result?.rejection));
      // As a client gets it.
      return JSON.parse(JSON.stringify(result.value));
    },
    /** Records a delivery at the time of the clock, and publishes it. */
    receive: async (changes: Partial<RecordedDelivery> = {}) => {
      received += 1;
      const delivery = { ...sampleDelivery(received), receivedAt: clock.now(), ...changes };
      refusalCounts.proved(delivery.source, delivery.receivedAt);
      await deliveries.record(delivery);
      await relay(delivery, { bus, deliveries, outbox: deliveries, ownAccounts, clock, log: silentLog });
      return delivery;
    },
    refuse: (reason = "signature_mismatch", source = "wiki") =>
      refusalCounts.count({ source, reason, requestId: "r-1", receivedAt: clock.now() }),
    pause: () =>
      pauseTarget("ci", { by: { id: "i", issuer: "idp", subject: "olga" }, reason: "upgrade" }, { targets, clock }),
    resume: () => resumeTarget("ci", { targets, clock }),
  };
}

const DONE: ActionOutcome = { outcome: "done", summary: "fired" };
const DOWN: ActionOutcome = { outcome: "retry", summary: "ECONNREFUSED" };
const GIVE_UP: ActionOutcome = { outcome: "give_up", summary: "refused (400)" };

const sourceIn = ({ sources = [] }: Overview, name = "wiki") => sources.find(({ source }) => source === name);
const targetIn = ({ targets = [] }: Overview, name = "ci") => targets.find(({ target }) => target === name);

describe("whether the bridge is well", () => {
  it("an empty bridge is unknown and not well, and says of what nothing is known", async () => {
    const { overview, stop } = await bridgeOf([routeOf(scripted([DONE]).run)]);
    const empty = await overview();
    expect(empty).toMatchObject({
      level: "unknown",
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      configuration: "3f2a9c1b77aa",
      bridge: { level: "well", checks: { store: "ok" } },
      sources: [{ source: "wiki", state: "never_seen", level: "unknown", lastHour: 0, refusals: [] }],
      targets: [{ target: "ci", state: "never_used", level: "unknown", due: 0, may: ["pause"] }],
      ended: { level: "well", counts: { given_up: 0, accepted_without_run: 0, cut: 0 }, newest: [] },
      approvals: { waiting: 0, forYou: 0 },
    });
    // No target of this bridge has pages, and the bridge's own sources are not used yet.
    expect(empty.pages).toBeUndefined();
    expect(empty.sources).toHaveLength(1);
    await stop();
  });

  it("it is well once each source was proved and each target has answered", async () => {
    const { overview, receive, runDue, runs, clock, stop } = await bridgeOf([routeOf(scripted([DONE]).run)]);
    const { id } = await receive();
    expect(targetIn(await overview())).toMatchObject({ due: 1, oldestAt: toIso(clock.now()) });
    await runDue();
    await runs.record("docs", { delivery: id, firedAt: toIso(clock.now()) });
    expect(await overview()).toMatchObject({
      level: "well",
      sources: [{ state: "working", lastGoodAt: toIso(clock.now()), lastHour: 1 }],
      targets: [{ state: "working", due: 0, lastUsedAt: toIso(clock.now()) }],
    });
    await stop();
  });

  it("builds that failed elsewhere are shown, the newest first, for a day, and the bridge is as well as before", async () => {
    const { overview, receive, clock, stop } = await bridgeOf([]);
    await receive();
    const { level, reported } = await overview();
    expect(reported).toEqual({ since: toIso(laterBy(clock.now(), -24 * HOUR_MS)), newest: [] });
    const receivedAt = toIso(clock.now());
    const failed = await receive({ what: "build.failed" });
    clock.advance(HOUR_MS);
    await receive({ what: "build.succeeded" });
    const lost = await receive({ what: "code.pushed, job.timed_out" });
    const after = await overview();
    expect(after.level).toBe(level);
    expect(after.reported?.newest).toMatchObject([
      { delivery: lost.id, what: "code.pushed, job.timed_out", receivedAt: toIso(clock.now()) },
      { delivery: failed.id, what: "build.failed", receivedAt },
    ]);
    clock.advance(23 * HOUR_MS + 1);
    expect((await overview()).reported?.newest).toMatchObject([{ delivery: lost.id }]);
    // A confined role is told that it does not see them.
    expect(await overview("docs")).toMatchObject({ hidden: expect.arrayContaining(["reported failures"]) });
    await stop();
  });

  it.each([
    ["degraded", "attention"],
    ["unavailable", "failing"],
  ] as const)("a bridge that is %s is never well: %s", async (status, level) => {
    const { overview, use, stop } = await bridgeOf([]);
    use({ status, checks: { outbox: "deliveries are overdue" } });
    const found = await overview();
    expect(found).toMatchObject({ level, bridge: { level, checks: { outbox: "deliveries are overdue" } } });
    expect(overviewRows(found)[0]).toEqual({ level, part: "bridge", name: "", why: "outbox: deliveries are overdue" });
    await stop();
  });

  it("what cannot be read is a failure of the call, and no answer", async () => {
    const { ask, fail, stop } = await bridgeOf([]);
    fail(new Fault("store_unavailable", "the store does not answer", { retryable: true }));
    await expect(ask("on-call")).rejects.toMatchObject({ code: "store_unavailable" });
    await stop();
  });
});

describe("a source over time", () => {
  it("it works, is refused after its secret was changed, and works again", async () => {
    const { overview, receive, refuse, clock, stop } = await bridgeOf([]);
    await receive();
    const goodAt = toIso(clock.now());
    clock.advance(5 * MINUTE_MS);
    await refuse();
    // One refusal between good requests is nothing yet that fails.
    expect(sourceIn(await overview())).toMatchObject({ state: "partly_refused", level: "attention" });
    clock.advance(20 * MINUTE_MS);
    await refuse();
    await refuse("timestamp_outside_window");
    const refused = sourceIn(await overview());
    expect(refused).toMatchObject({
      state: "refused",
      level: "failing",
      lastGoodAt: goodAt,
      refusals: expect.arrayContaining([
        expect.objectContaining({ reason: "signature_mismatch", count: 2, lastAt: toIso(clock.now()) }),
        expect.objectContaining({ reason: "timestamp_outside_window", count: 1 }),
      ]),
    });
    expect(refused?.why).toContain("2 signature_mismatch");
    // Silence does not heal it.
    clock.advance(3 * HOUR_MS);
    expect(sourceIn(await overview())).toMatchObject({ state: "refused", level: "failing" });
    await receive();
    expect(sourceIn(await overview())).toMatchObject({
      state: "working",
      level: "well",
      lastGoodAt: toIso(clock.now()),
    });
    await stop();
  });

  it("a refusal soon after the last good request is not forgotten while it is silent, until a good one comes", async () => {
    const { overview, receive, refuse, clock, stop } = await bridgeOf([]);
    await receive();
    clock.advance(5 * MINUTE_MS);
    await refuse();
    for (const silence of [20 * MINUTE_MS, 3 * HOUR_MS]) {
      clock.advance(silence);
      expect(sourceIn(await overview())).toMatchObject({ state: "partly_refused", level: "attention" });
    }
    await receive();
    expect(sourceIn(await overview())).toMatchObject({ state: "working", level: "well" });
    await stop();
  });

  it("requests without a credential need a look for an hour, and nothing fails because of them", async () => {
    const { overview, receive, refuse, clock, stop } = await bridgeOf([]);
    await refuse("credential_missing");
    expect(sourceIn(await overview())).toMatchObject({ state: "partly_refused", level: "attention" });
    clock.advance(61 * MINUTE_MS);
    expect(sourceIn(await overview())).toMatchObject({ state: "never_seen", level: "unknown" });
    await receive();
    clock.advance(30 * MINUTE_MS);
    await refuse("credential_missing");
    clock.advance(59 * MINUTE_MS);
    expect(sourceIn(await overview())).toMatchObject({ state: "partly_refused", level: "attention" });
    clock.advance(2 * MINUTE_MS);
    expect(sourceIn(await overview())).toMatchObject({ state: "working", level: "well" });
    // A credential that is wrong is no scanner's.
    await refuse("credential_missing");
    await refuse();
    expect(sourceIn(await overview())).toMatchObject({ state: "refused", level: "failing" });
    await stop();
  });

  it("it needs a look if it is quiet in an hour in which it usually sends, and only then", async () => {
    const { overview, receive, clock, stop } = await bridgeOf([]);
    for (let n = 0; n < 5; n++) await receive();
    clock.advance(WEEK_MS - HOUR_MS);
    await receive();
    clock.advance(50 * MINUTE_MS);
    expect(sourceIn(await overview())).toMatchObject({ state: "working", lastHour: 1 });
    clock.advance(20 * MINUTE_MS);
    expect(sourceIn(await overview())).toMatchObject({ state: "quiet", level: "attention", lastHour: 0, weekAgo: 5 });
    // An hour later nothing is expected; a day later nobody knows.
    clock.advance(2 * HOUR_MS);
    expect(sourceIn(await overview())).toMatchObject({ state: "working", weekAgo: 0 });
    clock.advance(24 * HOUR_MS);
    expect(sourceIn(await overview())).toMatchObject({ state: "silent", level: "unknown" });
    await receive();
    expect(sourceIn(await overview())).toMatchObject({ state: "working", level: "well" });
    await stop();
  });

  it("callers of the interface whose token is refused are shown, and nothing fails because of them", async () => {
    const { overview, refuse, stop } = await bridgeOf([]);
    await refuse("token_expired", "api");
    const api = sourceIn(await overview(), "api");
    expect(api).toMatchObject({ level: "well", refusals: [{ reason: "token_expired" }] });
    expect(api?.why).toBe("1 request refused: 1 token_expired");
    await stop();
  });

  it("a job's report that is refused is a failing source", async () => {
    const { overview, refuse, stop } = await bridgeOf([]);
    for (let n = 0; n < 3; n++) await refuse("audience_mismatch", "status");
    expect(sourceIn(await overview(), "status")).toMatchObject({ state: "refused", level: "failing" });
    await stop();
  });

  it("before its first good request, one forged request breaks no source, and three do until a good one comes", async () => {
    const { overview, receive, refuse, clock, stop } = await bridgeOf([]);
    for (let n = 0; n < 2; n++) {
      await refuse();
      expect(sourceIn(await overview())).toMatchObject({ state: "partly_refused", level: "attention" });
      clock.advance(20 * MINUTE_MS);
    }
    await refuse();
    expect(sourceIn(await overview())).toMatchObject({ state: "refused", level: "failing" });
    await receive();
    expect(sourceIn(await overview())).not.toMatchObject({ state: "refused" });
    clock.advance(20 * MINUTE_MS);
    // After a good one, a single refusal says that something has changed.
    await refuse();
    expect(sourceIn(await overview())).toMatchObject({ state: "refused" });
    await stop();
  });
});

describe("a target over time", () => {
  it("its failures are shown from the first one, its outage while the breaker is open, and its recovery", async () => {
    const script: ActionOutcome[] = [DONE, DOWN, DOWN, DOWN, DOWN, DOWN, DONE];
    const { overview, receive, runDue, runs, clock, stop } = await bridgeOf([routeOf(scripted(script).run)]);
    const { id } = await receive();
    await runDue();
    await runs.record("docs", { delivery: id, firedAt: toIso(clock.now()) });
    clock.advance(MINUTE_MS);
    await receive();
    const failedAt = toIso(clock.now());
    await runDue();
    expect(targetIn(await overview())).toMatchObject({
      state: "stumbling",
      level: "attention",
      retrying: 1,
      oldestAt: failedAt,
      why: expect.stringContaining("the last attempt failed, ECONNREFUSED"),
    });
    for (let n = 0; n < 2; n++) await receive();
    for (let n = 0; n < 2; n++) {
      clock.advance(MINUTE_MS);
      await runDue();
    }
    const openAt = toIso(clock.now());
    expect(await overview()).toMatchObject({ level: "failing" });
    expect(targetIn(await overview())).toMatchObject({ state: "failing", level: "failing", since: openAt });
    clock.advance(2 * MINUTE_MS);
    await runDue();
    await runDue();
    expect(targetIn(await overview())).toMatchObject({ state: "working", level: "well", due: 0, retrying: 0 });
    await stop();
  });

  it("one that rejects what it gets needs a look until a day later or until it was run again", async () => {
    const { overview, receive, runDue, clock, bridge, stop } = await bridgeOf([
      routeOf(scripted([GIVE_UP, GIVE_UP, DONE]).run),
    ]);
    await receive();
    await runDue();
    clock.advance(2 * HOUR_MS);
    const second = await receive();
    await runDue();
    clock.advance(3 * MINUTE_MS);
    const rejecting = { state: "rejecting", level: "attention" };
    expect(targetIn(await overview())).toMatchObject({
      ...rejecting,
      why: "2 actions given up in the last day, the last 3 min ago: refused (400)",
    });
    clock.advance(23 * HOUR_MS);
    expect(targetIn(await overview())).toMatchObject({
      ...rejecting,
      why: expect.stringContaining("1 action given up"),
    });
    const by = { issuer: "i", subject: "s", method: "oidc", credential: "k", roles: [] };
    const eventKey = busEventOf(second)?.detail.eventKey ?? "";
    const order = { of: second, routes: ["docs"], by, isRollback: false, key: ["k"], requestId: "r" };
    await replay({ ...order, answersFor: [actionIdOf("docs", eventKey)] }, bridge);
    await runDue();
    expect(targetIn(await overview())?.state).not.toBe("rejecting");
    await stop();
  });

  it("a paused target names who paused it, and its waiting actions age until they run", async () => {
    const { overview, receive, runDue, pause, resume, clock, stop } = await bridgeOf([routeOf(scripted([DONE]).run)]);
    await pause();
    await receive();
    clock.advance(30 * MINUTE_MS);
    const paused = targetIn(await overview());
    expect(paused).toMatchObject({ state: "paused", level: "attention", due: 1, may: ["resume"] });
    expect(paused?.why).toBe("paused by olga for 30 min: upgrade; 1 action due, the oldest for 30 min");
    await resume();
    expect(targetIn(await overview())).toMatchObject({ state: "late", level: "attention", due: 1 });
    await runDue();
    expect(targetIn(await overview())).toMatchObject({ due: 0 });
    await stop();
  });

  it("a backlog is counted up to its limit", async () => {
    const { overview, receive, stop } = await bridgeOf([routeOf(scripted([DONE]).run)]);
    for (let n = 0; n < 105; n++) await receive();
    expect(targetIn(await overview())).toMatchObject({
      due: 100,
      why: expect.stringContaining("100 or more actions due"),
    });
    await stop();
  });
});

const answers: fc.Arbitrary<ActionOutcome> = fc.constantFrom(DONE, DONE, DOWN, DOWN, DOWN, GIVE_UP);
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("receive" as const), count: fc.integer({ min: 1, max: 6 }) }),
    },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("run" as const) }) },
    { weight: 1, arbitrary: fc.constantFrom({ kind: "pause" as const }, { kind: "resume" as const }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("pass" as const), minutes: fc.constantFrom(1, 11, 70, 25 * 60) }),
    },
  ),
  { minLength: 1, maxLength: 14 },
);

type Step = typeof steps extends fc.Arbitrary<(infer One)[]> ? One : never;
const RUN: Step = { kind: "run" };
const received = (count: number): Step => ({ kind: "receive", count });

/** Each state of a target occurs in one of these, whatever else is tried. */
const EACH_STATE: [ActionOutcome[], Step[]][] = [
  [[DONE], [RUN, received(1), RUN]],
  [[DONE], [received(1), { kind: "pass", minutes: 11 }]],
  [[DOWN], [received(1), RUN]],
  [[DOWN], [received(6), RUN]],
  [[GIVE_UP], [received(1), RUN, { kind: "pause" }, { kind: "resume" }]],
];

/** The badge of each target, as a page shows it before the name. */
const badgesIn = (page: string): readonly string[] =>
  Array.from(
    page.matchAll(
      /<span class="badge \w+"><span aria-hidden="true">[^<]*<\/span>[^<]*<\/span>\s*(?:<a[^>]*>)?(?:ci|old)\b/g,
    ),
    ([text]) => text.replaceAll(/<a[^>]*>|\s+/g, " "),
  ).sort();

describe("the list of targets", () => {
  it("the home page and the page of targets say the same of every target, whatever happened to it", async () => {
    const seen = new Set<string>();
    const options = propertyCases("targets on two pages", { weight: 25 });
    await fc.assert(
      fc.asyncProperty(fc.array(answers, { minLength: 1, maxLength: 12 }), steps, async (script, path) => {
        const bridge = await bridgeOf([routeOf(scripted(script).run)]);
        const { targets, clock, ask, runs } = bridge;
        // It was paused, and then removed from the configuration.
        await pauseTarget(
          "old",
          { by: { id: "i", issuer: "idp", subject: "olga" }, reason: "gone" },
          { targets, clock },
        );
        for (const step of path) {
          if (step.kind === "receive") {
            for (let n = 0; n < step.count; n++) {
              const { id } = await bridge.receive();
              await runs.record("docs", { delivery: id, firedAt: toIso(clock.now()) });
            }
          }
          if (step.kind === "run") await bridge.runDue();
          if (step.kind === "pause") await bridge.pause();
          if (step.kind === "resume") await bridge.resume();
          if (step.kind === "pass") clock.advance(step.minutes * MINUTE_MS);
          const [home, list] = [await ask("on-call"), await ask("on-call", "/v1/targets")];
          if (!home?.ok || !list?.ok) throw new Error("no answer");
          const overview = home.value as Overview;
          const listed = (list.value as ListedTargets).targets;
          const byName = (a: { target: string }, b: { target: string }) => (a.target < b.target ? -1 : 1);
          expect(listed.map(({ pause: _, breaker: __, ...one }) => one)).toEqual(overview.targets?.toSorted(byName));
          for (const { state, level } of listed) {
            seen.add(state);
            expect(targetWordsOf(state).tone, state).toBe(LEVEL_WORDS[level].tone);
          }
          const visit = visitOf(() => "", {
            now: clock.now(),
            ask: async <T>(path: string) => ({ ok: true, value: (path === "/v1/targets" ? list : home).value as T }),
            may: () => false,
          });
          const [first, second] = [shownBy(await homePage(visit)), shownBy(await targetsPage(visit))];
          expect(badgesIn(String(await second.main))).toEqual(badgesIn(String(await first.main)));
          expect(badgesIn(String(await first.main))).toHaveLength(2);
        }
        await bridge.stop();
      }),
      { ...options, examples: EACH_STATE },
    );
    expect([...seen].sort()).toEqual([...TARGET_STATES].sort());
  });
});

describe("what ended badly", () => {
  it("it is counted for a day, with its route and its reason, until it is run again", async () => {
    const { overview, receive, runDue, clock, bridge, stop } = await bridgeOf([
      routeOf(scripted([GIVE_UP]).run),
      routeOf(scripted([GIVE_UP]).run, { name: "status", target: "pages", action: "confluence" }),
    ]);
    const [first] = [await receive(), await receive()];
    await runDue();
    await runDue("pages");
    expect(await overview()).toMatchObject({
      level: "failing",
      ended: {
        level: "failing",
        counts: { given_up: 2 },
        newest: [{ state: "given_up", reason: "refused (400)" }, { state: "given_up" }],
      },
      pages: { level: "failing", notWritable: 2, overdue: 0 },
    });
    const by = { issuer: "i", subject: "s", method: "oidc", credential: "k", roles: [] };
    const eventKey = busEventOf(first)?.detail.eventKey ?? "";
    const order = { of: first, routes: ["docs", "status"], by, isRollback: false, key: ["k"], requestId: "r" };
    await replay({ ...order, answersFor: ["docs", "status"].map((route) => actionIdOf(route, eventKey)) }, bridge);
    expect((await overview()).ended).toMatchObject({ counts: { given_up: 1 } });
    clock.advance(25 * HOUR_MS);
    expect((await overview()).ended).toMatchObject({ level: "well", counts: { given_up: 0 }, newest: [] });
    await stop();
  });
});

describe("more that ended badly than is looked at", () => {
  it("an exact limit is everything; one more is said, and hides neither pages nor deliveries behind `well`", async () => {
    const { overview, receive, runDue, runs, deliveries, clock, stop } = await bridgeOf([
      routeOf(scripted([GIVE_UP]).run),
      routeOf(scripted([DONE]).run, { name: "status", target: "pages", action: "confluence" }),
    ]);
    const records = vi.spyOn(deliveries, "get");
    const giveUp = async (count: number) => {
      for (let n = 0; n < count; n++) {
        await receive();
        await runDue();
        await runDue("pages");
      }
    };
    await giveUp(200);
    await runs.record("status", { delivery: "d-1", firedAt: toIso(clock.now()) });
    records.mockClear();
    const exact = await overview();
    // Those of the newest five, and of the newest that was given up at the target.
    expect(records).toHaveBeenCalledTimes(6);
    expect(exact.ended.newest).toHaveLength(5);
    expect(exact).toMatchObject({ ended: { level: "failing", counts: { given_up: 200 } }, pages: { level: "well" } });
    expect([exact.ended.hasMore, exact.pages?.hasMore]).toEqual([undefined, undefined]);
    expect((await overview("docs")).ended).toMatchObject({ level: "well" });
    clock.advance(MINUTE_MS);
    await giveUp(1);
    const cut = await overview();
    expect(cut).toMatchObject({
      ended: { level: "failing", counts: { given_up: 200 }, hasMore: true },
      pages: { level: "unknown", notWritable: 0, hasMore: true },
    });
    const whyOf = (found: Overview, part: string) => overviewRows(found).find((row) => row.part === part)?.why;
    expect(whyOf(cut, "pages")).toContain("older failures of the last day were not looked at");
    // Its role shows none of the 200.
    const confined = await overview("docs");
    expect(confined).toMatchObject({ level: "unknown", ended: { level: "unknown", hasMore: true, newest: [] } });
    expect(whyOf(confined, "actions")).toContain("older failures of the last day were not looked at");
    clock.advance(25 * HOUR_MS);
    expect(await overview("docs")).toMatchObject({ ended: { level: "well" } });
    await stop();
  });
});

describe("who sees what", () => {
  it("a confined role gets the deliveries that it may read and nothing else, and an outsider nothing", async () => {
    const { overview, ask, receive, runDue, approvals, clock, stop } = await bridgeOf([
      routeOf(scripted([GIVE_UP]).run),
    ]);
    const delivery = await receive();
    await runDue();
    const [event] = delivery.events ?? [];
    await approvals.request({
      id: "p-1",
      route: "docs",
      action: "a-1",
      delivery: delivery.id,
      subject: "s",
      requester: { ...delivery.principal, subject: "rita" },
      requestedAt: clock.now(),
      until: laterBy(clock.now(), HOUR_MS),
      approvers: [],
      ...(event && { facts: factsOf(event) }),
    });
    expect((await overview()).approvals).toMatchObject({ waiting: 1, forYou: 0 });
    // Another page changes after its approval was asked for: nobody can decide that one any more.
    const about = { key: "page:1", at: toIso(clock.now()) };
    await approvals.request({
      id: "p-2",
      route: "docs",
      action: "a-2",
      delivery: delivery.id,
      subject: "s",
      requester: { ...delivery.principal, subject: "rita" },
      requestedAt: clock.now(),
      until: laterBy(clock.now(), HOUR_MS),
      approvers: [],
      about,
    });
    expect((await overview()).approvals).toMatchObject({ waiting: 2 });
    await approvals.recordChange({ key: about.key, at: toIso(laterBy(clock.now(), MINUTE_MS)) });
    expect((await overview()).approvals).toMatchObject({ waiting: 1 });
    const shown = await overview("docs");
    // The page of the sample is in another space.
    expect(shown).toEqual({
      level: "unknown",
      at: toIso(clock.now()),
      version: expect.any(String),
      hidden: ["bridge", "sources", "targets", "pages", "reported failures", "configuration"],
      ended: {
        level: "well",
        since: expect.any(String),
        counts: { given_up: 0, accepted_without_run: 0, cut: 0 },
        newest: [],
      },
      approvals: { waiting: 0, forYou: 0 },
    });
    expect(await ask("outsider")).toMatchObject({ ok: false, rejection: { reason: "role_missing" } });
    await stop();
  });
});

describe("after a crash", () => {
  it("another process finds the same in the store: the refusals that were written, the breaker and what was given up", async () => {
    const folder = mkdtempSync(join(tmpdir(), "overview-before-"));
    const left = mkdtempSync(join(tmpdir(), "overview-after-"));
    const clock = testClock();
    const script = [GIVE_UP, DOWN, DOWN, DOWN, DOWN, DOWN];
    const routes = () => [routeOf(scripted(script).run)];
    const before = await bridgeOf(routes(), { database: openTable(folder, silentLog), clock });
    await before.receive();
    await before.runDue();
    await before.receive();
    for (let n = 0; n < 5; n++) {
      await before.runDue();
      clock.advance(MINUTE_MS);
    }
    clock.advance(HOUR_MS);
    await before.refuse();
    const known = await before.overview();
    expect(known).toMatchObject({ level: "failing", ended: { counts: { given_up: 2 } } });
    expect([sourceIn(known)?.state, targetIn(known)?.state]).toEqual(["refused", "failing"]);
    // The files as a killed process leaves them: it closes nothing and writes nothing more.
    cpSync(folder, left, { recursive: true });
    const after = await bridgeOf(routes(), { database: openTable(left, silentLog), clock });
    const { lastGoodAt: _, why: __, ...source } = sourceIn(known) ?? {};
    expect(sourceIn(await after.overview())).toMatchObject(source);
    expect(await after.overview()).toMatchObject({ ended: known.ended, targets: known.targets });
    await Promise.all([before.stop(), after.stop()]);
    for (const one of [folder, left]) rmSync(one, { recursive: true });
  });
});
