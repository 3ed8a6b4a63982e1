import { CLOCK_SKEW_MS, type EpochMillis, laterBy } from "../host/clock.ts";
import { traceIdOf } from "../host/trace.ts";
import type { TargetHold } from "../model/action-outcome.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore, Claim } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { RetryPolicy } from "./backoff.ts";
import { endReported, endWithoutRun, freeSlot } from "./expected-run.ts";
import { outcomeWithoutRoute } from "./missing-routes.ts";
import { type AttemptedRun, type RunAttemptDeps, runAttempt } from "./run-attempt.ts";
import { type CountedOutcome, type NextState, settle, type WaitOutcome } from "./settle.ts";
import { type Admission, HELD_MS } from "./target-gate.ts";

export interface ActDeps extends RunAttemptDeps {
  /** Routes whose actions run here. */
  readonly routes: readonly Route[];
  readonly deliveries: RunAttemptDeps["deliveries"] & Pick<DeliveryStore, "markRepeat" | "keep">;
  readonly actions: ActionStore;
  readonly retry: RetryPolicy;
  /** Milliseconds since a route that is not among `routes` went missing. */
  readonly missingMs: (route: string) => number;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  /**
   * An action that waits for less than this time, in milliseconds, keeps its queue message. It needs no entry in the index
   * `due` then. 0 on one machine, which has no messages.
   */
  readonly messageMs: number;
}

/** Time that a lease lasts beyond the longest attempt, for the calls around it. */
const LEASE_MARGIN_MS = 30_000;

/** The length of an action's lease: the longest attempt that any route allows, plus the margin. */
export const leaseMs = (routes: readonly Pick<Route, "maxAttemptMs">[]): number =>
  Math.max(0, ...routes.map(({ maxAttemptMs }) => maxAttemptMs)) + LEASE_MARGIN_MS;

/** The state of an action after the caller asked for an attempt. */
export type AttemptResult =
  | { readonly result: "finished" }
  /** It was given up, by this attempt or an earlier one. A person has to look at it. */
  | { readonly result: "gave_up"; readonly summary: string }
  /** It is due again at this time: after a backoff or a short wait, or when another owner's lease ends. */
  | { readonly result: "again"; readonly at: EpochMillis }
  /** It was deferred to this time, and the index `due` has it. Its message is not needed any more. */
  | {
      readonly result: "waits";
      readonly at: EpochMillis;
      /** Its target is held. The action stays due meanwhile. */
      readonly hold?: TargetHold;
    };

/**
 * Runs one due action once. If it is finished or leased to another owner, it only returns its state. `admission`: what the
 * gate of its target said a moment ago, if the caller has asked it.
 */
export const act = async (id: string, deps: ActDeps, admission?: Admission): Promise<AttemptResult> =>
  (await attempt(id, deps, admission)) ?? statusOf(id, deps);

/**
 * Runs one due action once, under a lease. Undefined, and nothing is done, if the action is finished or leased to another
 * owner. Only the owner records an outcome. Every outcome adds a line to the timeline.
 */
export async function attempt(id: string, deps: ActDeps, admission?: Admission): Promise<AttemptResult | undefined> {
  const startedAt = deps.clock.now();
  const startedMs = deps.clock.monotonic();
  const claim = await deps.actions.claim(id, startedAt, laterBy(startedAt, leaseMs(deps.routes)));
  if (claim === undefined) return undefined;
  const { run } = claim;
  if (claim.interrupted && run?.next !== "end") await recordInterruption(claim, startedAt, deps);
  if (claim.isReported) return resultOf(await endReported(claim, startedAt, deps), claim, deps);
  if (run?.next === "end")
    return resultOf(await endWithoutRun({ ...claim, run }, { at: startedAt }, deps), claim, deps);
  const route = deps.routes.find(({ name }) => name === claim.route);
  const attempted =
    route === undefined
      ? { outcome: outcomeWithoutRoute(deps.missingMs(claim.route)), traceparent: undefined, nextProbeAt: undefined }
      : await runAttempt(claim, route, deps, admission);
  const endedAt = deps.clock.now();
  const { nextProbeAt } = attempted;
  const attempt = { number: claim.attempt, endedAt, jitter: deps.random(), run, nextProbeAt };
  const next = settle(attempted.outcome, attempt, deps.retry);
  const durationMs = deps.clock.monotonic() - startedMs;
  const mayRun = claim.mayRun || (attempted.outcome.outcome === "retry" && attempted.outcome.unknownOutcome === true);
  const ended = { claim, trace: traceOf(attempted), endedAt, durationMs, mayRun };
  return next.state === "deferred" ? defer(ended, next, deps) : record(ended, next, deps);
}

