import type { Clock } from "../host/clock.ts";
import type { BusEvent } from "../model/bus-event.ts";
import { actionIdOf } from "../model/idempotency-keys.ts";
import type { Promotion, RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { PromotionWaits } from "../store/promotion-waits.ts";
import type { RouteRun, RunStore } from "../store/runs.ts";
import type { RunReporter } from "./correlate.ts";
import { readOutcome } from "./delivery-outcomes.ts";
import { startOf } from "./run-tracking.ts";

export interface JudgePromotionDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "timeline">;
  readonly actions: Pick<ActionStore, "status">;
  /** All configured routes. */
  readonly runReporters: readonly RunReporter[];
  readonly clock: Pick<Clock, "now">;
}

/** A route, and two of its environments. */
export interface PromotionPlace {
  readonly route: string;
  readonly from: string;
  readonly to: string;
}

/** A run that is to be promoted, and what it would deploy. */
export interface PromotedRun extends PromotionPlace {
  /** The delivery that fired it. */
  readonly run: string;
  readonly digest?: string | undefined;
}

const impossible = (problem: string): Rejection => ({ reason: "promotion_impossible", problem });
const outdated = (problem: string): Rejection => ({ reason: "promotion_outdated", problem });

/** Why nothing can be promoted between these environments, whatever ran there; undefined if something can. */
export function rejectPlace(
  { route, from, to }: PromotionPlace,
  { runReporters }: Pick<JudgePromotionDeps, "runReporters">,
): Rejection | undefined {
  const { environments, runsReportedBy } = runReporters.find(({ name }) => name === route) ?? {};
  if (environments === undefined) return impossible(`The route ${route} has no environments`);
  if (runsReportedBy === undefined) return impossible("No source reports the results of this route's runs");
  const at = environments.indexOf(from);
  if (at >= 0 && environments[at + 1] === to) return undefined;
  const steps = environments.slice(1).map((next, index) => `from ${environments[index]} to ${next}`);
  return impossible(`The route ${route} promotes ${steps.join(", and ")}`);
}

/** The environment of a run: where it deployed to, or is meant to deploy while it goes on. */
const environmentOf = ({ end, environment }: RouteRun): string | undefined =>
  end === undefined ? environment : end.environment;

/** The runs in an environment, newest first. */
export const runsIn = (runs: readonly RouteRun[], environment: string): readonly RouteRun[] =>
  runs.filter((run) => environmentOf(run) === environment);

/** The newest run that succeeded in an environment. */
export const newestGood = (runs: readonly RouteRun[], environment: string): RouteRun | undefined =>
  runsIn(runs, environment).find(({ end }) => end?.succeeded);

/** Why a run must not be promoted out of its environment; undefined if it may. */
export async function rejectSource(
  { route, from, run, digest }: PromotedRun,
  runs: readonly RouteRun[],
  deps: JudgePromotionDeps,
): Promise<Rejection | undefined> {
  const good = newestGood(runs, from);
  if (good === undefined) return impossible(`No run of ${route} is known to have succeeded in ${from}`);
  if (good.delivery !== run)
    return outdated(`The newest run of ${route} that succeeded in ${from} is that of ${good.delivery}`);
  const rollback = await rollbackSince(good, { route, from, runs }, deps);
  if (rollback !== undefined) return outdated(`It was rolled back in ${from} by ${rollback}`);
  const needsDigest = deps.runReporters.find(({ name }) => name === route)?.needsDigest ?? false;
  if (needsDigest && good.end?.digest === undefined)
    return impossible("The run reported no digest of its image in the result IMAGE_DIGEST");
  if (digest !== good.end?.digest) return outdated("The run has reported another digest of its image since");
  return undefined;
}

/** The rollback of a run in its environment that was fired since, or was ordered and may still be fired. */
async function rollbackSince(
  good: RouteRun,
  { route, from, runs }: { readonly route: string; readonly from: string; readonly runs: readonly RouteRun[] },
  deps: JudgePromotionDeps,
): Promise<string | undefined> {
  const own = runsIn(runs, from);
  const newer = own.slice(0, own.indexOf(good)).find(({ isRollback }) => isRollback);
  if (newer !== undefined) return newer.delivery;
  const firedAt = Date.parse(good.firedAt);
  for (const { delivery } of own.filter(({ end }) => end?.succeeded)) {
    for (const line of await deps.deliveries.timeline(delivery)) {
      const isRollback = line.kind === "replayed" && line.isRollback && line.routes.includes(route);
      if (!isRollback || line.at <= firedAt || runs.some((run) => run.delivery === line.delivery)) continue;
      const ordered = await deps.deliveries.get(line.delivery);
      if (ordered !== undefined && (await isOpen(ordered, route, deps))) return line.delivery;
    }
  }
  return undefined;
}

