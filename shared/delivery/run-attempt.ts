import type { Clock } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { TraceParent } from "../host/trace.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";
import { type BusEvent, busEventsOf, withEventKey } from "../model/bus-event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { eventIn } from "../model/timeline.ts";
import type { Route } from "../routes/route.ts";
import type { Claim } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { hopsTo } from "./chain.ts";
import { type CorrelateDeps, correlate, type Origin } from "./correlate.ts";
import { type RunTrackingDeps, recordFollower, recordRunEnd, recordRunStart } from "./run-tracking.ts";

/** The input of a gate: one attempt of a route's action for an event. */
export interface GateInput {
  readonly claim: Pick<Claim, "id" | "scheduledAt">;
  readonly route: Pick<Route, "name" | "approval" | "mode" | "params">;
  readonly busEvent: BusEvent;
  readonly delivery: RecordedDelivery;
  /** The event that this one was traced back to; undefined if the bridge knows no cause. */
  readonly origin: BusEvent | undefined;
}

export interface RunAttemptDeps extends CorrelateDeps, RunTrackingDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "timeline" | "addToTimeline">;
  /** The outcome of an attempt whose approval is missing or denied; undefined if the action may run. */
  readonly hold: (input: GateInput) => Promise<ActionOutcome | undefined>;
  /** `limits.chainHops`. */
  readonly chainHops: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface AttemptedRun {
  readonly outcome: ActionOutcome;
  /** Trace context of the first cause that the attempt found; undefined if it failed before that. */
  readonly traceparent: TraceParent | undefined;
}

/** Attempts that wait for an origin that is not stored yet. The listener's response is stored within moments. */
const ORIGIN_ATTEMPTS = 3;
/** How long an event waits in all if the request that started its run has not ended: it may need a few retries. */
const RESPONSE_WAIT_MS = 10 * 60_000;

/** One attempt: load the event, correlate it, ask the gate, run the action. Every failure becomes an outcome. */
export async function runAttempt(claim: Claim, route: Route, deps: RunAttemptDeps): Promise<AttemptedRun> {
  const failed = (error: unknown): ActionOutcome => outcomeOfFailure(error, claim, deps.log);
  const loaded = await load(claim, deps).catch(failed);
  if ("outcome" in loaded) return { outcome: loaded, traceparent: undefined };
  const outcome = await run(loaded, claim, route, deps).catch(failed);
  return { outcome, traceparent: loaded.cause.detail.traceparent };
}

interface Loaded {
  readonly delivery: RecordedDelivery;
  readonly busEvent: BusEvent;
  readonly origin: BusEvent | undefined;
  /** The origin; the event itself if it has none. */
  readonly cause: BusEvent;
  readonly found: Origin;
}

async function load(claim: Claim, deps: RunAttemptDeps): Promise<Loaded | ActionOutcome> {
  const delivery = await deps.deliveries.get(claim.delivery);
  const { delivery: id, event = id } = claim;
  const published = delivery && busEventsOf(delivery).find(({ detail }) => detail.id === event);
  // The key of a later occurrence of an undated event differs from the published one.
  const busEvent = published && withEventKey(published, claim.eventKey);
  if (delivery === undefined || busEvent === undefined)
    return { outcome: "give_up", summary: "the delivery's record is gone" };
  const found = await correlate(busEvent, delivery.source, deps);
  const origin = found.found ? found.busEvent : undefined;
  return { delivery, busEvent, origin, cause: origin ?? busEvent, found };
}

