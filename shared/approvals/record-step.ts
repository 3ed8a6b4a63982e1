import { OWN_SOURCE } from "../delivery/correlate.ts";
import { type EpochMillis, toIso } from "../host/clock.ts";
import type { Identity, RequestedApproval } from "../model/approval.ts";
import { type ApprovalEvent, cut, type GatePart } from "../model/event.ts";
import { deliveryIdOf, sha256Hex } from "../model/idempotency-keys.ts";
import { OWN_ISSUERS, type Principal } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { DeliveryStore } from "../store/deliveries.ts";

export interface RecordStepDeps {
  readonly deliveries: Pick<DeliveryStore, "record" | "addToTimeline">;
  /** Called after each commit of a new record. It nudges the relay on one machine; in AWS the table's stream does. */
  readonly recorded: (delivery: RecordedDelivery) => void;
}

/** One step of an approval. */
export interface Step {
  readonly state: GatePart["state"];
  readonly at: EpochMillis;
  /** Undefined if an expiry or a change took the step. */
  readonly by?: Identity;
  readonly comment?: string | undefined;
  /** The id of the request that caused it. */
  readonly requestId: string;
}

/**
 * Adds a step to the timeline of the delivery that waits, and records it as an event of the bridge's own source, so
 * that the page shows it. Idempotent.
 */
export async function recordStep(approval: RequestedApproval, step: Step, deps: RecordStepDeps): Promise<void> {
  const { id, route, delivery, event } = approval;
  const { state, at, by, comment } = step;
  const who = { ...(by && { by }), ...(comment !== undefined && { comment }) };
  await deps.deliveries.addToTimeline(delivery, {
    at,
    kind: "approval",
    route,
    ...(event !== undefined && { event }),
    approval: id,
    state,
    ...who,
  });
  const record = recordOf(approval, step);
  if ((await deps.deliveries.record(record)) === "recorded") deps.recorded(record);
}

function recordOf(approval: RequestedApproval, step: Step): RecordedDelivery {
  const event = eventOf(approval, step);
  const { actor: _, ...principal } = step.by ?? BRIDGE;
  return {
    id: deliveryIdOf(OWN_SOURCE, event.keyParts),
    source: OWN_SOURCE,
    provider: OWN_SOURCE,
    principal,
    receivedAt: step.at,
    requestId: step.requestId,
    bodyDigest: sha256Hex(new Uint8Array()),
    bodyBytes: 0,
    outcome: "event",
    what: event.type,
    subject: event.subject,
    events: [event],
  };
}

/** The principal of a step that no person took: an expiry, or a change. The bridge itself reports it. */
const BRIDGE: Principal & { readonly actor?: string } = {
  issuer: OWN_ISSUERS.bridge,
  subject: OWN_SOURCE,
  method: "none",
  credential: "none",
  roles: [],
};

function eventOf(approval: RequestedApproval, { state, at, by, comment }: Step): ApprovalEvent {
  const { id, route, delivery, cause = delivery, subject, approvers, requestedAt, until } = approval;
  const type = state === "requested" || state === "granted" ? state : "denied";
  return {
    type: `approval.${type}`,
    keyParts: [id, state],
    time: toIso(at),
    subject: `${route} of ${subject}`,
    ...(by?.actor !== undefined && { actor: { id: by.actor } }),
    approval: {
      system: "drawbridge",
      build: id,
      pipeline: route,
      gate: {
        state,
        approvers,
        requestedAt: toIso(requestedAt),
        until: toIso(until),
        ...(by && state !== "requested" && { by: nameOf(by) }),
        ...(comment !== undefined && { comment: cut(comment, 300) }),
        delivery,
      },
    },
    origin: { delivery: cause },
  };
}

/** An identity as a text for people: the account and its source's subject, or the subject and its issuer. */
export const nameOf = ({ actor, subject, issuer }: Identity): string =>
  actor === undefined ? `${subject} of ${issuer}` : `${actor} of ${subject}`;