/** The state of a route of a delivery: the worst, if it has several events. */
async function stateOf(delivery: RecordedDelivery, route: string, deps: JudgePromotionDeps) {
  const outcome = await readOutcome(delivery, await deps.deliveries.timeline(delivery.id), deps);
  return outcome?.routes.find((one) => one.route === route)?.state ?? outcome?.state;
}

const OPEN: readonly (string | undefined)[] = ["pending", "waiting", "retrying", "expecting_run"];

/** Whether a route may still be fired for a delivery, or its run has not been reported yet. */
export const isOpen = async (delivery: RecordedDelivery, route: string, deps: JudgePromotionDeps): Promise<boolean> =>
  OPEN.includes(await stateOf(delivery, route, deps));

/**
 * Whether a run goes on. A run whose end is never reported counts for as long as its target allows a run to be without a
 * report (`staleAfterMinutes`), and not if its target never started it.
 */
export async function isRunning(run: RouteRun, route: string, deps: JudgePromotionDeps): Promise<boolean> {
  const { runsStaleAfterMs = 0 } = deps.runReporters.find(({ name }) => name === route) ?? {};
  if (run.end !== undefined || Date.parse(run.firedAt) + runsStaleAfterMs < deps.clock.now()) return false;
  const delivery = await deps.deliveries.get(run.delivery);
  if (delivery === undefined) return false;
  const state = await stateOf(delivery, route, deps);
  return state === "ran" || OPEN.includes(state);
}

/** Why nothing may be promoted into an environment now: another run deploys to it. */
export async function rejectDestination(
  { route, to }: Pick<PromotionPlace, "route" | "to">,
  runs: readonly RouteRun[],
  { own, ...deps }: JudgePromotionDeps & { readonly own?: string },
): Promise<Rejection | undefined> {
  for (const run of runsIn(runs, to)) {
    if (run.delivery !== own && (await isRunning(run, route, deps)))
      return {
        reason: "promotion_running",
        problem: `${run.delivery} deploys to ${to} at this moment`,
        run: run.delivery,
      };
  }
  return undefined;
}

/**
 * Judges a promotion again before it fires, by the configuration and the runs of that time; undefined if it may fire. The
 * role of whoever promotes is judged with those of other events. `isFiring`: also records the start of the run, in one step
 * with the judgement, so of two promotions into one environment one fires and the other waits.
 */
export async function judgePromotion(
  route: RunReporter,
  detail: BusEvent["detail"],
  {
    isFiring,
    ...deps
  }: JudgePromotionDeps & {
    readonly runs: Pick<RunStore, "of" | "record">;
    readonly promotionWaits: () => Promise<Pick<PromotionWaits, "add">>;
    readonly isFiring: boolean;
  },
): Promise<Rejection | undefined> {
  const { delivery, eventKey, replay, promotion } = detail;
  // A rollback waits for no run.
  if (promotion === undefined || replay === undefined || replay.isRollback) return undefined;
  const { from, to, digest } = promotion;
  const { name } = route;
  const refuse = async (runs: readonly RouteRun[]): Promise<Rejection | undefined> => {
    const running = await rejectDestination({ route: name, to }, runs, { ...deps, own: delivery });
    if (from === undefined) return running ?? rejectRepeat({ own: delivery, promotion }, runs, deps);
    const wanted = { route: name, from, to, run: replay.of, digest };
    return rejectPlace(wanted, deps) ?? (await rejectSource(wanted, runs, deps)) ?? running;
  };
  const refused = isFiring
    ? await deps.runs.record(name, startOf(route, detail, deps.clock.now()), refuse)
    : await refuse(await deps.runs.of(name));
  if (refused?.reason === "promotion_running")
    await (await deps.promotionWaits()).add({ route: name, environment: to }, actionIdOf(name, eventKey));
  return refused;
}

/** Why a replay of a promotion must not fire: another one that fired after it was ordered has deployed the same. */
async function rejectRepeat(
  { own, promotion }: { readonly own: string; readonly promotion: Promotion },
  runs: readonly RouteRun[],
  { deliveries }: Pick<JudgePromotionDeps, "deliveries">,
): Promise<Rejection | undefined> {
  const newest = runsIn(runs, promotion.to).find(({ delivery }) => delivery !== own);
  const ordered = newest?.end?.succeeded ? await deliveries.get(own) : undefined;
  if (newest === undefined || ordered === undefined || Date.parse(newest.firedAt) <= ordered.receivedAt)
    return undefined;
  const there = (await deliveries.get(newest.delivery))?.replay?.promotion;
  return there?.reference === promotion.reference && there?.digest === promotion.digest
    ? impossible(`${promotion.to} has it already, by ${newest.delivery}`)
    : undefined;
}
