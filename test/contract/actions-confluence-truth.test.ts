import { expect, test } from "vitest";
import type { BuildState } from "../../shared/model/event.ts";
import { memoryBoards } from "../support/memory-stores.ts";
import { startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { benchFor, buildEntry } from "../support/sandbox-confluence-action.ts";
import { testClock } from "../support/test-doubles.ts";
import { VirtualTime } from "../support/virtual-time.ts";

const PAGE = "98310";
const END_SECONDS = 60;
/** The lease, and the spread of the attempts that wait. */
const SLACK_SECONDS = 5;
const TITLES = new Map<BuildState, string>([
  ["failed", "FAILED"],
  ["succeeded", "PASSED"],
  ["cancelled", "CANCELLED"],
]);
const ENDS: readonly BuildState[] = ["failed", "succeeded", "failed", "cancelled", "succeeded", "skipped"];

/** Numbers from 0 to 1, the same for the same seed. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return state / 0x7fff_ffff;
  };
}

/** Twelve runs of each of two pipelines, by two writers. Returns what the page did not show in time. */
async function lateResults(seed: number, progressSeconds: number): Promise<readonly string[]> {
  const random = numbersFrom(seed);
  const sandbox = await startSandboxConfluence({ product: "cloud" });
  const late: string[] = [];
  try {
    const clock = testClock();
    const boards = memoryBoards();
    const target = { progressSeconds, endSeconds: END_SECONDS, onlyChanges: true };
    const writers = [0, 1].map(() => benchFor(sandbox, "cloud", { clock, boards, target, random }));
    const day = new VirtualTime(clock);
    const start = clock.now();
    const results = new Map<string, { readonly title: string; readonly since: number }>();
    const titleOf = (pipeline: string): string | undefined => {
      const rows = sandbox.page(PAGE).latest.body.split("<tr>");
      const row = rows.find((one) => one.startsWith(`<td>${pipeline} (`));
      return /ac:name="title">([^<]*)</.exec(row ?? "")?.[1];
    };
    const check = (seconds: number) => {
      for (const [pipeline, { title, since }] of results) {
        if (day.passed - since < seconds || titleOf(pipeline) === title) continue;
        late.push(`${pipeline} shows ${titleOf(pipeline)} at ${day.passed}, and is ${title} since ${since} (${seed})`);
      }
    };
    const report = (seconds: number, number: number, pipeline: string, state: BuildState) => {
      const time = new Date(start + seconds * 1_000).toISOString();
      const createdAt = new Date(start + number * 1_000).toISOString();
      const entry = buildEntry({
        pipeline,
        number,
        state,
        createdAt,
        ...(ENDS.includes(state) && { finishedAt: time }),
      });
      const writer = writers[Math.round(random())];
      day.at(seconds, async () => {
        const title = TITLES.get(state);
        if (title !== undefined && results.get(pipeline)?.title !== title && day.passed < seconds + 0.001) {
          results.set(pipeline, { title, since: seconds });
        }
        const outcome = await writer?.run({ ...entry, detail: { ...entry.detail, time } });
        return outcome?.outcome === "wait" ? outcome.afterSeconds : undefined;
      });
      day.at(seconds + END_SECONDS + SLACK_SECONDS + 1, async () => {
        check(END_SECONDS + SLACK_SECONDS);
        return undefined;
      });
    };
    for (const pipeline of ["ci/a", "ci/b"]) {
      let at = random() * 100;
      for (let number = 1; number <= 12; number++) {
        report(at, number, pipeline, "queued");
        at += 1 + random() * 20;
        report(at, number, pipeline, "running");
        at += 1 + random() * 90;
        report(at, number, pipeline, ENDS[Math.floor(random() * ENDS.length)] ?? "failed");
        at += 1 + random() * (random() < 0.5 ? 5 : 120);
      }
    }
    await day.run();
    check(0);
    return late;
  } finally {
    await sandbox.close();
  }
}

test.each([60, 3_600])(
  "each result is on the page within endSeconds whatever follows it, with progressSeconds: %i",
  async (progressSeconds) => {
    for (const seed of [7, 4_711, 104_729]) expect(await lateResults(seed, progressSeconds)).toEqual([]);
  },
  120_000,
);
