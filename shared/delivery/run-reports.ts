import type { Clock } from "../host/clock.ts";
import type { Log } from "../host/log.ts";
import { type BusEvent, busEventsOf, sourceNameOf } from "../model/bus-event.ts";
import type { OriginClaim } from "../model/event.ts";
import { actionIdOf } from "../model/idempotency-keys.ts";
import type { ActionStatus, ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { type CorrelateDeps, correlate, type Origin, type RunReporter } from "./correlate.ts";
import { lineOf } from "./expected-run.ts";

export interface RunReportDeps extends CorrelateDeps {
  readonly deliveries: CorrelateDeps["deliveries"] & Pick<DeliveryStore, "addToTimeline">;
  readonly actions: CorrelateDeps["actions"] & Pick<ActionStore, "status" | "reportRun" | "claimRun">;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Records that a run was reported which an action started: of a run or of a task without one, or of a listener about what it
 * created. It ends the wait of an action that expects the run, however late it comes, whether or not a route acts on the
 * event. A listener that reports that it created nothing adds the reason to the timeline at once.
 *
 * One write for the first report of a run. Later reports cost one read if the run is named after the event key. Reads
 * nothing if the source reports no route's runs. An unproved event of shadow mode proves no run.
 */
export async function recordRunReport(busEvent: BusEvent, deps: RunReportDeps): Promise<void> {
  const kind = kindOf(busEvent);
  const source = sourceNameOf(busEvent);
  const reporters = deps.runReporters.filter(({ runsReportedBy }) => runsReportedBy === source);
  const claim: OriginClaim = ("origin" in busEvent.detail && busEvent.detail.origin) || {};
  const claims = claim.delivery ?? claim.triggerEventId;
  if (kind === undefined || busEvent.detail.principal.unproved || reporters.length === 0 || !claims) return;
  for (const action of await actionsOf({ busEvent, source, claim, reporters }, deps)) {
    if (kind === "run") await reportRun(action, busEvent, deps);
    else await reportFailure(action, busEvent, deps);
  }
}

/** `run`: there is a run. `failure`: the listener could not create one, or an interceptor refused the request. */
function kindOf({ detail }: BusEvent): "run" | "failure" | undefined {
  if (detail.type === "trigger.failed" || detail.type === "trigger.refused") return "failure";
  if (detail.type === "trigger.succeeded" || "build" in detail) return "run";
  return "job" in detail && detail.job.build === undefined ? "run" : undefined;
}

interface Report {
  readonly busEvent: BusEvent;
  readonly source: string;
  readonly claim: OriginClaim;
  /** The routes whose runs the source reports. */
  readonly reporters: readonly RunReporter[];
}

/** An action that may have started the reported run. */
interface ReportedAction {
  readonly id: string;
  readonly status: ActionStatus;
  /** The namespace that the run claims, if only the listener's answer can prove it. */
  readonly claimedIn?: string;
}

/**
 * The actions that may have started the run, and that a report can change. The name of a run says which one it is, if the
 * template follows `tekton render`. Else the target's id of the request decides. If no action has that id, none is chosen of
 * several: the run's next report comes after the answers are stored.
 */
async function actionsOf(report: Report, deps: RunReportDeps): Promise<readonly ReportedAction[]> {
  const named = await namedAction(report, deps);
  if (named !== undefined) return named;
  const perRoute = await Promise.all(report.reporters.map((reporter) => actionsOfRoute(reporter, report, deps)));
  const found = perRoute.flat();
  const { triggerEventId: id } = report.claim;
  const matching = found.filter(({ status: { run } }) => id !== undefined && run?.eventIds.includes(id));
  if (matching.length > 0) return matching;
  // An answer may have been lost, or a proxy may have removed its id.
  const unknown = found.filter(({ status: { run } }) => run?.lostAnswer || !run?.eventIds.length);
  return unknown.length === 1 ? unknown : unknown.filter(({ status: { run } }) => run !== undefined);
}

/** Undefined if the run is not named after a route and an event key. */
async function namedAction(report: Report, deps: RunReportDeps): Promise<readonly ReportedAction[] | undefined> {
  const { subject } = report.busEvent.detail;
  const eventKey = /-(e-[a-z2-7]{26})$/.exec(subject)?.[1];
  const reporter = report.reporters.find(({ name }) => subject.endsWith(`/${name}-${eventKey}`));
  if (eventKey === undefined || reporter === undefined) return undefined;
  const id = actionIdOf(reporter.name, eventKey);
  const status = await deps.actions.status(id);
  if (status === undefined) return undefined;
  const { delivery = status.delivery } = report.claim;
  if (delivery !== status.delivery || !isOpen(status)) return [];
  const traced = await trace(reporter, report, deps);
  return traced?.busEvent.detail.delivery === delivery ? [{ id, status, ...proofOf(traced, report) }] : [];
}

/** A route may act on several events of one delivery. */
async function actionsOfRoute(
  reporter: RunReporter,
  report: Report,
  deps: RunReportDeps,
): Promise<readonly ReportedAction[]> {
  const traced = await trace(reporter, report, deps);
  if (traced === undefined) return [];
  const { detail } = traced.busEvent;
  const delivery = await deps.deliveries.get(detail.delivery);
  const others = (delivery ? busEventsOf(delivery) : []).filter((one) => one.detail.id !== detail.id);
  const keys = [detail.eventKey, ...others.map((one) => one.detail.eventKey)];
  const found = await Promise.all(
    keys.map(async (eventKey) => {
      const id = actionIdOf(reporter.name, eventKey);
      const status = await deps.actions.status(id);
      return status && isOpen(status) ? [{ id, status, ...proofOf(traced, report) }] : [];
    }),
  );
  return found.flat();
}

type Traced = Extract<Origin, { readonly busEvent: BusEvent }>;

/** Each route is traced on its own, because each target names its own namespaces. */
async function trace(
  reporter: RunReporter,
  { busEvent, source, claim }: Report,
  { deliveries, actions, origins }: RunReportDeps,
): Promise<Traced | undefined> {
  const origin = await correlate(busEvent, source, { deliveries, actions, origins, runReporters: [reporter] });
  if (!("busEvent" in origin)) return undefined;
  // A run that could prove which request started it, and does not, is not the expected one.
  const namesRun = claim.delivery !== undefined || !("trigger" in busEvent.detail);
  const isForeign = origin.found && origin.proof === "claimed" && namesRun;
  return isForeign ? undefined : origin;
}

const proofOf = ({ found }: Traced, { claim: { namespace } }: Report): Pick<ReportedAction, "claimedIn"> =>
  found || namespace === undefined ? {} : { claimedIn: namespace };

/** Whether a report can change the action. */
const isOpen = ({ state, report }: ActionStatus): boolean => report === undefined && state !== "done";

async function reportRun({ id, status, claimedIn }: ReportedAction, busEvent: BusEvent, deps: RunReportDeps) {
  if (claimedIn !== undefined) {
    const state = await deps.actions.claimRun(id, claimedIn);
    // The answer was stored meanwhile, so the claim can be checked now.
    if (state !== undefined && state !== "due") await recordRunReport(busEvent, deps);
    return;
  }
  const before = await deps.actions.reportRun(id, { at: deps.clock.now(), by: busEvent.detail.delivery });
  if (before !== "accepted_without_run" && before !== "gave_up") return;
  // Its timeline has a line that says that the run is missing, or that the action was given up.
  await addLine(status, { state: "reported", summary: "a run was reported after all" }, deps);
  const { delivery, route } = status;
  deps.log.info({ delivery, route, expectedRun: "reported" }, "a run that was missing was reported");
}

async function reportFailure({ status }: ReportedAction, { detail }: BusEvent, deps: RunReportDeps): Promise<void> {
  if (status.state !== "expecting_run" && status.state !== "accepted_without_run") return;
  const reason = "trigger" in detail ? detail.trigger.reason : undefined;
  const isRepeated = (status.run?.requests ?? 0) > 1;
  const exists = isRepeated ? ", or a run of this name exists already and its reports do not arrive" : "";
  const summary =
    reason === undefined
      ? `the listener reports that it could not create the run${exists}: its log has the reason`
      : `an interceptor refused the request: ${reason}`;
  await addLine(status, { state: "not_created", summary }, deps);
}

const addLine = (
  status: ActionStatus,
  line: { readonly state: "reported" | "not_created"; readonly summary: string },
  { deliveries, clock }: RunReportDeps,
): Promise<void> => deliveries.addToTimeline(status.delivery, { ...lineOf(status, clock.now()), ...line });