const resultOf = async (ended: "ended" | "lost", { id }: Claim, deps: ActDeps): Promise<AttemptResult> =>
  ended === "lost" ? statusOf(id, deps) : { result: "finished" };

async function statusOf(id: string, deps: ActDeps): Promise<AttemptResult> {
  const status = await deps.actions.status(id);
  const now = deps.clock.now();
  switch (status?.state) {
    case "due":
    case "expecting_run": {
      const { parked, dueAt = now } = status;
      // What sent the message of an action that is due may be about to take it out of the index, and its clock may be ahead.
      const isFound = parked !== undefined && parked.dueAt > laterBy(now, CLOCK_SKEW_MS);
      // An earlier release wrote the entry and did not list the target.
      if (isFound) await deps.actions.listWaiting(status.target);
      return { result: isFound ? "waits" : "again", at: dueAt };
    }
    case "gave_up":
      return { result: "gave_up", summary: "it was given up before" };
    default:
      return { result: "finished" };
  }
}

const traceOf = ({ traceparent }: AttemptedRun): string | undefined => traceparent && traceIdOf(traceparent);

type RecordedState = Exclude<NextState, { readonly state: "deferred" }>;

interface EndedAttempt {
  readonly claim: Claim;
  readonly trace: string | undefined;
  readonly endedAt: EpochMillis;
  readonly durationMs: number;
  /** This attempt or an earlier one may have started a run. */
  readonly mayRun: boolean;
}

/**
 * Writes the timeline first, then completes or releases the action. A crash between the two repeats the action, which
 * is harmless, and no attempt is missing from the timeline. An owner that lost its lease still writes its line and
 * changes nothing else.
 */
async function record(
  { claim, trace, endedAt, durationMs, mayRun }: EndedAttempt,
  next: RecordedState,
  deps: ActDeps,
): Promise<AttemptResult> {
  const { outcome } = next;
  const { delivery, route, action, target, attempt } = claim;
  await deps.deliveries.addToTimeline(delivery, {
    at: endedAt,
    kind: "attempt",
    route,
    ...eventOf(claim),
    action,
    attempt,
    ...shown(outcome),
    durationMs,
    ...(next.state === "retry" && { nextAt: next.at }),
  });
  if ("at" in next) await deps.deliveries.keep(delivery, claim.scheduledAt, next.at);
  const moved = await moveOn(claim, endedAt, next, deps);
  const line = { delivery, trace, route, action, target, attempt, durationMs };
  if (moved === "lost") {
    deps.log.warn(line, "an attempt ended after its lease had gone to another owner");
    return statusOf(claim.id, deps);
  }
  const { outcome: ended } = shown(outcome);
  deps.log[LEVELS[ended]]({ ...line, outcome: ended }, outcome.summary);
  // The slot of an earlier attempt. A queue keeps it for what is tried again, and a killed process leaves it behind.
  const isWithoutRun = outcome.outcome === "done" && outcome.endedAs !== undefined;
  if (!mayRun && (next.state === "gave_up" || isWithoutRun)) await freeSlot(claim, { unlessMayRun: true }, deps);
  switch (next.state) {
    case "retry":
      return { result: keepsMessage(next, endedAt, deps) ? "again" : "waits", at: next.at };
    case "expecting_run":
      return moved === "ended" ? { result: "finished" } : { result: "waits", at: next.at };
    case "gave_up":
      return { result: "gave_up", summary: outcome.summary };
    default:
      return { result: "finished" };
  }
}

/** Whether the message of an action that is tried again stays in its queue. A probe that fails may go on for days. */
const keepsMessage = (
  { at, isUncounted }: Extract<NextState, { readonly state: "retry" }>,
  endedAt: EpochMillis,
  { messageMs }: ActDeps,
): boolean => isUncounted !== true || at - endedAt < messageMs;

/** Stores the next state. `ended`: nothing is due any more. `lost`: the claim no longer owned the action. */
async function moveOn(
  claim: Claim,
  endedAt: EpochMillis,
  next: RecordedState,
  deps: ActDeps,
): Promise<"due" | "ended" | "lost"> {
  const { actions } = deps;
  switch (next.state) {
    case "retry": {
      const mayRun = next.outcome.outcome === "retry" && next.outcome.unknownOutcome === true;
      const { isUncounted = false } = next;
      const hasMessage = keepsMessage(next, endedAt, deps);
      return (await actions.release(claim, endedAt, next.at, { mayRun, isUncounted, hasMessage })) ? "due" : "lost";
    }
    case "expecting_run": {
      const expected = await actions.expectRun(claim, endedAt, next);
      if (expected === "lost") return expected;
      return expected === "reported" ? "ended" : "due";
    }
    case "accepted_without_run": {
      const { run } = claim;
      const why = next.outcome.summary;
      return run === undefined ? "lost" : endWithoutRun({ ...claim, run }, { at: endedAt, why }, deps);
    }
    case "gave_up": {
      const isCut = next.outcome.outcome === "give_up" && next.outcome.isCut === true;
      return (await actions.giveUp(claim, endedAt, isCut ? "cut" : "given_up")) ? "ended" : "lost";
    }
    case "done":
      return (await actions.complete(claim)) ? "ended" : "lost";
  }
}

