import { beforeEach, describe, expect, it } from "vitest";
import { cardOf } from "../../shared/actions/webhook/card.ts";
import { DAYS, rulesIn, type WeeklyWindow } from "../../shared/approvals/configured-rules.ts";
import { grantRulesOf } from "../../shared/config/grant-rules.ts";
import { laterBy, toIso } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import { shownApproval } from "../../shared/http/shown-approval.ts";
import { ACTOR_CLAIMS, type Principal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import type { Route } from "../../shared/routes/route.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { gatedBridge, holder } from "../support/gated-bridge.ts";
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
  { windows = [], approvers = ["manager"], people = 1, route = {} }: Options = {},
) =>
  gatedBridge(
    [{ outcome: "done", summary: "accepted by the listener" }],
    { approval: { expiresMinutes: 60, approvers: () => approvers }, ...route },
    [],
    silentLog,
    {
      clock,
      database,
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

  it("people who are not enough do not save it", async () => {
    const { bridge, edit } = await without(2);
    expect(await bridge.decide(edit, "grant", MAX)).toMatchObject({ ok: true });
    const back = await open([{ ...SMALL, windows: [windowIn(5)] }], { people: 2 });
    await back.later();
    await back.later();
    expect([(await back.approvalOf(edit)).state, back.fired.length]).toEqual(["void", 0]);
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

/** The same identity if an agent acts for it. */
function agent(principal: Principal): Principal {
  const [act] = ACTOR_CLAIMS;
  return { ...principal, claims: { ...principal.claims, [act]: "helper" } };
}

/** The same if only the secret of a source proves it. */
function secret({ trustEntry: _, ...principal }: Principal): Principal {
  return principal;
}
