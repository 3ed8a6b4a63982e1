import { ok, type Result, reject } from "../model/result.ts";
import { rejectDestination } from "./judge-promotion.ts";
import { answerFor, type PromotionDeps, type PromotionOrder, promote } from "./promotion.ts";
import { type Replayed, type ReplayOrder, replayIdOf } from "./replay.ts";

export type ReplayedPromotionOrder = Pick<PromotionOrder, "by" | "key" | "reason" | "requestId" | "traceparent"> &
  Pick<ReplayOrder, "of"> & { readonly route: string };

/**
 * Decides about the replay of a delivery that promotes a run. Undefined: it may be replayed, because it promotes nothing, or
 * because its run was good where it deployed to. Otherwise it is a new promotion of the same run, by the rules of today
 * and the roles of whoever replays it: the permission to replay fires only what the environment had before.
 */
export async function replayPromotion(
  { of, route, by, key, reason, requestId, traceparent }: ReplayedPromotionOrder,
  deps: PromotionDeps,
): Promise<Result<Replayed> | undefined> {
  const { promotion, of: run } = of.replay ?? {};
  if (promotion === undefined || run === undefined) return undefined;
  // The same request again gets the same answer, whatever has changed since.
  if ((await deps.deliveries.get(replayIdOf(key))) !== undefined) return undefined;
  const answered = await answerFor(key, deps);
  if (answered) return ok(answered);
  const { from, to } = promotion;
  const runs = await deps.runs.of(route);
  const running = await rejectDestination({ route, to }, runs, deps);
  if (running) return reject(running);
  const wasGood = runs.some(({ delivery, end }) => delivery === of.id && end?.succeeded && end.environment === to);
  // Without `from` it is such a replay itself.
  if (from === undefined || wasGood) return undefined;
  return promote({ place: { route, from, to }, run, by, key, reason, requestId, traceparent }, deps);
}
