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
import { readCall } from "./json-body.ts";

export interface ReplayApi extends CallerDeps, ReplayDeps, Pick<RollbackDeps, "runs" | "runReporters"> {
  readonly deliveries: ReplayDeps["deliveries"] & Pick<DeliveryStore, "timeline">;
  readonly policy: Pick<Policy, "rejectCall" | "rejectRoute">;
}

const text = v.pipe(nonEmptyText, v.maxLength(300));
const replayBody = v.strictObject({ route: v.optional(text) });
const rollbackBody = v.strictObject({ route: text, environment: v.optional(text), to: v.optional(text) });

/** `POST /v1/deliveries/{id}/replay`: runs a delivery again, for all routes that it met or for one of them. */
export async function replayDelivery(request: ReceivedRequest, id: string, api: ReplayApi): Promise<Result<Replayed>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const told = readCall(request.body, replayBody);
  if (!told.ok) return reject(told.rejection, by);
  const of = await api.deliveries.get(id);
  if (of === undefined) return reject({ reason: "delivery_unknown" }, by);
  const met = (await api.deliveries.timeline(id)).flatMap((timelineEvent) =>
    timelineEvent.kind === "scheduled" || timelineEvent.kind === "already_scheduled" ? [timelineEvent.route] : [],
  );
  const { route } = told.value;
  const routes = route === undefined ? met : met.filter((one) => one === route);
  for (const one of routes) {
    const forbidden = api.policy.rejectRoute(by, "replay", one);
    if (forbidden) return reject(forbidden, by);
  }
  const fit = met.filter((one) => !api.policy.rejectRoute(by, "replay", one));
  const problem = problemWith(of, routes, fit);
  if (problem !== undefined) return reject({ reason: "replay_impossible", problem }, by);
  const key = ["delivery", id, ...routes, by.issuer, by.subject, orderKey(request)];
  const { requestId, traceparent } = request;
  return ok(await replay({ of, routes, by, isRollback: false, key, requestId, traceparent }, api));
}

/** `fit`: the routes that it met, as far as the caller may run them again. */
function problemWith(
  { event, refusal }: RecordedDelivery,
  routes: readonly string[],
  fit: readonly string[],
): string | undefined {
  if (event === undefined) return "It is no event";
  // Else whoever may replay would vouch for what nobody proved.
  if (refusal !== undefined) return "Its sender was not proved: shadow mode let it in";
  if (routes.length > 0) return undefined;
  return `It met no such route; you may run it again for: ${[...new Set(fit)].join(", ") || "none"}`;
}

/** `POST /v1/rollbacks`: fires a route again as its last good run was fired. */
export async function rollBackRoute(request: ReceivedRequest, api: ReplayApi): Promise<Result<Replayed>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const told = readCall(request.body, rollbackBody);
  if (!told.ok) return reject(told.rejection, by);
  const { route, environment, to } = told.value;
  const place = { route, ...(environment !== undefined && { environment }) };
  const key = ["rollback", route, environment ?? "", by.issuer, by.subject, orderKey(request)];
  const { requestId, traceparent } = request;
  const result = await rollBack({ place, to, by, key, requestId, traceparent }, api);
  return result.ok ? result : reject(result.rejection, by);
}

/**
 * What a caller repeats in order to be heard once (draft-ietf-httpapi-idempotency-key-header); without it, whatever comes
 * within one second is one order.
 */
const orderKey = ({ headers, receivedAt }: ReceivedRequest): string =>
  headers.get("idempotency-key")?.slice(0, MAX_KEY_LENGTH) ?? secondOf(receivedAt);

const MAX_KEY_LENGTH = 200;
const secondOf = (time: EpochMillis): string => `at ${Math.floor(time / 1_000)}`;
