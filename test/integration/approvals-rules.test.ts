import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { cardOf } from "../../shared/actions/webhook/card.ts";
import { DAYS, rulesIn, type WeeklyWindow } from "../../shared/approvals/configured-rules.ts";
import { grantRulesOf } from "../../shared/config/grant-rules.ts";
import { laterBy, toIso } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import { shownApproval } from "../../shared/http/shown-approval.ts";
import type { BuildEvent, BuildPart, ChangeEvent, CodeEvent, RefPart } from "../../shared/model/event.ts";
import { deliveryIdOf } from "../../shared/model/idempotency-keys.ts";
import { ACTOR_CLAIMS, type Principal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { present } from "../../shared/providers/payload.ts";
import type { Route } from "../../shared/routes/route.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { gatedBridge, holder } from "../support/gated-bridge.ts";
import { propertyCases } from "../support/property-cases.ts";
import { sampleDelivery } from "../support/samples.ts";
import { silentLog, testClock } from "../support/test-doubles.ts";

interface Rule {
  readonly id: string;
  readonly mode?: "enforce" | "shadow";
  readonly when: Readonly<Record<string, unknown>>;
  readonly windows?: readonly WeeklyWindow[];
}

interface Options {
  readonly windows?: readonly WeeklyWindow[];
  readonly approvers?: readonly string[];
  /** How many people have to grant a run. */
  readonly people?: number;
  readonly route?: Partial<Route>;
  readonly configuration?: string;
}

const SMALL: Rule = { id: "small", when: { event: { detail: { page: { id: ["98310"] } } } } };
const CONFIGURATION = "3fa2c1d09b7e";
const [MAX, MIA] = [holder("max"), holder("mia")];

let clock: ReturnType<typeof testClock>;
let database: { readonly table: ReturnType<typeof openMemoryTable>["table"]; readonly close: () => undefined };

beforeEach(() => {
  clock = testClock();
  database = { table: openMemoryTable().table, close: () => undefined };
});

/** One process of a bridge whose route these rules may grant. All processes of a test share one table. */
const open = (
  grantedBy: readonly Rule[],
  { windows = [], approvers = ["manager"], people = 1, route = {}, configuration = CONFIGURATION }: Options = {},
) =>
  gatedBridge(
    [{ outcome: "done", summary: "accepted by the listener" }],
    { approval: { expiresMinutes: 60, approvers: () => approvers }, ...route },
    [],
    silentLog,
    {
      clock,
      database,
      configuration,
      rules: new Map([["docs", rulesIn({ grantedBy, windows, approvers: people })]]),
      grantRules: async () =>
        grantRulesOf({ rules: [["docs", grantedBy]], presets: { jobs: "gitlab", people: "oidc" } }),
    },
  );

type Bridge = Awaited<ReturnType<typeof open>>;

const statesOf = async (bridge: Bridge, delivery: RecordedDelivery): Promise<readonly string[]> =>
  (await bridge.steps(delivery)).map(({ state }) => state);

/** A delivery of a page edit whose sender is this principal. Without `actor`, it names nobody. */
async function sentBy(bridge: Bridge, principal: Principal, given: Partial<RecordedDelivery> = {}) {
  const { events, ...delivery } = sampleDelivery(7);
  const [{ actor: _, ...event }] = events;
  return bridge.takeIn({ ...delivery, principal, events: [event], receivedAt: clock.now(), ...given });
}

/** An hour of every day, which opens this many hours after a test has begun. */
function windowIn(hours: number): WeeklyWindow {
  const time = (ms: number) => toIso(laterBy(testClock().now(), ms)).slice(11, 16);
  return { days: DAYS, from: time(hours * 3_600_000), to: time((hours + 1) * 3_600_000), zone: "UTC" };
}

/** The types of the events about approvals that the bridge records from now on, each once, with their times. */
function gateEvents(bridge: Bridge): {
  readonly types: () => readonly string[];
  readonly times: () => readonly string[];
} {
  const recorded: RecordedDelivery[] = [];
  const record = bridge.deliveries.record.bind(bridge.deliveries);
  bridge.deliveries.record = async (delivery) => {
    const result = await record(delivery);
    if (result === "recorded") recorded.push(delivery);
    return result;
  };
  const events = () => recorded.flatMap(({ events = [] }) => events).filter(({ type }) => type.startsWith("approval."));
  return { types: () => events().map(({ type }) => type), times: () => events().map(({ time }) => time) };
}

const JOB: Principal = {
  ...holder("project_path:platform/docs:ref_type:branch:ref:main", []),
  trustEntry: "jobs",
  claims: { project_path: "platform/docs", ref: "main", user_id: "4711" },
};

const SUB = { path: "sub", prefix: "project_path:" };
const PROJECT = { path: "project_path", equals: "platform/docs" };
const REF = { path: "ref", equals: "main" };

const ONE_AT_ONCE = {
  flow: { key: "$.detail.page.id", running: 1 },
  runsReportedBy: "cluster",
  runsStaleAfterMs: 90 * 60_000,
} as const satisfies Partial<Route>;

describe("a rule that grants a run", () => {
  it("it fires at once, and every record says which rule of which configuration granted it", async () => {
    const bridge = await open([SMALL]);
    const recorded: RecordedDelivery[] = [];
    const record = bridge.deliveries.record.bind(bridge.deliveries);
    bridge.deliveries.record = async (delivery) => {
      recorded.push(delivery);
      return record(delivery);
    };
    const edit = await bridge.edit(7);
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(1);
    const rule = { id: "small", configuration: CONFIGURATION };
    const by = { issuer: "drawbridge:bridge", subject: "rule small" };
    expect(await bridge.approvalOf(edit)).toMatchObject({ state: "fired", grants: [{ by, rule }], decision: { rule } });
    const steps = await bridge.steps(edit);
    expect(steps).toMatchObject([{ state: "requested" }, { state: "granted", by, rule }]);
    const gates = recorded.flatMap(({ events = [] }) => events).filter((event) => "approval" in event);
    expect(gates).toContainEqual(
      expect.objectContaining({
        type: "approval.granted",
        approval: expect.objectContaining({
          gate: expect.objectContaining({ state: "granted", rule, by: "rule small" }),
        }),
      }),
    );
  });

  it.each<[string, Rule, boolean]>([
    ["an event that matches", SMALL, true],
    ["an event that does not", { id: "r", when: { event: { detail: { page: { id: ["1"] } } } } }, false],
    ["a person, if it is for persons", { id: "r", when: { requester: ["person"] } }, true],
    ["a person, if it is for jobs", { id: "r", when: { requester: ["job"] } }, false],
    ["an account without a token", { id: "r", when: { claims: { trust: "jobs", match: [SUB] } } }, false],
    ["an event in its window", { ...SMALL, windows: [windowIn(0)] }, true],
    ["an event before its window", { ...SMALL, windows: [windowIn(2)] }, false],
  ])("the edit of a page by an account: %s: granted %s", async (_, rule, isGranted) => {
    const bridge = await open([rule]);
    const edit = await bridge.edit(7);
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(isGranted ? 1 : 0);
    expect((await bridge.approvalOf(edit)).state).toBe(isGranted ? "fired" : "requested");
  });

  it.each<[string, Rule["when"], Principal, boolean]>([
    ["a job, if its claims match", { claims: { trust: "jobs", match: [PROJECT, REF] } }, JOB, true],
    [
      "a job of another branch",
      { claims: { trust: "jobs", match: [PROJECT, { path: "ref", equals: "dev" }] } },
      JOB,
      false,
    ],
    [
      "a job without the claim",
      { claims: { trust: "jobs", match: [{ path: "environment", equals: "x" }] } },
      JOB,
      false,
    ],
    [
      "the same claims of another issuer",
      { claims: { trust: "jobs", match: [PROJECT] } },
      { ...JOB, trustEntry: "people" },
      false,
    ],
    ["the same claims without a token", { claims: { trust: "jobs", match: [PROJECT] } }, secret(JOB), false],
    ["a job, if it is for jobs", { requester: ["job"] }, JOB, true],
    ["a job, if it is for persons", { requester: ["person"] }, JOB, false],
    ["the holder of a token, if it is for persons", { requester: ["person"] }, MAX, true],
    ["an agent, if it is for persons and jobs", { requester: ["person", "job"] }, agent(MAX), false],
    ["an agent, if it says nothing about agents", SMALL.when, agent(MAX), false],
    ["an agent of a job", { claims: { trust: "jobs", match: [PROJECT] } }, agent(JOB), false],
    ["an agent, if it is for agents", { requester: ["agent"] }, agent(MAX), true],
    ["nobody known, if it is for persons", { requester: ["person", "job", "agent"] }, secret(JOB), false],
    ["nobody known, if it says nothing about that", SMALL.when, secret(JOB), true],
  ])("a run that was requested by %s", async (_, when, principal, isGranted) => {
    const bridge = await open([{ id: "r", when }]);
    await sentBy(bridge, principal);
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(isGranted ? 1 : 0);
  });

  it("what only shadow mode accepted waits for people", async () => {
    const bridge = await open([SMALL, { id: "jobs", when: { requester: ["job"] } }]);
    await sentBy(bridge, JOB, { refusal: { reason: "claim_mismatch", claim: "ref" } });
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(0);
  });

  it("it stands for nobody if no role may approve the run", async () => {
    const bridge = await open([SMALL], { approvers: [] });
    await bridge.edit(7);
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(0);
  });

  it("an agent behind what a person replays keeps it from granting", async () => {
    const bridge = await open([{ id: "r", when: { requester: ["person"] } }]);
    const first = await sentBy(bridge, agent(MAX));
    await bridge.runDue();
    await bridge.replay(first, holder("mia", ["manager", "on-call"]));
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(0);
  });

  it("all conditions have to hold, and of several rules one is enough", async () => {
    const both = { id: "both", when: { ...SMALL.when, requester: ["job"] } };
    const bridge = await open([both]);
    const edit = await bridge.edit(7);
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(0);
    expect((await bridge.attempts(edit.id)).length + bridge.fired.length).toBe(0);
    const later = await open([both, SMALL]);
    await later.later();
    expect(later.fired).toHaveLength(1);
    expect(await later.approvalOf(edit)).toMatchObject({ decision: { rule: { id: "small" } } });
  });

  it("until the route's window opens people may decide, and the rule grants when it opens", async () => {
    const bridge = await open([SMALL], { windows: [windowIn(1)] });
    const edit = await bridge.edit(7);
    await bridge.runDue();
    expect(await bridge.approvalOf(edit)).toMatchObject({ state: "requested", grants: [] });
    clock.advance(1_000);
    expect(await bridge.decide(edit, "deny", MIA)).toMatchObject({ ok: true });
    const other = await open([SMALL], { windows: [{ ...windowIn(0), to: "24:00" }] });
    clock.advance(1_000);
    const next = await other.edit(8);
    await other.later();
    expect([await statesOf(other, edit), await statesOf(other, next)]).toEqual([
      ["requested", "denied"],
      ["requested", "granted"],
    ]);
    expect(other.fired).toHaveLength(1);
  });

  it("a person who denies while the rule grants wins, and nothing fires", async () => {
    const bridge = await open([SMALL]);
    const edit = await bridge.edit(7);
    const { grant } = bridge.approvals;
    bridge.approvals.grant = async (...given) => {
      clock.advance(1_000);
      bridge.approvals.grant = grant.bind(bridge.approvals);
      await bridge.decide(edit, "deny", MIA);
      return bridge.approvals.grant(...given);
    };
    await bridge.runDue();
    await bridge.later();
    expect(bridge.fired).toHaveLength(0);
    expect(await statesOf(bridge, edit)).toEqual(["requested", "denied"]);
  });

  it.each<[string, readonly Rule[], string | undefined]>([
    ["still holds", [SMALL], undefined],
    [
      "is another one by the same name that does not hold",
      [{ ...SMALL, when: { requester: ["job"] } }],
      "a person is behind",
    ],
    ["is closed by its window", [{ ...SMALL, windows: [windowIn(5)] }], "its window opens at"],
  ])("if the process ended between grant and firing, and the rule %s", async (_, then, why) => {
    const bridge = await open([SMALL]);
    const edit = await bridge.edit(7);
    const { move } = bridge.approvals;
    bridge.approvals.move = () => Promise.reject(new Fault("store_unavailable", "it died", { retryable: true }));
    await bridge.runDue();
    bridge.approvals.move = move;
    expect([await statesOf(bridge, edit), bridge.fired.length]).toEqual([["requested", "granted"], 0]);
    const later = await open(then);
    await later.later();
    await later.later();
    expect(later.fired).toHaveLength(why === undefined ? 1 : 0);
    const approval = await later.approvalOf(edit);
    expect(approval.state).toBe(why === undefined ? "fired" : "void");
    if (why !== undefined) expect(approval.endedFor).toContain(`rule small no longer holds: ${why}`);
  });

  it.each<[string, readonly Rule[]]>([
    ["is gone", []],
    ["is in shadow mode", [{ ...SMALL, mode: "shadow" }]],
  ])("if the process ended between grant and firing, and the rule %s, people decide", async (_, then) => {
    const bridge = await open([SMALL]);
    const edit = await bridge.edit(7);
    bridge.approvals.move = () => Promise.reject(new Fault("store_unavailable", "it died", { retryable: true }));
    await bridge.runDue();
    const later = await open(then);
    await later.later();
    expect([(await later.approvalOf(edit)).state, later.fired.length]).toEqual(["requested", 0]);
    expect(await later.decide(edit, "grant", MAX)).toMatchObject({ ok: true, value: { state: "granted" } });
    await later.later();
    expect(later.fired).toHaveLength(1);
  });

  it("it grants nothing that has changed", async () => {
    const bridge = await open([{ ...SMALL, windows: [windowIn(1)] }]);
    const edit = await bridge.edit(7);
    await bridge.runDue();
    clock.advance(1_000);
    await bridge.edit(8);
    await bridge.later(61);
    expect(await statesOf(bridge, edit)).toEqual(["requested", "superseded"]);
  });

  it("in shadow mode it grants nothing, and the timeline says once that it would have", async () => {
    const bridge = await open([{ ...SMALL, mode: "shadow" }]);
    const edit = await bridge.edit(7);
    await bridge.runDue();
    await bridge.later();
    await bridge.later();
    expect(bridge.fired).toHaveLength(0);
    expect(await bridge.steps(edit)).toMatchObject([
      { state: "requested" },
      { state: "would_grant", at: (await bridge.approvalOf(edit)).requestedAt + 1, rule: { id: "small" } },
    ]);
    expect(await bridge.decide(edit, "grant", MAX)).toMatchObject({ ok: true, value: { state: "granted" } });
  });
});

describe("the question to people, beside a rule", () => {
  it("nobody is asked about a run that a rule grants at once, then and later", async () => {
    const bridge = await open([SMALL]);
    const events = gateEvents(bridge);
    const edit = await bridge.edit(7);
    await bridge.runDue();
    for (let minute = 0; minute < 3; minute++) await bridge.later();
    expect(await statesOf(bridge, edit)).toEqual(["requested", "granted"]);
    expect(events.types()).toEqual(["approval.granted"]);
  });

  it("people are asked once, as of the request, if no rule holds; and the rule that holds later is reported", async () => {
    const bridge = await open([{ ...SMALL, windows: [windowIn(1)] }], { route: { approval: HOURS } });
    const events = gateEvents(bridge);
    const edit = await bridge.edit(7);
    await bridge.runDue();
    const { requestedAt } = await bridge.approvalOf(edit);
    for (let minute = 0; minute < 3; minute++) await bridge.later();
    expect(events.types()).toEqual(["approval.requested"]);
    expect(events.times()).toEqual([toIso(requestedAt)]);
    await bridge.later(60);
    expect((await bridge.approvalOf(edit)).state).toBe("fired");
    expect(events.types()).toEqual(["approval.requested", "approval.granted"]);
  });

  it.each<[string, readonly Rule[], Options]>([
    ["a rule in shadow mode would grant it", [{ ...SMALL, mode: "shadow" }], {}],
    ["the window of the route is closed", [SMALL], { windows: [windowIn(2)] }],
    ["the route has no rule", [], {}],
  ])("people are asked once if %s", async (_, rules, options) => {
    const bridge = await open(rules, options);
    const events = gateEvents(bridge);
    await bridge.edit(7);
    await bridge.runDue();
    for (let minute = 0; minute < 3; minute++) await bridge.later();
    expect(events.types()).toEqual(["approval.requested"]);
  });

  it("a crash before the question, or before it is stored that people were asked, loses none and doubles none", async () => {
    const bridge = await open([{ ...SMALL, mode: "shadow" }]);
    const events = gateEvents(bridge);
    const { move } = bridge.approvals;
    const { record } = bridge.deliveries;
    const away = () => Promise.reject(new Fault("store_unavailable", "it is throttled", { retryable: true }));
    await bridge.edit(7);
    bridge.deliveries.record = away;
    await bridge.runDue();
    expect(events.types()).toEqual([]);
    bridge.deliveries.record = record;
    bridge.approvals.move = away;
    await bridge.later();
    bridge.approvals.move = move;
    for (let minute = 0; minute < 3; minute++) await bridge.later();
    expect(events.types()).toEqual(["approval.requested"]);
  });

  it("a rule that holds while the slot is full asks nobody, and people are asked once it does not hold any more", async () => {
    const route = { ...ONE_AT_ONCE, approval: HOURS };
    const bridge = await open([SMALL], { route });
    const events = gateEvents(bridge);
    await bridge.edit(7);
    await bridge.runDue();
    clock.advance(1_000);
    const edit = await bridge.edit(8);
    await bridge.runDue();
    await bridge.later();
    expect((await bridge.approvalOf(edit)).state).toBe("requested");
    expect(events.types()).toEqual(["approval.granted"]);
    // After the end of the first run, by the time of its target.
    const next = await open([OTHER_PAGE], { route });
    const later = gateEvents(next);
    for (let hour = 0; hour < 3; hour++) await next.later(60);
    expect(later.types()).toEqual(["approval.requested"]);
  });
});

/** A rule that never holds in these tests. */
const OTHER_PAGE: Rule = { id: "other", when: { event: { detail: { page: { id: ["1"] } } } } };
const HOURS = { expiresMinutes: 300, approvers: () => ["manager"] };

describe("a rule that grants a run of a flow", () => {
  it.each(["newest", "queue"] as const)(
    "a run that took a slot and was then superseded leaves it to the next one (%s)",
    async (waiting) => {
      // biome-ignore lint/suspicious/noThenProperty: a key of the configuration, which nobody awaits.
      const route = { ...ONE_AT_ONCE, flow: { ...ONE_AT_ONCE.flow, then: waiting } };
      const bridge = await open([SMALL], { route });
      const edit = await bridge.edit(7);
      const { grant } = bridge.approvals;
      bridge.approvals.grant = () =>
        Promise.reject(new Fault("store_unavailable", "it is throttled", { retryable: true }));
      await bridge.runDue();
      bridge.approvals.grant = grant;
      clock.advance(500);
      const next = await bridge.edit(8);
      await bridge.later(2);
      expect((await bridge.approvalOf(edit)).state).toBe("superseded");
      await bridge.runDue();
      expect((await bridge.approvalOf(next)).state).toBe("fired");
      expect(bridge.fired.map(({ busEvent }) => busEvent.detail.delivery)).toEqual([next.id]);
    },
  );
});

describe("a run for which a rule holds, and whose slot is full", () => {
  /** The second of two runs of a page, after the time of its approval and before the end of the first. */
  async function waiting() {
    const bridge = await open([SMALL], { route: ONE_AT_ONCE });
    await bridge.edit(7);
    await bridge.runDue();
    clock.advance(1_000);
    const edit = await bridge.edit(8);
    await bridge.runDue();
    await bridge.later(65);
    expect([(await bridge.approvalOf(edit)).state, bridge.fired.length]).toEqual(["requested", 1]);
    return { bridge, edit };
  }

  it("does not expire, and fires when the slot is free", async () => {
    const { bridge, edit } = await waiting();
    await bridge.later(30);
    expect([await statesOf(bridge, edit), bridge.fired.length]).toEqual([["requested", "granted"], 2]);
  });

  it("expires if the rule does not hold any more then", async () => {
    const { edit } = await waiting();
    const other = await open([{ ...SMALL, windows: [windowIn(5)] }], { route: ONE_AT_ONCE });
    await other.later(30);
    expect([await statesOf(other, edit), other.fired.length]).toEqual([["requested", "expired"], 0]);
  });

  it("has nothing cancelled while people may deny it, and has after one of them granted it", async () => {
    const { key, running } = ONE_AT_ONCE.flow;
    // biome-ignore lint/suspicious/noThenProperty: a key of the configuration, which nobody awaits.
    const route: Partial<Route> = { ...ONE_AT_ONCE, flow: { key, running, then: "cancel" }, runNamespaces: ["ci"] };
    const bridge = await open([SMALL], { route });
    const first = await bridge.edit(7);
    await bridge.runDue();
    clock.advance(1_000);
    const second = await bridge.edit(8);
    await bridge.later();
    await bridge.later();
    expect((await bridge.approvalOf(second)).state).toBe("requested");
    const cancels = await bridge.runCancels();
    expect(await cancels.of("cluster")).toEqual([]);
    expect((await bridge.deliveries.timeline(first.id)).filter(({ kind }) => kind === "cancel")).toEqual([]);
    expect(await bridge.decide(second, "grant", MAX)).toMatchObject({ ok: true });
    await bridge.runDue();
    expect(await cancels.of("cluster")).toMatchObject([{ delivery: first.id, by: second.id }]);
  });

  it("can be denied meanwhile, but no longer be granted by people", async () => {
    const { bridge, edit } = await waiting();
    expect(await bridge.decide(edit, "grant", MAX)).toMatchObject({ ok: false });
    expect(await bridge.decide(edit, "deny", MIA)).toMatchObject({ ok: true });
    await bridge.later(30);
    expect([await statesOf(bridge, edit), bridge.fired.length]).toEqual([["requested", "denied"], 1]);
  });
});

describe("a grant by a rule that the route had for a while", () => {
  /** The process ended between grant and firing, and the route has lost the rule since. */
  async function without(people: number) {
    const bridge = await open([SMALL], { people });
    const edit = await bridge.edit(7);
    const { move } = bridge.approvals;
    bridge.approvals.move = () => Promise.reject(new Fault("store_unavailable", "it died", { retryable: true }));
    await bridge.runDue();
    bridge.approvals.move = move;
    const later = await open([], { people });
    await later.later();
    return { bridge: later, edit };
  }

  it.each([1, 2])(
    "people who are enough without it (%i) are not voided when a rule of its name is back",
    async (people) => {
      const { bridge, edit } = await without(people);
      for (const person of [MAX, MIA].slice(0, people)) {
        clock.advance(1_000);
        expect(await bridge.decide(edit, "grant", person)).toMatchObject({ ok: true });
      }
      const back = await open([{ ...SMALL, windows: [windowIn(5)] }], { people });
      await back.later();
      await back.later();
      expect([(await back.approvalOf(edit)).state, back.fired.length]).toEqual(["fired", 1]);
    },
  );

  it("a rule of its name that is back grants anew, and the record names the configuration of that grant", async () => {
    const { edit } = await without(1);
    const back = await open([SMALL], { configuration: "77aa00bb11cc" });
    await back.later();
    await back.later();
    expect(back.fired).toHaveLength(1);
    const rule = { id: "small", configuration: "77aa00bb11cc" };
    expect(await back.approvalOf(edit)).toMatchObject({ state: "fired", decision: { rule } });
    expect((await back.steps(edit)).at(-1)).toMatchObject({ state: "granted", rule });
  });

  it("people who are not enough wait for others, whatever rule of its name is back", async () => {
    const { bridge, edit } = await without(2);
    expect(await bridge.decide(edit, "grant", MAX)).toMatchObject({ ok: true });
    const back = await open([{ ...SMALL, windows: [windowIn(5)] }], { people: 2 });
    await back.later();
    await back.later();
    expect([(await back.approvalOf(edit)).state, back.fired.length]).toEqual(["requested", 0]);
  });

  it("is no decision while people are asked again", async () => {
    const { bridge, edit } = await without(1);
    const approval = await bridge.approvalOf(edit);
    expect(approval.state).toBe("requested");
    expect(shownApproval(approval, bridge.bridge)).not.toHaveProperty("decision");
    const { facts } = cardOf(approval, { isReminder: true }, { console: undefined });
    expect(facts.find(({ name }) => name === "Approved by")).toBeUndefined();
  });
});

describe("a run that a rule fired, and whose call may never have been made", () => {
  /** The process ended right after the firing was recorded. */
  async function fired() {
    const bridge = await open([SMALL]);
    const edit = await bridge.edit(7);
    const { move } = bridge.approvals;
    bridge.approvals.move = async (...given) => {
      await move.apply(bridge.approvals, given);
      throw new Fault("store_unavailable", "it died", { retryable: true });
    };
    await bridge.runDue();
    expect([(await bridge.approvalOf(edit)).state, bridge.fired.length]).toEqual(["fired", 0]);
    return edit;
  }

  it("is called with the next attempt, once", async () => {
    await fired();
    const later = await open([SMALL]);
    await later.later();
    await later.later();
    expect(later.fired).toHaveLength(1);
  });

  it.each<[string, readonly Rule[]]>([
    ["is gone", []],
    ["is in shadow mode", [{ ...SMALL, mode: "shadow" }]],
  ])("is not called if the rule %s", async (_, then) => {
    const edit = await fired();
    const later = await open(then);
    await later.later();
    expect(later.fired).toHaveLength(0);
    expect((await later.attempts(edit.id)).at(-1)).toMatchObject({ outcome: "done", endedAs: "not_fired" });
    const back = await open([SMALL]);
    await back.later();
    expect(back.fired).toHaveLength(0);
  });
});

describe("a rule on what is recorded of a commit", () => {
  const CHECKS = [{ source: "wiki", pipeline: "platform/docs" }];
  const GREEN: Rule = { id: "green", when: { checks: CHECKS } };
  const OUTSIDE: Rule = { id: "outside", when: { pathsOutside: ["infra/", "deploy.yaml"] } };
  const PUSHES: Partial<Route> = {
    matches: ({ "detail-type": type }) => type === "code.pushed",
    runsReportedBy: "cluster",
    runsStaleAfterMs: 60_000,
  };
  const commitOf = (n: number): string => n.toString(16).padStart(40, "0");
  const MERGED = { commit: commitOf(4), mergeCommit: commitOf(5) } as const;
  type Code = CodeEvent["code"];
  type Given = Partial<Omit<Code, "before" | "paths">> & {
    readonly before?: string | undefined;
    readonly paths?: Code["paths"] | undefined;
  };
  const push = async (bridge: Bridge, n: number, code: Given = {}, principal?: Principal) => {
    const { events: _, ...delivery } = sampleDelivery(n);
    const event: CodeEvent = {
      type: "code.pushed",
      keyParts: ["push", String(n), code.before ?? ""],
      time: toIso(clock.now()),
      subject: "platform/docs main",
      actor: { id: "ff80aa01" },
      code: present({
        ...{ project: "platform/docs", ref: "refs/heads/main", name: "main", change: "updated" },
        ...{ commit: commitOf(n), before: commitOf(n - 1), commits: [], commitCount: 1 },
        paths: listed(["docs/a.md"]),
        ...code,
      }),
    };
    const id = deliveryIdOf("wiki", ["push", String(n), code.before ?? ""]);
    const { actor: __, ...unnamed } = event;
    const events = [principal ? unnamed : event] as const;
    return bridge.takeIn({ ...delivery, id, receivedAt: clock.now(), events, ...(principal && { principal }) });
  };
  let reports = 0;
  const report = async (
    bridge: Bridge,
    n: number,
    state: BuildPart["state"],
    {
      place = { branch: "main" },
      build = {},
      delivery = {},
    }: { place?: RefPart; build?: Partial<BuildPart>; delivery?: Partial<RecordedDelivery> } = {},
  ) => {
    const { events: _, ...sample } = sampleDelivery(n);
    const key = String(++reports);
    const event: BuildEvent = {
      type: `build.${state}`,
      keyParts: ["build", key],
      time: toIso(clock.now()),
      subject: "platform/docs",
      build: { system: "gitlab", id: "1", pipeline: "platform/docs", state, commit: commitOf(n), ...place, ...build },
    };
    const id = deliveryIdOf("wiki", ["build", key]);
    await bridge.takeIn({ ...sample, id, receivedAt: clock.now(), what: event.type, events: [event], ...delivery });
  };

  it.each<[string, (bridge: Bridge) => Promise<unknown>, boolean]>([
    ["nothing is known", async () => undefined, false],
    ["its run succeeded", (bridge) => report(bridge, 5, "succeeded"), true],
    ["its run failed", (bridge) => report(bridge, 5, "failed"), false],
    ["its run goes on", (bridge) => report(bridge, 5, "running"), false],
    ["that of another commit succeeded", (bridge) => report(bridge, 4, "succeeded"), false],
    ["another pipeline succeeded", (bridge) => report(bridge, 5, "succeeded", { build: { pipeline: "docs" } }), false],
    [
      "another source says so",
      (bridge) => report(bridge, 5, "succeeded", { delivery: { source: "elsewhere" } }),
      false,
    ],
    [
      "only shadow mode accepted the report",
      (bridge) => report(bridge, 5, "succeeded", { delivery: { refusal: { reason: "claim_mismatch", claim: "ref" } } }),
      false,
    ],
    ["its run was for another branch", (bridge) => report(bridge, 5, "succeeded", { place: { branch: "dev" } }), false],
    [
      "its run was for a tag of that name",
      (bridge) => report(bridge, 5, "succeeded", { place: { tag: "main" } }),
      false,
    ],
    ["its run may be for a tag", (bridge) => report(bridge, 5, "succeeded", { place: { refName: "main" } }), false],
    ["nothing says what its run was for", (bridge) => report(bridge, 5, "succeeded", { place: {} }), false],
    [
      "its run was for a change request of the same branch",
      (bridge) => report(bridge, 5, "succeeded", { place: { change: { id: "1", sourceBranch: "main", fork: false } } }),
      false,
    ],
    [
      "it is red, and a newer run of the commit for another branch succeeded",
      async (bridge) => {
        await report(bridge, 5, "failed");
        await report(bridge, 5, "succeeded", { place: { branch: "dev" }, build: { id: "2" } });
      },
      false,
    ],
    [
      "it is green, and a newer run of the commit for another branch failed",
      async (bridge) => {
        await report(bridge, 5, "succeeded");
        await report(bridge, 5, "failed", { place: { branch: "dev" }, build: { id: "2" } });
      },
      true,
    ],
    [
      "a newer run failed",
      async (bridge) => {
        await report(bridge, 5, "failed", { build: { id: "2" } });
        await report(bridge, 5, "succeeded");
      },
      false,
    ],
    [
      "a newer run goes on",
      async (bridge) => {
        await report(bridge, 5, "succeeded");
        await report(bridge, 5, "queued", { build: { id: "2" } });
      },
      false,
    ],
    [
      "an older run failed",
      async (bridge) => {
        await report(bridge, 5, "succeeded", { build: { id: "2" } });
        await report(bridge, 5, "failed");
      },
      true,
    ],
    [
      "a late report says that it runs",
      async (bridge) => {
        await report(bridge, 5, "succeeded");
        await report(bridge, 5, "running");
      },
      true,
    ],
  ])("grants the run of a push if %s: %#", async (_, happens, isGranted) => {
    const bridge = await open([GREEN], { route: PUSHES });
    await happens(bridge);
    await push(bridge, 5);
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(isGranted ? 1 : 0);
  });

  it.each<[string, Partial<ChangeEvent["change"]>, readonly [RefPart, BuildPart["state"]][], boolean]>([
    ["its own run succeeded", {}, [[{ change: { id: "12", fork: false } }, "succeeded"]], true],
    ["its run may be of another project", {}, [[{ change: { id: "12" } }, "succeeded"]], false],
    ["the run of another one succeeded", {}, [[{ change: { id: "13", fork: false } }, "succeeded"]], false],
    ["that of its source branch succeeded", {}, [[{ branch: "edit" }, "succeeded"]], true],
    ["that of a branch by the name in a fork did", { fork: true }, [[{ branch: "edit" }, "succeeded"]], false],
    ["that of its target branch succeeded", {}, [[{ branch: "main" }, "succeeded"]], false],
    [
      "its own run failed and then its branch succeeded",
      {},
      [
        [{ change: { id: "12", fork: false } }, "failed"],
        [{ branch: "edit" }, "succeeded"],
      ],
      false,
    ],
    ["it is merged, and its target branch succeeded", MERGED, [[{ branch: "main" }, "succeeded"]], true],
    ["it is merged, and its source branch succeeded", MERGED, [[{ branch: "edit" }, "succeeded"]], false],
  ])("grants the run of a change request if %s: %#", async (_, change, runs, isGranted) => {
    const matches: Route["matches"] = ({ detail }) => "change" in detail;
    const bridge = await open([GREEN], { route: { ...PUSHES, matches } });
    for (const [at, [place, state]] of runs.entries())
      await report(bridge, 5, state, { place, build: { id: String(at + 1) } });
    const { events: _events, ...delivery } = sampleDelivery(5);
    const type = change.mergeCommit === undefined ? "change.updated" : "change.merged";
    const event: ChangeEvent = {
      type,
      keyParts: ["change"],
      time: toIso(clock.now()),
      subject: "platform/docs!12",
      actor: { id: "ff80aa01" },
      change: {
        ...{ id: "12", number: 12, project: "platform/docs", commit: commitOf(5), fork: false },
        ...{ sourceBranch: "edit", targetBranch: "main", ...change },
      },
    };
    await bridge.takeIn({ ...delivery, what: type, receivedAt: clock.now(), events: [event] });
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(isGranted ? 1 : 0);
  });

  it("grants a run that waits once its pipeline is green, and a replayed report is none", async () => {
    const bridge = await open([GREEN], { route: PUSHES });
    await report(bridge, 4, "succeeded");
    await push(bridge, 5);
    await bridge.runDue();
    const replay = { of: "d-1", routes: [], isRollback: false } as const;
    await report(bridge, 5, "succeeded", { delivery: { replay } });
    await bridge.later();
    expect(bridge.fired).toHaveLength(0);
    await report(bridge, 5, "succeeded");
    await bridge.later();
    expect(bridge.fired).toHaveLength(1);
  });

  it.each<[string, Given, boolean]>([
    ["changed nothing below them", {}, true],
    ["changed something below one", { paths: listed(["docs/a.md", "infra/db/main.tf"]) }, false],
    ["changed a folder that is a link or a submodule", { paths: listed(["docs/a.md", "infra"]) }, false],
    ["quotes a path", { paths: listed(['"infra/\\303\\244.tf"']) }, false],
    ["changed one of them", { paths: listed(["deploy.yaml"]) }, false],
    ["changed what only begins like one", { paths: listed(["infrastructure.md", "deploy.yaml.md"]) }, true],
    ["has a cut list", { paths: { ...listed(["docs/a.md"]), truncated: true } }, false],
    ["may have moved a file", { paths: { ...listed(["docs/a.md"]), incomplete: true } }, false],
    ["lists no path", { paths: listed([]) }, false],
    ["has no list", { paths: undefined }, false],
    ["created its branch", { change: "created", before: undefined }, false],
    ["follows on a push that was not fired", { before: commitOf(3) }, false],
    ["is of another branch", { ref: "refs/heads/other" }, false],
    ["is of another project", { project: "platform/other" }, false],
  ])("grants the run of a push that %s: %s", async (_, code, isGranted) => {
    const first = await open([], { route: PUSHES });
    await first.decide(await pushed(first, 4), "grant", MAX);
    await first.later();
    const bridge = await open([OUTSIDE], { route: PUSHES });
    await push(bridge, 5, code);
    await bridge.runDue();
    expect([first.fired.length, bridge.fired.length]).toEqual([1, isGranted ? 1 : 0]);
  });

  const pushed = async (bridge: Bridge, n: number, code: Given = {}) => {
    const delivery = await push(bridge, n, code);
    await bridge.runDue();
    return delivery;
  };

  it("grants no run that also has what people have not approved", async () => {
    const bridge = await open([OUTSIDE], { route: PUSHES });
    await bridge.decide(await pushed(bridge, 4), "grant", MAX);
    await bridge.later();
    await pushed(bridge, 5, { paths: listed(["infra/main.tf"]) });
    clock.advance(1_000);
    const next = await pushed(bridge, 6);
    await bridge.later();
    expect(bridge.fired).toHaveLength(1);
    expect((await bridge.attempts(next.id)).length).toBe(0);
    await bridge.decide(next, "grant", MAX);
    await bridge.later();
    await pushed(bridge, 7);
    expect(bridge.fired).toHaveLength(3);
  });

  it("never grants the run of an agent that the rule does not list", async () => {
    const bridge = await open([GREEN], { route: PUSHES });
    await report(bridge, 5, "succeeded");
    await push(bridge, 5, {}, agent(MAX));
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(0);
    const listing = await open([{ ...GREEN, when: { ...GREEN.when, requester: ["agent"] } }], { route: PUSHES });
    await listing.later();
    expect(listing.fired).toHaveLength(1);
  });

  it("in shadow mode it only says that it would have granted the run", async () => {
    const bridge = await open([{ ...GREEN, mode: "shadow" }], { route: PUSHES });
    const edit = await pushed(bridge, 5);
    expect(await bridge.steps(edit)).toMatchObject([{ state: "requested" }]);
    await report(bridge, 5, "succeeded");
    await bridge.later();
    expect(bridge.fired).toHaveLength(0);
    expect(await bridge.steps(edit)).toMatchObject([{ state: "requested" }, { state: "would_grant" }]);
  });

  it("is void if the pipeline ran again between grant and firing", async () => {
    const bridge = await open([GREEN], { route: PUSHES });
    await report(bridge, 5, "succeeded");
    bridge.approvals.move = () => Promise.reject(new Fault("store_unavailable", "it died", { retryable: true }));
    await pushed(bridge, 5);
    const later = await open([GREEN], { route: PUSHES });
    await report(later, 5, "failed", { build: { id: "2" } });
    await later.later();
    expect(later.fired).toHaveLength(0);
  });

  type Step =
    | { readonly kind: "push"; readonly paths: keyof typeof LISTS; readonly isNext: boolean }
    | {
        readonly kind: "report";
        readonly back: number;
        readonly run: number;
        readonly branch: string;
        readonly state: BuildPart["state"];
      }
    | { readonly kind: "grant" }
    | { readonly kind: "crash" };
  const LISTS = {
    outside: listed(["docs/a.md"]),
    inside: listed(["docs/a.md", "infra/main.tf"]),
    cut: { ...listed(["docs/a.md"]), truncated: true },
    incomplete: { ...listed(["docs/a.md"]), incomplete: true },
    unknown: undefined,
  } as const;
  const FIRST: Step = { kind: "push", paths: "outside", isNext: true };
  /** The rule grants the last push of this history. */
  const GRANTED: Step[] = [FIRST, { kind: "report", back: 0, run: 1, branch: "main", state: "succeeded" }];
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({
      kind: fc.constant("push" as const),
      paths: fc.constantFrom("outside", "outside", "outside", "inside", "cut", "incomplete", "unknown"),
      isNext: fc.constantFrom(true, true, true, false),
    }),
    fc.record({
      kind: fc.constant("report" as const),
      back: fc.constantFrom(0, 0, 0, 1),
      run: fc.constantFrom(1, 1, 2),
      branch: fc.constantFrom("main", "main", "main", "dev"),
      state: fc.constantFrom("succeeded", "succeeded", "succeeded", "failed", "running"),
    }),
    fc.constant({ kind: "grant" as const }),
    fc.constant({ kind: "crash" as const }),
  );

  it("in any history, what it fires is green, and has nothing that only people could have approved", async () => {
    let firedByRule = 0;
    const both: Rule = { id: "both", when: { checks: CHECKS, pathsOutside: ["infra/"] } };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25, size: "max" }), async (steps) => {
        clock = testClock();
        database = { table: openMemoryTable().table, close: () => undefined };
        let bridge = await open([both], { route: PUSHES });
        /** By commit: how its paths are known, and the push before it. */
        const pushes = new Map<string, { readonly paths: keyof typeof LISTS; readonly before: string }>();
        /** By commit and run: whether it has ended, and how. */
        const builds = new Map<string, BuildPart["state"]>();
        let last: RecordedDelivery | undefined;
        let granted: string | undefined;
        let fired: string | undefined;
        let n = 1;
        // Most histories are about a route that people have granted a run of.
        for (const one of [FIRST, { kind: "grant" } as const, ...steps]) {
          clock.advance(1_000);
          if (one.kind === "push") {
            n += 1;
            const before = one.isNext ? commitOf(n - 1) : commitOf(9_000 + n);
            pushes.set(commitOf(n), { paths: one.paths, before });
            last = await push(bridge, n, { before, paths: LISTS[one.paths] });
          }
          if (one.kind === "report" && n - one.back > 1) {
            const commit = n - one.back;
            const key = `${commitOf(commit)} ${one.run}`;
            const known = builds.get(key);
            const isEnd = one.state !== "running";
            const isMain = one.branch === "main";
            if (isMain && (known === undefined || known === "running" || isEnd)) builds.set(key, one.state);
            // A run is for one branch only.
            const id = isMain ? String(one.run) : String(one.run + 100);
            await report(bridge, commit, one.state, { place: { branch: one.branch }, build: { id } });
          }
          if (one.kind === "grant" && last) {
            const result = await bridge.decide(last, "grant", MAX);
            if (result.ok) granted = commitOf(n);
          }
          if (one.kind === "crash") bridge = await open([both], { route: PUSHES });
          const count = bridge.fired.length;
          await bridge.runDue();
          if (one.kind !== "push" && one.kind !== "grant") await bridge.later();
          for (const { busEvent } of bridge.fired.slice(count)) {
            const { detail } = busEvent;
            const commit = "code" in detail ? (detail.code.commit ?? "") : "";
            if (commit !== granted) {
              firedByRule += 1;
              const own = [2, 1].flatMap((run) => builds.get(`${commit} ${run}`) ?? []);
              const of = pushes.get(commit);
              expect([own[0], own.includes("running"), of?.paths, of?.before]).toEqual([
                "succeeded",
                false,
                "outside",
                fired,
              ]);
            }
            fired = commit;
          }
        }
      }),
      { ...propertyCases("rules on commits", { weight: 20 }), examples: [[GRANTED]] },
    );
    // Otherwise it holds because nothing ever happens.
    expect(firedByRule).toBeGreaterThan(0);
  }, 1_800_000);
});

/** A whole list of changed paths. */
function listed(changed: readonly string[]) {
  return { changed, count: changed.length, truncated: false };
}

/** The same identity if an agent acts for it. */
function agent(principal: Principal): Principal {
  const [act] = ACTOR_CLAIMS;
  return { ...principal, claims: { ...principal.claims, [act]: "helper" } };
}

/** The same if only the secret of a source proves it. */
function secret({ trustEntry: _, ...principal }: Principal): Principal {
  return principal;
}
