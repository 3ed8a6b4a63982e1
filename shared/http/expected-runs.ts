import type { RunReporter } from "../delivery/correlate.ts";
import { actionIdIn } from "../delivery/delivery-outcomes.ts";
import { type Clock, type EpochMillis, epochMillis, toIso } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { isTerminal } from "../model/build-order.ts";
import { busEventsOf } from "../model/bus-event.ts";
import { BUILD_STATES } from "../model/event.ts";
import type { DeliverySummary, RecordedDelivery } from "../model/recorded-delivery.ts";
import type { TimelineEvent } from "../model/timeline.ts";
import type { ActionStatus, ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { type ReportedRunStore, reportedRunOf } from "../store/reported-runs.ts";
import type { RunStore } from "../store/runs.ts";

/** The run that a route expects after a target has accepted its request. */
export interface ShownExpectedRun {
  readonly route: string;
  /** The id of the published event, if it is not the first event of its delivery. */
  readonly event?: string;
  readonly action: string;
  readonly state: "expecting_run" | "accepted_without_run" | "reported";
  /** When the target first accepted the request. */
  readonly acceptedAt: string;
  /** Accepted requests. */
  readonly requests: number;
  /** While it is expected: what follows without a report, and when. */
  readonly next?: "repeat" | "end";
  readonly nextAt?: string;
  /** The first report, and the delivery that brought it. */
  readonly reportedAt?: string;
  readonly reportedBy?: string;
  /** The last report, if the run has not ended and the target's time without a report has passed. */
  readonly noReportSince?: string;
}

export interface ExpectedRunsDeps {
  readonly actions: Pick<ActionStore, "status">;
  readonly runs: Pick<RunStore, "of">;
  readonly reportedRuns: Pick<ReportedRunStore, "get">;
  readonly deliveries: Pick<DeliveryStore, "get">;
  readonly runReporters: readonly RunReporter[];
  readonly clock: Clock;
}

/** Reads one record for each route that was accepted, and none for other deliveries. */
export async function expectedRunsOf(
  delivery: RecordedDelivery,
  timeline: readonly TimelineEvent[],
  deps: ExpectedRunsDeps,
): Promise<readonly ShownExpectedRun[]> {
  const accepted = new Map(
    timeline.flatMap((line) =>
      line.kind === "attempt" && line.outcome === "accepted" ? [[`${line.route} ${line.event}`, line] as const] : [],
    ),
  );
  const runs = await Promise.all(
    [...accepted.values()].map(async ({ route, event, action }) => {
      const id = actionIdIn({ route, event }, delivery, timeline);
      const status = id === undefined ? undefined : await deps.actions.status(id);
      if (status === undefined) return [];
      const shown = shownRun({ route, ...(event !== undefined && { event }), action }, status);
      const since = await lastReportIfStale({ delivery: delivery.id, route, status }, timeline, deps);
      return shown.map((run) => (since === undefined ? run : { ...run, noReportSince: toIso(since) }));
    }),
  );
  return runs.flat();
}

export interface SilentRunsDeps extends ExpectedRunsDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "timeline">;
}

/**
 * For each of these deliveries with a run that has not ended and is without a report for longer than its target allows: the
 * time of the last one, in ISO 8601. The longest time, if several runs are. Reads the last runs of each route whose target
 * has such a time, and then only the deliveries whose run has not ended. Recent deliveries alone cost no read.
 */
export async function silentRuns(
  deliveries: readonly Pick<DeliverySummary, "id" | "outcome" | "receivedAt">[],
  deps: SilentRunsDeps,
): Promise<ReadonlyMap<string, string>> {
  const { runReporters, runs, clock } = deps;
  const unended = await Promise.all(
    runReporters.map(async ({ name, runsStaleAfterMs: boundMs }) => {
      if (boundMs === undefined) return [];
      const before = clock.now() - boundMs;
      const old = deliveries.filter((one) => one.outcome === "event" && one.receivedAt < before).map(({ id }) => id);
      const fired = old.length === 0 ? [] : await runs.of(name);
      return fired.filter((run) => run.end === undefined && old.includes(run.delivery)).map((run) => run.delivery);
    }),
  );
  const silent = await Promise.all(
    [...new Set(unended.flat())].map(async (id) => {
      const since = await longestSilence(id, deps);
      return since === undefined ? [] : [[id, since] as const];
    }),
  );
  return new Map(silent.flat());
}

