import type { EpochMillis } from "../host/clock.ts";
import type { Policy } from "../identity/policy.ts";
import type { Identity } from "../model/approval.ts";
import { busEventsOf } from "../model/bus-event.ts";
import { type EventFacts, factsOf } from "../model/event-facts.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { referenceOf } from "../model/subject.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { RouteRun, RunStore } from "../store/runs.ts";
import {
  isOpen,
  isRunning,
  type JudgePromotionDeps,
  newestGood,
  type PromotionPlace,
  rejectDestination,
  rejectPlace,
  rejectSource,
  runsIn,
} from "./judge-promotion.ts";
import { type ReplayDeps, type Replayed, type ReplayOrder, replay, replayIdOf } from "./replay.ts";
import { whyNeverReplayed } from "./replay-route.ts";

export interface PromotionDeps extends ReplayDeps, Pick<JudgePromotionDeps, "runReporters"> {
  readonly deliveries: ReplayDeps["deliveries"] &
    JudgePromotionDeps["deliveries"] &
    Pick<DeliveryStore, "answerTo" | "rememberAnswer">;
  readonly actions: ReplayDeps["actions"] & JudgePromotionDeps["actions"];
  readonly runs: Pick<RunStore, "of">;
  readonly policy: Pick<Policy, "rejectRoute">;
}

export interface PromotionOrder extends Pick<ReplayOrder, "by" | "reason" | "requestId" | "traceparent"> {
  readonly place: PromotionPlace;
  /**
   * What to promote: the run of this delivery, or the newest good one that had ended by the time `asOf`. Either is refused
   * if it is not the newest good one now.
   */
  readonly run: string | { readonly asOf: EpochMillis };
  /** Why the route would not act on the event of the run, if that can be known here. */
  readonly isUnmatched?: () => Promise<Rejection | undefined>;
  /** The idempotency key of the caller: the same again gets the same answer, whatever has changed since. */
  readonly key: readonly string[];
}

/** What a promotion would fire. */
interface Promotable {
  readonly run: RouteRun;
  readonly delivery: RecordedDelivery;
  /** The commit or version for which the run was fired; undefined if its event reports none. */
  readonly reference?: string;
  /** Why it must not be promoted; undefined if it may. */
  readonly problem?: Rejection;
}

/** What is known of two environments of a route. */
export interface PromotionState {
  readonly promotable?: Promotable;
  /** The newest run in the environment to which it would be promoted, and the newest one that succeeded there. */
  readonly newest?: RouteRun;
  readonly good?: RouteRun;
  readonly problem?: Rejection;
}

/** What a promotion would do now. The caller needs the right to promote the route. */
export async function promotionState(
  { place, by }: Pick<PromotionOrder, "place" | "by">,
  deps: PromotionDeps,
): Promise<Result<PromotionState>> {
  const forbidden = rejectPromoter(place, by, "anything", deps) ?? rejectPlace(place, deps);
  if (forbidden) return reject(forbidden);
  const runs = await deps.runs.of(place.route);
  const [newest] = runsIn(runs, place.to);
  const good = newestGood(runs, place.to);
  const there = { ...(newest && { newest }), ...(good && { good }) };
  const source = newestGood(runs, place.from);
  const delivery = source && (await deps.deliveries.get(source.delivery));
  if (source === undefined || delivery === undefined) {
    const problem = await rejectSource({ ...place, run: "" }, runs, deps);
    return ok({ ...there, problem: source === undefined && problem ? problem : gone(source?.delivery ?? "") });
  }
  const reference = referenceIn(delivery);
  const problem = await rejectNow({ place, by, runs, source, delivery }, deps);
  // Outside the scope of the caller's roles, nothing of the run is shown.
  if (problem?.reason === "role_missing") return reject(problem);
  const promotable = { run: source, delivery, ...(reference !== undefined && { reference }) };
  return ok({ ...there, promotable, ...(problem && { problem }) });
}

