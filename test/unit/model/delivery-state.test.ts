import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type EpochMillis, epochMillis, laterBy } from "../../../shared/host/clock.ts";
import {
  type DeliveryOutcome,
  type Evidence,
  type KnownAction,
  needsAttention,
  outcomeOf,
  ROUTE_STATES,
} from "../../../shared/model/delivery-state.ts";
import type { TimelineEvent } from "../../../shared/model/timeline.ts";
import { propertyCases } from "../../support/property-cases.ts";

const START = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const at = (seconds: number): EpochMillis => laterBy(START, seconds * 1_000);

type Given = Omit<Partial<Evidence>, "actionOf" | "delivery"> & {
  readonly delivery?: Partial<Evidence["delivery"]>;
  readonly actions?: Readonly<Record<string, KnownAction>>;
};

function derived({ delivery = {}, timeline = [], actions = {}, now = at(3_600) }: Given): DeliveryOutcome | undefined {
  const head = { outcome: "event", receivedAt: START, relayedAt: at(1), ...delivery } as const;
  return outcomeOf({ delivery: head, timeline, actionOf: ({ route }) => actions[route], now });
}

const line = (route: string, seconds: number) => ({ at: at(seconds), route, action: "tekton" });
const scheduled = (route = "docs"): TimelineEvent => ({ kind: "scheduled", ...line(route, 1) });
type Outcome = Extract<TimelineEvent, { readonly kind: "attempt" }>["outcome"];
const attempt = (outcome: Outcome, seconds: number, more: object = {}): TimelineEvent => ({
  kind: "attempt",
  ...line("docs", seconds),
  attempt: seconds,
  outcome,
  summary: `${outcome} at ${seconds}`,
  durationMs: 5,
  ...more,
});
const action = (state: KnownAction["state"], more: Partial<KnownAction> = {}): KnownAction => ({
  state,
  target: "ci",
  ...more,
});

