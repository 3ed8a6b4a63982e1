import { type Clock, type EpochMillis, epochMillis } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { KEPT_REQUESTS, type RefusalCount, type RefusalStore, windowOf } from "../store/refusals.ts";

/** A request that was refused without a record of its own. */
export interface RefusedRequest {
  /** A configured source, or a part of the bridge: never a name that the caller chose. */
  readonly source: string;
  readonly reason: string;
  readonly requestId: string;
  readonly receivedAt: EpochMillis;
}

interface RefusalCountsDeps {
  readonly refusals: Pick<RefusalStore, "add">;
  /** Called with each request that is counted. */
  readonly counted?: (request: RefusedRequest) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Counts are written at most once in this time. */
const FLUSH_MS = 30_000;
/** Counts held in memory: more than all reasons of a hundred sources. Further ones are left out until these are written. */
const MAX_COUNTS = 1_000;

/**
 * Counts the refused requests that nobody proved, by source, reason and window of five minutes. A refusal costs no write of
 * its own: the first one writes, and then the first that comes 30 seconds later writes what was counted meanwhile. What no
 * later refusal writes is written at the stop, or when somebody reads the counts from this process. A process that is
 * killed loses the counts of up to 30 seconds: the log and the metric have each of them.
 */
export class RefusalCounts {
  readonly #deps: RefusalCountsDeps;
  /** What is not written yet. */
  #counts = new Map<string, RefusalCount>();
  /** When each source was last proved. */
  readonly #goodAt = new Map<string, EpochMillis>();
  #flushedMs: number | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(deps: RefusalCountsDeps) {
    this.#deps = deps;
  }

  /** Remembers that a source was proved. Costs no write. */
  proved(source: string, at: EpochMillis): void {
    this.#goodAt.set(source, epochMillis(Math.max(at, this.#goodAt.get(source) ?? 0)));
  }

  /** When this process last saw the source proved. */
  goodAt(source: string): EpochMillis | undefined {
    return this.#goodAt.get(source);
  }

  /** Counts a request. Resolves when what has to be written now is written. Never throws. */
  async count(request: RefusedRequest): Promise<void> {
    const { source, reason, requestId, receivedAt } = request;
    this.#deps.counted?.(request);
    const goodAt = this.#goodAt.get(source);
    this.#merge({
      source,
      reason,
      window: windowOf(receivedAt),
      count: 1,
      lastAt: receivedAt,
      requests: [requestId],
      ...(goodAt !== undefined && { goodAt }),
    });
    const nowMs = this.#deps.clock.monotonic();
    if (this.#flushedMs !== undefined && nowMs - this.#flushedMs < FLUSH_MS) return;
    this.#flushedMs = nowMs;
    await this.flush();
  }

  /** Writes what was counted. What cannot be written is kept for the next time. Never throws. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async #write(): Promise<void> {
    const { refusals, log } = this.#deps;
    const counts = [...this.#counts.values()];
    this.#counts = new Map();
    const written = await Promise.allSettled(counts.map(async (one) => refusals.add(one)));
    const failed = written.flatMap((result, at) => {
      const count = counts[at];
      return result.status === "rejected" && count !== undefined ? [{ count, error: kindOf(result.reason) }] : [];
    });
    for (const { count } of failed) this.#merge(count);
    const [first] = failed;
    if (first !== undefined)
      log.error(
        { source: first.count.source, counts: failed.length, error: first.error },
        "a rejection could not be recorded",
      );
  }

  /** The newer of two counts of one window comes first: what failed to be written is older than what came meanwhile. */
  #merge(count: RefusalCount): void {
    const key = keyOf(count);
    const known = this.#counts.get(key);
    if (known === undefined) {
      if (this.#counts.size < MAX_COUNTS) this.#counts.set(key, count);
      return;
    }
    const [older, newer] = known.lastAt <= count.lastAt ? [known, count] : [count, known];
    this.#counts.set(key, {
      ...older,
      ...newer,
      count: known.count + count.count,
      requests: [...newer.requests, ...older.requests].slice(0, KEPT_REQUESTS),
    });
  }
}

const keyOf = ({ window, source, reason }: RefusalCount): string => JSON.stringify([window, source, reason]);
