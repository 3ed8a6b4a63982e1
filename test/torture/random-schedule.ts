import { Random } from "./random.ts";
import type { Cause, PipelineStatus } from "./traffic.ts";

/** One thing that a schedule does, so many milliseconds after its start. */
export type ScheduledStep = { readonly at: number } & (
  | { readonly kind: "send"; readonly cause: Cause; readonly report: string; readonly repeats: boolean }
  | { readonly kind: "person"; readonly text: string }
  | { readonly kind: "kill" | "terminate" }
  | { readonly kind: "stop"; readonly forMs: number }
  | { readonly kind: "clock"; readonly addedMs: number }
  | { readonly kind: "faults"; readonly target: "bad" | "pages"; readonly probability: number }
  | { readonly kind: "resend all" }
);

/** A known seed always gives the same schedule; the timing of a real process is not repeated exactly. */
export interface RandomSchedule {
  readonly seed: number;
  readonly steps: readonly ScheduledStep[];
}

const LENGTH_MS = 4_000;
const STATUSES: readonly PipelineStatus[] = ["created", "running", "failed", "success"];

export function scheduleOf(seed: number): RandomSchedule {
  const random = new Random(seed);
  const at = (): number => random.whole(0, LENGTH_MS);
  const steps: ScheduledStep[] = [];
  const causes: Cause[] = [];
  for (const number of upTo(random.whole(3, 8))) causes.push({ kind: "push", project: "team/good", number });
  for (const number of upTo(random.whole(3, 8))) causes.push({ kind: "push", project: "team/bad", number });
  for (const number of upTo(random.whole(2, 5))) causes.push({ kind: "edit", number });
  for (const project of ["team/one", "team/two"])
    for (const id of upTo(random.whole(1, 3)))
      for (const status of STATUSES.slice(0, random.whole(2, 4)))
        causes.push({ kind: "pipeline", project, id, status });
  // Each report has its own time, so the order of arrival is random.
  for (const [n, cause] of causes.entries()) {
    // The row of a page is compared with what was accepted, so every report of a state arrives in the end.
    const repeats = cause.kind === "pipeline" || random.chance(0.8);
    const report = `report-${seed}-${n}`;
    steps.push({ at: at(), kind: "send", cause, report, repeats });
    while (random.chance(0.25)) steps.push({ at: at(), kind: "send", cause, report, repeats });
    if (random.chance(0.25)) steps.push({ at: at(), kind: "send", cause, report: `${report}-again`, repeats });
  }
  for (const n of upTo(random.whole(1, 4))) steps.push({ at: at(), kind: "person", text: `Edit ${seed}-${n}.` });
  for (const _ of upTo(random.whole(0, 3))) steps.push({ at: at(), kind: "kill" });
  if (random.chance(0.3)) steps.push({ at: at(), kind: "terminate" });
  if (random.chance(0.3)) steps.push({ at: at(), kind: "stop", forMs: random.whole(100, 1_500) });
  if (random.chance(0.3)) steps.push(...clockSteps(random, at()));
  for (const target of ["bad", "pages"] as const)
    if (random.chance(0.7)) steps.push({ at: at() / 2, kind: "faults", target, probability: random.whole(2, 9) / 10 });
  if (random.chance(0.3)) steps.push({ at: at(), kind: "resend all" });
  return { seed, steps: steps.sort((one, other) => one.at - other.at) };
}

const upTo = (last: number): readonly number[] => Array.from({ length: last }, (_, index) => index + 1);

/** The clock is wrong for a second, ahead or behind. */
function clockSteps(random: Random, at: number): readonly ScheduledStep[] {
  const addedMs = random.pick([-3_600_000, -60_000, 60_000, 86_400_000]);
  return [
    { at, kind: "clock", addedMs },
    { at: at + 1_000, kind: "clock", addedMs: 0 },
  ];
}
