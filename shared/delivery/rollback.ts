import type { Policy } from "../identity/policy.ts";
import { factsOfDelivery } from "../model/event-facts.ts";
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

/** Replays the delivery that fired a route's last good run. The caller needs the right to replay the route. */
export async function rollBack(order: RollbackOrder, deps: RollbackDeps): Promise<Result<Replayed>> {
  const { place, to, ...rest } = order;
  const rejection = deps.policy.rejectRoute(order.by, "replay", place.route, "anything");
  if (rejection) return reject(rejection);
  const problem = problemWithRoute(order, deps);
  if (problem !== undefined) return impossible(problem);
  const runs = await runsInScope(order, deps);
  const target = targetOf(runs, order);
  if (target === undefined) return impossible(problemWithRuns(runs, order));
  const of = await deps.deliveries.get(target.delivery);
  if (of?.events === undefined) return impossible(`The record of ${target.delivery} is gone`);
  return ok(await replay({ ...rest, of, routes: [place.route], isRollback: true }, deps));
}

const impossible = (problem: string): Result<never> => reject({ reason: "rollback_impossible", problem });

/** The runs of the route as far as the caller may replay what fired them. For most callers these are all. */
async function runsInScope(
  { place: { route }, by }: RollbackOrder,
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
function targetOf(runs: readonly RouteRun[], { place: { environment }, to }: RollbackOrder): RouteRun | undefined {
  const isGood = ({ end }: RouteRun): boolean => end?.succeeded === true && end.environment === environment;
  if (to !== undefined) return runs.find((run) => isGood(run) && run.delivery === to);
  const newest = runs.findIndex(({ end }) => end?.environment === undefined || end.environment === environment);
  return newest < 0 ? undefined : runs.slice(newest + 1).find(isGood);
}

function problemWithRoute({ place, by }: RollbackOrder, { runReporters, policy }: RollbackDeps): string | undefined {
  const route = runReporters.find(({ name }) => name === place.route);
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
