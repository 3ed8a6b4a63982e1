import { type Clock, type EpochMillis, epochMillis, laterBy } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { isPowerOfTwo, Loop } from "../host/loop.ts";
import type { ActionStore } from "../store/actions.ts";
import type { AttemptResult } from "./act.ts";
import { DueTimeCheck } from "./due-time-check.ts";
import { Paused } from "./paused.ts";
import { OVERDUE_MS, type WaitingTarget } from "./readiness.ts";
import { CLAIM_HELD_AGAIN_MS, type TargetAccess } from "./target-gate.ts";

/** Actions that run at once for one target. */
const CONCURRENCY = 8;
/** Time between two polls of a target's queue if nothing nudges the lane. */
const POLL_MS = 1_000;

/** A lane with due actions that finishes none for this time is stalled. It is longer than any attempt. */
const STALLED_MS = 300_000;

interface LaneDeps {
  readonly actions: Pick<ActionStore, "due" | "dueBetween" | "expireLeases" | "correctDueTimes">;
  /** Whether attempts at a target may be made now. */
  readonly accessTo: (target: string) => Promise<TargetAccess>;
  readonly clock: Clock;
  readonly log: Log;
  /** Runs an action once. Resolves to undefined if it could not be claimed. */
  readonly attempt: (actionId: string) => Promise<LaneAttempt | undefined>;
}

/**
 * The queue of a target that is held. The actions that are due before `shownUntil` have the hold in their timeline, and are
 * not claimed again until the hold ends or a day has passed.
 */
interface HeldQueue {
  readonly shownUntil: EpochMillis;
  /** When the first of them was claimed. */
  readonly since: EpochMillis;
}

/** What a lane reads of an {@link AttemptResult}. `hold`: the target is held, and the action stays due. */
interface LaneAttempt {
  readonly result: AttemptResult["result"];
  readonly hold?: object;
}

/**
 * The worker of one target on one machine: runs the due actions, a bounded number at once. Each target has its own
 * lane, so that a slow or broken target delays no other.
 */
export class Lane {
  readonly #target: string;
  readonly #deps: LaneDeps;
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #paused = new Paused();
  readonly #loop: Loop;
  readonly #dueTimes: DueTimeCheck;
  #hasExpiredLeases = false;
  #isStopped = false;
  #held: HeldQueue | undefined;
  /** Attempts in a row that failed because of the store. */
  #storeFailures = 0;
  /** When an attempt last ended with a record of its outcome, or the lane was created. From the monotonic clock. */
  #endedMs: number;
  /** The actions whose last attempt failed and which are tried again. */
  readonly #failed = new Set<string>();
  /** When an attempt failed for the first time since one succeeded. From the monotonic clock. */
  #failingMs: number | undefined;

  constructor(target: string, deps: LaneDeps) {
    this.#target = target;
    this.#deps = deps;
    this.#dueTimes = new DueTimeCheck((now) => deps.actions.correctDueTimes(target, now));
    this.#endedMs = deps.clock.monotonic();
    this.#loop = new Loop(`lane ${target}`, { everyMs: POLL_MS, log: deps.log }, () => this.#startDue());
  }

  nudge(): void {
    this.#loop.nudge();
  }

