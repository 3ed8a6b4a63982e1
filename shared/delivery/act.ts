import type { ActionOutcome } from "../actions/action.ts";
import { type BusEntry, entryOf } from "../bus/entry.ts";
import { type Clock, type EpochMillis, laterBy } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore, Claim } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { type CorrelateTools, correlate } from "./correlate.ts";
import { type RetryPolicy, retryDelayMs } from "./retry-delay.ts";

export interface ActTools extends CorrelateTools {
  readonly routes: readonly Route[];
  readonly deliveries: Pick<DeliveryStore, "get" | "addToTimeline" | "timeline">;
  readonly actions: ActionStore;
  readonly retry: RetryPolicy;
  /** Every configured route, where `routes` are only those of one kind of action. Default: `routes`. */
  readonly allRoutes?: CorrelateTools["routes"];
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
}

/** Time that a lease runs past the longest attempt, for the calls around it. */
const LEASE_MARGIN_MS = 30_000;
/** Attempts that wait for an origin which may still be on its way; the listener's answer is stored within moments. */
const ORIGIN_ATTEMPTS = 3;

/** How long an action is leased: always longer than the longest work that any route does. */
export const leaseMs = (routes: readonly Pick<Route, "maxAttemptMs">[]): number =>
  Math.max(0, ...routes.map(({ maxAttemptMs }) => maxAttemptMs)) + LEASE_MARGIN_MS;

/** What is left to do about an action, for whoever asked for it to be run. */
export type Acted =
  | { readonly result: "finished" }
  /** Now or before: a person has to look at it. */
  | { readonly result: "gave_up"; readonly summary: string }
  /** Due again at a time: after a retry's wait, or when another owner's lease ends. */
  | { readonly result: "again"; readonly at: EpochMillis };

/**
 * Runs one due action once, if it is still to be run and nobody else has it. A repeat of what is done does nothing; an
 * outcome is recorded only by the owner. The attempt ends in the delivery's timeline, whatever it came to.
 */
export async function act(id: string, tools: ActTools): Promise<Acted> {
  const startedAt = tools.clock.now();
  const claim = await tools.actions.claim(id, startedAt, laterBy(startedAt, leaseMs(tools.routes)));
  if (claim === undefined) return standingOf(id, tools);
  if (claim.interrupted) await recordInterruption(claim, startedAt, tools);
  const route = tools.routes.find(({ name }) => name === claim.route);
  const outcome = route === undefined ? ROUTE_GONE : await attempt(claim, route, tools);
  return settle(claim, outcome, startedAt, tools);
}

async function standingOf(id: string, { actions }: ActTools): Promise<Acted> {
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

const ROUTE_GONE: ActionOutcome = { outcome: "give_up", summary: "the route is no longer configured" };

async function attempt(claim: Claim, route: Route, tools: ActTools): Promise<ActionOutcome> {
  try {
    const delivery = await tools.deliveries.get(claim.delivery);
    const entry = delivery && entryOf(delivery);
    if (delivery === undefined || entry === undefined)
      return { outcome: "give_up", summary: "the delivery's record is gone" };
    const origin = await correlate(entry, delivery.source, { ...tools, routes: tools.allRoutes ?? tools.routes });
    if (!origin.found && origin.mayCome && claim.attempt < ORIGIN_ATTEMPTS) {
      return { outcome: "retry", summary: "what started this run is not known yet" };
    }
    if (origin.found) await recordFollower(origin.entry, entry, tools);
    return await route.run({
      entry,
      origin: origin.found ? origin.entry : entry,
      attempt: claim.attempt,
      signal: AbortSignal.timeout(route.maxAttemptMs),
    });
  } catch (error) {
    return outcomeOfFailure(error, claim, tools.log);
  }
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
async function settle(claim: Claim, told: ActionOutcome, startedAt: EpochMillis, tools: ActTools): Promise<Acted> {
  const outcome = lastAttempt(told, claim, tools.retry);
  const endedAt = tools.clock.now();
  const nextAt =
    outcome.outcome === "retry" ? laterBy(endedAt, retryDelayMs(claim.attempt, outcome, tools)) : undefined;
  const durationMs = endedAt - startedAt;
  const line = {
    delivery: claim.delivery,
    route: claim.route,
    action: claim.action,
    attempt: claim.attempt,
    durationMs,
  };
  await tools.deliveries.addToTimeline(claim.delivery, {
    at: endedAt,
    kind: "attempt",
    route: claim.route,
    action: claim.action,
    attempt: claim.attempt,
    ...withoutWait(outcome),
    durationMs,
    ...(nextAt !== undefined && { nextAt }),
  });
  const stillOwner =
    nextAt === undefined
      ? await tools.actions.finish(claim, outcome.outcome === "done" ? "done" : "gave_up")
      : await tools.actions.giveBack(claim, nextAt);
  if (!stillOwner) {
    tools.log.warn(line, "an attempt ended after its lease had gone to another");
    return standingOf(claim.id, tools);
  }
  const level = outcome.outcome === "give_up" ? "error" : "info";
  tools.log[level]({ ...line, outcome: outcome.outcome }, outcome.summary);
  if (nextAt !== undefined) return { result: "again", at: nextAt };
  return outcome.outcome === "give_up" ? { result: "gave_up", summary: outcome.summary } : { result: "finished" };
}

function lastAttempt(outcome: ActionOutcome, claim: Claim, policy: RetryPolicy): ActionOutcome {
  if (outcome.outcome !== "retry" || claim.attempt < policy.maxAttempts) return outcome;
  return { outcome: "give_up", summary: `given up after ${claim.attempt} attempts: ${outcome.summary}` };
}

function withoutWait(outcome: ActionOutcome) {
  if (outcome.outcome !== "retry") return outcome;
  const { afterSeconds: _, ...rest } = outcome;
  return rest;
}

async function recordInterruption(claim: Claim, at: EpochMillis, tools: ActTools): Promise<void> {
  const told = await tools.deliveries.timeline(claim.delivery);
  const interrupted = claim.attempt - 1;
  if (told.some((entry) => entry.kind === "attempt" && entry.route === claim.route && entry.attempt === interrupted))
    return;
  await tools.deliveries.addToTimeline(claim.delivery, {
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

function recordFollower(origin: BusEntry, entry: BusEntry, tools: ActTools): Promise<void> {
  const what = `${entry["detail-type"]} ${entry.detail.subject}`;
  const at = tools.clock.now();
  return tools.deliveries.addToTimeline(origin.detail.delivery, {
    at,
    kind: "followed_by",
    delivery: entry.detail.delivery,
    what,
  });
}
