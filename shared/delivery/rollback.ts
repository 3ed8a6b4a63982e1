import type { Policy } from "../identity/policy.ts";
import type { Identity } from "../model/approval.ts";
import { factsOfDelivery } from "../model/event-facts.ts";
import type { Rejection } from "../model/rejection.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { RouteRun, RunPlace, RunStore } from "../store/runs.ts";
import type { RunReporter } from "./correlate.ts";
import { type ReplayDeps, type Replayed, type ReplayOrder, replay } from "./replay.ts";

export interface RollbackDeps extends ReplayDeps {
  readonly runs: Pick<RunStore, "of">;
  /** All configured routes. */
  readonly runReporters: readonly RunReporter[];
  readonly policy: Pick<Policy, "rejectRoute">;
}

export interface RollbackOrder extends Omit<ReplayOrder, "of" | "routes" | "isRollback"> {
  readonly place: RunPlace;
  /**
   * The delivery to go back to; its run must have succeeded. Default: the last successful one before the newest run.
   */
  readonly to?: string | undefined;
}

/** The runs of a route in one environment, as far as a rollback needs them. */
export interface RollbackPlace {
  /** Undefined: the runs that reported none. */
  readonly environment?: string;
  /** What a rollback replaces: the newest run in the environment, or a newer one that has not reported any. */
  readonly newest: RouteRun;
  /** The earlier ones that succeeded, newest first. A rollback goes back to the first unless it names another one. */
  readonly good: readonly RouteRun[];
}

/** Where a route can be rolled back, and to which runs. The caller needs the right to replay the route. */
export async function rollbackPlaces(
  { route, by }: { readonly route: string; readonly by: Identity },
  deps: RollbackDeps,
): Promise<Result<readonly RollbackPlace[]>> {
  const problem = rejectRollback({ route, by }, deps);
  if (problem) return reject(problem);
  const runs = await runsInScope({ route, by }, deps);
  const environments = new Set(runs.flatMap(({ end }) => (end?.succeeded ? [end.environment] : [])));
  return ok([...environments].flatMap((environment) => placeIn(runs, environment)));
}

function placeIn(runs: readonly RouteRun[], environment: string | undefined): readonly RollbackPlace[] {
  const [newest, ...earlier] = runs.filter((run) => mayBeIn(run, environment));
  if (newest === undefined) return [];
  const good = earlier.filter((run) => isGoodIn(run, environment));
  return [{ ...(environment !== undefined && { environment }), newest, good }];
}

/** Replays the delivery that fired a route's last good run. The caller needs the right to replay the route. */
export async function rollBack(order: RollbackOrder, deps: RollbackDeps): Promise<Result<Replayed>> {
  const { place, to, ...rest } = order;
  const problem = rejectRollback({ route: place.route, by: order.by }, deps);
  if (problem) return reject(problem);
  const runs = await runsInScope({ route: place.route, by: order.by }, deps);
  const target = targetOf(runs, { environment: place.environment, to });
  if (target === undefined) return impossible(problemWithRuns(runs, order));
  const of = await deps.deliveries.get(target.delivery);
  if (of?.events === undefined) return impossible(`The record of ${target.delivery} is gone`);
  return ok(await replay({ ...rest, of, routes: [place.route], isRollback: true }, deps));
}

const impossible = (problem: string): Result<never> => reject({ reason: "rollback_impossible", problem });

interface RouteOfCaller {
  readonly route: string;
  readonly by: Identity;
}

function rejectRollback({ route, by }: RouteOfCaller, deps: RollbackDeps): Rejection | undefined {
  const rejection = deps.policy.rejectRoute(by, "replay", route, "anything");
  if (rejection) return rejection;
  const problem = problemWithRoute({ route, by }, deps);
  return problem === undefined ? undefined : { reason: "rollback_impossible", problem };
}

/** The runs of the route as far as the caller may replay what fired them. For most callers these are all. */
async function runsInScope(
  { route, by }: RouteOfCaller,
  { runs, deliveries, policy }: RollbackDeps,
): Promise<readonly RouteRun[]> {
  const all = await runs.of(route);
  if (policy.rejectRoute(by, "replay", route, []) === undefined) return all;
  const allowed: RouteRun[] = [];
  for (const run of all) {
    const of = await deliveries.get(run.delivery);
    if (of && !policy.rejectRoute(by, "replay", route, factsOfDelivery(of))) allowed.push(run);
  }
  return allowed;
}

/**
 * The newest good run before the one that is rolled back. The run to roll back is the newest one whose environment is
 * this one or unknown. It is unknown while the run goes on, or if the run's end did not report one.
 */
function targetOf(
  runs: readonly RouteRun[],
  { environment, to }: { readonly environment: string | undefined; readonly to?: string | undefined },
): RouteRun | undefined {
  if (to !== undefined) return runs.find((run) => isGoodIn(run, environment) && run.delivery === to);
  const newest = runs.findIndex((run) => mayBeIn(run, environment));
  return newest < 0 ? undefined : runs.slice(newest + 1).find((run) => isGoodIn(run, environment));
}

const isGoodIn = ({ end }: RouteRun, environment: string | undefined): boolean =>
  end?.succeeded === true && end.environment === environment;

const mayBeIn = ({ end }: RouteRun, environment: string | undefined): boolean =>
  end?.environment === undefined || end.environment === environment;

function problemWithRoute(wanted: RouteOfCaller, { runReporters, policy }: RollbackDeps): string | undefined {
  const { by } = wanted;
  const route = runReporters.find(({ name }) => name === wanted.route);
  if (route?.runsReportedBy !== undefined) return undefined;
  const allowed = runReporters.filter(
    ({ name, runsReportedBy }) => runsReportedBy !== undefined && !policy.rejectRoute(by, "replay", name, "anything"),
  );
  const why = route ? "No source reports the results of this route's runs" : "There is no such route";
  return `${why}; you may roll back: ${allowed.map(({ name }) => name).join(", ") || "none"}`;
}

function problemWithRuns(runs: readonly RouteRun[], { place: { environment }, to }: RollbackOrder): string {
  const what = to === undefined ? "No earlier run of the route" : `No run that ${to} fired`;
  const good = new Set(runs.flatMap(({ end }) => (end?.succeeded ? [nameOf(end.environment)] : [])));
  good.delete(nameOf(environment));
  const elsewhere = good.size === 0 ? "" : `; good runs are ${[...good].join(", ")}`;
  return `${what} is known to have succeeded ${nameOf(environment)}${elsewhere}`;
}

const nameOf = (environment: string | undefined): string =>
  environment === undefined ? "without an environment" : `in ${environment}`;