  /** Starts no more actions. Resolves when the running ones have ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop.stop();
    await Promise.all(this.#running.values());
  }

  /** Undefined if no action of the target waits for too long. */
  async waiting(): Promise<WaitingTarget | undefined> {
    const { actions, clock, accessTo } = this.#deps;
    const now = clock.now();
    const isDueFor = async (ms: number): Promise<boolean> =>
      (await actions.due(this.#target, laterBy(now, -ms), 1)).length > 0;
    const isStalled = clock.monotonic() - this.#endedMs > STALLED_MS && (await isDueFor(STALLED_MS));
    const isFailing = this.#failingMs !== undefined && clock.monotonic() - this.#failingMs > OVERDUE_MS;
    const target = this.#target;
    const access = this.#held === undefined ? "free" : await accessTo(target);
    // A person paused the target, and the actions wait as they should.
    if (access === "paused") return undefined;
    if (access !== "free") return (await isDueFor(OVERDUE_MS)) ? { target, problem: "failing" } : undefined;
    if (isStalled) return { target, problem: "stalled" };
    if (isFailing) return { target, problem: "failing" };
    return (await isDueFor(OVERDUE_MS)) ? { target, problem: "overdue" } : undefined;
  }

  async #startDue(): Promise<void> {
    if (!this.#hasExpiredLeases) await this.#expireLeases();
    if (this.#running.size >= CONCURRENCY) return;
    const now = this.#deps.clock.now();
    await this.#dueTimes.runIfNecessary(now);
    const concurrency = await this.#concurrency();
    if (concurrency === 0) return this.#showHold(now);
    if (this.#running.size >= concurrency) return;
    // The list includes actions in a pause, and it may still include running ones.
    const limit = CONCURRENCY * 2 + this.#paused.size;
    for (const id of await this.#deps.actions.due(this.#target, now, limit)) {
      if (this.#isStopped || this.#running.size >= concurrency) return;
      if (!this.#running.has(id) && !this.#paused.has(id)) this.#start(id);
    }
  }

  /** How many attempts may run at once: one while the target is probed, and none while it is held. */
  async #concurrency(): Promise<number> {
    if (this.#held === undefined) return CONCURRENCY;
    switch (await this.#deps.accessTo(this.#target)) {
      case "free":
        this.#held = undefined;
        return CONCURRENCY;
      case "probe":
        return 1;
      default:
        return 0;
    }
  }

  /** Attempts each action once that became due while the target is held, so that its timeline has the hold. */
  async #showHold(now: EpochMillis): Promise<void> {
    const { actions, accessTo } = this.#deps;
    const { since, shownUntil } = this.#held ?? newlyHeld(now);
    // The clock may have been set back, and an action is kept for a limited time after each claim.
    const isOld = now < shownUntil - 1 || now < since || now > laterBy(since, CLAIM_HELD_AGAIN_MS);
    let held = isOld ? newlyHeld(now) : { since, shownUntil };
    for await (const { id, dueAt } of actions.dueBetween(this.#target, held.shownUntil, now)) {
      if (this.#isStopped) return;
      if (!this.#running.has(id) && !this.#paused.has(id)) {
        this.#start(id);
        await this.#running.get(id);
        const access = await accessTo(this.#target);
        if (access === "free" || access === "probe") return;
      }
      held = { ...held, shownUntil: laterBy(dueAt, 1) };
      this.#held = held;
    }
    this.#held = held;
  }

  /**
   * Expires the leases of the previous process. One process runs at a time, and it has one lane for each target, so no
   * other owner can be alive.
   */
  async #expireLeases(): Promise<void> {
    await this.#deps.actions.expireLeases(this.#target, this.#deps.clock.now());
    this.#hasExpiredLeases = true;
  }

  #start(id: string): void {
    const run = this.#attempt(id).then((isStoreUp) => {
      this.#running.delete(id);
      // Without the store, the next poll tries again.
      if (isStoreUp) this.#loop.nudge();
    });
    this.#running.set(id, run);
  }

  #ended(id: string, result: AttemptResult["result"]): void {
    const now = this.#deps.clock.monotonic();
    this.#endedMs = now;
    if (result === "again") {
      this.#failed.add(id);
      this.#failingMs ??= now;
      return;
    }
    this.#failed.delete(id);
    // An action that was given up has its own line in the log.
    if (result === "finished" || this.#failed.size === 0) this.#failingMs = undefined;
  }

  /** Never throws. Returns false if the store failed. */
  async #attempt(id: string): Promise<boolean> {
    const { attempt, log } = this.#deps;
    try {
      const attempted = await attempt(id);
      if (attempted === undefined) {
        log.error({ action: id, pauseMs: this.#paused.add(id) }, "a due action cannot be claimed; it is skipped");
        return true;
      }
      this.#ended(id, attempted.result);
      if (attempted.hold !== undefined) this.#held ??= newlyHeld(this.#deps.clock.now());
      this.#paused.forget(id);
      this.#storeFailures = 0;
      return true;
    } catch (error) {
      const kind = kindOf(error);
      if (kind === "store_unavailable") {
        this.#storeFailures += 1;
        if (isPowerOfTwo(this.#storeFailures)) {
          const fields = { target: this.#target, failures: this.#storeFailures, error: kind };
          log.error(fields, "actions could not be run; the next poll tries again, or the end of their lease");
        }
        return false;
      }
      const fields = { action: id, error: kind, pauseMs: this.#paused.add(id) };
      log.error(fields, "an action could not be run; it is skipped until its pause and its lease, if it has one, end");
      return true;
    }
  }
}

const newlyHeld = (now: EpochMillis): HeldQueue => ({ shownUntil: epochMillis(0), since: now });

/**
 * The lanes of one machine, one for each target. The lane of a target that was removed from the configuration stays, to
 * end the actions in its queue.
 */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #deps: LaneDeps;

  constructor(deps: LaneDeps) {
    this.#deps = deps;
  }

  /** Starts a lane for each of these targets that has none. */
  start(targets: readonly string[]): void {
    for (const target of targets) {
      if (this.#lanes.has(target)) continue;
      const lane = new Lane(target, this.#deps);
      this.#lanes.set(target, lane);
      lane.nudge();
    }
  }

  /** The targets that have a lane. */
  targets(): readonly string[] {
    return [...this.#lanes.keys()];
  }

  async waiting(): Promise<readonly WaitingTarget[]> {
    const waiting = await Promise.all([...this.#lanes.values()].map((lane) => lane.waiting()));
    return waiting.flatMap((one) => one ?? []);
  }

  nudge(target: string): void {
    this.#lanes.get(target)?.nudge();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#lanes.values()].map((lane) => lane.stop()));
  }
}
