import { describe, expect, it } from "vitest";
import { DueTimeCheck } from "../../../shared/delivery/due-time-check.ts";
import { testClock } from "../../support/test-doubles.ts";

function checkWithClock() {
  const clock = testClock();
  const corrected: number[] = [];
  const check = new DueTimeCheck(async (now) => void corrected.push(now));
  const run = () => check.runIfNecessary(clock.now());
  return { clock, corrected, check, run };
}

describe("the check of due times", () => {
  it("it runs at the first call, and then once a minute", async () => {
    const { clock, corrected, run } = checkWithClock();
    for (let second = 0; second < 150; second++) {
      await run();
      clock.advance(1_000);
    }
    expect(corrected).toHaveLength(3);
  });

  it("it runs at once each time the clock was set back, and not if it was set forward by less than a minute", async () => {
    const { clock, corrected, run } = checkWithClock();
    await run();
    for (const byMs of [-3_600_000, -3_600_000, 30_000]) {
      clock.set(byMs);
      await run();
    }
    expect(corrected).toHaveLength(3);
  });

  it("it runs again if it failed", async () => {
    const { clock } = checkWithClock();
    let failures = 1;
    let corrections = 0;
    const check = new DueTimeCheck(async () => {
      if (failures-- > 0) throw new Error("the table does not respond");
      corrections += 1;
    });
    await expect(check.runIfNecessary(clock.now())).rejects.toThrow();
    await check.runIfNecessary(clock.now());
    expect(corrections).toBe(1);
  });
});