const LEVELS = { done: "info", accepted: "info", retry: "warn", give_up: "error" } as const;

/** The members of an outcome that a timeline line has. */
function shown(outcome: CountedOutcome) {
  switch (outcome.outcome) {
    case "retry": {
      const { afterSeconds: _, targetAnswered: __, ...rest } = outcome;
      return rest;
    }
    case "expect_run": {
      const { expectation: _, ...rest } = outcome;
      return { ...rest, outcome: "accepted" as const };
    }
    case "give_up": {
      const { isCut: _, ...rest } = outcome;
      return rest;
    }
    default:
      return outcome;
  }
}

/** Defers an action that has to wait. The attempt does not count. */
async function defer(
  { claim, trace, endedAt }: EndedAttempt,
  { outcome, at }: Extract<NextState, { readonly state: "deferred" }>,
  deps: ActDeps,
): Promise<AttemptResult> {
  const { delivery, route, action, attempt } = claim;
  const { summary, waitsFor } = outcome;
  const isRecorded = await isWaitRecorded(claim, outcome, deps);
  if (!isRecorded) {
    const about = { route, ...eventOf(claim), action };
    const why = { summary, ...(waitsFor !== undefined && { waitsFor }) };
    await deps.deliveries.addToTimeline(delivery, { at: endedAt, kind: "waiting", ...about, ...why });
  }
  const keepUntil = outcome.hold ? laterBy(endedAt, HELD_MS) : at;
  await deps.deliveries.keep(delivery, claim.scheduledAt, keepUntil);
  // The action of a held target stays due, in its place in the queue. Another target's lane must not find it there again.
  const hold = outcome.hold?.target === claim.target ? outcome.hold : undefined;
  const held = outcome.hold && { key: outcome.hold.key, keepUntil };
  const isAttended = waitsFor !== undefined;
  const hasMessage = held === undefined && at - endedAt < deps.messageMs;
  const waits = { isAttended, hold: held, hasMessage };
  const deferred = await deps.actions.defer(claim, endedAt, hold ? claim.dueAt : at, waits);
  if (!deferred) return statusOf(claim.id, deps);
  // Whoever ended the wait before it was stored could not wake the action.
  const isOutdated = (await outcome.isOutdated?.()) ?? false;
  if (isOutdated) await deps.actions.wake(claim.id, deps.clock.now());
  if (!isRecorded) deps.log.info({ delivery, trace, route, action, attempt, outcome: "wait" }, summary);
  if (hasMessage) return { result: "again", at: isOutdated ? endedAt : at };
  return { result: "waits", at: isOutdated ? endedAt : at, ...(hold && { hold }) };
}

/**
 * The timeline has one line for all waits of an action. The first wait adds it. A long wait, and one that starts to need a
 * person's attention, replace it once.
 */
async function isWaitRecorded(
  { hasWaited, attention, delivery, route, event, hold: earlier }: Claim,
  { isLong, waitsFor, summary, hold }: WaitOutcome,
  { deliveries }: ActDeps,
): Promise<boolean> {
  // A hold replaces the line of an earlier wait, and a later wait that of a hold.
  if (hold !== undefined || earlier !== undefined) return hold?.key === earlier;
  const isNew = waitsFor !== undefined && attention?.state !== "waiting";
  if (!hasWaited || !(isLong || isNew)) return hasWaited;
  const timeline = await deliveries.timeline(delivery);
  return timeline.some(
    (line) => line.kind === "waiting" && line.route === route && line.event === event && line.summary === summary,
  );
}

const eventOf = ({ event }: Claim) => (event === undefined ? {} : { event });

/** Adds a line to the timeline, once, for an attempt that ended without recording its outcome. */
async function recordInterruption(claim: Claim, at: EpochMillis, deps: ActDeps): Promise<void> {
  const { delivery, route, event, action } = claim;
  const attempt = claim.attempt - 1;
  const timeline = await deps.deliveries.timeline(delivery);
  const isRecorded = timeline.some(
    (line) => line.kind === "attempt" && line.route === route && line.event === event && line.attempt === attempt,
  );
  if (isRecorded) return;
  await deps.deliveries.addToTimeline(delivery, {
    at,
    kind: "attempt",
    route,
    ...eventOf(claim),
    action,
    attempt,
    outcome: "retry",
    summary: "the process ended before the outcome was recorded",
    unknownOutcome: true,
    durationMs: 0,
  });
}
