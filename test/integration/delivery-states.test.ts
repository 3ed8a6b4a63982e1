import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { relayBus } from "../../functions/relay-bus.ts";
import { peopleOf } from "../../shared/approvals/people.ts";
import { AuditLog } from "../../shared/delivery/audit-log.ts";
import { RefusalCounts } from "../../shared/delivery/refusal-counts.ts";
import { relay } from "../../shared/delivery/relay.ts";
import { laterBy, toIso } from "../../shared/host/clock.ts";
import { apiCalls } from "../../shared/http/calls.ts";
import type { DeliveryCounts } from "../../shared/http/delivery-counts.ts";
import { policyOf, role } from "../../shared/identity/policy.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { Principal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { ok } from "../../shared/model/result.ts";
import type { Route } from "../../shared/routes/route.ts";
import { attentionFields } from "../../shared/store/attention.ts";
import { bridgeParts, routeOf, scripted } from "../support/bridge-parts.ts";
import { sampleDelivery } from "../support/samples.ts";
import { noSites, secretsOf, silentLog } from "../support/test-doubles.ts";

const ROLES = v.parse(v.record(v.string(), role), {
  "on-call": { call: ["deliveries"] },
  docs: { call: ["deliveries"], in: { spaces: ["DOC"] } },
});

/** A bridge with these routes, and its API as an engineer on call asks it. */
async function bridgeOf(routes: readonly Route[], held = "on-call") {
  const parts = await bridgeParts(routes);
  const { deliveries, clock, ownAccounts } = parts;
  const bus = relayBus(parts.bridge, parts.bus);
  const person = {
    issuer: "https://idp.test",
    subject: "max",
    method: "oidc",
    credential: "k",
    roles: [held],
  } as const;
  const calls = apiCalls({
    ...parts,
    woken: async () => undefined,
    config: { issuers: {}, roles: {}, upstreams: {} },
    issuer: undefined,
    tokens: { verify: async () => ok({ principal: { ...person, trustEntry: "people" }, claims: {} }) },
    trustEntries: ["people"],
    policy: policyOf(ROLES),
    orders: async () => ({}),
    people: peopleOf({ issuers: {}, sources: [] }),
    rules: new Map(),
    latencyOf: () => undefined,
    rejectionAudit: { record: async () => undefined },
    log: silentLog,
    patterns: async () => [],
    refusalCounts: new RefusalCounts(parts.bridge),
    sourcesWithNext: [],
    ready: async () => ({ status: "ready", checks: {} }),
    sites: noSites,
    runReporters: routes,
    targetNames: [],
    sourcesOfCluster: () => [],
    jobs: [],
    secrets: secretsOf({}),
    targetHosts: {},
    sourceNames: ["wiki"],
    auditLog: new AuditLog({ deliveries, log: silentLog }),
    rejectOverRate: async () => undefined,
    withAccess: async (by: Principal) => by,
    recorded: () => undefined,
  });
  const ask = async (path: string) => {
    const url = new URL(path, "https://bridge.example.test");
    const id = /^\/v1\/deliveries\/(.+)$/.exec(url.pathname)?.[1];
    const isOne = id !== undefined && id !== "counts";
    const pattern = isOne ? "/v1/deliveries/:id" : url.pathname;
    const call = calls.find((one) => one.method === "GET" && one.path === pattern);
    const headers = new Headers({ authorization: "Bearer on-call" });
    const request = { method: "GET", url, headers, body: new Uint8Array(), receivedAt: clock.now(), requestId: "r" };
    const result = await call?.handle(request, id ?? "", "");
    if (!result?.ok) throw new Error(JSON.stringify(result?.rejection));
    return JSON.parse(JSON.stringify(result.value));
  };
  return {
    ...parts,
    ask,
    /** Records the delivery at the time of the clock, and publishes it. */
    receive: async (delivery: RecordedDelivery) => {
      const received = { ...delivery, receivedAt: clock.now() };
      await deliveries.record(received);
      await relay(received, { bus, deliveries, outbox: deliveries, ownAccounts, clock, log: silentLog });
    },
    /** The ids, states and routes that the list has, in its order. */
    list: async (query = ""): Promise<readonly [string, string][]> => {
      const { deliveries: listed } = await ask(`/v1/deliveries?${query}`);
      return listed.map(({ id, state }: { id: string; state: string }) => [id, state]);
    },
    show: async (id: string) => (await ask(`/v1/deliveries/${id}`)).delivery,
  };
}

const GIVE_UP: ActionOutcome = { outcome: "give_up", summary: "refused (400)" };
const DONE: ActionOutcome = { outcome: "done", summary: "fired" };
const ID = sampleDelivery(1).id;

