import type { BuildPart, BuildState } from "./event.ts";

/**
 * Where `build` stands in the life of its pipeline, as text that compares like the order itself: a later run before an
 * earlier one, then the furthest state, then the later telling. A state told late therefore never replaces one that is
 * further on, and a retried build's second end replaces its first.
 *
 * Order of arrival and the senders' event times do not give this order (Tekton has been seen to date `running` before
 * `started`), which is why the state's rank comes before the time.
 */
export function buildOrder(build: BuildPart): string {
  const run = build.createdAt ?? build.startedAt ?? "";
  const told = RANK[build.state] === TERMINAL ? (build.finishedAt ?? "") : "";
  return [run, String(build.number ?? 0).padStart(12, "0"), RANK[build.state], told].join("|");
}

const TERMINAL = 2;
const RANK: Readonly<Record<BuildState, number>> = {
  queued: 0,
  running: 1,
  waiting: 1,
  succeeded: TERMINAL,
  failed: TERMINAL,
  cancelled: TERMINAL,
  timed_out: TERMINAL,
  skipped: TERMINAL,
};

export const isTerminal = (state: BuildState): boolean => RANK[state] === TERMINAL;
