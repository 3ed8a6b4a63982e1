import * as v from "valibot";
import { actionIdIn } from "../delivery/delivery-outcomes.ts";
import { type ReplayDeps, type Replayed, replay } from "../delivery/replay.ts";
import { type RollbackDeps, rollBack } from "../delivery/rollback.ts";
import type { EpochMillis } from "../host/clock.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import { busEventsOf } from "../model/bus-event.ts";
import { factsOfDelivery } from "../model/event-facts.ts";
import { boundIdentity } from "../model/idempotency-keys.ts";
import { type Principal, principalIdOf } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { matches } from "../routes/matches.ts";
import type { RoutePattern } from "../routes/route-pattern.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { parseJsonBody } from "./json-body.ts";

export interface ReplayApi extends CallerDeps, ReplayDeps, Pick<RollbackDeps, "runs" | "runReporters"> {
  readonly deliveries: ReplayDeps["deliveries"] & Pick<DeliveryStore, "timeline">;
  readonly policy: Pick<Policy, "rejectCall" | "rejectRoute" | "mayKnow">;
  /** The patterns of the configured routes. */
  readonly patterns: () => Promise<readonly RoutePattern[]>;
}

const text = v.pipe(nonEmptyText, v.maxLength(300));
export const replayBody = v.strictObject({
  route: v.optional(text),
  today: v.optional(v.boolean()),
  reason: v.optional(text),
});
export const rollbackQuery = v.strictObject({ route: text });
export const rollbackBody = v.strictObject({ route: text, environment: v.optional(text), to: v.optional(text) });

/**
 * `POST /v1/deliveries/{id}/replay`: runs a delivery again, for all routes that it matched or for one of them. With `today`
 * also for routes that match only with the configuration of today.
 */
export async function replayDelivery(request: ReceivedRequest, id: string, api: ReplayApi): Promise<Result<Replayed>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const body = parseJsonBody(request.body, replayBody);
  if (!body.ok) return reject(body.rejection, by);
  const known = await knownDelivery(id, by, api);
  if (known === undefined) return reject({ reason: "delivery_unknown" }, by);
  const { of, about, timeline, recorded, firing } = known;
  const { route, today = false, reason } = body.value;
  const matched = today ? [...new Set([...recorded, ...firing])] : recorded;
  const routes = route === undefined ? matched : matched.filter((one) => one === route);
  for (const one of routes) {
    const forbidden = api.policy.rejectRoute(by, "replay", one, about);
    if (forbidden) return reject(forbidden, by);
  }
  const allowed = matched.filter((one) => !api.policy.rejectRoute(by, "replay", one, about));
  const problem = problemWith(of, routes, allowed);
  if (problem !== undefined) return reject({ reason: "replay_impossible", problem }, by);
  // A route that matches no more runs nothing, so its failure still needs a person.
  const answersFor = timeline.flatMap((line) =>
    line.kind === "scheduled" && routes.includes(line.route) && firing.includes(line.route)
      ? (actionIdIn(line, of, timeline) ?? [])
      : [],
  );
  const key = ["delivery", id, ...routes, principalIdOf(by), idempotencyKey(request)];
  const { requestId, traceparent } = request;
  return ok(await replay({ of, routes, by, isRollback: false, reason, answersFor, key, requestId, traceparent }, api));
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

/** A delivery, the routes that acted on it, and those that match it today. Undefined if the caller may not know it. */
async function knownDelivery(id: string, by: Principal, { deliveries, policy, patterns }: ReplayApi) {
  const of = await deliveries.get(id);
  if (of === undefined || !policy.mayKnow(by, factsOfDelivery(of))) return undefined;
  const timeline = await deliveries.timeline(id);
  const scheduled = timeline.flatMap((line) =>
    line.kind === "scheduled" || line.kind === "already_scheduled" ? [line.route] : [],
  );
  const published = of.events === undefined ? [] : busEventsOf(of);
  const firing = (await patterns()).filter(({ pattern }) => published.some((event) => matches(pattern, event)));
  return {
    of,
    about: factsOfDelivery(of),
    timeline,
    recorded: [...new Set(scheduled)],
    firing: firing.map(({ name }) => name),
  };
}

/** `allowed`: the routes that the delivery matched and that the caller may run again. */
function problemWith(
  { events, refusal }: RecordedDelivery,
  routes: readonly string[],
  allowed: readonly string[],
): string | undefined {
  if (events === undefined) return "The delivery is not an event";
  // Otherwise a caller who may replay would vouch for a sender that was not authenticated.
  if (refusal !== undefined) return "The sender was not authenticated: shadow mode let the delivery in";
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
 * Without it, equal requests of a caller within one second count as one.
 */
export function idempotencyKey({ headers, receivedAt }: ReceivedRequest): string {
  const key = headers.get("idempotency-key");
  return key === null ? secondOf(receivedAt) : boundIdentity(key, MAX_KEY_LENGTH);
}

const MAX_KEY_LENGTH = 200;
const secondOf = (time: EpochMillis): string => `at ${Math.floor(time / 1_000)}`;
