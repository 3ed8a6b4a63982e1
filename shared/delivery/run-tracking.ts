import { type Clock, toIso } from "../host/clock.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";
import { createdAtOf, isTerminal } from "../model/build-order.ts";
import { type BusEvent, sourceNameOf } from "../model/bus-event.ts";
import { type BuildState, cut } from "../model/event.ts";
import { actionIdOf } from "../model/idempotency-keys.ts";
import type { RunEnd, RunStore } from "../store/runs.ts";
import { type CorrelateDeps, correlate, type RunReporter } from "./correlate.ts";

export interface RunTrackingDeps extends Pick<CorrelateDeps, "actions" | "runReporters"> {
  readonly runs: Pick<RunStore, "record">;
}

/** Notes that a route has fired a run, or may have: one whose answer never came may be under way. */
export async function recordRunStart(
  { name, runsReportedBy }: RunReporter,
  { delivery }: Pick<BusEvent["detail"], "delivery">,
  outcome: ActionOutcome,
  { runs, clock }: Pick<RunTrackingDeps, "runs"> & { readonly clock: Clock },
): Promise<void> {
  const mayRun = outcome.outcome === "done" || (outcome.outcome === "retry" && outcome.unknownOutcome);
  if (runsReportedBy !== undefined && mayRun) await runs.record(name, { delivery, firedAt: toIso(clock.now()) });
}

/**
 * Notes the end of a run that an event tells of, whether or not a route acts on it. Reads nothing where no route's runs are
 * reported by its source. An origin that is not known yet is left to whatever acts on the event, which waits for it.
 */
export async function recordReportedRunEnd(busEvent: BusEvent, deps: RunTrackingDeps & CorrelateDeps): Promise<void> {
  const source = sourceNameOf(busEvent);
  if (endOf(busEvent) === undefined || !deps.runReporters.some(({ runsReportedBy }) => runsReportedBy === source))
    return;
  const origin = await correlate(busEvent, source, deps);
  if (origin.found) await recordRunEnd({ busEvent, origin: origin.busEvent, source }, deps);
}

interface Ended {
  readonly busEvent: BusEvent;
  /** The delivery that fired it. */
  readonly origin: BusEvent;
  /** The source that told of it. */
  readonly source: string;
}

/**
 * Notes that a run has ended, for the routes that fired it. What only shadow mode let in proves no run to be good, and is
 * not to be run again.
 */
export async function recordRunEnd(
  { busEvent, origin, source }: Ended,
  { runReporters, actions, runs }: RunTrackingDeps,
): Promise<void> {
  const end = endOf(busEvent);
  if (end === undefined || busEvent.detail.principal.unproved || origin.detail.principal.unproved) return;
  const { eventKey, delivery } = origin.detail;
  const reported = runReporters.filter(({ runsReportedBy }) => runsReportedBy === source).map(({ name }) => name);
  // Two routes may have fired on one delivery: a run's name then says whose it is.
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

/** Environments are named by senders, and kept for long. */
const MAX_ENVIRONMENT_LENGTH = 300;

function endOf({ detail }: BusEvent): RunEnd | undefined {
  const told = (state: BuildState, environment: string | undefined): RunEnd | undefined => {
    if (!isTerminal(state)) return undefined;
    const where = environment && { environment: cut(environment, MAX_ENVIRONMENT_LENGTH) };
    return { succeeded: state === "succeeded", at: detail.time, ...where };
  };
  if ("build" in detail) return told(detail.build.state, detail.build.results?.["environment"]);
  return "deployment" in detail ? told(detail.deployment.state, detail.deployment.environment) : undefined;
}
