import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_RETRY, retryDelayMs } from "../../../shared/delivery/retry-delay.ts";

const tools = (random: number) => ({ retry: { baseMs: 1_000, capMs: 60_000, maxAttempts: 10 }, random: () => random });

describe("the wait before a retry", () => {
  it.each([
    ["nothing, at the least", 1, 0, {}, 0],
    ["up to the base after the first attempt", 1, 0.999, {}, 999],
    ["up to twice as much after each further one", 4, 0.5, {}, 4_000],
    ["never above the cap", 30, 0.999, {}, 59_940],
    ["what the target asked for", 1, 0.5, { afterSeconds: 30 }, 30_000],
    ["the bridge's own, where it is longer", 7, 0.9, { afterSeconds: 1 }, 54_000],
  ] as const)("is %s", (_, attempt, random, outcome, expected) => {
    expect(retryDelayMs(attempt, outcome, tools(random))).toBe(expected);
  });

  it("always lies between nothing and the bound", () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), random, (attempt, at) => {
        const delay = retryDelayMs(attempt, {}, { retry: DEFAULT_RETRY, random: () => at });
        return delay >= 0 && delay <= Math.min(DEFAULT_RETRY.capMs, DEFAULT_RETRY.baseMs * 2 ** (attempt - 1));
      }),
    );
  });
});
