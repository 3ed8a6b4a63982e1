import type { BusEntry } from "../bus/entry.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore } from "../store/actions.ts";
import type { RouteRun, RunPlace, RunStore } from "../store/runs.ts";
import { isTerminal } from "./build-order.ts";
import type { BuildState } from "./event.ts";
import { actionIdOf } from "./keys.ts";
import { type Replayed, type ReplayOrder, type ReplayTools, replay } from "./replay.ts";
import { ok, type Result, refuse } from "./result.ts";

export interface NoteTools {
  readonly routes: readonly Pick<Route, "name" | "runsReportedBy">[];
  readonly actions: Pick<ActionStore, "state">;
  readonly runs: Pick<RunStore, "ended">;
}

/** Keeps that a run has ended, for the routes that fired it. `source` told of it, and `origin` is the delivery that fired it. */
export async function noteRun(
  { entry, origin, source }: { readonly entry: BusEntry; readonly origin: BusEntry; readonly source: string },
  { routes, actions, runs }: NoteTools,
): Promise<void> {
  const run = endedRun(entry);
  if (run === undefined) return;
  const { eventKey, delivery } = origin.detail;
  const reported = routes.filter(({ runsReportedBy }) => runsReportedBy === source).map(({ name }) => name);
  // Two routes may have fired on one delivery: a run's name then says whose it is.
  const named = reported.filter((name) => `/${entry.detail.subject}`.endsWith(`/${name}-${eventKey}`));
  const fired = named.length > 0 ? named : await firedOf(reported, eventKey, actions);
  const { environment, succeeded } = run;
  for (const route of fired) {
    const place = { route, ...(environment !== undefined && { environment }) };
    await runs.ended(place, { delivery, succeeded, at: entry.detail.time });
  }
}

async function firedOf(
  names: readonly string[],
  eventKey: string,
  actions: NoteTools["actions"],
): Promise<readonly string[]> {
  const states = await Promise.all(names.map((name) => actions.state(actionIdOf(name, eventKey))));
  return names.filter((_, at) => states[at] !== undefined);
}

function endedRun({ detail }: BusEntry): { readonly succeeded: boolean; readonly environment?: string } | undefined {
  const told = (state: BuildState, environment: string | undefined) =>
    isTerminal(state) ? { succeeded: state === "succeeded", ...(environment && { environment }) } : undefined;
  if ("build" in detail) return told(detail.build.state, detail.build.results?.["environment"]);
  return "deployment" in detail ? told(detail.deployment.state, detail.deployment.environment) : undefined;
}

/** What a rollback goes back to: the last run that succeeded before the newest one. */
const targetOf = ([newest, ...earlier]: readonly RouteRun[]): RouteRun | undefined =>
  newest && earlier.find(({ succeeded }) => succeeded);

export interface RollbackTools extends ReplayTools {
  readonly runs: Pick<RunStore, "last">;
}

export interface RollbackOrder extends Omit<ReplayOrder, "of" | "routes" | "isRollback"> {
  readonly place: RunPlace;
  /** A delivery whose run succeeded, to go back to. Default: the last before the newest. */
  readonly to?: string | undefined;
}

/** Fires a route again as its last good run was fired: a replay of that delivery. */
export async function rollBack(
  { place, to, ...order }: RollbackOrder,
  tools: RollbackTools,
): Promise<Result<Replayed>> {
  const runs = await tools.runs.last(place);
  const target = to === undefined ? targetOf(runs) : runs.find((run) => run.succeeded && run.delivery === to);
  const of = target && (await tools.deliveries.get(target.delivery));
  if (of?.event === undefined) return refuse({ reason: "rollback_impossible" });
  return ok(await replay({ ...order, of, routes: [place.route], isRollback: true }, tools));
}
