import { type EpochMillis, laterBy } from "./clock.ts";

/** Upper bounds in seconds. The metrics and the overview count in the same buckets. */
export const BUCKETS_SECONDS = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60] as const;

/** How long the attempts at a target took in the last hour. */
export interface Latency {
  readonly attempts: number;
  /** 95 % of them took at most this: the bound of a bucket. Undefined without attempts, and above the last bound. */
  readonly p95AtMostMs?: number;
}

/** What a histogram has counted since the process started. */
export interface HistogramCounts {
  /** For each bucket the number of values that are not in a lower one; the last is above every bound. */
  readonly buckets: readonly number[];
  readonly sumSeconds: number;
}

const SLOT_MS = 300_000;
const WINDOW_MS = 3_600_000;

/** Counts durations in buckets, in memory: since the process started, and of the last hour in slots of five minutes. */
export class LatencyHistogram {
  readonly #all = emptyBuckets();
  #sumSeconds = 0;
  #slots: readonly { readonly at: number; readonly buckets: number[] }[] = [];

  add(seconds: number, now: EpochMillis): void {
    const bucket = bucketOf(seconds);
    const at = Math.floor(now / SLOT_MS) * SLOT_MS;
    let slot = this.#slots.find((one) => one.at === at);
    if (slot === undefined) {
      slot = { at, buckets: emptyBuckets() };
      this.#slots = [...this.#slotsIn(now), slot];
    }
    for (const buckets of [this.#all, slot.buckets]) buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    this.#sumSeconds += seconds;
  }

  counts(): HistogramCounts {
    return { buckets: [...this.#all], sumSeconds: this.#sumSeconds };
  }

  lastHour(now: EpochMillis): Latency {
    const slots = this.#slotsIn(now);
    const buckets = emptyBuckets().map((_, at) => slots.reduce((sum, slot) => sum + (slot.buckets[at] ?? 0), 0));
    const attempts = buckets.reduce((sum, one) => sum + one, 0);
    let counted = 0;
    const bound = BUCKETS_SECONDS.find((_, at) => {
      counted += buckets[at] ?? 0;
      return counted >= attempts * 0.95;
    });
    return { attempts, ...(attempts > 0 && bound !== undefined && { p95AtMostMs: bound * 1_000 }) };
  }

  /** Those that begin in the window. One of the future was counted before the clock was set back. */
  #slotsIn(now: EpochMillis) {
    return this.#slots.filter(({ at }) => at > laterBy(now, -WINDOW_MS) && at <= now);
  }
}

const emptyBuckets = (): number[] => Array.from({ length: BUCKETS_SECONDS.length + 1 }, () => 0);

function bucketOf(seconds: number): number {
  const at = BUCKETS_SECONDS.findIndex((bound) => seconds <= bound);
  return at === -1 ? BUCKETS_SECONDS.length : at;
}
