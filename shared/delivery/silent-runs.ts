import { type Clock, type EpochMillis, toIso } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { type BusEvent, busEventsOf, sourceNameOf } from "../model/bus-event.ts";
import type { BridgeEvent } from "../model/event.ts";
import { deliveryIdOf } from "../model/idempotency-keys.ts";
import { namedPrincipal } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import {
  type Bound,
  dueAtOf,
  isOverdue,
  reportIn,
  type ShownReport,
  withoutPending,
  withReport,
  withTurn,
} from "../model/reported-run.ts";
import type { Route } from "../routes/route.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { type ReportedRunId, type ReportedRunStore, reportedRunOf, type StoredRun } from "../store/reported-runs.ts";
import { PAGES_SOURCE } from "./correlate.ts";
import { routeInRunName } from "./origin-proof.ts";
import { copyOf } from "./replay.ts";

interface ConfiguredRuns {
  /** All configured routes. */
  readonly runReporters: readonly Pick<Route, "name" | "target" | "runsReportedBy" | "runsStaleAfterMs">[];
  /** Has a member for each target with pages. */
  readonly targetHosts: Readonly<Record<string, unknown>>;
}

export interface LastReportDeps extends ConfiguredRuns {
  readonly reportedRuns: Pick<ReportedRunStore, "change">;
  readonly deliveries: Pick<DeliveryStore, "get">;
  readonly clock: Clock;
}

/**
 * Records when a run was last reported, whether or not a route acts on the event: also by a report of a state that was
 * reported before. Costs two reads and a write for each report by a source that reports the runs of a target, if a route
 * writes pages; else nothing. Neither a replay nor an unproved event of shadow mode is a report.
 */
export async function recordLastReport(busEvent: BusEvent, deps: LastReportDeps): Promise<void> {
  const { replay, principal, delivery } = busEvent.detail;
  const [id, report, boundMs] = [reportedRunOf(busEvent), reportIn(busEvent), boundOf(busEvent, deps)];
  if (id === undefined || report === undefined || replay !== undefined || principal.unproved) return;
  if (boundMs === undefined || pageRoutesOf(deps).length === 0) return;
  // The time of receipt is the same whenever this is repeated.
  const receivedAt = (await deps.deliveries.get(delivery))?.receivedAt;
  if (receivedAt === undefined) return;
  await deps.reportedRuns.change(id, (before) => {
    const now = deps.clock.now();
    const run = withReport(before?.run, { report, receivedAt, now });
    if (before !== undefined && run === before.run) return before;
    return { run, dueAt: earliest(before?.dueAt, dueAtOf(run, { boundMs, now })) };
  });
}

/**
 * A run is looked at when it was due before, and then becomes due later: so a report costs no write of the index. Undefined
 * if nothing is to be done any more.
 */
function earliest(before: EpochMillis | undefined, wanted: EpochMillis | undefined): EpochMillis | undefined {
  return wanted === undefined || before === undefined || before > wanted ? wanted : before;
}

/**
 * The time without a report that the target of the run allows. Only a name of `tekton render` says which target that is;
 * else it is the longest time of the targets whose runs the source reports. Undefined if there are none.
 */
function boundOf(busEvent: BusEvent, { runReporters }: ConfiguredRuns): number | undefined {
  const source = sourceNameOf(busEvent);
  const reported = runReporters.filter(({ runsReportedBy }) => runsReportedBy === source);
  const [, name = ""] = busEvent.detail.subject.split("/");
  const route = routeInRunName(name)?.route;
  const named = reported.filter((one) => one.name === route);
  const bounds = (named.length > 0 ? named : reported).flatMap(({ runsStaleAfterMs }) => runsStaleAfterMs ?? []);
  return bounds.length === 0 ? undefined : Math.max(...bounds);
}

const pageRoutesOf = ({ runReporters, targetHosts }: ConfiguredRuns): readonly string[] =>
  runReporters.filter(({ target }) => Object.hasOwn(targetHosts, target)).map(({ name }) => name);

