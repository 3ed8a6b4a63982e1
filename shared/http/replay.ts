import * as v from "valibot";
import { type ReplayDeps, type Replayed, replay } from "../delivery/replay.ts";
import { type RollbackDeps, rollBack } from "../delivery/rollback.ts";
import type { EpochMillis } from "../host/clock.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { parseJsonBody } from "./json-body.ts";

export interface ReplayApi extends CallerDeps, ReplayDeps, Pick<RollbackDeps, "runs" | "runReporters"> {
  readonly deliveries: ReplayDeps["deliveries"] & Pick<DeliveryStore, "timeline">;
  readonly policy: Pick<Policy, "rejectCall" | "rejectRoute">;
}

const text = v.pipe(nonEmptyText, v.maxLength(300));
const replayBody = v.strictObject({ route: v.optional(text) });
const rollbackBody = v.strictObject({ route: text, environment: v.optional(text), to: v.optional(text) });

/** `POST /v1/deliveries/{id}/replay`: runs a delivery again, for all routes that it matched or for one of them. */
export async function replayDelivery(request: ReceivedRequest, id: string, api: ReplayApi): Promise<Result<Replayed>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const body = parseJsonBody(request.body, replayBody);
  if (!body.ok) return reject(body.rejection, by);
  const of = await api.deliveries.get(id);
  if (of === undefined) return reject({ reason: "delivery_unknown" }, by);
  const scheduled = (await api.deliveries.timeline(id)).flatMap((timelineEvent) =>
    timelineEvent.kind === "scheduled" || timelineEvent.kind === "already_scheduled" ? [timelineEvent.route] : [],
  );
  const matched = [...new Set(scheduled)];
  const { route } = body.value;
  const routes = route === undefined ? matched : matched.filter((one) => one === route);
  for (const one of routes) {
    const forbidden = api.policy.rejectRoute(by, "replay", one);
    if (forbidden) return reject(forbidden, by);
  }
  const allowed = matched.filter((one) => !api.policy.rejectRoute(by, "replay", one));
  const problem = problemWith(of, routes, allowed);
  if (problem !== undefined) return reject({ reason: "replay_impossible", problem }, by);
  const key = ["delivery", id, ...routes, by.issuer, by.subject, idempotencyKey(request)];
  const { requestId, traceparent } = request;
  return ok(await replay({ of, routes, by, isRollback: false, key, requestId, traceparent }, api));
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
  const key = ["rollback", route, environment ?? "", by.issuer, by.subject, idempotencyKey(request)];
  const { requestId, traceparent } = request;
  const result = await rollBack({ place, to, by, key, requestId, traceparent }, api);
  return result.ok ? result : reject(result.rejection, by);
}

/**
 * The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header), cut to 200 characters. Without it, equal
 * requests of a caller within one second count as one.
 */
export const idempotencyKey = ({ headers, receivedAt }: ReceivedRequest): string =>
  headers.get("idempotency-key")?.slice(0, MAX_KEY_LENGTH) ?? secondOf(receivedAt);

const MAX_KEY_LENGTH = 200;
const secondOf = (time: EpochMillis): string => `at ${Math.floor(time / 1_000)}`;
