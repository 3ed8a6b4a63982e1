import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, DEFAULT_RETRY } from "../../../shared/delivery/backoff.ts";

const POLICY = { baseMs: 1_000, capMs: 60_000, maxAttempts: 10 };

describe("the wait before a retry", () => {
  it.each([
    ["half the base after the first attempt at the least", 1, 0, {}, 500],
    ["up to the base", 1, 0.999, {}, 1_000],
    ["up to twice as much after each further one", 4, 0.5, {}, 6_000],
    ["never above the cap", 30, 0.999, {}, 59_970],
    ["what the target asked for", 1, 0.5, { afterSeconds: 30 }, 30_000],
    ["a day if the target asked for more", 1, 0.5, { afterSeconds: 1e9 }, 86_400_000],
    ["the bridge's own backoff if that is longer", 7, 0.9, { afterSeconds: 1 }, 57_000],
  ] as const)("the wait before a retry is %s", (_, attempt, random, outcome, expected) => {
    expect(backoffMs(attempt, outcome, POLICY, random)).toBe(expected);
  });

  it("the wait always lies between half of the bound and the bound", () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), random, (attempt, at) => {
        const delay = backoffMs(attempt, {}, DEFAULT_RETRY, at);
        const bound = Math.min(DEFAULT_RETRY.capMs, DEFAULT_RETRY.baseMs * 2 ** (attempt - 1));
        return delay >= bound / 2 && delay <= bound;
      }),
    );
  });

  it("the waits add up to one to two hours until an action is given up", () => {
    const hoursWith = (random: number): number => {
      const waits = Array.from({ length: DEFAULT_RETRY.maxAttempts - 1 }, (_, at) => at + 1);
      return waits.reduce((sum, attempt) => sum + backoffMs(attempt, {}, DEFAULT_RETRY, random), 0) / 3_600_000;
    };
    expect(hoursWith(0)).toBeGreaterThan(1);
    expect(hoursWith(0.999)).toBeLessThan(2.1);
  });
});