/** What one attempt of one route leads to. */
const DRILLS: Readonly<Record<string, { readonly outcome: ActionOutcome; readonly expected: object }>> = {
  "a listener that answers 400": {
    outcome: GIVE_UP,
    expected: { state: "given_up", routes: [{ route: "docs", target: "ci", why: "refused (400)" }] },
  },
  "a listener that cannot be reached": {
    outcome: { outcome: "retry", summary: "ECONNREFUSED" },
    expected: { state: "retrying", routes: [{ why: "ECONNREFUSED", next: expect.any(String) }] },
  },
  "a run that needs an approval": {
    outcome: { outcome: "wait", summary: "needs approval p-1", afterSeconds: 60, waitsFor: "release-managers" },
    expected: { state: "waiting", routes: [{ waitsFor: "release-managers", why: "needs approval p-1" }] },
  },
  "a page that another attempt writes": {
    outcome: { outcome: "wait", summary: "the page is being written", afterSeconds: 5 },
    expected: { state: "pending" },
  },
  "a listener that accepts the request": {
    outcome: { outcome: "expect_run", summary: "accepted", expectation: { withinMs: 120_000, isRepeatable: true } },
    expected: { state: "expecting_run", routes: [{ next: expect.any(String) }] },
  },
  "a chain that is too long": {
    outcome: { outcome: "give_up", summary: "not fired: 8 runs in a row", isCut: true },
    expected: { state: "cut", routes: [{ why: "not fired: 8 runs in a row" }] },
  },
  "an approval that was superseded": {
    outcome: { outcome: "done", summary: "not fired: approval p-1 was superseded", endedAs: "superseded" },
    expected: { state: "superseded", routes: [{ why: "not fired: approval p-1 was superseded" }] },
  },
  "a sender whose roles do not allow the route": {
    outcome: { outcome: "done", summary: "not fired: role_missing", endedAs: "not_fired" },
    expected: { state: "not_fired" },
  },
  "an action that succeeds": { outcome: DONE, expected: { state: "ran" } },
};

describe("the counts of a range", () => {
  it("they have what failed and still needs a person, in the interval in which it failed, and sources alone by source", async () => {
    const { receive, runDue, ask, clock, stop } = await bridgeOf([routeOf(scripted([GIVE_UP]).run)]);
    await receive(sampleDelivery(1));
    await receive(sampleDelivery(2));
    await runDue();
    const attentionOf = async () =>
      (await ask("/v1/deliveries/counts")).intervals.flatMap(
        ({ attention = [] }: { attention?: readonly object[] }) => attention,
      );
    expect(await attentionOf()).toEqual([{ state: "given_up", count: 2 }]);
    const since = toIso(laterBy(clock.now(), 600_000));
    expect(
      (await ask(`/v1/deliveries/counts?since=${since}&until=${toIso(laterBy(clock.now(), 1_200_000))}`)).intervals,
    ).toEqual([]);
    const [line] = (await ask(`/v1/deliveries/counts?by=source`)).intervals;
    expect(line).toMatchObject({ source: "wiki", counts: { event: 2 } });
    expect(line).not.toHaveProperty("attention");
    await stop();
  });
});

describe("the counts of more than one request reads", () => {
  const MAX_READ = 5_000;

  it("they say up to when there are at least so many, and say nothing if all were counted", async () => {
    const { database, ask, clock, stop } = await bridgeOf([]);
    const counted = async (): Promise<{ readonly count: number; readonly atLeastBefore?: string }> => {
      const { intervals, atLeastBefore } = (await ask("/v1/deliveries/counts")) as DeliveryCounts;
      const count = intervals.reduce(
        (all, { attention = [] }) => attention.reduce((sum, one) => sum + one.count, all),
        0,
      );
      return { count, ...(atLeastBefore !== undefined && { atLeastBefore }) };
    };
    const giveUp = async (at: number): Promise<void> => {
      const since = laterBy(clock.now(), -at);
      const delivery = `d-${at}`;
      const fields = {
        ...attentionFields({ state: "given_up", since }, delivery),
        delivery,
        route: "docs",
        target: "ci",
      };
      await database.table.put({ pk: `a-${at}`, sk: "a", ...fields, expiresAt: 9_999_999_999 });
    };
    for (let at = 1; at <= MAX_READ; at += 1) await giveUp(at);
    expect(await counted()).toEqual({ count: MAX_READ });
    await giveUp(MAX_READ + 1);
    await giveUp(MAX_READ + 1_000_000);
    expect(await counted()).toEqual({
      count: MAX_READ,
      atLeastBefore: toIso(laterBy(clock.now(), -MAX_READ - 1)),
    });
    expect(await ask("/v1/deliveries/counts?by=source")).not.toHaveProperty("atLeastBefore");
    await stop();
  });

  it("refused requests are counted alike", async () => {
    const { refusals, ask, clock, stop } = await bridgeOf([]);
    const refuse = (at: number) =>
      refusals.add({
        ...{ source: `s-${at}`, reason: "signature_missing", count: 1, requests: [] },
        ...{ window: clock.now(), lastAt: clock.now() },
      });
    for (let at = 1; at <= MAX_READ; at += 1) await refuse(at);
    expect(await ask("/v1/deliveries/counts")).not.toHaveProperty("atLeastBefore");
    await refuse(MAX_READ + 1);
    expect(await ask("/v1/deliveries/counts")).toHaveProperty("atLeastBefore");
    await stop();
  });
});

