import * as v from "valibot";
import type { PromotionDeps } from "../delivery/promotion.ts";
import { type Replayed, replay, replayIdOf } from "../delivery/replay.ts";
import { replayPromotion } from "../delivery/replay-promotion.ts";
import {
  answeredBy,
  keyOfSeen,
  type Replayable,
  type ReplayRouteDeps,
  replayableOf,
  replaySeen,
  seenNow,
  whyNeverReplayed,
} from "../delivery/replay-route.ts";
import { type RollbackDeps, rollBack } from "../delivery/rollback.ts";
import { type EpochMillis, epochMillis } from "../host/clock.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import { isFailed, ROUTE_STATES } from "../model/delivery-state.ts";
import { factsOfDelivery } from "../model/event-facts.ts";
import { boundIdentity, sha256Hex } from "../model/idempotency-keys.ts";
import { type Principal, principalIdOf } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { parseJsonBody } from "./json-body.ts";
import { time } from "./query-time.ts";

export interface ReplayApi extends CallerDeps, ReplayRouteDeps, Pick<RollbackDeps, "runs" | "runReporters"> {
  readonly deliveries: ReplayRouteDeps["deliveries"] & PromotionDeps["deliveries"];
  readonly policy: Pick<Policy, "rejectCall" | "rejectRoute" | "mayKnow">;
}

const text = v.pipe(nonEmptyText, v.maxLength(300));
export const replayBody = v.strictObject({
  route: v.optional(text),
  today: v.optional(v.boolean()),
  reason: v.optional(text),
  expected: v.optional(v.strictObject({ state: v.picklist([...ROUTE_STATES, "unmatched"]), since: v.optional(time) })),
  force: v.optional(v.boolean()),
});
export const rollbackQuery = v.strictObject({ route: text });
export const rollbackBody = v.strictObject({ route: text, environment: v.optional(text), to: v.optional(text) });

/**
 * `POST /v1/deliveries/{id}/replay`: runs a delivery again, for all routes that it matched or for one of them. With `today`
 * also for routes that match only with the configuration of today. With `expected` only if the route is in this state, and
 * once for that state, whoever asks.
 */
export async function replayDelivery(request: ReceivedRequest, id: string, api: ReplayApi): Promise<Result<Replayed>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const body = parseJsonBody(request.body, replayBody);
  if (!body.ok) return reject(body.rejection, by);
  const replayable = await knownDelivery(id, by, api);
  if (replayable === undefined) return reject({ reason: "delivery_unknown" }, by);
  const { of, about, recorded, firing } = replayable;
  const { route, today = false, reason, expected, force: isForced = false } = body.value;
  const matched = today ? [...new Set([...recorded, ...firing])] : recorded;
  const routes = route === undefined ? matched : matched.filter((one) => one === route);
  for (const one of routes) {
    const forbidden = api.policy.rejectRoute(by, "replay", one, about);
    if (forbidden) return reject(forbidden, by);
  }
  const allowed = matched.filter((one) => !api.policy.rejectRoute(by, "replay", one, about));
  const problem = problemWith(of, routes, allowed);
  if (problem !== undefined) return reject({ reason: "replay_impossible", problem }, by);
  const key = ["delivery", id, ...routes, principalIdOf(by), idempotencyKey(request)];
  const { requestId, traceparent } = request;
  const who = { by, reason, requestId, traceparent };
  const [only] = routes;
  if (only === undefined || routes.length > 1) {
    if (expected !== undefined) return reject(routeNeeded, by);
    const answersFor = answeredBy(routes, replayable);
    return ok(await replay({ ...who, of, routes, isRollback: false, answersFor, key }, api));
  }
  const order = replayIdOf(key);
  if (expected !== undefined) {
    if (route === undefined) return reject(routeNeeded, by);
    const since = expected.since === undefined ? undefined : epochMillis(Date.parse(expected.since));
    const seen = { state: expected.state, since };
    const promoted = await replayPromotion({ ...who, of, route, key: keyOfSeen(id, route, seen) }, api);
    if (promoted) return rejectedBy(by, promoted);
    return rejectedBy(by, await replaySeen({ ...who, replayable, route, seen, isForced }, api));
  }
  const earlier = await replayOfOrder(order, replayable, api);
  if (earlier !== undefined) return ok(earlier);
  const promoted = await replayPromotion({ ...who, of, route: only, key }, api);
  if (promoted) return rejectedBy(by, promoted);
  const seen = seenNow(only, replayable);
  // Two people who run the same failure again at once run it once.
  if (isFailed(seen.state) && firing.includes(only))
    return rejectedBy(by, await replaySeen({ ...who, replayable, route: only, seen, isForced: true, order }, api));
  const answersFor = answeredBy(routes, replayable);
  return ok(await replay({ ...who, of, routes, isRollback: false, answersFor, key }, api));
}