/**
 * Fires the route for the event of a good run again, for the next environment. It is a replay that the caller asked for:
 * nothing is resolved again, and gates and everything after them are those of every delivery.
 *
 * Two people who promote the same run at once get one run. The promotions of a run form a chain of ids, each derived from
 * the one before, and the next is free only when the last one is over. So the record of the new delivery is the claim, in
 * one conditional write.
 */
export async function promote(order: PromotionOrder, deps: PromotionDeps): Promise<Result<Replayed>> {
  const { place, by, key, reason, requestId, traceparent } = order;
  const forbidden = rejectPromoter(place, by, "anything", deps);
  if (forbidden) return reject(forbidden);
  const answered = await answerFor(key, deps);
  if (answered) return ok(answered);
  const runs = await deps.runs.of(place.route);
  const run =
    typeof order.run === "string" ? order.run : newestGood(endedBy(runs, order.run.asOf), place.from)?.delivery;
  const problem = rejectPlace(place, deps);
  if (problem) return reject(problem);
  const source = runs.find(({ delivery }) => delivery === run);
  const delivery = source && (await deps.deliveries.get(source.delivery));
  if (source === undefined || delivery === undefined)
    return reject((await rejectSource({ ...place, run: run ?? "" }, runs, deps)) ?? gone(run ?? ""));
  const wanted = { place, by, runs, source, delivery };
  const refused = (await rejectRun(wanted, deps)) ?? (await order.isUnmatched?.());
  if (refused) return reject(refused);
  const last = (await chainOf(source.delivery, place, deps)).at(-1);
  if (last !== undefined && (await goesOn(last, place.route, runs, deps))) {
    const id = await deps.deliveries.rememberAnswer(keyIdOf(key), last.id, deps.clock.now());
    return ok({ delivery: id, replayOf: source.delivery, status: "duplicate" });
  }
  const blocked = await rejectDestinationOf({ place, runs, source }, deps);
  if (blocked) return reject(blocked);
  const reference = referenceIn(delivery);
  const promotion = {
    from: place.from,
    to: place.to,
    ...(reference !== undefined && { reference }),
    ...(source.end?.digest !== undefined && { digest: source.end.digest }),
  };
  const who = { by, reason, requestId, traceparent };
  const claim = claimKey(source.delivery, place, last?.id);
  // Before the record, so that a crash between the two is a key whose delivery does not exist yet.
  const id = await deps.deliveries.rememberAnswer(keyIdOf(key), replayIdOf(claim), deps.clock.now());
  if (id !== replayIdOf(claim)) return ok({ delivery: id, replayOf: source.delivery, status: "duplicate" });
  return ok(
    await replay({ ...who, of: delivery, routes: [place.route], isRollback: false, promotion, key: claim }, deps),
  );
}

/** What the same request was answered before, by its key; undefined if nothing was recorded for it. */
export async function answerFor(
  key: readonly string[],
  { deliveries }: Pick<PromotionDeps, "deliveries">,
): Promise<Replayed | undefined> {
  const id = await deliveries.answerTo(keyIdOf(key));
  const earlier = id === undefined ? undefined : await deliveries.get(id);
  return earlier && { delivery: earlier.id, replayOf: earlier.replay?.of ?? "", status: "duplicate" };
}

const keyIdOf = (key: readonly string[]): string => replayIdOf(["promotion", ...key]);

/**
 * What a key of the caller was answered with, for whichever run of the environment that is still known. `keyOf`: the key
 * of a promotion of one run.
 */
export async function placedBefore(
  { place, by, keyOf }: Pick<PromotionOrder, "place" | "by"> & { readonly keyOf: (run: string) => readonly string[] },
  deps: PromotionDeps,
): Promise<Omit<Replayed, "status"> | undefined> {
  if (rejectPromoter(place, by, "anything", deps)) return undefined;
  for (const { delivery } of runsIn(await deps.runs.of(place.route), place.from)) {
    const answered = await answerFor(keyOf(delivery), deps);
    if (answered) return { delivery: answered.delivery, replayOf: answered.replayOf };
  }
  return undefined;
}

