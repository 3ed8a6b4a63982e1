import { type EpochMillis, laterBy } from "../host/clock.ts";
import { traceIdOf } from "../host/trace.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore, Claim } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { RetryPolicy } from "./backoff.ts";
import { outcomeWithoutRoute } from "./missing-routes.ts";
import { type AttemptedRun, type RunAttemptDeps, runAttempt } from "./run-attempt.ts";
import { type CountedOutcome, type NextState, settle, type WaitOutcome } from "./settle.ts";

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
  /** It is due again at this time: after a backoff, or when another owner's lease ends. */
  | { readonly result: "again"; readonly at: EpochMillis }
  /** It was deferred to this time. Nothing has failed, so the number of waits has no limit. */
  | { readonly result: "waits"; readonly at: EpochMillis };

/** Runs one due action once. If it is finished or leased to another owner, it only returns its state. */
export const act = async (id: string, deps: ActDeps): Promise<AttemptResult> =>
  (await attempt(id, deps)) ?? statusOf(id, deps);

/**
 * Runs one due action once, under a lease. Undefined, and nothing is done, if the action is finished or leased to another
 * owner. Only the owner records an outcome. Every outcome adds a line to the timeline.
 */
export async function attempt(id: string, deps: ActDeps): Promise<AttemptResult | undefined> {
  const startedAt = deps.clock.now();
  const startedMs = deps.clock.monotonic();
  const claim = await deps.actions.claim(id, startedAt, laterBy(startedAt, leaseMs(deps.routes)));
  if (claim === undefined) return undefined;
  if (claim.interrupted) await recordInterruption(claim, startedAt, deps);
  const route = deps.routes.find(({ name }) => name === claim.route);
  const attempted =
    route === undefined
      ? { outcome: outcomeWithoutRoute(deps.missingMs(claim.route)), traceparent: undefined }
      : await runAttempt(claim, route, deps);
  const endedAt = deps.clock.now();
  const next = settle(attempted.outcome, { number: claim.attempt, endedAt, jitter: deps.random() }, deps.retry);
  const durationMs = deps.clock.monotonic() - startedMs;
  const ended = { claim, trace: traceOf(attempted), endedAt, durationMs };
  return next.state === "deferred" ? defer(ended, next, deps) : record(ended, next, deps);
}

async function statusOf(id: string, { actions }: ActDeps): Promise<AttemptResult> {
  const status = await actions.status(id);
  switch (status?.state) {
    case "due":
      return { result: "again", at: status.dueAt };
    case "gave_up":
      return { result: "gave_up", summary: "it was given up before" };
    default:
      return { result: "finished" };
  }
}

const traceOf = ({ traceparent }: AttemptedRun): string | undefined => traceparent && traceIdOf(traceparent);

interface EndedAttempt {
  readonly claim: Claim;
  readonly trace: string | undefined;
  readonly endedAt: EpochMillis;
  readonly durationMs: number;
}

/**
 * Writes the timeline first, then completes or releases the action. A crash between the two repeats the action, which
 * is harmless, and no attempt is missing from the timeline. An owner that lost its lease still writes its line and
 * changes nothing else.
 */
async function record(
  { claim, trace, endedAt, durationMs }: EndedAttempt,
  next: Exclude<NextState, { readonly state: "deferred" }>,
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
    ...withoutBackoff(outcome),
    durationMs,
    ...(next.state === "retry" && { nextAt: next.at }),
  });
  if (next.state === "retry") await deps.deliveries.keep(delivery, claim.scheduledAt, next.at);
  const isStillOwner =
    next.state === "retry"
      ? await deps.actions.release(claim, endedAt, next.at)
      : await deps.actions.complete(claim, next.state);
  const line = { delivery, trace, route, action, target, attempt, durationMs };
  if (!isStillOwner) {
    deps.log.warn(line, "an attempt ended after its lease had gone to another owner");
    return statusOf(claim.id, deps);
  }
  deps.log[LEVELS[outcome.outcome]]({ ...line, outcome: outcome.outcome }, outcome.summary);
  if (next.state === "retry") return { result: "again", at: next.at };
  return next.state === "gave_up" ? { result: "gave_up", summary: outcome.summary } : { result: "finished" };
}

const LEVELS = { done: "info", retry: "warn", give_up: "error" } as const;

function withoutBackoff(outcome: CountedOutcome) {
  if (outcome.outcome !== "retry") return outcome;
  const { afterSeconds: _, ...rest } = outcome;
  return rest;
}

/** Defers an action that has to wait. The attempt does not count. */
async function defer(
  { claim, trace, endedAt }: EndedAttempt,
  { outcome, at }: Extract<NextState, { readonly state: "deferred" }>,
  deps: ActDeps,
): Promise<AttemptResult> {
  const { delivery, route, action, attempt } = claim;
  const { summary } = outcome;
  const isRecorded = await isWaitRecorded(claim, outcome, deps);
  if (!isRecorded) {
    const waiting = { at: endedAt, kind: "waiting", route, ...eventOf(claim), action, summary } as const;
    await deps.deliveries.addToTimeline(delivery, waiting);
  }
  await deps.deliveries.keep(delivery, claim.scheduledAt, at);
  if (!(await deps.actions.defer(claim, endedAt, at))) return statusOf(claim.id, deps);
  if (!isRecorded) deps.log.info({ delivery, trace, route, action, attempt, outcome: "wait" }, summary);
  return { result: "waits", at };
}

/** The timeline has one line for all waits of an action. The first wait adds it, and a long wait replaces it once. */
async function isWaitRecorded(
  { hasWaited, delivery, route, event }: Claim,
  { isLong, summary }: WaitOutcome,
  { deliveries }: ActDeps,
): Promise<boolean> {
  if (!hasWaited || !isLong) return hasWaited;
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
