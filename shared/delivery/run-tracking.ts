import { type Clock, type EpochMillis, epochMillis, toIso } from "../host/clock.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";
import { createdAtOf, isTerminal } from "../model/build-order.ts";
import { type BusEvent, sourceNameOf } from "../model/bus-event.ts";
import { type BuildState, cut, type OriginProof } from "../model/event.ts";
import { actionIdOf } from "../model/idempotency-keys.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { WaitPlace } from "../store/promotion-waits.ts";
import type { RunEnd, RunPlace, RunStart, RunStore } from "../store/runs.ts";
import { type CorrelateDeps, correlate, type RunReporter } from "./correlate.ts";

export interface RunTrackingDeps extends Pick<CorrelateDeps, "actions" | "runReporters"> {
  readonly runs: Pick<RunStore, "record">;
}

/** Records that a route has fired a run, or may have: without a response, the run may still have started. */
export async function recordRunStart(
  route: RunReporter,
  detail: Started,
  outcome: ActionOutcome,
  { runs, clock }: Pick<RunTrackingDeps, "runs"> & { readonly clock: Clock },
): Promise<void> {
  const isAccepted = outcome.outcome === "done" || outcome.outcome === "expect_run";
  const mayRun = isAccepted || (outcome.outcome === "retry" && outcome.unknownOutcome);
  if (route.runsReportedBy !== undefined && mayRun) await runs.record(route.name, startOf(route, detail, clock.now()));
}

/** Makes due what waits for the end of a run in an environment; see `wake-promotions.ts`. */
export type WakePromotions = (place: WaitPlace) => Promise<void>;

type Started = Pick<BusEvent["detail"], "delivery" | "replay" | "promotion">;

/** The start of the run that a route fires for an event. */
export const startOf = (route: Pick<RunReporter, "environments">, detail: Started, at: EpochMillis): RunStart => ({
  ...aboutRun(route, detail),
  firedAt: toIso(at),
});

function aboutRun({ environments }: Pick<RunReporter, "environments">, { delivery, replay, promotion }: Started) {
  const environment = environments && (promotion?.to ?? environments[0]);
  return {
    delivery,
    ...(environment !== undefined && { environment }),
    ...(replay?.isRollback && { isRollback: true as const }),
  };
}

/**
 * Records the end of a run that an event reports, whether or not a route acts on the event. Reads nothing if its source
 * reports no route's runs. If the origin is not stored yet, the action of the event waits for it and records the end. What
 * waits for the end is woken each time it is reported: whoever recorded it first may have been killed before that.
 */
export async function recordReportedRunEnd(
  busEvent: BusEvent,
  deps: RunTrackingDeps & CorrelateDeps & { readonly wakePromotions: WakePromotions },
): Promise<void> {
  const source = sourceNameOf(busEvent);
  if (endOf(busEvent) === undefined || !deps.runReporters.some(({ runsReportedBy }) => runsReportedBy === source))
    return;
  const origin = await correlate(busEvent, source, deps);
  if (!origin.found) return;
  const ended = await recordRunEnd({ busEvent, origin: origin.busEvent, proof: origin.proof, source }, deps);
  for (const { route, environment } of ended)
    if (environment !== undefined) await deps.wakePromotions({ route, environment });
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
 * asked for it, and did not. Returns where the run was meant to deploy, for each route that fired it.
 */
export async function recordRunEnd(
  { busEvent, origin, proof, source }: Ended,
  { runReporters, actions, runs }: RunTrackingDeps,
): Promise<readonly RunPlace[]> {
  const end = endOf(busEvent);
  if (
    end === undefined ||
    proof === "claimed" ||
    busEvent.detail.principal.unproved ||
    origin.detail.principal.unproved
  )
    return [];
  const { eventKey } = origin.detail;
  const reported = runReporters.filter(({ runsReportedBy }) => runsReportedBy === source).map(({ name }) => name);
  // Two routes may have fired on one delivery. The run's name then shows which route it belongs to.
  const named = reported.filter((name) => `/${busEvent.detail.subject}`.endsWith(`/${name}-${eventKey}`));
  const fired = named.length > 0 ? named : await firedOf(reported, eventKey, actions);
  const beganAt = ("build" in busEvent.detail ? createdAtOf(busEvent.detail.build) : undefined) ?? end.at;
  const places: RunPlace[] = [];
  for (const name of fired) {
    const run = aboutRun(runReporters.find((one) => one.name === name) ?? {}, origin.detail);
    const { environment = run.environment } = end;
    await runs.record(name, { ...run, beganAt, end: { ...end, ...(environment !== undefined && { environment }) } });
    places.push({ route: name, ...(run.environment !== undefined && { environment: run.environment }) });
  }
  return places;
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
  if ("build" in detail) {
    const { state, results } = detail.build;
    const end = reported(state, results?.["environment"]);
    const digest = digestIn(results ?? {});
    return end && { ...end, ...(digest !== undefined && { digest }) };
  }
  return "deployment" in detail ? reported(detail.deployment.state, detail.deployment.environment) : undefined;
}

/**
 * The digest of the image, in the result from which Tekton Chains reads it too. With several images the run names each with
 * a prefix, and the bridge knows none of them. https://tekton.dev/docs/chains/slsa-provenance/
 */
function digestIn(results: Readonly<Record<string, string>>): string | undefined {
  const found = Object.entries(results)
    .find(([name]) => /^image[-_]?digest$/i.test(name))?.[1]
    .trim();
  return found !== undefined && /^sha256:[0-9a-f]{64}$/.test(found) ? found : undefined;
}
