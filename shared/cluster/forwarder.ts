import { type Clock, type EpochMillis, toIso } from "../host/clock.ts";
import { failureOf, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { isPowerOfTwo } from "../host/loop.ts";
import type { EventQueue, QueuedEvent } from "../store/event-queue.ts";
import type { SentEvent } from "./bridge-source.ts";
import type { Counters } from "./counters.ts";

interface ForwarderDeps {
  readonly queue: EventQueue;
  /** Sends an event to the bridge and returns the status of the answer. Throws if there is none. */
  readonly send: (event: SentEvent) => Promise<number>;
  /** Called after each answer: now the next event may be due, and `start` sends it. */
  readonly finished: () => void;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Sends queued events to the bridge, those of one run in their order. An event leaves the queue only when the bridge has
 * taken it, or has said that it never will: then it is a dead letter. The bridge recognises an event that comes twice.
 */
export class Forwarder {
  readonly #deps: ForwarderDeps;
  /**
   * The lanes whose last try failed, the least recently tried first, each with when it is due, on the monotonic clock.
   * Nothing of this is stored: after a start, all are due.
   */
  readonly #paused = new Map<string, Pause>();
  /** What became of events, while the disk takes no write of it: the write by the event's id. They are not sent again. */
  readonly #unwritten = new Map<number, () => void>();
  /** By lane, what the bridge has not answered yet. */
  readonly #sending = new Map<string, Promise<void>>();
  /** Whether one of them was begun to find out whether the bridge is back. */
  #isProbing = false;
  /** In a row. */
  #failures = 0;
  #accepted = 0;
  /** Until when nothing is sent, because the bridge takes nothing. */
  #restsUntilMs = Number.NEGATIVE_INFINITY;

  constructor(deps: ForwarderDeps) {
    this.#deps = deps;
  }

  /**
   * Begins to send what is due, and waits for no answer: a slow one delays only the events of its own run. Throws
   * `store_unavailable` or `store_damaged` if the queue cannot be read.
   */
  start(): void {
    this.#writeAgain();
    for (const event of this.#due()) this.#begin(event);
  }

  /** Resolves when the bridge has answered everything, or has failed to. */
  async idle(): Promise<void> {
    while (this.#sending.size > 0) await Promise.all(this.#sending.values());
  }

  #due(): readonly QueuedEvent[] {
    const { queue, clock } = this.#deps;
    const nowMs = clock.monotonic();
    const isAway = this.#failures > 0;
    // While the bridge is away, one event at a time finds out whether it is back. One of a lane that has not failed shows
    // more than one of a lane that has: a run may fail for a reason of its own.
    const limit = isAway ? Number(!this.#isProbing) : PARALLEL - this.#sending.size;
    if (limit <= 0 || nowMs < this.#restsUntilMs) return [];
    const ended = new Set(this.#unwritten.keys());
    const others = queue.first(limit, {
      lanes: new Set([...this.#paused.keys(), ...this.#sending.keys()]),
      ids: ended,
    });
    // One at a time: lanes that always fail, and slowly, leave room for the others.
    const isRetrying = [...this.#sending.keys()].some((lane) => this.#paused.has(lane));
    const [lane] = isRetrying ? [] : ([...this.#paused].find(([, { untilMs }]) => untilMs <= nowMs) ?? []);
    if (lane === undefined || (others.length > 0 && isAway)) return others;
    const again = queue.firstOf(lane, ended);
    return again === undefined ? others : [...others.slice(0, limit - 1), again];
  }

  #begin(event: QueuedEvent): void {
    const isProbe = this.#failures > 0;
    if (isProbe) this.#isProbing = true;
    const sending = this.#forward(event).finally(() => {
      this.#sending.delete(event.lane);
      if (isProbe) this.#isProbing = false;
      this.#deps.finished();
    });
    this.#sending.set(event.lane, sending);
  }

  async #forward(event: QueuedEvent): Promise<void> {
    const { queue, send, counters, log } = this.#deps;
    const { id, lane, headers, body } = event;
    if (headers === undefined) return this.#bury(event, "unreadable");
    const answer = await send({ headers, body }).catch(kindOf);
    if (typeof answer === "number" && answer >= 200 && answer < 300) {
      this.#write(id, () => queue.remove(id));
      this.#paused.delete(lane);
      counters.add(FORWARDED, { outcome: "accepted" });
      if (this.#failures > 0) log.info({ failures: this.#failures }, "the bridge takes events again");
      this.#failures = 0;
      this.#accepted += 1;
      return;
    }
    if (typeof answer === "number" && isFinal(answer)) this.#bury(event, `answered_${answer}`);
    else if (this.#pause(lane, answer) > MAX_TRIES_ALONE) this.#bury(event, "failed_alone");
  }

  /**
   * The lane waits, and so does everything else for a moment: almost every failure is one of the bridge. Returns how often
   * the event has failed while the bridge took others.
   */
  #pause(lane: string, answer: number | string): number {
    const { clock, counters, log } = this.#deps;
    const earlier = this.#paused.get(lane) ?? { tries: 0, triesAlone: 0, accepted: this.#accepted };
    const tries = earlier.tries + 1;
    const triesAlone = earlier.triesAlone + (this.#accepted > earlier.accepted ? 1 : 0);
    const nowMs = clock.monotonic();
    this.#paused.delete(lane);
    this.#paused.set(lane, { tries, triesAlone, accepted: this.#accepted, untilMs: nowMs + backoffMs(tries) });
    this.#failures += 1;
    this.#restsUntilMs = nowMs + Math.min(backoffMs(this.#failures), LONGEST_REST_MS);
    counters.add(FAILURES, { answer: String(answer) });
    if (isPowerOfTwo(this.#failures))
      log.warn({ answer, failures: this.#failures }, "the bridge takes no events; they are kept");
    return triesAlone;
  }

  #bury({ id, lane, headers, receivedAt }: QueuedEvent, reason: string): void {
    const { queue, counters, log } = this.#deps;
    this.#paused.delete(lane);
    counters.add(FORWARDED, { outcome: "dead" });
    const event = { type: headers?.["ce-type"], run: lane, received: toIso(receivedAt) };
    log.error({ ...event, reason }, "the bridge does not take an event; it is a dead letter");
    this.#write(id, () => {
      const removed = queue.bury(id, reason);
      if (removed === 0) return;
      counters.add(FORWARDED, { outcome: "removed" }, removed);
      log.error({ removed }, "old dead letters were removed, because there are too many");
    });
  }

  /** Writes what became of an event, now or in a later round. Returns whether the disk took it. */
  #write(id: number, write: () => void): boolean {
    try {
      write();
      this.#unwritten.delete(id);
      return true;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (this.#unwritten.size === 0)
        this.#deps.log.error(failureOf(error), "the queue cannot be written; its events are sent, and not removed yet");
      this.#unwritten.set(id, write);
      return false;
    }
  }

  #writeAgain(): void {
    for (const [id, write] of this.#unwritten) if (!this.#write(id, write)) return;
  }
}

interface Pause {
  readonly tries: number;
  readonly triesAlone: number;
  /** How many events the bridge had taken at the last try. */
  readonly accepted: number;
  readonly untilMs: number;
}

export const FORWARDED = "drawbridge_forwarder_events_total";
export const FAILURES = "drawbridge_forwarder_failures_total";

/** Requests at the same time, each of another lane. */
const PARALLEL = 8;
/** With the longest pause between them, this is more than twenty minutes. */
const MAX_TRIES_ALONE = 20;
const LONGEST_REST_MS = 15_000;

/** 1, 2, 4 … 60 seconds. */
const backoffMs = (tries: number): number => Math.min(1_000 * 2 ** (tries - 1), 60_000);

/**
 * Whether no repeat of the same event can be accepted. A wrong credential (401, 403), a missing source (404) and a redirect
 * are mistakes of the setup, which somebody mends: nothing is lost until then.
 */
const isFinal = (status: number): boolean => status >= 400 && status < 500 && !HEALS.has(status);
const HEALS: ReadonlySet<number> = new Set([401, 403, 404, 408, 425, 429]);

/** Of an event that waits, for the metric. */
export const ageSeconds = (oldest: EpochMillis | undefined, clock: Clock): number =>
  oldest === undefined ? 0 : Math.max(0, Math.round((clock.now() - oldest) / 1_000));
