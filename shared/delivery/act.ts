import { type GateDeps, holdForApproval } from "../approvals/gate.ts";
import { type Clock, type EpochMillis, laterBy } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { type TraceParent, traceIdOf } from "../host/trace.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";
import { type BusEvent, busEventOf } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore, Claim } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { backoffMs, type RetryPolicy } from "./backoff.ts";
import { type CorrelateDeps, correlate } from "./correlate.ts";
import { type RunTrackingDeps, recordRunEnd, recordRunStart } from "./run-tracking.ts";

export interface ActDeps extends CorrelateDeps, Pick<GateDeps, "approvals">, Pick<RunTrackingDeps, "runs"> {
  readonly routes: readonly Route[];
  readonly deliveries: Pick<DeliveryStore, "get" | "record" | "addToTimeline" | "timeline">;
  readonly actions: ActionStore;
  readonly retry: RetryPolicy;
  /** Every configured route, where `routes` are only those of one kind of action. Default: `routes`. */
  readonly allRoutes?: CorrelateDeps["routes"];
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
}

/** Time that a lease runs past the longest attempt, for the calls around it. */
const LEASE_MARGIN_MS = 30_000;
/** Longest time until an action that waits is run again: short of the 900 s that SQS delays a message at most. */
const MAX_WAIT_SECONDS = 600;
/** Attempts that wait for an origin which may still be on its way; the listener's answer is stored within moments. */
const ORIGIN_ATTEMPTS = 3;

/** How long an action is leased: always longer than the longest work that any route does. */
export const leaseMs = (routes: readonly Pick<Route, "maxAttemptMs">[]): number =>
  Math.max(0, ...routes.map(({ maxAttemptMs }) => maxAttemptMs)) + LEASE_MARGIN_MS;

/** What is left to do about an action, for whoever asked for it to be run. */
export type AttemptResult =
  | { readonly result: "finished" }
  /** Now or before: a person has to look at it. */
  | { readonly result: "gave_up"; readonly summary: string }
  /** Due again at a time: after a retry's wait, or when another owner's lease ends. */
  | { readonly result: "again"; readonly at: EpochMillis }
  /** Due again at a time, as often as it takes: nothing has failed. */
  | { readonly result: "waits"; readonly at: EpochMillis };

/**
 * Runs one due action once, if it is still to be run and nobody else has it. A repeat of what is done does nothing; an
 * outcome is recorded only by the owner. The attempt ends in the delivery's timeline, whatever it came to.
 */
export async function act(id: string, deps: ActDeps): Promise<AttemptResult> {
  const startedAt = deps.clock.now();
  const claim = await deps.actions.claim(id, startedAt, laterBy(startedAt, leaseMs(deps.routes)));
  if (claim === undefined) return standingOf(id, deps);
  if (claim.interrupted) await recordInterruption(claim, startedAt, deps);
  const route = deps.routes.find(({ name }) => name === claim.route);
  const attempted = route === undefined ? { outcome: ROUTE_REMOVED } : await attempt(claim, route, deps);
  return settle(claim, attempted, startedAt, deps);
}

async function standingOf(id: string, { actions }: ActDeps): Promise<AttemptResult> {
  const standing = await actions.standing(id);
  switch (standing?.state) {
    case "due":
      return { result: "again", at: standing.dueAt };
    case "gave_up":
      return { result: "gave_up", summary: "it was given up before" };
    default:
      return { result: "finished" };
  }
}

/** For an action, or a message, whose route was taken out. */
export const ROUTE_REMOVED = { outcome: "give_up", summary: "the route is no longer configured" } as const;

interface Attempted {
  readonly outcome: ActionOutcome;
  /** Of the delivery that caused it all, as far as the attempt came to know it. */
  readonly traceparent?: TraceParent | undefined;
}