export interface SilentRunDeps extends ConfiguredRuns {
  readonly reportedRuns: Pick<ReportedRunStore, "due" | "get" | "change" | "drop">;
  readonly deliveries: Pick<DeliveryStore, "get" | "record">;
  /** Called after each commit of a new record. It nudges the relay on one machine; in AWS the table's stream does. */
  readonly recorded: (delivery: RecordedDelivery) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Runs that one round looks at. */
export const SILENT_RUNS = 50;

/**
 * Looks at the runs whose next report is overdue, and at those that were reported again after that: pages get a mark, or
 * lose it. Returns the number of runs. Throws `store_unavailable` at the end if the store failed.
 */
export async function showSilentRuns(deps: SilentRunDeps): Promise<number> {
  const due = await deps.reportedRuns.due(deps.clock.now(), SILENT_RUNS);
  const results = await Promise.allSettled(due.map((id) => showRun(id, deps).catch(dropUnreadable(id, deps))));
  for (const result of results) if (result.status === "rejected") throw result.reason;
  return due.length;
}

function dropUnreadable(id: ReportedRunId, { reportedRuns, log }: SilentRunDeps) {
  return async (error: unknown): Promise<void> => {
    if (error instanceof Fault && error.code === "store_unavailable") throw error;
    log.error({ run: id, error: kindOf(error) }, "the last report of a run cannot be read");
    await reportedRuns.drop(id);
  };
}

/**
 * First the run's record says what pages show next. Then the copy of its report is recorded with which pages show it, and
 * then that it is. A crash between two of these repeats what follows, under the same id. A report that comes between them
 * finds the mark and ends it.
 */
async function showRun(id: ReportedRunId, deps: SilentRunDeps): Promise<void> {
  const { reportedRuns, deliveries, clock } = deps;
  const report = (await reportedRuns.get(id))?.run.furthest;
  const of = report && (await deliveries.get(report.delivery));
  const at = of ? busEventsOf(of).findIndex(({ detail }) => detail.id === report.event) : -1;
  const [busEvent, event] = [of && busEventsOf(of)[at], of?.events?.[at]];
  const boundMs = busEvent && boundOf(busEvent, deps);
  const routes = pageRoutesOf(deps);
  // The record of the report has expired, or neither the target nor a page is configured any more.
  if (of === undefined || event === undefined || boundMs === undefined || routes.length === 0)
    return reportedRuns.drop(id);
  const turned = await reportedRuns.change(
    id,
    (before) => before && withNextTurn(before, { boundMs, now: clock.now() }),
  );
  // A further state was reported meanwhile: the next round reads it.
  if (turned?.run.furthest.event !== report?.event) return;
  const { shown } = turned?.run ?? {};
  if (shown?.isPending) await recordCopy({ id, of: onlyWith(event, of), routes, shown }, deps);
  await reportedRuns.change(id, (before) => {
    if (before === undefined || before.run.shown?.turn !== shown?.turn) return before;
    const run = withoutPending(before.run);
    return { run, dueAt: dueAtOf(run, { boundMs, now: clock.now() }) };
  });
}

const onlyWith = (event: BridgeEvent, of: RecordedDelivery): RecordedDelivery => ({
  ...of,
  what: event.type,
  subject: event.subject,
  events: [event],
});

function withNextTurn(before: StoredRun, bound: Bound): StoredRun {
  const run = withTurn(before.run, bound);
  return run === before.run ? before : { run, dueAt: before.dueAt ?? bound.now };
}

interface Copy {
  readonly id: ReportedRunId;
  /** With the report's event alone. */
  readonly of: RecordedDelivery;
  readonly routes: readonly string[];
  readonly shown: ShownReport;
}

/** Reports the state again, only for the routes that write pages, and with what is known of the last report. */
async function recordCopy({ id, of, routes, shown }: Copy, deps: SilentRunDeps): Promise<void> {
  const { turn, lastAt } = shown;
  const lastReport = { at: toIso(lastAt), isOverdue: isOverdue(shown), turn };
  const record: RecordedDelivery = {
    ...copyOf(of, deliveryIdOf(PAGES_SOURCE, ["last report", id, String(turn)])),
    receivedAt: deps.clock.now(),
    requestId: of.id,
    replay: { of: of.id, routes, isRollback: false, lastReport, principal: namedPrincipal(of.principal) },
  };
  if ((await deps.deliveries.record(record)) !== "recorded") return;
  deps.recorded(record);
  const fields = { delivery: of.id, lastReport: lastReport.at };
  if (lastReport.isOverdue) deps.log.warn(fields, "the reports of a run stopped");
}
