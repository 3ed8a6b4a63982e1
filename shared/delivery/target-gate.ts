import { type Clock, type EpochMillis, isAhead, laterBy, toIso } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { type ActionOutcome, MAX_RETRY_AFTER_SECONDS } from "../model/action-outcome.ts";
import type { CircuitBreaker, OpenBreaker, TargetPause, TargetState } from "../model/target-state.ts";
import type { TargetStore } from "../store/targets.ts";

interface TargetGateDeps {
  readonly targets: Pick<TargetStore, "get" | "save">;
  /** The targets of the routes. */
  readonly targetNames: ReadonlySet<string>;
  /** The length of a lease: a probe that ends without a record is followed by another after this time. */
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Why no attempt is made at a target now. */
export interface Hold {
  readonly target: string;
  /** Identifies the pause or the outage: the timeline of an action records each of them once. */
  readonly key: string;
  /** One sentence, the same for as long as the hold lasts. */
  readonly summary: string;
  readonly waitsFor: string;
  /** Seconds until a wait for the hold ends at the latest. */
  readonly afterSeconds: number;
}

/** An attempt at a target that may begin. */
export interface Permit {
  readonly state: TargetState;
  /** The only attempt while the circuit breaker is open. */
  readonly isProbe: boolean;
}

export type TargetAccess = "free" | "paused" | "broken" | "probe";
export type Admission = { readonly hold: Hold } | { readonly state: TargetState };

/** What the end of an attempt says about its target. */
type TargetReport =
  | { readonly target: "answered" }
  | { readonly target: "failed"; readonly why: string; readonly afterSeconds?: number | undefined }
  /** The attempt ended before it called the target. */
  | { readonly target: "not_called" };

/**
 * Decides whether an attempt may be made at a target: not while it is paused, and not while its circuit breaker is open,
 * except one probe at a time. It reads once for each attempt. It writes only after a failure, and after the first success
 * that follows one. Any number of processes may share the state: each change is conditional on the revision that was read.
 */
export class TargetGate {
  readonly #deps: TargetGateDeps;

  constructor(deps: TargetGateDeps) {
    this.#deps = deps;
  }

  /** Whether attempts may be made now. Throws `store_unavailable`. */
  async admit(target: string): Promise<Admission> {
    const state = await this.#deps.targets.get(target);
    const now = this.#deps.clock.now();
    const hold = holdOf(state, now);
    return hold === undefined ? { state } : { hold };
  }