const routeNeeded: Rejection = {
  reason: "body_invalid",
  problem: '"expected" is about one route, so "route" is needed',
};

const rejectedBy = <T>(by: Principal, result: Result<T>): Result<T> =>
  result.ok ? result : reject(result.rejection, by);

/** What the same request recorded before, under a key that others share. */
async function replayOfOrder(
  order: string,
  { of, timeline }: Replayable,
  { deliveries }: ReplayApi,
): Promise<Replayed | undefined> {
  for (const line of timeline) {
    if (line.kind !== "replayed") continue;
    const replayed = await deliveries.get(line.delivery);
    if (replayed?.replay?.order === order) return { delivery: line.delivery, replayOf: of.id, status: "duplicate" };
  }
  return undefined;
}

/** What a replay would do now. */
export interface ReplayPreview {
  readonly delivery: string;
  /** Those that the caller may run again. */
  readonly routes: readonly {
    readonly route: string;
    /** It acted on the delivery. */
    readonly recorded: boolean;
    /** It matches the event with the configuration of today. Otherwise a replay would run nothing for it. */
    readonly fires: boolean;
  }[];
  /** Why it cannot be replayed. There are no routes then. */
  readonly problem?: string;
}

/** `GET /v1/deliveries/{id}/replay`: what a replay would do. */
export async function previewReplay(
  request: ReceivedRequest,
  id: string,
  api: ReplayApi,
): Promise<Result<ReplayPreview>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const known = await knownDelivery(id, by, api);
  if (known === undefined) return reject({ reason: "delivery_unknown" }, by);
  const { of, about, recorded, firing } = known;
  const all = [...new Set([...recorded, ...firing])].sort();
  const allowed = all.filter((one) => !api.policy.rejectRoute(by, "replay", one, about));
  const problem = problemWith(of, allowed, allowed);
  if (problem !== undefined) return ok({ delivery: id, routes: [], problem });
  const routes = allowed.map((route) => ({
    route,
    recorded: recorded.includes(route),
    fires: firing.includes(route),
  }));
  return ok({ delivery: id, routes });
}

/** A delivery that may be replayed. Undefined if the caller may not know it. */
async function knownDelivery(id: string, by: Principal, api: ReplayApi): Promise<Replayable | undefined> {
  const of = await api.deliveries.get(id);
  if (of === undefined || !api.policy.mayKnow(by, factsOfDelivery(of))) return undefined;
  return replayableOf(of, api);
}

/** `allowed`: the routes that the delivery matched and that the caller may run again. */
function problemWith(of: RecordedDelivery, routes: readonly string[], allowed: readonly string[]): string | undefined {
  const never = whyNeverReplayed(of);
  if (never !== undefined) return never;
  if (routes.length > 0) return undefined;
  if (allowed.length === 0) return "The delivery matched no route that you may run again";
  return `The delivery matched no such route; you may run it again for: ${allowed.join(", ")}`;
}

/** `POST /v1/rollbacks`: fires a route again with the event of its last successful run. */
export async function rollBackRoute(request: ReceivedRequest, api: ReplayApi): Promise<Result<Replayed>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const body = parseJsonBody(request.body, rollbackBody);
  if (!body.ok) return reject(body.rejection, by);
  const { route, environment, to } = body.value;
  const place = { route, ...(environment !== undefined && { environment }) };
  const key = ["rollback", route, environment ?? "", principalIdOf(by), idempotencyKey(request)];
  const { requestId, traceparent } = request;
  const result = await rollBack({ place, to, by, key, requestId, traceparent }, api);
  return result.ok ? result : reject(result.rejection, by);
}

/**
 * The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header); a long one ends in a digest of the whole.
 * Without it, or if it is empty, equal requests of a caller within one second count as one.
 */
export function idempotencyKey({ headers, receivedAt, body }: ReceivedRequest): string {
  const key = headers.get("idempotency-key") ?? "";
  return key === "" ? `${secondOf(receivedAt)} ${sha256Hex(body)}` : boundIdentity(key, MAX_KEY_LENGTH);
}

const MAX_KEY_LENGTH = 200;
const secondOf = (time: EpochMillis): string => `at ${Math.floor(time / 1_000)}`;
