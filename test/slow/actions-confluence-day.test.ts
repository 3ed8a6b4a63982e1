import { expect, test } from "vitest";
import { expectedVersions, paceOf } from "../../shared/actions/confluence/pace.ts";
import type { BuildState } from "../../shared/model/event.ts";
import { memoryBoards } from "../support/memory-stores.ts";
import { startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { benchFor, buildEntry } from "../support/sandbox-confluence-action.ts";
import { testClock } from "../support/test-doubles.ts";
import { VirtualTime } from "../support/virtual-time.ts";

/** Nine hours, in which each pipeline runs 20 times for eight minutes, one after the other. Every tenth run fails. */
const PIPELINES = 6;
const RUNS = 20;
const DAY_SECONDS = 9 * 3_600;
const FAILS_EVERY = 10;

/** The versions that the bridge writes of one page on such a day, with the default settings of the product. */
async function versionsOfADay(product: "cloud" | "data-center"): Promise<number> {
  const sandbox = await startSandboxConfluence({ product });
  try {
    const clock = testClock();
    const boards = memoryBoards();
    const target = { progressSeconds: undefined, onlyChanges: undefined };
    const { run } = benchFor(sandbox, product, { clock, boards, target, random: () => 0.5 });
    const day = new VirtualTime(clock);
    const start = clock.now();
    const at = (seconds: number, number: number, pipeline: string, state: BuildState) =>
      day.at(seconds, async () => {
        const time = new Date(start + seconds * 1_000).toISOString();
        const createdAt = new Date(start + number * 1_000).toISOString();
        const ended = state !== "queued" && state !== "running" && { finishedAt: time };
        const entry = buildEntry({ pipeline, number, state, createdAt, ...ended });
        const outcome = await run({ ...entry, detail: { ...entry.detail, time } });
        if (outcome.outcome === "give_up") throw new Error(outcome.summary);
        if (outcome.outcome === "done" || outcome.outcome === "expect_run") return undefined;
        return outcome.afterSeconds ?? 1;
      });
    for (let pipeline = 0; pipeline < PIPELINES; pipeline++) {
      for (let number = 1; number <= RUNS; number++) {
        const begin = ((number - 1) * DAY_SECONDS) / RUNS + pipeline * 211;
        const fails = (pipeline * 7 + number) % FAILS_EVERY === 0;
        at(begin, number, `ci/p${pipeline}`, "queued");
        at(begin + 15, number, `ci/p${pipeline}`, "running");
        at(begin + 480, number, `ci/p${pipeline}`, fails ? "failed" : "succeeded");
      }
    }
    await day.run();
    return sandbox.page("98310").versions.length - 1;
  } finally {
    await sandbox.close();
  }
}

/** The most versions that the documentation promises for this day. */
const MOST = { cloud: 40, "data-center": 360 } as const;

test.each(["cloud", "data-center"] as const)(
  "a day of 120 runs makes no more versions of a page of %s than `check` expects",
  async (product) => {
    const versions = await versionsOfADay(product);
    process.stdout.write(`versions of a page of ${product} on a day of 120 runs: ${versions}\n`);
    const expected = expectedVersions(paceOf({ product }), {
      pipelines: PIPELINES,
      runs: PIPELINES * RUNS,
      failsEvery: FAILS_EVERY,
    });
    expect(versions).toBeLessThanOrEqual(expected);
    expect(expected).toBeLessThanOrEqual(MOST[product]);
  },
  180_000,
);
