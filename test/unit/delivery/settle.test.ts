import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_RETRY } from "../../../shared/delivery/backoff.ts";
import { settle } from "../../../shared/delivery/settle.ts";
import { epochMillis, laterBy } from "../../../shared/host/clock.ts";
import type { ActionOutcome } from "../../../shared/model/action-outcome.ts";

const POLICY = { baseMs: 1_000, capMs: 60_000, maxAttempts: 5 };
const ENDED_AT = epochMillis(1_793_610_000_000);
const ATTEMPTS = [1, 4, 5, 6] as const;

const DONE: ActionOutcome = { outcome: "done", summary: "accepted", facts: { event: "e-1" } };
const GIVE_UP: ActionOutcome = { outcome: "give_up", summary: "the target rejects it" };
const RETRY: ActionOutcome = { outcome: "retry", summary: "no connection", unknownOutcome: true };
const WAIT: ActionOutcome = { outcome: "wait", summary: "not its turn", afterSeconds: 20, isLong: true };

/** The next state after this attempt; its time is given in milliseconds after the end of the attempt. */
function settled(outcome: ActionOutcome, number: number, jitter = 0.5) {
  const next = settle(outcome, { number, endedAt: ENDED_AT, jitter }, POLICY);
  return "at" in next ? { ...next, at: next.at - ENDED_AT } : next;
}

const afterEachAttempt = (outcome: ActionOutcome) => ATTEMPTS.map((number) => [number, outcome] as const);
const gaveUpAfter = (attempts: number) => ({
  state: "gave_up",
  outcome: { outcome: "give_up", summary: `given up after ${attempts} attempts: no connection` },
});

describe("the next state of an action", () => {
  it.each(afterEachAttempt(DONE))("the next state is done after attempt %i succeeded", (number, outcome) => {
    expect(settled(outcome, number)).toEqual({ state: "done", outcome });
  });

  it.each(afterEachAttempt(GIVE_UP))(
    "the next state is gave_up after attempt %i gave up, with the same reason",
    (number, outcome) => {
      expect(settled(outcome, number)).toEqual({ state: "gave_up", outcome });
    },
  );

  it.each(afterEachAttempt(WAIT))(
    "the next state is deferred after attempt %i waited, even the last one",
    (number, outcome) => {
      expect(settled(outcome, number)).toEqual({ state: "deferred", outcome, at: 20_000 });
    },
  );

  it.each([
    [1, 750],
    [2, 1_500],
    [3, 3_000],
    [4, 6_000],
  ] as const)("the next state is retry after attempt %i failed, %i ms later", (number, at) => {
    expect(settled(RETRY, number)).toEqual({ state: "retry", outcome: RETRY, at });
  });

  it.each([5, 6])("the next state is gave_up after attempt %i failed, because the policy allows five", (number) => {
    expect(settled(RETRY, number)).toEqual(gaveUpAfter(number));
  });

  it("the next state is gave_up after the last attempt even if the target asked for a later one", () => {
    expect(settled({ ...RETRY, afterSeconds: 40 }, 5)).toEqual(gaveUpAfter(5));
  });

  it("the next state is gave_up after the only attempt if the policy allows just one", () => {
    const next = settle(RETRY, { number: 1, endedAt: ENDED_AT, jitter: 0 }, { ...POLICY, maxAttempts: 1 });
    expect(next).toEqual(gaveUpAfter(1));
  });
});

describe("the time of the next attempt", () => {
  const timeOf = (outcome: ActionOutcome, number = 1, jitter = 0.5) => {
    const next = settled(outcome, number, jitter);
    return "at" in next ? next.at : undefined;
  };

  it.each([
    [0.25, 250],
    [0.000_1, 1],
    [599.999, 599_999],
    [3_600, 3_600_000],
    [3_600.001, 3_600_000],
    [86_400, 3_600_000],
    [Number.POSITIVE_INFINITY, 3_600_000],
  ])(
    "the next attempt after a wait of %d s is %i ms later, in whole milliseconds and at most an hour",
    (afterSeconds, at) => {
      expect(timeOf({ ...WAIT, afterSeconds })).toBe(at);
    },
  );

  it("the next attempt after a wait has no jitter", () => {
    expect(timeOf(WAIT, 1, 0)).toBe(timeOf(WAIT, 1, 0.999));
  });

  it.each([
    ["half of the bound without jitter", 3, 0, 2_000],
    ["just below the bound with the most jitter", 3, 0.999_999, 4_000],
  ] as const)("the delay after a failure is %s", (_, number, jitter, at) => {
    expect(timeOf(RETRY, number, jitter)).toBe(at);
  });

  it.each([
    [0, 1_000],
    [0.999_999, 2_000],
  ])("the delay after a failure with a jitter of %d is bounded by the cap", (jitter, at) => {
    const next = settle(RETRY, { number: 4, endedAt: ENDED_AT, jitter }, { ...POLICY, capMs: 2_000 });
    expect(next).toMatchObject({ state: "retry", at: laterBy(ENDED_AT, at) });
  });

  it("the delay after a failure is the one that the target asked for if that is longer", () => {
    expect(timeOf({ ...RETRY, afterSeconds: 40 })).toBe(40_000);
    expect(timeOf({ ...RETRY, afterSeconds: 3_600 })).toBe(3_600_000);
    expect(timeOf({ ...RETRY, afterSeconds: 0.1 })).toBe(750);
  });

  const seconds = fc.double({ min: 0, max: 1e9, noNaN: true });
  const summary = fc.string();
  const outcomes: fc.Arbitrary<ActionOutcome> = fc.oneof(
    fc.record({ outcome: fc.constant("retry" as const), summary }),
    fc.record({ outcome: fc.constant("retry" as const), summary, afterSeconds: fc.double({ noNaN: true, max: 1e9 }) }),
    fc.record({ outcome: fc.constant("wait" as const), summary, afterSeconds: seconds }),
    fc.record({ outcome: fc.constantFrom("done" as const, "give_up" as const), summary }),
  );
  const jitters = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const numbers = fc.integer({ min: 1, max: 2_000 });
  const ends = fc.integer({ min: 0, max: 4_000_000_000_000 }).map(epochMillis);

  it("the next attempt is never before the end of the attempt, and after a wait never more than an hour later", () => {
    fc.assert(
      fc.property(outcomes, numbers, ends, jitters, (outcome, number, endedAt, jitter) => {
        const next = settle(outcome, { number, endedAt, jitter }, DEFAULT_RETRY);
        if (!("at" in next)) return;
        expect(next.at).toBeGreaterThanOrEqual(endedAt);
        if (next.state === "deferred") expect(next.at).toBeLessThanOrEqual(laterBy(endedAt, 3_600_000));
      }),
    );
  });

  it("the delay after a failure lies between half of the bound and the bound, and exists only before the last attempt", () => {
    fc.assert(
      fc.property(numbers, jitters, (number, jitter) => {
        const next = settle(RETRY, { number, endedAt: ENDED_AT, jitter }, DEFAULT_RETRY);
        expect(next.state).toBe(number < DEFAULT_RETRY.maxAttempts ? "retry" : "gave_up");
        if (next.state !== "retry") return;
        const bound = Math.min(DEFAULT_RETRY.capMs, DEFAULT_RETRY.baseMs * 2 ** (number - 1));
        expect(next.at - ENDED_AT).toBeGreaterThanOrEqual(bound / 2);
        expect(next.at - ENDED_AT).toBeLessThanOrEqual(bound);
      }),
    );
  });
});