  /**
   * `probe`: the circuit breaker is open, and an attempt may be made as a probe. A target that no route has any more is
   * free: the actions in its queue run at another target, or wait for their route. Throws `store_unavailable`.
   */
  async accessTo(target: string): Promise<TargetAccess> {
    if (!this.#deps.targetNames.has(target)) return "free";
    const state = await this.#deps.targets.get(target);
    if (holdOf(state, this.#deps.clock.now())) return state.pause ? "paused" : "broken";
    return state.breaker?.open ? "probe" : "free";
  }

  /** Begins an attempt that was admitted. While the breaker is open, one of any number of callers gets the permit. */
  async begin(state: TargetState): Promise<Permit | { readonly hold: Hold }> {
    const { open } = state.breaker ?? {};
    if (state.breaker === undefined || open === undefined) return { state, isProbe: false };
    const { targets, clock, leaseMs } = this.#deps;
    const now = clock.now();
    const retryAt = laterBy(now, leaseMs);
    const probe = state.revision + 1;
    const probing = { ...state, breaker: { ...state.breaker, open: { ...open, retryAt, setAt: now, probe } } };
    return (await targets.save(probing))
      ? { state: { ...probing, revision: probe }, isProbe: true }
      : { hold: outage(state.target, state.breaker, open, now) };
  }

  /**
   * Records what an attempt says about its target. Returns when the next probe is due if this one failed. Never throws: the
   * attempt has had its effect, and a probe without a record is followed by another.
   */
  async end(permit: Permit, report: TargetReport): Promise<EpochMillis | undefined> {
    try {
      return await this.#end(permit, report);
    } catch (error) {
      const { target } = permit.state;
      this.#deps.log.error({ target, error: kindOf(error) }, "the state of a target could not be stored");
      return undefined;
    }
  }

  async #end({ state, isProbe }: Permit, report: TargetReport): Promise<EpochMillis | undefined> {
    // The steady state of a target that works: no read and no write.
    if (!isProbe && (report.target === "not_called" || (report.target === "answered" && !state.breaker)))
      return undefined;
    const { targets, clock } = this.#deps;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const before = tries === 0 && isProbe ? state : await targets.get(state.target);
      const now = clock.now();
      const breaker = isProbe ? afterProbe(before, state, report, now) : afterAttempt(before, report, now);
      if (breaker === "unchanged") return undefined;
      const { breaker: _, ...rest } = before;
      if (!(await targets.save({ ...rest, ...(breaker && { breaker }) }))) continue;
      this.#log(before, breaker, now);
      return isProbe && report.target === "failed" ? breaker?.open?.retryAt : undefined;
    }
    throw new Fault("store_unavailable", "too many concurrent writes of one target", { retryable: true });
  }

  /** The lines that the metric and the alarm of a broken target are made from. */
  #log({ target, breaker: before }: TargetState, after: CircuitBreaker | undefined, now: EpochMillis): void {
    const { log } = this.#deps;
    const { failures = 0, why, open } = after ?? {};
    if (before?.open !== undefined && open === undefined) {
      const openMs = now - before.open.since;
      log.info({ target, breaker: "closed", failedInARow: 0, openMs }, "the target answers again; its actions go on");
    } else if (open !== undefined && failures > (before?.failures ?? 0)) {
      const retryAt = toIso(open.retryAt);
      log.error(
        { target, breaker: "open", failedInARow: failures, why, retryAt },
        "the target keeps failing; its actions wait, and one is tried at a time",
      );
    }
  }
}

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 20;

/** How long an action of a held target is kept after a claim, in milliseconds. */
export const HELD_MS = 86_400_000;

/** When an action of a held target is claimed again, in milliseconds after the last claim: well before it would expire. */
export const CLAIM_HELD_AGAIN_MS = HELD_MS / 2;

/** Failures in a row after which the breaker opens. */
const FAILURES_TO_OPEN = 5;
/** How long the breaker is open at first, in milliseconds. Each failed probe doubles it. */
const FIRST_OPEN_MS = 5_000;
/** The longest time between two probes: a target that works again is used within five minutes. */
const LONGEST_OPEN_MS = 300_000;

/** Undefined if attempts may be made; while the breaker is open, if a probe is due. */
function holdOf({ target, pause, breaker }: TargetState, now: EpochMillis): Hold | undefined {
  if (pause !== undefined) return pauseHold(target, pause, now);
  const { open } = breaker ?? {};
  if (breaker === undefined || open === undefined || isProbeDue(open, now)) return undefined;
  return outage(target, breaker, open, now);
}

/** A time that was set by a clock that was ahead does not count. */
const isProbeDue = ({ retryAt, setAt }: OpenBreaker, now: EpochMillis): boolean =>
  retryAt <= now || isAhead(setAt, now);

/** The longer a pause has lasted, the less often an action that waits elsewhere for it asks whether it has ended. */
const PAUSE_CHECKS = { shortestSeconds: 15, longestSeconds: 300, shareOfPause: 1 / 20 };

function pauseHold(target: string, { since, by, reason }: TargetPause, now: EpochMillis): Hold {
  const { shortestSeconds, longestSeconds, shareOfPause } = PAUSE_CHECKS;
  const seconds = Math.ceil(((now - since) / 1_000) * shareOfPause);
  return {
    target,
    key: `pause ${since}`,
    summary: `target ${target} paused by ${by.subject} since ${toIso(since)}: ${reason}`,
    waitsFor: `target ${target} to be resumed`,
    afterSeconds: Math.min(Math.max(seconds, shortestSeconds), longestSeconds),
  };
}

function outage(target: string, { why }: CircuitBreaker, { since, retryAt }: OpenBreaker, now: EpochMillis): Hold {
  const seconds = Math.ceil((retryAt - now) / 1_000);
  return {
    target,
    key: `outage ${since}`,
    summary: `target ${target} has not worked since ${toIso(since)}: ${why}`,
    waitsFor: `target ${target} to work again`,
    afterSeconds: Math.min(Math.max(seconds, 1), LONGEST_OPEN_MS / 1_000),
  };
}

/** The breaker after an attempt that is no probe. What such an attempt says while the breaker is open is out of date. */
function afterAttempt(
  { breaker }: TargetState,
  report: TargetReport,
  now: EpochMillis,
): CircuitBreaker | undefined | "unchanged" {
  if (breaker?.open !== undefined || report.target === "not_called") return "unchanged";
  if (report.target === "answered") return breaker === undefined ? "unchanged" : undefined;
  const { why, afterSeconds } = report;
  const failures = (breaker?.failures ?? 0) + 1;
  return failures < FAILURES_TO_OPEN
    ? { failures, why }
    : { failures, why, open: { since: now, retryAt: retryAtOf(failures, afterSeconds, now), setAt: now } };
}

/** The breaker after a probe; unchanged if the lease of the probe has ended and another one has begun. */
function afterProbe(
  { breaker }: TargetState,
  probing: TargetState,
  report: TargetReport,
  now: EpochMillis,
): CircuitBreaker | undefined | "unchanged" {
  const { open } = breaker ?? {};
  if (breaker === undefined || open === undefined || open.probe !== probing.breaker?.open?.probe) return "unchanged";
  if (report.target === "answered") return undefined;
  const { since } = open;
  if (report.target === "not_called") return { ...breaker, open: { since, retryAt: now, setAt: now } };
  const { why, afterSeconds } = report;
  const failures = breaker.failures + 1;
  return { failures, why, open: { since, retryAt: retryAtOf(failures, afterSeconds, now), setAt: now } };
}

/** The target may ask for more time than the breaker gives it, but not for more than a day. */
function retryAtOf(failures: number, afterSeconds: number | undefined, now: EpochMillis): EpochMillis {
  const openMs = Math.min(FIRST_OPEN_MS * 2 ** Math.min(failures - FAILURES_TO_OPEN, 30), LONGEST_OPEN_MS);
  return laterBy(now, Math.max(openMs, Math.min(afterSeconds ?? 0, MAX_RETRY_AFTER_SECONDS) * 1_000));
}

/** What the outcome of a call says about its target. A wait may have ended before the call. */
export function reportOf(outcome: ActionOutcome): TargetReport {
  switch (outcome.outcome) {
    case "wait":
      return { target: "not_called" };
    case "retry":
      return outcome.targetAnswered
        ? { target: "answered" }
        : { target: "failed", why: outcome.summary, afterSeconds: outcome.afterSeconds };
    default:
      return { target: "answered" };
  }
}

/** What an attempt says about its target that ended with an error. Everything but a failed call is a failure of ours. */
export const reportOfError = (error: unknown): TargetReport =>
  error instanceof Fault && (error.code === "target_unreachable" || error.code === "target_timeout")
    ? { target: "failed", why: error.message, afterSeconds: error.retryAfterSeconds }
    : { target: "not_called" };

interface PauseDeps {
  readonly targets: Pick<TargetStore, "get" | "save">;
  readonly clock: Clock;
}

/** Pauses a target. A target that is paused already stays as it is. Attempts under way end. */
export function pauseTarget(
  target: string,
  { by, reason }: Pick<TargetPause, "by" | "reason">,
  deps: PauseDeps,
): Promise<TargetState> {
  return change(target, deps, (state, since) => (state.pause ? undefined : { ...state, pause: { since, by, reason } }));
}

/** Ends the pause of a target, and makes a probe due at once if its circuit breaker is open. */
export function resumeTarget(target: string, deps: PauseDeps): Promise<TargetState> {
  return change(target, deps, (state, now) => {
    const { pause, breaker, ...rest } = state;
    const { open } = breaker ?? {};
    // A probe that runs is not joined by another.
    const isTriedNow = open !== undefined && open.probe === undefined && open.retryAt > now;
    if (pause === undefined && !isTriedNow) return undefined;
    if (breaker === undefined) return rest;
    return { ...rest, breaker: isTriedNow ? { ...breaker, open: { ...open, retryAt: now, setAt: now } } : breaker };
  });
}

async function change(
  target: string,
  { targets, clock }: PauseDeps,
  next: (state: TargetState, now: EpochMillis) => TargetState | undefined,
): Promise<TargetState> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const state = await targets.get(target);
    const changed = next(state, clock.now());
    if (changed === undefined) return state;
    if (await targets.save(changed)) return { ...changed, revision: changed.revision + 1 };
  }
  throw new Fault("store_unavailable", "too many concurrent writes of one target", { retryable: true });
}
