import type { Clock, EpochMillis } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { spanIn, type TraceParent } from "../host/trace.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";
import { type BusEvent, busEventsOf, withEventKey } from "../model/bus-event.ts";
import type { OriginProof } from "../model/event.ts";
import { actorsOf } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import { attemptSpanId, routeSpanId, spanIdOfStep } from "../model/thread/step-ids.ts";
import { eventIn } from "../model/timeline.ts";
import type { Route } from "../routes/route.ts";
import type { Claim } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { hopsTo } from "./chain.ts";
import { type CorrelateDeps, correlate, type Origin } from "./correlate.ts";
import type { FlowGate } from "./flow-gate.ts";
import { type RunTrackingDeps, recordFollower, recordRunEnd, recordRunStart } from "./run-tracking.ts";
import { type Admission, type Hold, type Permit, reportOf, reportOfError, type TargetGate } from "./target-gate.ts";

/** The input of a gate: one attempt of a route's action for an event. */
export interface GateInput {
  readonly claim: Pick<Claim, "id" | "scheduledAt">;
  readonly route: Pick<Route, "name" | "approval" | "mode" | "params" | "environments">;
  readonly busEvent: BusEvent;
  readonly delivery: RecordedDelivery;
  /** The event that this one was traced back to; undefined if the bridge knows no cause. */
  readonly origin: BusEvent | undefined;
  readonly originProof: OriginProof;
}

/** `held`: the outcome of an attempt whose approval is missing or denied. Otherwise the action may run. */
export type GateResult =
  | { readonly held: ActionOutcome }
  /** `approvedRef`: the commit or version that people approved. */
  | { readonly approvedRef?: string };

/** The outcome of an action that must not fire now. `isGranted`: false if people may still deny it. */
export type BeforeFiring = (asked: { readonly isGranted: boolean }) => Promise<ActionOutcome | undefined>;

export interface RunAttemptDeps extends CorrelateDeps, RunTrackingDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "timeline" | "addToTimeline">;
  /**
   * Asks the gate of a route whether the action may run. `beforeFiring` is asked right before its approval counts as fired,
   * and an outcome of it holds the action: what is not called has not fired.
   */
  readonly hold: (input: GateInput, beforeFiring: BeforeFiring) => Promise<GateResult>;
  /** Ends the approval of a run whose place the delivery `newer` took. */
  readonly leaveOut: (input: GateInput, newer: string) => Promise<void>;
  /** Only for a route with `flow`. */
  readonly flowGate: () => Promise<Pick<FlowGate, "enter" | "take" | "leave" | "end">>;
  /** Shows that the action waits in its flow, or that it does so no more; see `show-wait.ts`. */
  readonly showWait: (attempt: ShownAttempt, outcome: ActionOutcome) => Promise<void>;
  /** Judges a promotion before it fires; see `judge-promotion.ts`. */
  readonly judgePromotion: (
    route: Route,
    detail: BusEvent["detail"],
    options: { readonly isFiring: boolean },
  ) => Promise<Rejection | undefined>;
  readonly targetGate: Pick<TargetGate, "admit" | "accessTo" | "begin" | "end">;
  /** `limits.chainHops`. */
  readonly chainHops: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** What is known of an attempt whose wait is shown. */
export interface ShownAttempt {
  readonly claim: Pick<Claim, "id">;
  readonly route: Pick<Route, "name">;
  readonly busEvent: BusEvent;
  /** The origin; the event itself if it has none. */
  readonly cause: BusEvent;
  readonly originProof: OriginProof;
}

export interface AttemptedRun {
  readonly outcome: ActionOutcome;
  /** Trace context of the first cause that the attempt found; undefined if it failed before that. */
  readonly traceparent: TraceParent | undefined;
  /** Present if the attempt was a probe, and the target still does not work: when the next probe is due. */
  readonly nextProbeAt?: EpochMillis | undefined;
}

