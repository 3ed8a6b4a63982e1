import type { EpochMillis } from "../../host/clock.ts";

/** A step with the time that it and everything below it takes. */
export interface Reaching {
  readonly id: string;
  readonly from: EpochMillis;
  readonly to: EpochMillis;
  readonly below: readonly Reaching[];
}

/**
 * For how long each step is the one that everything waited for, in milliseconds; steps that nothing waited for are absent.
 * Goes backwards from the end: of the steps below one, the one that ran at that moment and ended first after it is what the
 * rest waited for, else the last that ended before it. Time in which no step below ran belongs to the step itself. The sum
 * over all steps is the time from the start of the root to its end.
 */
export function timeOnPath(root: Reaching): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  const open: { readonly step: Reaching; readonly until: number }[] = [{ step: root, until: root.to }];
  // A list of work instead of recursion: a chain of runs may be deep.
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { step } = next;
    let own = 0;
    let at = next.until;
    const below = step.below.toSorted((a, b) => b.to - a.to || b.from - a.from);
    while (at > step.from) {
      const child = lastBefore(below, at);
      const end = child === undefined ? step.from : Math.min(child.to, at);
      own += at - Math.max(end, step.from);
      if (child === undefined) break;
      open.push({ step: child, until: end });
      at = child.from;
    }
    if (own > 0) times.set(step.id, (times.get(step.id) ?? 0) + own);
  }
  return times;
}

/** `below`: the last to end first. */
function lastBefore(below: readonly Reaching[], at: number): Reaching | undefined {
  let running: Reaching | undefined;
  for (const child of below) {
    if (child.from >= at || child.from === child.to) continue;
    if (child.to <= at) return running ?? child;
    // It still runs then. Of several, the first to end after it.
    running = child;
  }
  return running;
}