const STATES: Readonly<Record<string, { readonly given: Given; readonly expected: object }>> = {
  "a delivery that was not published yet is pending": {
    given: { delivery: { relayedAt: undefined, unrelayed: true } as object },
    expected: { state: "pending", since: START, routes: [] },
  },
  "a delivery of a stream relay is pending at first": {
    given: { delivery: { relayedAt: undefined } as object, now: at(5) },
    expected: { state: "pending" },
  },
  "a delivery of a stream relay has no route if nothing followed": {
    given: { delivery: { relayedAt: undefined } as object },
    expected: { state: "no_route", since: START },
  },
  "a published delivery without a line has no route": { given: {}, expected: { state: "no_route", since: at(1) } },
  "a refused request is refused": { given: { delivery: { outcome: "refused" } }, expected: { state: "refused" } },
  "an unusable delivery is unusable": { given: { delivery: { outcome: "unusable" } }, expected: { state: "unusable" } },
  "an ignored delivery is ignored": { given: { delivery: { outcome: "ignored" } }, expected: { state: "ignored" } },
  "an edit of the bridge's own account is ignored": {
    given: { timeline: [{ kind: "ignored", at: at(2), reason: "own_account", account: "bot" }] },
    expected: { state: "ignored" },
  },
  "an action that was not tried is pending": {
    given: { timeline: [scheduled()], actions: { docs: action("due", { dueAt: at(9) }) } },
    expected: {
      state: "pending",
      routes: [{ route: "docs", target: "ci", state: "pending", since: at(1), next: at(9) }],
    },
  },
  "an action whose process ended between its line and its write is as it was written": {
    given: { timeline: [scheduled(), attempt("give_up", 4)], actions: { docs: action("due", { dueAt: at(60) }) } },
    expected: { state: "pending" },
  },
  "a retried action is retrying since its first failure, with the reason of the last one": {
    given: {
      timeline: [scheduled(), attempt("retry", 4), attempt("retry", 9)],
      actions: { docs: action("due", { dueAt: at(20), attention: { state: "retrying", since: at(4) } }) },
    },
    expected: { state: "retrying", since: at(4), routes: [{ next: at(20), why: "retry at 9" }] },
  },
  "a repeated request that fails is retrying": {
    given: {
      timeline: [scheduled(), attempt("accepted", 4), attempt("retry", 130)],
      actions: {
        docs: action("expecting_run", { run: { acceptedAt: at(4) }, attention: { state: "retrying", since: at(130) } }),
      },
    },
    expected: { state: "retrying", since: at(130) },
  },
  "an action that waits for people says for whom": {
    given: {
      timeline: [scheduled(), { kind: "waiting", ...line("docs", 3), summary: "needs approval", waitsFor: "release" }],
      actions: { docs: action("due", { attention: { state: "waiting", since: at(3) } }) },
    },
    expected: { state: "waiting", since: at(3), routes: [{ waitsFor: "release", why: "needs approval" }] },
  },
  "an action that waits for a moment is pending": {
    given: {
      timeline: [scheduled(), { kind: "waiting", ...line("docs", 3), summary: "the page is leased" }],
      actions: { docs: action("due") },
    },
    expected: { state: "pending" },
  },
  "an accepted request expects a run": {
    given: {
      timeline: [scheduled(), attempt("accepted", 4)],
      actions: { docs: action("expecting_run", { dueAt: at(124), run: { acceptedAt: at(4) } }) },
    },
    expected: { state: "expecting_run", since: at(4), routes: [{ next: at(124) }] },
  },
  "an accepted request whose run was reported ran, without a further line": {
    given: {
      timeline: [scheduled(), attempt("accepted", 4)],
      actions: { docs: action("done", { run: { acceptedAt: at(4) }, report: { at: at(8) } }) },
    },
    expected: { state: "ran", since: at(8) },
  },
  "an accepted request without a run says so": {
    given: {
      timeline: [
        scheduled(),
        attempt("accepted", 4),
        { kind: "run", ...line("docs", 1_200), state: "missing", summary: "no run was reported" },
      ],
      actions: {
        docs: action("accepted_without_run", { attention: { state: "accepted_without_run", since: at(1_201) } }),
      },
    },
    expected: { state: "accepted_without_run", since: at(1_201), routes: [{ why: "no run was reported" }] },
  },
  "an action that was given up says why": {
    given: {
      timeline: [scheduled(), attempt("give_up", 4)],
      actions: { docs: action("gave_up", { attention: { state: "given_up", since: at(5) } }) },
    },
    expected: { state: "given_up", since: at(5), routes: [{ why: "give_up at 4" }] },
  },
  "an action that an earlier release gave up is given up": {
    given: { timeline: [scheduled(), attempt("give_up", 4)], actions: { docs: action("gave_up") } },
    expected: { state: "given_up", since: at(4) },
  },
  "an action whose run was reported after it was given up ran": {
    given: {
      timeline: [scheduled(), attempt("give_up", 4)],
      actions: { docs: action("done", { report: { at: at(90) } }) },
    },
    expected: { state: "ran", since: at(90) },
  },
  "a cut chain is cut": {
    given: {
      timeline: [scheduled(), { kind: "cut", ...line("docs", 3), hops: 5 }, attempt("give_up", 4)],
      actions: { docs: action("gave_up", { attention: { state: "cut", since: at(5) } }) },
    },
    expected: { state: "cut", since: at(5) },
  },
  "an action whose approval was superseded is superseded": {
    given: {
      timeline: [scheduled(), attempt("done", 4, { endedAs: "superseded" })],
      actions: { docs: action("done") },
    },
    expected: { state: "superseded", since: at(4), routes: [{ why: "done at 4" }] },
  },
  "an action that nobody approved was not fired": {
    given: { timeline: [scheduled(), attempt("done", 4, { endedAs: "not_fired" })], actions: { docs: action("done") } },
    expected: { state: "not_fired" },
  },
  "an action that had nothing to write to did not run": {
    given: {
      timeline: [scheduled(), attempt("done", 4, { endedAs: "nothing_to_do" })],
      actions: { docs: action("done") },
    },
    expected: { state: "not_fired", since: at(4), routes: [{ why: "done at 4" }] },
  },
  "it did not run either if its action has expired": {
    given: { timeline: [scheduled(), attempt("done", 4, { endedAs: "nothing_to_do" })], actions: {} },
    expected: { state: "not_fired", since: at(4), routes: [{ why: "done at 4" }] },
  },
  "a delivery of an event that another one reported is a repeat of that": {
    given: { timeline: [{ kind: "already_scheduled", ...line("docs", 2), by: "d-first" }] },
    expected: { state: "repeat", since: at(2), routes: [{ route: "docs", state: "repeat", of: "d-first" }] },
  },
  "a repeat whose line has expired is a repeat": {
    given: { delivery: { repeats: "d-first" } },
    expected: { state: "repeat", routes: [] },
  },
  "the worst of several routes wins, and it is the first": {
    given: {
      timeline: [scheduled("status"), scheduled("docs"), attempt("give_up", 4)],
      actions: { docs: action("gave_up"), status: action("done") },
    },
    expected: { state: "given_up", routes: [{ route: "docs" }, { route: "status", state: "ran" }] },
  },
  "an event that is not published yet makes a delivery pending of which other routes ran": {
    given: {
      delivery: { unrelayed: true },
      timeline: [scheduled(), attempt("done", 4)],
      actions: { docs: action("done") },
    },
    expected: { state: "pending", routes: [{ state: "ran" }] },
  },
};

