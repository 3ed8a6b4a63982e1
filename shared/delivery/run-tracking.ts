import { type Clock, type EpochMillis, epochMillis, toIso } from "../host/clock.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";
import { createdAtOf, isTerminal } from "../model/build-order.ts";
import { type BusEvent, sourceNameOf } from "../model/bus-event.ts";
import { type BuildState, cut, type OriginProof } from "../model/event.ts";
import { actionIdOf } from "../model/idempotency-keys.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { RunEnd, RunStore } from "../store/runs.ts";
import { type CorrelateDeps, correlate, type RunReporter } from "./correlate.ts";

export interface RunTrackingDeps extends Pick<CorrelateDeps, "actions" | "runReporters"> {
  readonly runs: Pick<RunStore, "record">;
}

/** Records that a route has fired a run, or may have: without a response, the run may still have started. */
export async function recordRunStart(
  { name, runsReportedBy }: RunReporter,
  { delivery }: Pick<BusEvent["detail"], "delivery">,
  outcome: ActionOutcome,
  { runs, clock }: Pick<RunTrackingDeps, "runs"> & { readonly clock: Clock },
): Promise<void> {
  const isAccepted = outcome.outcome === "done" || outcome.outcome === "expect_run";
  const mayRun = isAccepted || (outcome.outcome === "retry" && outcome.unknownOutcome);
  if (runsReportedBy !== undefined && mayRun) await runs.record(name, { delivery, firedAt: toIso(clock.now()) });
}

/**
 * Records the end of a run that an event reports, whether or not a route acts on the event. Reads nothing if its source
 * reports no route's runs. If the origin is not stored yet, the action of the event waits for it and records the end.
 */
export async function recordReportedRunEnd(busEvent: BusEvent, deps: RunTrackingDeps & CorrelateDeps): Promise<void> {
  const source = sourceNameOf(busEvent);
  if (endOf(busEvent) === undefined || !deps.runReporters.some(({ runsReportedBy }) => runsReportedBy === source))
    return;
  const origin = await correlate(busEvent, source, deps);
  if (origin.found) await recordRunEnd({ busEvent, origin: origin.busEvent, proof: origin.proof, source }, deps);
}

/**
 * Records in the timeline of a delivery that the listener which accepted its request created something for it, or could
 * not, or that the bridge's interceptor refused it, whether or not a route acts on the event. The listener's answer says
 * none of that. Nothing is recorded if the event arrives before that answer is stored. Reads nothing if its source reports
 * no route's runs.
 */
export async function recordTriggerReport(
  busEvent: BusEvent,
  deps: CorrelateDeps & { readonly deliveries: Pick<DeliveryStore, "addToTimeline"> },
): Promise<void> {
  const type = busEvent["detail-type"];
  const source = sourceNameOf(busEvent);
  if (type !== "trigger.succeeded" && type !== "trigger.failed" && type !== "trigger.refused") return;
  if (busEvent.detail.principal.unproved || !deps.runReporters.some(({ runsReportedBy }) => runsReportedBy === source))
    return;
  const origin = await correlate(busEvent, source, deps);
  const at = epochMillis(Date.parse(busEvent.time));
  if (origin.found) await recordFollower(origin.busEvent, { busEvent, proof: origin.proof, at }, deps);
}

interface Follower {
  readonly busEvent: BusEvent;
  readonly proof: OriginProof;
  readonly at: EpochMillis;
}

/** Records in the timeline of a delivery that a later one was traced back to it. */
export function recordFollower(
  origin: BusEvent,
  { busEvent, proof, at }: Follower,
  { deliveries }: { readonly deliveries: Pick<DeliveryStore, "addToTimeline"> },
): Promise<void> {
  return deliveries.addToTimeline(origin.detail.delivery, {
    at,
    kind: "followed_by",
    delivery: busEvent.detail.delivery,
    what: `${busEvent["detail-type"]} ${busEvent.detail.subject}${reasonOf(busEvent)}`,
    ...(proof !== "proved" && { claimed: true }),
    ...(busEvent.detail.replay && { isReplay: true }),
  });
}

/** Why a trigger was refused: the timeline is the only place where people look for it. */
function reasonOf({ detail }: BusEvent): string {
  const reason = "trigger" in detail ? detail.trigger.reason : undefined;
  return reason === undefined ? "" : `: ${reason}`;
}

interface Ended {
  readonly busEvent: BusEvent;
  /** The delivery that fired it. */
  readonly origin: BusEvent;
  readonly proof: OriginProof;
  /** The source that reported it. */
  readonly source: string;
}

/**
 * Records that a run has ended, for the routes that fired it. An unproved event of shadow mode is not recorded: neither
 * as proof of a good run, nor as a delivery to run again. Nor is the end of a run that could have proved that the bridge
 * asked for it, and did not.
 */
export async function recordRunEnd(
  { busEvent, origin, proof, source }: Ended,
  { runReporters, actions, runs }: RunTrackingDeps,
): Promise<void> {
  const end = endOf(busEvent);
  if (
    end === undefined ||
    proof === "claimed" ||
    busEvent.detail.principal.unproved ||
    origin.detail.principal.unproved
  )
    return;
  const { eventKey, delivery } = origin.detail;
  const reported = runReporters.filter(({ runsReportedBy }) => runsReportedBy === source).map(({ name }) => name);
  // Two routes may have fired on one delivery. The run's name then shows which route it belongs to.
  const named = reported.filter((name) => `/${busEvent.detail.subject}`.endsWith(`/${name}-${eventKey}`));
  const fired = named.length > 0 ? named : await firedOf(reported, eventKey, actions);
  const beganAt = ("build" in busEvent.detail ? createdAtOf(busEvent.detail.build) : undefined) ?? end.at;
  for (const route of fired) await runs.record(route, { delivery, beganAt, end });
}

async function firedOf(
  names: readonly string[],
  eventKey: string,
  actions: RunTrackingDeps["actions"],
): Promise<readonly string[]> {
  const states = await Promise.all(names.map((name) => actions.state(actionIdOf(name, eventKey))));
  return names.filter((_, at) => states[at] !== undefined);
}

/** Senders choose the names of environments, and the bridge keeps them for long. */
const MAX_ENVIRONMENT_LENGTH = 300;

function endOf({ detail }: BusEvent): RunEnd | undefined {
  const reported = (state: BuildState, environment: string | undefined): RunEnd | undefined => {
    if (!isTerminal(state)) return undefined;
    const where = environment && { environment: cut(environment, MAX_ENVIRONMENT_LENGTH) };
    return { succeeded: state === "succeeded", at: detail.time, ...where };
  };
  if ("build" in detail) return reported(detail.build.state, detail.build.results?.["environment"]);
  return "deployment" in detail ? reported(detail.deployment.state, detail.deployment.environment) : undefined;
}
