import { join } from "node:path";
import { type RandomSchedule, scheduleOf } from "./random-schedule.ts";
import { type JudgedSchedule, runSchedule, type ScheduleFigures } from "./run-schedule.ts";

export interface SchedulesFigures extends ScheduleFigures {
  readonly schedules: number;
}

export interface JudgedSchedules {
  readonly figures: SchedulesFigures;
  readonly failures: readonly { readonly seed: number; readonly faults: readonly string[] }[];
}

/** Schedules that run at once. A schedule mostly waits. */
const AT_ONCE = 4;

/** Runs the schedules with these seeds: `first`, and those after it. Stops early after a failure if `untilFailure`. */
export async function runSchedules(
  program: string,
  { first, count, folder, untilFailure }: { first: number; count: number; folder: string; untilFailure: boolean },
): Promise<JudgedSchedules> {
  const totals: Record<string, number> = {};
  const failures: { seed: number; faults: readonly string[] }[] = [];
  let next = first;
  const work = async (): Promise<void> => {
    while (next < first + count && !(untilFailure && failures.length > 0)) {
      const seed = next;
      next += 1;
      const judged = await runSchedule(program, scheduleOf(seed), join(folder, `schedule-${seed}`));
      for (const [name, value] of Object.entries({ schedules: 1, ...judged.figures }))
        totals[name] = (totals[name] ?? 0) + value;
      if (judged.faults.length > 0) failures.push({ seed, faults: judged.faults });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  // The sums have the names of the figures of each schedule.
  return { figures: totals as unknown as SchedulesFigures, failures };
}

/** Most runs that the search for a smaller schedule may take. */
const MOST_RUNS = 16;

/**
 * A smaller schedule that still fails: parts of the steps are left out as long as one run without them fails. A real
 * process is not exactly repeatable, so a part may stay that is not needed.
 */
export async function shrink(
  program: string,
  schedule: RandomSchedule,
  folder: string,
): Promise<{ readonly schedule: RandomSchedule; readonly judged: JudgedSchedule | undefined }> {
  let smallest = schedule;
  let judged: JudgedSchedule | undefined;
  let runs = 0;
  for (let parts = 2; parts <= smallest.steps.length && runs < MOST_RUNS; ) {
    const size = Math.ceil(smallest.steps.length / parts);
    let isSmaller = false;
    for (let from = 0; from < smallest.steps.length && runs < MOST_RUNS; from += size) {
      const steps = smallest.steps.filter((_, index) => index < from || index >= from + size);
      runs += 1;
      const tried = await runSchedule(program, { seed: schedule.seed, steps }, join(folder, `shrink-${runs}`));
      if (tried.faults.length === 0) continue;
      smallest = { seed: schedule.seed, steps };
      judged = tried;
      isSmaller = true;
      break;
    }
    parts = isSmaller ? Math.max(2, parts - 1) : parts * 2;
  }
  return { schedule: smallest, judged };
}