const endedBy = (runs: readonly RouteRun[], asOf: EpochMillis): readonly RouteRun[] =>
  runs.filter(({ end }) => end !== undefined && Date.parse(end.at) <= asOf);

const gone = (delivery: string): Rejection => ({
  reason: "promotion_impossible",
  problem: delivery === "" ? "There is no such run" : `The record of ${delivery} is gone`,
});

const rejectPromoter = (
  { route }: PromotionPlace,
  by: Identity,
  about: readonly EventFacts[] | "anything",
  { policy }: Pick<PromotionDeps, "policy">,
): Rejection | undefined => policy.rejectRoute(by, "promote", route, about);

/** The promotions of a run, the oldest first. */
async function chainOf(
  run: string,
  place: PromotionPlace,
  { deliveries }: Pick<PromotionDeps, "deliveries">,
): Promise<readonly RecordedDelivery[]> {
  const chain: RecordedDelivery[] = [];
  for (;;) {
    const next = await deliveries.get(replayIdOf(claimKey(run, place, chain.at(-1)?.id)));
    if (next === undefined) return chain;
    chain.push(next);
  }
}

const claimKey = (run: string, { route, from, to }: PromotionPlace, before = ""): readonly string[] => [
  "promotion",
  route,
  from,
  to,
  run,
  before,
];

/** Whether an earlier promotion may still fire, or its run goes on. */
async function goesOn(
  promotion: RecordedDelivery,
  route: string,
  runs: readonly RouteRun[],
  deps: PromotionDeps,
): Promise<boolean> {
  const run = runs.find(({ delivery }) => delivery === promotion.id);
  return run === undefined ? isOpen(promotion, route, deps) : isRunning(run, route, deps);
}

interface Wanted {
  readonly place: PromotionPlace;
  readonly by: Identity;
  readonly runs: readonly RouteRun[];
  readonly source: RouteRun;
  readonly delivery: RecordedDelivery;
}

const rejectNow = async (wanted: Wanted, deps: PromotionDeps): Promise<Rejection | undefined> =>
  (await rejectRun(wanted, deps)) ?? rejectDestinationOf(wanted, deps);

async function rejectRun(
  { place, by, runs, source, delivery }: Wanted,
  deps: PromotionDeps,
): Promise<Rejection | undefined> {
  const about = (delivery.events ?? []).map((event) => factsOf({ ...event, promotion: { to: place.to } }));
  const forbidden = rejectPromoter(place, by, about, deps);
  if (forbidden) return forbidden;
  const outdated = await rejectSource({ ...place, run: source.delivery, digest: source.end?.digest }, runs, deps);
  if (outdated) return outdated;
  const never = whyNeverReplayed(delivery);
  if (never !== undefined) return { reason: "promotion_impossible", problem: never };
  return referenceIn(delivery) === undefined
    ? { reason: "promotion_impossible", problem: "Its event reports no commit or version, or several" }
    : undefined;
}

async function rejectDestinationOf(
  { place, runs, source }: Pick<Wanted, "place" | "runs" | "source">,
  deps: PromotionDeps,
): Promise<Rejection | undefined> {
  const running = await rejectDestination(place, runs, deps);
  if (running) return running;
  const [newest] = runsIn(runs, place.to);
  const there = newest?.end?.succeeded ? await deps.deliveries.get(newest.delivery) : undefined;
  return there?.replay?.of === source.delivery && there.replay.promotion !== undefined
    ? { reason: "promotion_impossible", problem: `${place.to} has it already, by ${there.id}` }
    : undefined;
}

/** The one commit or version for which a delivery fires a route; undefined if its events report none, or several. */
export function referenceIn(delivery: RecordedDelivery): string | undefined {
  const values = new Set(busEventsOf(delivery).map((busEvent) => referenceOf(busEvent).value));
  return values.size === 1 ? [...values][0] : undefined;
}