/** Attempts that wait for an origin that is not stored yet. The listener's response is stored within moments. */
const ORIGIN_ATTEMPTS = 3;
/** How long an event waits in all if the request that started its run has not ended: it may need a few retries. */
const RESPONSE_WAIT_MS = 10 * 60_000;

/**
 * One attempt: load the event, correlate it, ask the gates, run the action. Every failure becomes an outcome. `admission`:
 * what the gate of the route's target said a moment ago, if the caller has asked it.
 */
export async function runAttempt(
  claim: Claim,
  route: Route,
  deps: RunAttemptDeps,
  admission?: Admission,
): Promise<AttemptedRun> {
  const failed = (error: unknown): ActionOutcome => outcomeOfFailure(error, claim, deps.log);
  const loaded = await load(claim, deps).catch(failed);
  if ("outcome" in loaded) return { outcome: loaded, traceparent: undefined };
  const attempt = { ...loaded, claim, route, admission };
  const ended = await run(attempt, deps).catch((error) => ({ outcome: failed(error) }));
  if (mayBeShown(attempt, ended.outcome)) await deps.showWait(attempt, ended.outcome);
  return { ...ended, traceparent: loaded.cause.detail.traceparent };
}

/** Whether the action waits in its flow, or may have been shown as waiting. Its route may have lost its flow meanwhile. */
function mayBeShown({ claim, route }: Attempt, outcome: ActionOutcome): boolean {
  if (outcome.outcome === "wait" && outcome.inFlow !== undefined) return true;
  const startsRuns = route.flow !== undefined || route.runsReportedBy !== undefined;
  return startsRuns && (claim.hasWaited || claim.interrupted);
}

/** The end of an attempt; see {@link AttemptedRun}. */
type EndedRun = Omit<AttemptedRun, "traceparent">;

interface Loaded {
  readonly delivery: RecordedDelivery;
  readonly busEvent: BusEvent;
  readonly origin: BusEvent | undefined;
  readonly originProof: OriginProof;
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
  const originProof = found.found ? found.proof : "proved";
  return { delivery, busEvent, origin, originProof, cause: origin ?? busEvent, found };
}

interface Attempt extends Loaded {
  readonly claim: Claim;
  readonly route: Route;
  readonly admission: Admission | undefined;
}

async function run(loaded: Attempt, deps: RunAttemptDeps): Promise<EndedRun> {
  const { delivery, busEvent, origin, originProof, claim, route } = loaded;
  const waiting = waitForOrigin(loaded, claim, deps);
  if (waiting) return { outcome: waiting };
  if (origin !== undefined) {
    // The time is that of receipt, so that each attempt writes the same timeline event.
    await recordFollower(origin, { busEvent, proof: originProof, at: delivery.receivedAt }, deps);
    await recordRunEnd({ busEvent, origin, proof: originProof, source: delivery.source }, deps);
  }
  const held =
    endsSummary(route, busEvent) ??
    (await checkChain(route, loaded, deps)) ??
    (await checkRoles(route, loaded, deps)) ??
    (await checkPromotion(loaded, { isFiring: false }, deps));
  if (held) return { outcome: held };
  // Before the approval: nobody is asked about what something newer replaces.
  const flowGate = route.flow && (await deps.flowGate());
  const waits = await flowGate?.enter(loaded);
  const gated = { claim, route, busEvent, delivery, origin, originProof };
  const leaveOut = async (outcome: ActionOutcome): Promise<void> => {
    const newer = outcome.outcome === "done" ? outcome.supersededBy : undefined;
    if (newer !== undefined && route.approval !== undefined) await deps.leaveOut(gated, newer);
  };
  if (waits) {
    await leaveOut(waits);
    return { outcome: waits };
  }
  // Before the approval: a granted run must not count as fired while it waits for its target.
  const admission = loaded.admission ?? (await deps.targetGate.admit(route.target));
  if ("hold" in admission) return { outcome: waitFor(admission.hold) };
  const slot = slotFor(loaded, flowGate);
  const notHeld = (error: unknown) => ({ held: outcomeFor(claim, deps)(error) });
  const gate = await deps.hold(gated, slot.take).catch(notHeld);
  if ("held" in gate) {
    const { held: outcome } = gate;
    await slot.leave(outcome);
    await leaveOut(outcome);
    return { outcome };
  }
  const permit = await deps.targetGate.begin(admission.state);
  if ("hold" in permit) {
    const outcome = waitFor(permit.hold);
    await slot.leave(outcome);
    return { outcome };
  }
  const notCalled = await lastCheck(loaded, slot, deps).catch(outcomeFor(claim, deps));
  if (notCalled) {
    await slot.leave(notCalled);
    await deps.targetGate.end(permit, { target: "not_called" });
    return { outcome: notCalled };
  }
  const ended = await call(permit, { ...loaded, approvedRef: gate.approvedRef }, deps);
  await slot.leave(ended.outcome);
  // A repeated request starts no further run.
  if (claim.run === undefined) await recordRunStart(route, busEvent.detail, ended.outcome, deps);
  return ended;
}