async function run(loaded: Loaded, claim: Claim, route: Route, deps: RunAttemptDeps): Promise<ActionOutcome> {
  const { delivery, busEvent, origin, cause } = loaded;
  const waiting = waitForOrigin(loaded, claim, deps);
  if (waiting) return waiting;
  if (origin !== undefined) {
    // The time is that of receipt, so that each attempt writes the same timeline event.
    await recordFollower(origin, { busEvent, at: delivery.receivedAt }, deps);
    await recordRunEnd({ busEvent, origin, source: delivery.source }, deps);
  }
  const held =
    endsSummary(route, busEvent) ??
    (await checkChain(route, loaded, deps)) ??
    (await checkRoles(route, busEvent, deps)) ??
    (await deps.hold({ claim, route, busEvent, delivery, origin }));
  if (held) return held;
  const signal = AbortSignal.timeout(route.maxAttemptMs);
  const outcome = await route.run({ busEvent, origin: cause, attempt: claim.attempt, signal });
  await recordRunStart(route, busEvent.detail, outcome, deps);
  return outcome;
}

function waitForOrigin(
  { found, delivery }: Loaded,
  { attempt }: Claim,
  { clock }: Pick<RunAttemptDeps, "clock">,
): ActionOutcome | undefined {
  const waitsFor = found.found ? undefined : found.waitsFor;
  const summary = "the delivery that started this run is not known yet";
  if (waitsFor && attempt < ORIGIN_ATTEMPTS) return { outcome: "retry", summary };
  const isRecent = clock.now() - delivery.receivedAt < RESPONSE_WAIT_MS;
  return waitsFor === "response" && isRecent ? { outcome: "wait", summary, afterSeconds: 2 } : undefined;
}

/** A text that a machine wrote starts nothing, whatever a route's pattern matches. */
const endsSummary = ({ action, showsSummaries }: Route, { detail }: BusEvent): ActionOutcome | undefined =>
  "summary" in detail && !showsSummaries
    ? { outcome: "done", summary: `a summary never runs an action of the kind ${action}` }
    : undefined;

/**
 * Cuts a chain that is too long: routes that start each other's runs would go on for ever. Only a route that starts runs
 * continues a chain, so the states of its last run are still shown.
 */
async function checkChain(
  { name, action, runsReportedBy }: Route,
  { busEvent, origin }: Loaded,
  deps: RunAttemptDeps,
): Promise<ActionOutcome | undefined> {
  const { chainHops: limit, clock } = deps;
  if (runsReportedBy === undefined || (await hopsTo({ busEvent, origin }, limit, deps)) < limit) return undefined;
  const { detail } = busEvent;
  const cut = { at: clock.now(), kind: "cut", route: name, ...eventIn(detail), action, hops: limit } as const;
  await deps.deliveries.addToTimeline(detail.delivery, cut);
  return {
    outcome: "give_up",
    summary: `not fired: ${limit} runs in a row led to this event, and "limits.chainHops" allows no more`,
  };
}

/**
 * Ends the action if the roles of the event's principal do not allow it to fire the route. This is not a failure of the
 * target. A replay was authorized when it was recorded.
 */
async function checkRoles(
  { name, reject, mode }: Route,
  { detail }: BusEvent,
  deps: RunAttemptDeps,
): Promise<ActionOutcome | undefined> {
  const rejection = detail.replay ? undefined : reject(detail.principal);
  if (rejection === undefined) return undefined;
  const at = deps.clock.now();
  const denied = { at, kind: "denied", route: name, ...eventIn(detail), refusal: rejection, mode } as const;
  await deps.deliveries.addToTimeline(detail.delivery, denied);
  return mode === "shadow" ? undefined : { outcome: "done", summary: `not fired: ${rejection.reason}` };
}

function outcomeOfFailure(error: unknown, claim: Claim, log: Log): ActionOutcome {
  if (error instanceof Fault) {
    const after = error.retryAfterSeconds === undefined ? {} : { afterSeconds: error.retryAfterSeconds };
    return { outcome: error.retryable ? "retry" : "give_up", summary: `${error.code}: ${error.message}`, ...after };
  }
  // A defect of ours. Its message may contain anything, so only its kind is logged.
  log.error(
    { delivery: claim.delivery, route: claim.route, error: kindOf(error) },
    "an action threw an unexpected error",
  );
  return { outcome: "retry", summary: `the action failed unexpectedly (${kindOf(error)})`, unknownOutcome: true };
}
