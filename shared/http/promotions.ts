import * as v from "valibot";
import { type NeededApproval, neededApproval } from "../approvals/needed-approval.ts";
import { lagBetween } from "../delivery/environment-lag.ts";
import type { PromotionPlace } from "../delivery/judge-promotion.ts";
import { placedBefore, promote, promotionState } from "../delivery/promotion.ts";
import type { Replayed } from "../delivery/replay.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { callerOf } from "../identity/caller.ts";
import { busEventsOf } from "../model/bus-event.ts";
import { factsOf } from "../model/event-facts.ts";
import { type Principal, principalIdOf } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { matches } from "../routes/matches.ts";
import type { RouteRun } from "../store/runs.ts";
import { parseJsonBody } from "./json-body.ts";
import { problemOf } from "./problem-of.ts";
import { parseQuery } from "./query.ts";
import { type RollbacksApi, type RunOfRoute, shownRun } from "./rollback-preview.ts";

const text = v.pipe(nonEmptyText, v.maxLength(300));
const place = { route: text, from: text, to: text } as const;
/** Characters of an idempotency key. */
const MAX_KEY_LENGTH = 200;
export const promotionQuery = v.strictObject({
  ...place,
  key: v.optional(v.pipe(nonEmptyText, v.maxLength(MAX_KEY_LENGTH))),
});
export const PROMOTION_QUERY = {
  route: "the name of a route",
  from: "the environment to promote from",
  to: "the environment to promote to",
  key: "an idempotency key of at most 200 characters, to get what was placed with it",
} as const;
export const promotionBody = v.strictObject({ ...place, run: text, reason: v.optional(text) });

/** What a promotion would do now. */
export interface PromotionPreview {
  readonly route: string;
  readonly from: string;
  readonly to: string;
  /** The last good run in `from`. It is what would be promoted, unless there is a `problem`. */
  readonly run?: PromotableRun;
  /** The newest run in `to`, and the newest one that succeeded there if that is another one. */
  readonly newest?: PromotableRun;
  readonly good?: PromotableRun;
  /** A sentence on how far `to` is behind `from`. */
  readonly behind?: string;
  /** The number of commits; absent if it does not follow from the recorded pushes. */
  readonly commits?: number;
  /** Who has to approve the run; absent if nobody has to. */
  readonly approval?: NeededApproval;
  /** What the caller promoted with the key before. The answer has no more then: with this key nothing else is fired. */
  readonly placed?: Omit<Replayed, "status">;
  /** Why it would be refused. */
  readonly problem?: { readonly reason: string; readonly title: string };
}

interface PromotableRun extends Omit<RunOfRoute, "problem" | "approval"> {
  /** The digest of the image that it reported. */
  readonly digest?: string;
}

/** `GET /v1/promotions`: what a promotion would fire. Records nothing. */
export async function previewPromotion(request: ReceivedRequest, api: RollbacksApi): Promise<Result<PromotionPreview>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const query = parseQuery(request, promotionQuery, PROMOTION_QUERY);
  if (!query.ok) return reject(query.rejection, by);
  const { key: given, ...wanted } = query.value;
  const keyOf = (run: string) => promotionKey(wanted, run, by, given ?? "");
  const placed = given === undefined ? undefined : await placedBefore({ place: wanted, by, keyOf }, api);
  if (placed !== undefined) return ok({ ...wanted, placed });
  const state = await promotionState({ place: wanted, by }, api);
  if (!state.ok) return reject(state.rejection, by);
  const { promotable, newest, good } = state.value;
  const lag = await lagBetween(wanted, api);
  const problem = state.value.problem ?? (promotable && (await rejectUnmatched(wanted.route, promotable.run, api)));
  const about = (promotable?.delivery.events ?? []).map((one) => factsOf({ ...one, promotion: { to: wanted.to } }));
  const approval = neededApproval(wanted.route, about, api);
  const shown = (run: RouteRun | undefined) => run && shownPromotable(run, wanted.route, by, api);
  const run = await shown(promotable?.run);
  const there = await shown(newest);
  const goodThere = good === newest ? undefined : await shown(good);
  return ok({
    ...wanted,
    ...(run && { run }),
    ...(there && { newest: there }),
    ...(goodThere && { good: goodThere }),
    ...(lag && { behind: lag.text, ...(lag.commits !== undefined && { commits: lag.commits }) }),
    ...(approval && { approval }),
    ...(problem && { problem: { reason: problem.reason, title: problemOf(problem).title } }),
  });
}

async function shownPromotable(run: RouteRun, route: string, by: Principal, api: RollbacksApi): Promise<PromotableRun> {
  const pattern = (await api.patterns()).find(({ name }) => name === route)?.pattern;
  const { problem: _, ...shown } = await shownRun(run, { by, pattern }, api);
  const digest = run.end?.digest;
  return { ...shown, ...(digest !== undefined && { digest }) };
}

/** A promotion that no pattern matches would be recorded and run nothing. */
async function rejectUnmatched(
  route: string,
  { delivery }: Pick<RouteRun, "delivery">,
  { deliveries, patterns }: Pick<RollbacksApi, "deliveries" | "patterns">,
): Promise<Rejection | undefined> {
  const of = await deliveries.get(delivery);
  const pattern = (await patterns()).find(({ name }) => name === route)?.pattern;
  if (of === undefined || (pattern && busEventsOf(of).some((one) => matches(pattern, one)))) return undefined;
  return { reason: "promotion_impossible", problem: "The route does not match the event of the run any more" };
}

/**
 * `POST /v1/promotions`: fires a route for its last good run in one environment again, for the next. `run` is the delivery
 * of that run, as the preview names it, so nobody promotes what they did not see.
 */
export async function promoteRun(request: ReceivedRequest, api: RollbacksApi): Promise<Result<Replayed>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const body = parseJsonBody(request.body, promotionBody);
  if (!body.ok) return reject(body.rejection, by);
  const given = request.headers.get("idempotency-key") ?? "";
  if (given === "" || given.length > MAX_KEY_LENGTH) return reject({ reason: "idempotency_key_missing" }, by);
  const { run, reason, ...wanted } = body.value;
  const { requestId, traceparent } = request;
  const key = promotionKey(wanted, run, by, given);
  const isUnmatched = () => rejectUnmatched(wanted.route, { delivery: run }, api);
  const promoted = await promote({ place: wanted, run, by, key, reason, requestId, traceparent, isUnmatched }, api);
  return promoted.ok ? promoted : reject(promoted.rejection, by);
}

const promotionKey = (
  { route, from, to }: PromotionPlace,
  run: string,
  by: Principal,
  given: string,
): readonly string[] => [route, from, to, run, principalIdOf(by), given];