/** The slot of an attempt in its flow. */
interface AttemptSlot {
  /** As `take` of the flow's gate. An attempt that has its slot asks for no other. */
  readonly take: BeforeFiring;
  /** What an outcome says about the slot, if the attempt has one. */
  readonly leave: (outcome: ActionOutcome) => Promise<void>;
}

function slotFor(attempt: Attempt, flowGate: Pick<FlowGate, "take" | "leave"> | undefined): AttemptSlot {
  let isTaken = false;
  return {
    take: async (asked) => {
      if (isTaken) return undefined;
      const full = await flowGate?.take(attempt, asked);
      isTaken = full === undefined;
      return full;
    },
    leave: async (outcome) => {
      if (isTaken) await flowGate?.leave(attempt, outcome);
    },
  };
}

/**
 * The outcome of an attempt that must not call its target. The gate of the approval has taken the slot of what it fires now.
 * Every other attempt takes it here, right before the call: a slot is for a run, and not for what may be decided in a day.
 * With the slot, a promotion is judged again in one step with the record of its start: something may have changed while
 * people were asked.
 */
async function lastCheck(
  attempt: Attempt,
  slot: AttemptSlot,
  deps: RunAttemptDeps,
): Promise<ActionOutcome | undefined> {
  return (await slot.take({ isGranted: true })) ?? (await checkPromotion(attempt, { isFiring: true }, deps));
}

const outcomeFor =
  (claim: Claim, { log }: Pick<RunAttemptDeps, "log">) =>
  (error: unknown): ActionOutcome =>
    outcomeOfFailure(error, claim, log);

interface Call extends Attempt {
  readonly approvedRef: string | undefined;
}

/** Calls the target, and records whether it works. */
async function call(
  permit: Permit,
  { busEvent, cause, originProof, claim, route, approvedRef }: Call,
  { targetGate, log }: Pick<RunAttemptDeps, "targetGate" | "log">,
): Promise<EndedRun> {
  try {
    const signal = AbortSignal.timeout(route.maxAttemptMs);
    const { attempt } = claim;
    const origin = withSpan(cause, spanOf(claim));
    const outcome = await route.run({ busEvent, origin, originProof, attempt, approvedRef, signal });
    return { outcome, nextProbeAt: await targetGate.end(permit, reportOf(outcome)) };
  } catch (error) {
    const nextProbeAt = await targetGate.end(permit, reportOfError(error));
    return { outcome: outcomeOfFailure(error, claim, log), nextProbeAt };
  }
}

/** The span of the attempt in the export of its thread, which the requests of the attempt name as their caller. */
const spanOf = ({ delivery, route, event, attempt }: Claim): string =>
  spanIdOfStep(attemptSpanId(routeSpanId(delivery, { route, event }), attempt));

