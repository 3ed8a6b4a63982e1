import * as v from "valibot";
import type { AuditLog } from "../delivery/audit-log.ts";
import { pauseTarget, resumeTarget } from "../delivery/target-gate.ts";
import { type Clock, toIso } from "../host/clock.ts";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import { type NamedPrincipal, namedPrincipal, type Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { TargetState } from "../model/target-state.ts";
import type { TargetStore } from "../store/targets.ts";
import { parseJsonBody } from "./json-body.ts";
import { endedOf, MAX_ENTRIES, type OverviewPartsDeps } from "./overview-parts.ts";
import { type OverviewTarget, type OverviewTargetsDeps, overviewTargets } from "./overview-targets.ts";

export interface TargetsApi
  extends CallerDeps,
    OverviewTargetsDeps,
    Pick<OverviewPartsDeps, "actions" | "attention" | "credentialUses" | "deliveries"> {
  readonly policy: CallerDeps["policy"] & Pick<Policy, "rejectPause">;
  readonly actions: OverviewPartsDeps["actions"];
  readonly targets: Pick<TargetStore, "get" | "list" | "save">;
  readonly auditLog: Pick<AuditLog, "record">;
  readonly clock: Clock;
}

/** What holds the actions of a target, with its times in ISO 8601. */
export interface HeldTarget {
  readonly target: string;
  /** Present if it is no longer configured. */
  readonly removed?: true;
  readonly pause?: { readonly since: string; readonly by: NamedPrincipal; readonly reason: string };
  /** Attempts in a row that failed because of the target. `since`, `retryAt`: while the circuit breaker is open. */
  readonly breaker?: {
    readonly failures: number;
    readonly why: string;
    readonly since?: string;
    readonly retryAt?: string;
  };
}

/** A target as the overview has it, and what holds its actions. */
export interface ListedTarget extends OverviewTarget, Pick<HeldTarget, "pause" | "breaker"> {
  /** What the caller may do with it. */
  readonly may: readonly ("pause" | "resume")[];
}

export interface ListedTargets {
  /** By name. */
  readonly targets: readonly ListedTarget[];
}

export const pauseBody = v.strictObject({ reason: v.pipe(nonEmptyText, v.maxLength(300)) });
export const resumeBody = v.strictObject({});

/** `GET /v1/targets`: every target and how it is, as the overview says, with its pause and its circuit breaker. */
export async function listTargets(request: ReceivedRequest, api: TargetsApi): Promise<Result<ListedTargets>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const { principal } = caller.value;
  // A target is about no event.
  const forbidden = api.policy.rejectCall(principal, "deliveries", []);
  if (forbidden) return reject(forbidden, principal);
  const [stored, uses, ended, retrying] = await Promise.all([
    api.targets.list(),
    api.credentialUses.list(),
    endedOf(api, undefined),
    api.attention.oldest("retrying", MAX_ENTRIES),
  ]);
  const hasMore = ended.shown.hasMore === true;
  const shown = await overviewTargets(api, { stored, uses, givenUp: ended.givenUp, hasMore, retrying });
  const states = new Map(stored.map((state) => [state.target, state]));
  const targets = shown.map((one): ListedTarget => {
    const state = states.get(one.target);
    return {
      ...one,
      ...(state && heldBy(state)),
      may: mayHold(one, principal, api.policy),
    };
  });
  return ok({ targets });
}

/** `POST /v1/targets/{target}/pause`: no more attempts at the target begin until it is resumed. */
export async function pauseOneTarget(
  request: ReceivedRequest,
  target: string,
  api: TargetsApi,
): Promise<Result<HeldTarget>> {
  const order = await parseOrder(request, target, pauseBody, api);
  if (!order.ok) return order;
  const { by, body } = order.value;
  const { reason } = body;
  if (!api.targetNames.includes(target)) return reject(unknownTarget(api.targetNames, by, api), by);
  const before = await api.targets.get(target);
  if (before.pause !== undefined) return ok(heldTarget(before, api));
  // The audit first: nothing is paused without a record of who paused it.
  await api.auditLog.record({ act: "target_paused", object: `${target}: ${reason}`, by, request });
  return ok(heldTarget(await pauseTarget(target, { by: namedPrincipal(by), reason }, api), api));
}

/** `POST /v1/targets/{target}/resume`: ends a pause. If the circuit breaker is open, the next attempt is made at once. */
export async function resumeOneTarget(
  request: ReceivedRequest,
  target: string,
  api: TargetsApi,
): Promise<Result<HeldTarget>> {
  const order = await parseOrder(request, target, resumeBody, api);
  if (!order.ok) return order;
  const { by } = order.value;
  const before = await api.targets.get(target);
  if (before.revision === 0 && !api.targetNames.includes(target)) {
    const held = (await api.targets.list()).filter(({ pause, breaker }) => pause ?? breaker).map((one) => one.target);
    return reject(unknownTarget([...api.targetNames, ...held], by, api), by);
  }
  if (before.pause === undefined && before.breaker?.open === undefined) return ok(heldTarget(before, api));
  await api.auditLog.record({ act: "target_resumed", object: target, by, request });
  return ok(heldTarget(await resumeTarget(target, api), api));
}

/** Names the targets that the caller may pause and resume. */
const unknownTarget = (names: readonly string[], by: Principal, { policy }: Pick<TargetsApi, "policy">): Rejection => ({
  reason: "target_unknown",
  known: [...new Set(names)]
    .filter((name) => policy.rejectPause(by, name) === undefined)
    .sort()
    .join(", "),
});

/** An order of somebody who may pause and resume the target. */
async function parseOrder<Body>(
  request: ReceivedRequest,
  target: string,
  schema: v.GenericSchema<unknown, Body>,
  api: TargetsApi,
): Promise<Result<{ readonly by: Principal; readonly body: Body }>> {
  const caller = await callerOf(request, "of a route", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const forbidden = api.policy.rejectPause(by, target);
  if (forbidden) return reject(forbidden, by);
  const body = parseJsonBody(request.body, schema);
  return body.ok ? ok({ by, body: body.value }) : reject(body.rejection, by);
}

/** What somebody may do with a target that is in this state. */
export function mayHold(
  { target, state }: Pick<OverviewTarget, "target" | "state">,
  by: Principal,
  policy: Pick<Policy, "rejectPause">,
): ListedTarget["may"] {
  if (policy.rejectPause(by, target)) return [];
  return [state === "paused" ? "resume" : "pause"];
}

function heldTarget(state: TargetState, { targetNames }: Pick<TargetsApi, "targetNames">): HeldTarget {
  const { target } = state;
  return { target, ...(!targetNames.includes(target) && { removed: true as const }), ...heldBy(state) };
}

function heldBy({ pause, breaker }: TargetState): Pick<HeldTarget, "pause" | "breaker"> {
  const open = breaker?.open;
  return {
    ...(pause && { pause: { ...pause, since: toIso(pause.since) } }),
    ...(breaker && {
      breaker: {
        failures: breaker.failures,
        why: breaker.why,
        ...(open && { since: toIso(open.since), retryAt: toIso(open.retryAt) }),
      },
    }),
  };
}
