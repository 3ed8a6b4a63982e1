import { type Clock, type EpochMillis, epochMillis, laterBy } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { OtlpSpan } from "../model/otlp/otlp.ts";
import { spansOfThread } from "../model/otlp/thread-spans.ts";
import type { ExportAnswer } from "../outbound/otlp.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { ExportCursor } from "../store/export-cursor.ts";
import { backoffMs } from "./backoff.ts";
import { type ReadThread, readThread, type ThreadDeps } from "./read-thread.ts";

/** Sends spans to the collector. Never throws. */
type SendSpans = (spans: readonly OtlpSpan[], signal: AbortSignal) => Promise<ExportAnswer>;

/** What the configuration in force gives. */
export interface Exporting extends Omit<ThreadDeps, "deliveries"> {
  readonly deliveries: Pick<DeliveryStore, "get" | "timeline" | "list">;
  readonly send: SendSpans;
}

interface ThreadExportDeps {
  /** Undefined if no collector is configured. */
  readonly exporting: () => Exporting | undefined;
  readonly cursor: Pick<ExportCursor, "read" | "write">;
  readonly clock: Clock;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  readonly log: Log;
}

export interface ExportCounts {
  /** Spans that the collector took. */
  readonly taken: number;
  /** Spans that it will not take. They are lost. */
  readonly rejected: number;
  /** Requests that failed and are sent again. */
  readonly failed: number;
  /** Deliveries whose change was not looked at: too many waited, or the record cannot be read. */
  readonly dropped: number;
  /** Deliveries whose change is not exported yet. */
  readonly waiting: number;
}

/** Time from a change until its thread is read: what happens at once is read once, and its cause is known by then. */
const QUIET_MS = 10_000;
/** Deliveries that may wait. A change beyond it is dropped, so that a collector that is down for long costs no memory. */
const MAX_WAITING = 10_000;
/** Threads that one round reads, which bounds the load on the store. */
const MAX_THREADS = 40;
/** A round reads no further thread if it has this many spans. */
const MAX_SPANS = 2_000;
/** Spans of one request: the default of OpenTelemetry's batch processors. */
const BATCH = 512;
/** Spans that are remembered as sent. One that is forgotten may be sent again, with the same id. */
const MAX_SENT = 20_000;
/** How far back a start looks for what was not exported. */
const LOOK_BACK_MS = 3_600_000;
/** The longest time from the receipt of a delivery to its relaying that a start counts with. */
const RELAY_MS = 10_000;
/** How long a stop waits for the collector. */
const STOP_MS = 2_000;
/** The longest wait that a collector can ask for, because a reload may have replaced it. */
const MAX_AFTER_SECONDS = 300;
const RETRY = { baseMs: 2_000, capMs: 60_000, maxAttempts: Number.POSITIVE_INFINITY };

interface Change {
  /** By the monotonic clock. */
  readonly sinceMs: number;
  readonly at: EpochMillis;
}

/**
 * Exports threads as traces, on one machine. It remembers which deliveries changed, reads their threads some time later, and
 * sends each step that has ended once. It never delays a delivery or an action, and holds only ids between two rounds: what
 * the collector did not take is read again. Best effort: docs/operations/tracing.md says what can be lost or sent twice.
 */
export class ThreadExport {
  readonly #deps: ThreadExportDeps;
  /** The oldest change first. A change of a delivery that waits replaces the object, not the time. */
  readonly #waiting = new Map<string, Change>();
  /** The oldest first. */
  readonly #sent = new Set<string>();
  /** Cuts the round in progress off. */
  #cut = new AbortController();
  /** Whether the deliveries that an earlier process left were looked for. */
  #isResumed = false;
  #failuresInARow = 0;
  #notBeforeMs = 0;
  #isFailing = false;
  #counts = { taken: 0, rejected: 0, failed: 0, dropped: 0 };

  constructor(deps: ThreadExportDeps) {
    this.#deps = deps;
  }

  /** A delivery was relayed, or its timeline has a new line. */
  changed(delivery: string): void {
    const { exporting, clock } = this.#deps;
    if (exporting() === undefined) return;
    const before = this.#waiting.get(delivery);
    if (before === undefined && this.#waiting.size >= MAX_WAITING) this.#counts.dropped += 1;
    else this.#waiting.set(delivery, { ...(before ?? { sinceMs: clock.monotonic(), at: clock.now() }) });
  }

  /** Looks for the deliveries that an earlier process may not have exported. */
  async #resume({ deliveries }: Exporting): Promise<void> {
    const { cursor, clock } = this.#deps;
    const now = clock.now();
    const exported = await cursor.read();
    if (exported === undefined) return cursor.write(now);
    const page = await deliveries.list({
      before: { receivedAt: laterBy(now, RELAY_MS), id: "~" },
      notBefore: epochMillis(Math.max(exported, now - LOOK_BACK_MS)),
      limit: MAX_WAITING,
      scanLimit: 2 * MAX_WAITING,
      matches: ({ outcome }) => outcome === "event",
    });
    for (const { id } of page.deliveries.toReversed()) this.changed(id);
  }