describe("a thread of more deliveries than are looked at", () => {
  it("it says that it is cut once there are more of a page than its limit, and not before", async () => {
    const { receive, ask, stop } = await bridgeOf([]);
    const threadOf = () => ask("/v1/threads?page=98310");
    for (let n = 1; n < 50; n++) await receive(sampleDelivery(n));
    expect(await threadOf()).not.toHaveProperty("isCut");
    for (let n = 50; n < 53; n++) await receive(sampleDelivery(n));
    expect(await threadOf()).toMatchObject({ isCut: true });
    await stop();
  });
});

describe("what became of a delivery", () => {
  it.each(Object.entries(DRILLS))("the list, its filter and the delivery agree: %s", async (_title, drill) => {
    const { outcome, expected } = drill;
    const { receive, runDue, ask, show, list, stop } = await bridgeOf([routeOf(scripted([outcome]).run)]);
    await receive(sampleDelivery(1));
    expect(await list()).toEqual([[ID, "pending"]]);
    await runDue();
    const shown = await show(ID);
    expect(shown).toMatchObject(expected);
    const { state } = shown;
    expect((await ask("/v1/deliveries")).deliveries).toMatchObject([{ id: ID, ...expected }]);
    expect(await list(`state=${state}`)).toEqual([[ID, state]]);
    expect(await list(`state=${state}&route=docs&target=ci&source=wiki`)).toEqual([[ID, state]]);
    for (const other of ["route=other", "target=other", "source=other", "type=build."])
      expect(await list(`state=${state}&${other}`).catch(() => []), other).toEqual([]);
    const others = ["given_up", "ran", "retrying", "no_route"].filter((one) => one !== state).join();
    expect(await list(`state=${others}`)).toEqual([]);
    await stop();
  });

  it("an accepted request without a run needs a person until a run is reported after all", async () => {
    const accepted = { outcome: "expect_run", summary: "accepted" } as const;
    const expectation = { withinMs: 120_000, isRepeatable: false };
    const route = routeOf(scripted([{ ...accepted, expectation }]).run, { runsReportedBy: "cluster" });
    const { receive, runDue, show, list, clock, stop } = await bridgeOf([route]);
    await receive(sampleDelivery(1));
    await runDue();
    clock.advance(3_600_000);
    await runDue();
    expect(await show(ID)).toMatchObject({ state: "accepted_without_run", stateSince: toIso(clock.now()) });
    expect(await list("state=accepted_without_run,given_up")).toEqual([[ID, "accepted_without_run"]]);
    await stop();
  });

  it("the worst of two routes wins, each route has its own state, and either finds the delivery", async () => {
    const routes = [
      routeOf(scripted([DONE]).run, { name: "status", target: "pages" }),
      routeOf(scripted([GIVE_UP]).run),
    ];
    const { receive, runDue, show, list, stop } = await bridgeOf(routes);
    await receive(sampleDelivery(1));
    await runDue();
    await runDue("pages");
    const shown = await show(ID);
    expect(shown).toMatchObject({ state: "given_up", routes: [{ route: "docs" }, { route: "status", state: "ran" }] });
    expect(await list("state=given_up&route=docs")).toHaveLength(1);
    expect(await list("state=ran&route=status")).toHaveLength(1);
    expect(await list("route=status")).toHaveLength(1);
    expect(await list("state=given_up&route=status")).toEqual([]);
    expect(await list("state=given_up&target=pages")).toEqual([]);
    expect(await list("state=ran&route=docs")).toEqual([]);
    await stop();
  });

  it("a repeat names the first report, an unusable delivery and a refusal are listed, and a read has no state", async () => {
    const { receive, runDue, show, list, ask, stop } = await bridgeOf([routeOf(scripted([GIVE_UP]).run)]);
    await receive(sampleDelivery(1));
    const { events } = sampleDelivery(1);
    await receive({ ...sampleDelivery(2), ...(events && { events }) });
    await receive(sampleDelivery(3, { outcome: "unusable", what: "no page" }));
    await receive(sampleDelivery(4, { outcome: "refused", what: "role_missing" }));
    await receive(sampleDelivery(5, { outcome: "ignored", what: "blog_created" }));
    await runDue();
    expect(await show(sampleDelivery(2).id)).toMatchObject({ state: "repeat", routes: [{ of: ID }] });
    expect(new Set(await list("state=refused,unusable,given_up"))).toEqual(
      new Set([
        [ID, "given_up"],
        [sampleDelivery(3).id, "unusable"],
        [sampleDelivery(4).id, "refused"],
      ]),
    );
    expect(await list("state=ignored,repeat")).toHaveLength(2);
    const audit = (await ask("/v1/deliveries?outcome=audit")).deliveries;
    expect(audit.length).toBeGreaterThan(0);
    for (const one of audit) expect(one).not.toHaveProperty("state");
    await stop();
  });

  it("a delivery that no route matches says so, and one that the bus does not accept is pending", async () => {
    const { receive, show, list, deliveries, clock, stop } = await bridgeOf([
      routeOf(scripted([DONE]).run, { matches: () => false }),
    ]);
    await receive(sampleDelivery(1));
    await deliveries.record({ ...sampleDelivery(2), receivedAt: clock.now() });
    expect(await show(ID)).toMatchObject({ state: "no_route" });
    clock.advance(3_600_000);
    expect(await list("state=pending")).toEqual([[sampleDelivery(2).id, "pending"]]);
    expect(await list("state=no_route")).toEqual([[ID, "no_route"]]);
    await stop();
  });

  it("failures are listed by the time when they failed, in pages that neither repeat nor skip", async () => {
    const twoRoutes = [
      routeOf(async ({ attempt }) => (attempt === 1 ? { outcome: "retry", summary: "503" } : GIVE_UP)),
      routeOf(scripted([GIVE_UP]).run, { name: "status", target: "pages" }),
    ];
    const { receive, runDue, ask, list, clock, stop } = await bridgeOf(twoRoutes);
    const start = clock.now();
    for (let n = 1; n <= 7; n++) await receive(sampleDelivery(n));
    const failing: string[] = [];
    for (let n = 0; n < 10; n++) {
      clock.advance(1_000);
      await runDue();
      clock.advance(1_000);
      await runDue("pages");
      clock.advance(70_000);
    }
    let cursor = "";
    do {
      const page = await ask(`/v1/deliveries?state=given_up,retrying&limit=3${cursor}`);
      failing.push(...page.deliveries.map(({ id }: { id: string }) => id));
      cursor = page.next === undefined ? "" : `&cursor=${page.next}`;
    } while (cursor !== "");
    expect(failing).toHaveLength(7);
    expect(new Set(failing).size).toBe(7);
    // The first attempt failed 1 s after the start, and was given up later.
    expect(await list(`state=given_up&route=docs&since=${toIso(laterBy(start, 30_000))}`)).toHaveLength(7);
    expect(await list(`state=given_up&route=docs&until=${toIso(laterBy(start, 30_000))}`)).toEqual([]);
    expect(await list(`state=given_up&route=status&until=${toIso(laterBy(start, 30_000))}`)).toHaveLength(7);
    expect(await list("state=retrying")).toEqual([]);
    await stop();
  });

  it("a caller with a confined role sees the states of the deliveries in its scope, and no others", async () => {
    const { receive, runDue, list, stop } = await bridgeOf([routeOf(scripted([GIVE_UP]).run)], "docs");
    const inSpace = (n: number, space: string): RecordedDelivery => {
      const delivery = sampleDelivery(n);
      const [event] = delivery.events ?? [];
      if (event === undefined || !("page" in event)) throw new Error("a sample is an event of a page");
      return { ...delivery, events: [{ ...event, page: { ...event.page, space } }] } as RecordedDelivery;
    };
    await receive(inSpace(1, "DOC"));
    await receive(inSpace(2, "ENG"));
    await runDue();
    expect(await list()).toEqual([[ID, "given_up"]]);
    expect(await list("state=given_up")).toEqual([[ID, "given_up"]]);
    expect(await list("state=given_up,ran")).toEqual([[ID, "given_up"]]);
    // A rejection would name the sources.
    expect(await list("source=nowhere")).toEqual([]);
    await stop();
  });

  it.each([
    ["state=broken", "state"],
    ["state=", "state"],
    ["state=given_up,", "state"],
  ])("a filter that names no state is refused with the parameter: %s", async (query, parameter) => {
    const { ask, stop } = await bridgeOf([]);
    await expect(ask(`/v1/deliveries?${query}`)).rejects.toThrow(`"parameter":"${parameter}"`);
    await stop();
  });
});