async function longestSilence(id: string, deps: SilentRunsDeps): Promise<string | undefined> {
  const { deliveries } = deps;
  // The list shows a record that cannot be read, so its mark must not fail either.
  const delivery = await deliveries.get(id).catch(undefinedIfUnreadable);
  if (delivery === undefined) return undefined;
  const shown = await expectedRunsOf(delivery, await deliveries.timeline(id), deps);
  return shown.flatMap(({ noReportSince }) => noReportSince ?? []).sort()[0];
}

function undefinedIfUnreadable(error: unknown): undefined {
  if (error instanceof Fault && error.code === "record_unreadable") return undefined;
  throw error;
}

/**
 * The last report that is known of a run that has not ended, if it is older than the target allows. A replay is no report.
 * If no route writes pages, events on which no route acts are stored nowhere: of those, the first report and the end count.
 */
async function lastReportIfStale(
  { delivery, route, status }: { readonly delivery: string; readonly route: string; readonly status: ActionStatus },
  timeline: readonly TimelineEvent[],
  deps: ExpectedRunsDeps,
): Promise<EpochMillis | undefined> {
  const { runs, runReporters, clock } = deps;
  const boundMs = runReporters.find(({ name }) => name === route)?.runsStaleAfterMs;
  if (boundMs === undefined || status.report === undefined) return undefined;
  const followers = timeline.filter((line) => line.kind === "followed_by");
  if (followers.some(({ what }) => isEnd(what))) return undefined;
  const reports = followers.filter(({ isReplay }) => !isReplay);
  const last = epochMillis(Math.max(status.report.at, ...reports.map(({ at }) => at)));
  if (clock.now() - last <= boundMs) return undefined;
  const known = (await runs.of(route)).find((run) => run.delivery === delivery);
  if (known === undefined || known.end !== undefined) return undefined;
  const again = await newestReport([status.report.by ?? [], ...reports.map((one) => one.delivery)].flat(), deps);
  const newest = epochMillis(Math.max(last, again));
  return clock.now() - newest <= boundMs ? undefined : newest;
}

/** When a run that these deliveries report was last reported: no timeline has a state that was reported before. */
async function newestReport(reports: readonly string[], deps: ExpectedRunsDeps): Promise<number> {
  const times = await Promise.all(
    [...new Set(reports)].slice(-MAX_REPORTS).map(async (id) => {
      const delivery = await deps.deliveries.get(id).catch(undefinedIfUnreadable);
      const ids = (delivery ? busEventsOf(delivery) : []).flatMap((busEvent) => reportedRunOf(busEvent) ?? []);
      const stored = await Promise.all(ids.map((one) => deps.reportedRuns.get(one).catch(undefinedIfUnreadable)));
      return stored.map((one) => one?.run.lastAt ?? 0);
    }),
  );
  return Math.max(0, ...times.flat());
}

/** Enough for the last report of each run that a delivery started. */
const MAX_REPORTS = 10;

/** Whether the type of an event reports the end of a run. */
const isEnd = (what: string): boolean => {
  const [, state = ""] = /^build\.(\w+)/.exec(what) ?? [];
  return BUILD_STATES.some((one) => one === state && isTerminal(one));
};

function shownRun(
  about: Pick<ShownExpectedRun, "route" | "event" | "action">,
  { state, run, report, dueAt }: ActionStatus,
): readonly ShownExpectedRun[] {
  if (run === undefined) return [];
  const accepted = { ...about, acceptedAt: toIso(run.acceptedAt), requests: run.requests };
  if (report !== undefined) {
    const by = report.by === undefined ? {} : { reportedBy: report.by };
    return [{ ...accepted, state: "reported", reportedAt: toIso(report.at), ...by }];
  }
  if (state === "accepted_without_run") return [{ ...accepted, state }];
  if (state !== "expecting_run") return [];
  return [{ ...accepted, state, next: run.next, ...(dueAt !== undefined && { nextAt: toIso(dueAt) }) }];
}