  /** One round: exports what has waited long enough. Throws `store_unavailable`; the next round then tries again. */
  async round(): Promise<void> {
    const current = this.#deps.exporting();
    if (current === undefined) return this.#waiting.clear();
    if (!this.#isResumed) await this.#resume(current);
    this.#isResumed = true;
    if (this.#deps.clock.monotonic() >= this.#notBeforeMs) await this.#export(current, QUIET_MS);
  }

  /** No further round follows the one in progress, which gets a bounded time to end. */
  endRound(): void {
    const cut = this.#cut;
    setTimeout(() => cut.abort(), STOP_MS).unref();
  }

  /**
   * The last round, after all other work has stopped: exports everything that waits, for a bounded time. A collector that
   * failed the last time is not asked again: the stop has already waited for it. Never throws.
   */
  async finish(): Promise<void> {
    const current = this.#deps.exporting();
    // Without the first round, the next start has more to look for.
    if (current === undefined || !this.#isResumed || this.#failuresInARow > 0) return;
    const cut = new AbortController();
    this.#cut = cut;
    const timer = setTimeout(() => cut.abort(), STOP_MS);
    try {
      let before = Number.POSITIVE_INFINITY;
      while (this.#waiting.size > 0 && this.#waiting.size < before && !cut.signal.aborted) {
        before = this.#waiting.size;
        await this.#export(current, 0);
      }
    } catch {
      // The next start looks for what was not exported.
    } finally {
      clearTimeout(timer);
    }
  }

  counts(): ExportCounts {
    return { ...this.#counts, waiting: this.#waiting.size };
  }

  async #export(current: Exporting, quietMs: number): Promise<void> {
    const { clock, cursor } = this.#deps;
    const now = clock.now();
    const { spans, read } = await this.#collect(current, clock.monotonic() - quietMs);
    for (let at = 0; at < spans.length; at += BATCH) {
      const batch = spans.slice(at, at + BATCH);
      if (!this.#isDone(await current.send(batch, this.#cut.signal), batch)) return;
    }
    if (read.size === 0) return;
    // A delivery that changed meanwhile waits on.
    for (const [id, change] of read) if (this.#waiting.get(id) === change) this.#waiting.delete(id);
    const [oldest] = this.#waiting.values();
    await cursor.write(oldest === undefined ? now : laterBy(oldest.at, -RELAY_MS));
  }

  /** The spans to send, and the changes that they contain. */
  async #collect(current: Exporting, untilMs: number) {
    const due = new Map<string, Change>();
    for (const [id, change] of this.#waiting) {
      if (change.sinceMs > untilMs) break;
      due.set(id, change);
    }
    const read = new Map<string, Change>();
    const spans = new Map<string, OtlpSpan>();
    let threads = 0;
    for (const [id, change] of due) {
      if (threads === MAX_THREADS || spans.size >= MAX_SPANS || this.#cut.signal.aborted) break;
      if (read.has(id)) continue;
      threads += 1;
      const thread = await this.#read(id, current);
      read.set(id, change);
      for (const { delivery } of thread.deliveries) {
        const other = due.get(delivery.id);
        if (other !== undefined) read.set(delivery.id, other);
      }
      for (const span of spansOfThread(thread.deliveries, this.#deps.clock.now()))
        if (!this.#sent.has(span.spanId)) spans.set(span.spanId, span);
    }
    return { spans: [...spans.values()], read };
  }

  async #read(id: string, current: Exporting): Promise<ReadThread> {
    try {
      return await readThread([id], current, () => true);
    } catch (error) {
      if (!(error instanceof Fault) || error.retryable) throw error;
      this.#counts.dropped += 1;
      return { deliveries: [], isCut: false };
    }
  }

  /** Whether the batch needs no further request. */
  #isDone(answer: ExportAnswer, batch: readonly OtlpSpan[]): boolean {
    const { clock, random, log } = this.#deps;
    const isTaken = answer.result === "taken";
    if (!isTaken && !this.#isFailing)
      log.warn({ why: answer.why, waiting: this.#waiting.size }, "the collector did not take the spans of threads");
    if (isTaken && this.#isFailing) log.info({ waiting: this.#waiting.size }, "the collector takes spans again");
    this.#isFailing = !isTaken;
    if (answer.result === "later") {
      this.#counts.failed += 1;
      this.#failuresInARow += 1;
      const { afterSeconds } = answer;
      const asked = afterSeconds === undefined ? {} : { afterSeconds: Math.min(afterSeconds, MAX_AFTER_SECONDS) };
      this.#notBeforeMs = clock.monotonic() + backoffMs(this.#failuresInARow, asked, RETRY, random());
      return false;
    }
    this.#failuresInARow = 0;
    const rejected = isTaken ? Math.min(answer.rejected, batch.length) : batch.length;
    this.#counts.rejected += rejected;
    this.#counts.taken += batch.length - rejected;
    for (const { spanId } of batch) this.#sent.add(spanId);
    for (const spanId of this.#sent) {
      if (this.#sent.size <= MAX_SENT) break;
      this.#sent.delete(spanId);
    }
    return true;
  }
}