async function attempt(claim: Claim, route: Route, deps: ActDeps): Promise<Attempted> {
  let traceparent: TraceParent | undefined;
  const ended = (outcome: ActionOutcome): Attempted => ({ outcome, traceparent });
  try {
    const delivery = await deps.deliveries.get(claim.delivery);
    const busEvent = delivery && busEventOf(delivery);
    if (delivery === undefined || busEvent === undefined)
      return ended({ outcome: "give_up", summary: "the delivery's record is gone" });
    const all = { ...deps, routes: deps.allRoutes ?? deps.routes };
    const origin = await correlate(busEvent, delivery.source, all);
    const cause = origin.found ? origin.busEvent : busEvent;
    traceparent = cause.detail.traceparent;
    if (!origin.found && origin.mayCome && claim.attempt < ORIGIN_ATTEMPTS) {
      return ended({ outcome: "retry", summary: "what started this run is not known yet" });
    }
    if (origin.found) {
      await recordFollower(origin.busEvent, delivery, busEvent, deps);
      await recordRunEnd({ busEvent, origin: origin.busEvent, source: delivery.source }, all);
    }
    const run = { claim, route, busEvent, delivery, origin: origin.found ? origin.busEvent : undefined };
    const held = (await denial(route, busEvent, deps)) ?? (await holdForApproval(run, all));
    if (held) return ended(held);
    const signal = AbortSignal.timeout(route.maxAttemptMs);
    const outcome = await route.run({ busEvent, origin: cause, attempt: claim.attempt, signal });
    await recordRunStart(route, busEvent.detail, outcome, deps);
    return ended(outcome);
  } catch (error) {
    return ended(outcomeOfFailure(error, claim, deps.log));
  }
}

/**
 * Ends the action where the roles of the event's principal do not let it fire the route. That is no failure of the target.
 * Who may have it run again was asked when that was recorded.
 */
async function denial(
  { name, refuse, mode = "enforce" }: Route,
  { detail }: BusEvent,
  deps: ActDeps,
): Promise<ActionOutcome | undefined> {
  const refusal = detail.replay ? undefined : refuse?.(detail.principal);
  if (refusal === undefined) return undefined;
  const entry = { at: deps.clock.now(), kind: "denied", route: name, refusal, mode } as const;
  await deps.deliveries.addToTimeline(detail.delivery, entry);
  return mode === "shadow" ? undefined : { outcome: "done", summary: `not fired: ${refusal.reason}` };
}

function outcomeOfFailure(error: unknown, claim: Claim, log: Log): ActionOutcome {
  if (error instanceof Fault) {
    const after = error.retryAfterSeconds === undefined ? {} : { afterSeconds: error.retryAfterSeconds };
    return { outcome: error.retryable ? "retry" : "give_up", summary: `${error.code}: ${error.message}`, ...after };
  }
  // A mistake of ours. Its message may quote anything, so only its kind goes further.
  log.error(
    { delivery: claim.delivery, route: claim.route, error: kindOf(error) },
    "an action failed in a way it should not",
  );
  return { outcome: "retry", summary: `the action failed unexpectedly (${kindOf(error)})`, unknownOutcome: true };
}

/**
 * Tells the timeline, then ends the action or gives it back: a crash between the two repeats the action, which is harmless,
 * and hides nothing. An owner that lost its lease still tells what it did, and changes nothing.
 */
async function settle(
  claim: Claim,
  { outcome: told, traceparent }: Attempted,
  startedAt: EpochMillis,
  deps: ActDeps,
): Promise<AttemptResult> {
  const trace = traceparent && traceIdOf(traceparent);
  if (told.outcome === "wait") return defer(claim, told, trace, deps);
  const outcome = lastAttempt(told, claim, deps.retry);
  const endedAt = deps.clock.now();
  const nextAt = outcome.outcome === "retry" ? laterBy(endedAt, backoffMs(claim.attempt, outcome, deps)) : undefined;
  const durationMs = endedAt - startedAt;
  const { delivery, route, action, target, attempt } = claim;
  const line = { delivery, trace, route, action, target, attempt, durationMs };
  await deps.deliveries.addToTimeline(delivery, {
    ...{ at: endedAt, kind: "attempt", route, action, attempt },
    ...withoutWait(outcome),
    durationMs,
    ...(nextAt !== undefined && { nextAt }),
  });
  const stillOwner =
    nextAt === undefined
      ? await deps.actions.complete(claim, outcome.outcome === "done" ? "done" : "gave_up")
      : await deps.actions.release(claim, nextAt);
  if (!stillOwner) {
    deps.log.warn(line, "an attempt ended after its lease had gone to another");
    return standingOf(claim.id, deps);
  }
  deps.log[LEVELS[outcome.outcome]]({ ...line, outcome: outcome.outcome }, outcome.summary);
  if (nextAt !== undefined) return { result: "again", at: nextAt };
  return outcome.outcome === "give_up" ? { result: "gave_up", summary: outcome.summary } : { result: "finished" };
}

