import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { benchFor } from "../support/sandbox-confluence-action.ts";
import { damageOf, storm, versionsOfBridge } from "../support/storm.ts";
import { testClock } from "../support/test-doubles.ts";
import { VirtualTime } from "../support/virtual-time.ts";

describe("a page that ten pipelines and ten people write for a minute", () => {
  it.each(["cloud", "data-center"] as const)(
    "a page of %s keeps every edit and ends in the true states, within the bound",
    async (product) => {
      await fc.assert(
        fc.asyncProperty(fc.infiniteStream(fc.nat({ max: 999 })), async (numbers) => {
          const random = () => (numbers.next().value ?? 0) / 1_000;
          const sandbox = await startSandboxConfluence({ product });
          try {
            const clock = testClock();
            const [seconds, progressSeconds] = [60, 30];
            const bench = benchFor(sandbox, product, {
              clock,
              random: () => random() / 10,
              target: { progressSeconds },
            });
            const schedule = new VirtualTime(clock);
            const result = await storm({ schedule, sandbox, bench, seconds, progressSeconds, random });
            expect(damageOf(sandbox, result)).toEqual([]);
            expect(versionsOfBridge(sandbox)).toBeGreaterThan(2);
          } finally {
            await sandbox.close();
          }
        }),
        { numRuns: 2 },
      );
    },
    60_000,
  );
});
