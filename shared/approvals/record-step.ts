import { auditRecord } from "../delivery/audit-log.ts";
import { type RecordNewDeps, recordNew } from "../delivery/record-new.ts";
import { type EpochMillis, toIso } from "../host/clock.ts";
import type { Decision, Identity, RequestedApproval } from "../model/approval.ts";
import { APPROVALS_SOURCE } from "../model/bus-event.ts";
import { type ApprovalEvent, type ApprovalProgress, cut, type GatePart } from "../model/event.ts";
import { bridgePrincipal, ownRecord } from "../model/own-record.ts";
import type { Principal } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { nameOf } from "./people.ts";

export interface RecordStepDeps extends RecordNewDeps {
  readonly deliveries: Pick<DeliveryStore, "record" | "addToTimeline">;
}

/** One step of an approval. */
export interface Step {
  /** `partly_granted`: further people have to grant. */
  readonly state: GatePart["state"] | "partly_granted";
  /** Nobody has decided for a time: the number of the reminder, from 1 on. The state is `requested`. */
  readonly reminder?: number;
  readonly at: EpochMillis;
  /** Undefined if an expiry or a change took the step. */
  readonly by?: Identity;
  readonly comment?: string | undefined;
  /** Of a step that a change took: what has changed, or who lost a role, as a clause. */
  readonly endedFor?: string | undefined;
  /** When the next window opens, if none is open at this step. */
  readonly opensAt?: EpochMillis | undefined;
  /** A grant needs a reason. */
  readonly needsReason?: boolean | undefined;
  /** After the step, if several people have to grant. */
  readonly progress?: ApprovalProgress | undefined;
  /** As in a decision. */
  readonly verifiedWith?: Decision["verifiedWith"] | undefined;
  readonly emergency?: Decision["emergency"] | undefined;
  readonly rule?: Decision["rule"] | undefined;
  /** The id of the request that caused it. */
  readonly requestId: string;
}

/**
 * Adds a step to the timeline of the delivery that waits, and records it as an event of the bridge's own source, so
 * that the page shows it. An emergency grant is also in the audit log. Idempotent.
 */
export async function recordStep(approval: RequestedApproval, step: Step, deps: RecordStepDeps): Promise<void> {
  await addStep(approval, step, deps);
  await recordEvent(approval, step, deps);
}

/** Adds the step to the timeline only. Idempotent. */
export async function addStep(
  approval: RequestedApproval,
  step: Step,
  deps: Pick<RecordStepDeps, "deliveries">,
): Promise<void> {
  const { id, route, delivery, event } = approval;
  const { state, at, by, comment, endedFor, progress, verifiedWith, emergency, rule, requestId } = step;
  const who = {
    ...(by && { by }),
    ...(endedFor !== undefined && { endedFor }),
    ...(comment !== undefined && { comment }),
    ...(progress && { progress }),
    ...(verifiedWith !== undefined && { verifiedWith }),
    ...(emergency && { emergency }),
    ...(rule && { rule }),
  };
  if (emergency && by) {
    const used = { act: "emergency_granted", object: id, by, request: { receivedAt: at, requestId } } as const;
    await deps.deliveries.record(auditRecord(used, String(at)));
  }
  await deps.deliveries.addToTimeline(delivery, {
    at,
    kind: "approval",
    route,
    ...(event !== undefined && { event }),
    approval: id,
    state,
    ...who,
  });
}

/** Records the step as an event only. Idempotent. */
export async function recordEvent(approval: RequestedApproval, step: Step, deps: RecordNewDeps): Promise<void> {
  const record = recordOf(approval, step);
  await recordNew(record, deps);
}

function recordOf(approval: RequestedApproval, step: Step): RecordedDelivery {
  const event = eventOf(approval, step);
  const { actor: _, ...principal } = step.by ?? BRIDGE;
  return ownRecord({ source: APPROVALS_SOURCE, event, principal, at: step.at, requestId: step.requestId });
}

/** The principal of a step that no person took: an expiry, or a change. */
const BRIDGE: Principal & { readonly actor?: string } = bridgePrincipal(APPROVALS_SOURCE);

function eventOf(
  approval: RequestedApproval,
  { state: step, reminder, at, by, comment, endedFor, progress, needsReason, opensAt, emergency, rule }: Step,
): ApprovalEvent {
  const { id, route, delivery, cause = delivery, causeProof, subject, approvers, requestedAt, until } = approval;
  const name =
    by?.actor !== undefined && by.actor === approval.requester.actor ? approval.shows?.requesterName : undefined;
  const state = step === "partly_granted" ? "requested" : step;
  const type = state === "requested" || state === "granted" ? state : "denied";
  return {
    type: `approval.${reminder === undefined ? type : "reminded"}`,
    keyParts: [
      id,
      state,
      ...(reminder === undefined ? [] : ["reminded", String(reminder)]),
      ...(step === "partly_granted" ? [String(progress?.grantedBy.length)] : []),
      // A run may be granted before, and wait for its window.
      ...(emergency ? ["emergency", toIso(at)] : []),
      ...(rule ? ["rule", rule.id] : []),
    ],
    time: toIso(at),
    subject: `${route} of ${subject}`,
    ...(by?.actor !== undefined && { actor: { id: by.actor, ...(name !== undefined && { name }) } }),
    approval: {
      system: "drawbridge",
      build: id,
      pipeline: route,
      gate: {
        state,
        approvers,
        requestedAt: toIso(requestedAt),
        until: toIso(until),
        ...(opensAt !== undefined && { opensAt: toIso(opensAt) }),
        ...(needsReason && { needsReason }),
        ...(progress && { progress }),
        ...(emergency && { emergency }),
        ...(reminder !== undefined && { reminder }),
        requester: nameOf(approval.requester),
        ...(rule && { rule }),
        ...(by && state !== "requested" && { by: nameOf(by) }),
        ...(comment !== undefined && { comment: cut(comment, 300) }),
        ...(state === "void" && endedFor !== undefined && { endedFor: cut(endedFor, 300) }),
        delivery,
      },
    },
    origin: { delivery: cause, ...(causeProof && { proof: causeProof }) },
  };
}