async function defer(claim: Claim, waiting: Waiting, trace: string | undefined, deps: ActDeps): Promise<AttemptResult> {
  const { delivery, route, action } = claim;
  const { summary, afterSeconds } = waiting;
  const at = deps.clock.now();
  const until = laterBy(at, Math.ceil(Math.min(afterSeconds, MAX_WAIT_SECONDS) * 1_000));
  const isTold = await isWaitRecorded(claim, waiting, deps);
  if (!isTold) await deps.deliveries.addToTimeline(delivery, { at, kind: "waiting", route, action, summary });
  if (!(await deps.actions.defer(claim, until))) return standingOf(claim.id, deps);
  const line = { delivery, trace, route, action, attempt: claim.attempt, outcome: "wait" };
  if (!isTold) deps.log.info(line, summary);
  return { result: "waits", at: until };
}

/** The timeline has one line for all waits of an action; a long one takes it over, once. */
async function isWaitRecorded(
  { hasWaited, delivery, route }: Claim,
  { isLong, summary }: Waiting,
  { deliveries }: ActDeps,
): Promise<boolean> {
  if (!hasWaited || !isLong) return hasWaited;
  const told = await deliveries.timeline(delivery);
  return told.some(
    (timelineEvent) =>
      timelineEvent.kind === "waiting" && timelineEvent.route === route && timelineEvent.summary === summary,
  );
}

const LEVELS = { done: "info", retry: "warn", give_up: "error" } as const;

type Waiting = Extract<ActionOutcome, { readonly outcome: "wait" }>;
type Ended = Exclude<ActionOutcome, Waiting>;

function lastAttempt(outcome: Ended, claim: Claim, policy: RetryPolicy): Ended {
  if (outcome.outcome !== "retry" || claim.attempt < policy.maxAttempts) return outcome;
  return { outcome: "give_up", summary: `given up after ${claim.attempt} attempts: ${outcome.summary}` };
}

function withoutWait(outcome: Ended) {
  if (outcome.outcome !== "retry") return outcome;
  const { afterSeconds: _, ...rest } = outcome;
  return rest;
}

async function recordInterruption(claim: Claim, at: EpochMillis, deps: ActDeps): Promise<void> {
  const told = await deps.deliveries.timeline(claim.delivery);
  const interrupted = claim.attempt - 1;
  if (
    told.some(
      (timelineEvent) =>
        timelineEvent.kind === "attempt" &&
        timelineEvent.route === claim.route &&
        timelineEvent.attempt === interrupted,
    )
  )
    return;
  await deps.deliveries.addToTimeline(claim.delivery, {
    at,
    kind: "attempt",
    route: claim.route,
    action: claim.action,
    attempt: interrupted,
    outcome: "retry",
    summary: "the process ended before the outcome was recorded",
    unknownOutcome: true,
    durationMs: 0,
  });
}

/** Told at the time that it was received, so that each attempt tells the same. */
function recordFollower(
  origin: BusEvent,
  { receivedAt: at }: Pick<RecordedDelivery, "receivedAt">,
  busEvent: BusEvent,
  deps: ActDeps,
): Promise<void> {
  const what = `${busEvent["detail-type"]} ${busEvent.detail.subject}`;
  return deps.deliveries.addToTimeline(origin.detail.delivery, {
    at,
    kind: "followed_by",
    delivery: busEvent.detail.delivery,
    what,
  });
}