describe("the state of a delivery", () => {
  it.each(Object.entries(STATES))("%s", (_title, { given, expected }) => {
    expect(derived(given)).toMatchObject(expected);
  });

  it("the record of a read has no state", () => {
    expect(derived({ delivery: { outcome: "audit" } })).toBeUndefined();
  });

  const kinds = fc.constantFrom("scheduled", "repeat", "waiting", "done", "accepted", "retry", "give_up", "cut", "run");
  const history = fc.array(fc.record({ kind: kinds, route: fc.constantFrom("docs", "status") }), { maxLength: 8 });
  const known = fc.option(
    fc.record({
      state: fc.constantFrom<KnownAction["state"]>("due", "expecting_run", "accepted_without_run", "done", "gave_up"),
      attention: fc.option(fc.constantFrom("retrying" as const, "waiting" as const), { nil: undefined }),
    }),
    { nil: undefined },
  );

  it("the order of the lines and their repeats change nothing, the worst route wins, and the action alone decides", () => {
    fc.assert(
      fc.property(history, known, known, fc.infiniteStream(fc.nat()), (steps, docs, status, order) => {
        const timeline = steps.map(({ kind, route }, n) => timelineLine(kind, route, n));
        const statusOf = (one: typeof docs): KnownAction | undefined =>
          one && action(one.state, one.attention && { attention: { state: one.attention, since: at(5) } });
        const actions = Object.fromEntries(
          Object.entries({ docs: statusOf(docs), status: statusOf(status) }).filter(([, one]) => one !== undefined),
        ) as Record<string, KnownAction>;
        const outcome = derived({ timeline, actions });
        const shuffled = timeline.map((one) => ({ one, by: order.next().value ?? 0 })).sort((a, b) => a.by - b.by);
        expect(derived({ timeline: shuffled.map(({ one }) => one), actions })).toEqual(outcome);
        expect(derived({ timeline: [...timeline, ...timeline], actions })).toEqual(outcome);
        const ranks = outcome?.routes.map(({ state }) => ROUTE_STATES.indexOf(state)) ?? [];
        expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
        if (outcome?.routes[0]) expect(outcome.state).toBe(outcome.routes[0].state);
        for (const { route, state, target } of outcome?.routes ?? []) {
          const { state: stored, attention } = actions[route] ?? {};
          if (target === undefined || stored === undefined) continue;
          const isListed = stored === "gave_up" || stored === "accepted_without_run";
          const waits = (stored === "due" || stored === "expecting_run") && attention !== undefined;
          expect(needsAttention(state)).toBe(isListed || waits);
        }
      }),
      propertyCases("states of deliveries"),
    );
  });
});

function timelineLine(kind: string, route: string, n: number): TimelineEvent {
  const about = line(route, n);
  switch (kind) {
    case "scheduled":
      return { kind, ...about };
    case "repeat":
      return { kind: "already_scheduled", ...about, by: "d-first" };
    case "waiting":
      return { kind, ...about, summary: "needs approval", waitsFor: "release" };
    case "cut":
      return { kind, ...about, hops: 5 };
    case "run":
      return { kind, ...about, state: "missing", summary: "no run was reported" };
    default:
      return { ...(attempt(kind as Outcome, n) as Extract<TimelineEvent, { kind: "attempt" }>), route };
  }
}