function withSpan(cause: BusEvent, span: string): BusEvent {
  const { detail } = cause;
  const { traceparent } = detail;
  return traceparent === undefined
    ? cause
    : { ...cause, detail: { ...detail, traceparent: spanIn(traceparent, span) } };
}

const waitFor = ({ target, key, summary, waitsFor, afterSeconds }: Hold): ActionOutcome => ({
  outcome: "wait",
  summary,
  waitsFor,
  afterSeconds,
  hold: { target, key },
});

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
    ? { outcome: "done", summary: `a summary never runs an action of the kind ${action}`, endedAs: "not_fired" }
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
    isCut: true,
  };
}

/**
 * Ends the action if the roles of the event's principal do not allow it to fire the route. This is not a failure of the
 * target. A replay that somebody asked for was authorized when it was recorded. An agent that asks for one, or for a
 * rollback or a promotion, is judged here all the same: no person has decided that the route runs.
 */
async function checkRoles(
  { name, mode, reject, rejectAgent }: Route,
  { busEvent: { detail }, delivery }: Pick<Loaded, "busEvent" | "delivery">,
  deps: RunAttemptDeps,
): Promise<ActionOutcome | undefined> {
  const isReplay = detail.replay !== undefined && detail.replay.lastReport === undefined;
  const [act] = isReplay ? actorsOf(delivery.principal) : [];
  const rejection = act === undefined ? undefined : await rejectAgent(act, { detail });
  const held = rejection && (await deny({ route: name, detail, rejection, mode }, deps));
  if (held) return held;
  const isAskedFor = isReplay && detail.promotion?.from === undefined;
  const rejected = isAskedFor ? undefined : await reject({ detail });
  return rejected && deny({ route: name, detail, ...rejected }, deps);
}

interface Denied {
  readonly route: string;
  readonly detail: BusEvent["detail"];
  readonly rejection: Rejection;
  readonly mode: Route["mode"];
}

/** Records that an event must not fire a route. In shadow mode it fires all the same. */
async function deny(
  { route, detail, rejection, mode }: Denied,
  { clock, deliveries }: Pick<RunAttemptDeps, "clock" | "deliveries">,
): Promise<ActionOutcome | undefined> {
  const denied = { at: clock.now(), kind: "denied", route, ...eventIn(detail), refusal: rejection, mode } as const;
  await deliveries.addToTimeline(detail.delivery, denied);
  if (mode === "shadow") return undefined;
  return { outcome: "done", summary: `not fired: ${rejection.reason}`, endedAs: "not_fired" };
}

/**
 * Ends a promotion whose run is not the newest good one any more, or was rolled back. It waits while another run deploys
 * to its environment, and so does a replay of a promotion. A repeat of a request that the target accepted starts no further
 * run, so it is not judged.
 */
async function checkPromotion(
  { busEvent: { detail }, claim, route }: Attempt,
  options: { readonly isFiring: boolean },
  deps: RunAttemptDeps,
): Promise<ActionOutcome | undefined> {
  if (detail.promotion === undefined || claim.run !== undefined) return undefined;
  const rejection = await deps.judgePromotion(route, detail, options);
  if (rejection === undefined) return undefined;
  if (rejection.reason !== "promotion_running")
    return deny({ route: route.name, detail, rejection, mode: "enforce" }, deps);
  const isOutdated = async (): Promise<boolean> =>
    (await deps.judgePromotion(route, detail, { isFiring: false }))?.reason !== "promotion_running";
  const { problem: summary, run } = rejection;
  return { outcome: "wait", summary, afterSeconds: PROMOTION_WAIT_SECONDS, isOutdated, inFlow: [run] };
}

/** Until a promotion looks again whether the run before it goes on, in seconds: the end of that run wakes it before. */
const PROMOTION_WAIT_SECONDS = 600;

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
