import { type EpochMillis, laterBy } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { deliveryIdOf, sha256Hex } from "../model/idempotency-keys.ts";
import type { Principal } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { ReceivedRequest } from "../model/request.ts";
import type { DeliveryStore } from "../store/deliveries.ts";

/** What somebody did that no other record shows, or that must be easy to find. */
export interface AuditedAct {
  readonly act:
    | "delivery_opened"
    | "payload_opened"
    | "thread_opened"
    | "person_searched"
    | "sessions_revoked"
    | "token_exchanged"
    | "emergency_granted"
    | "target_paused"
    | "target_resumed"
    | "replays_ordered"
    | "replays_stopped"
    | "access_requested"
    | "access_granted"
    | "access_denied"
    | "access_ended"
    | "access_used";
  /** The delivery, approval, person, upstream with scopes, target with the reason, bulk replay, or request for a role. */
  readonly object: string;
  readonly by: Principal;
  readonly request: Pick<ReceivedRequest, "receivedAt" | "requestId" | "traceparent">;
}

export interface AuditLogDeps {
  readonly deliveries: Pick<DeliveryStore, "record">;
  readonly log: Log;
}

/** A page that refreshes itself reads the same delivery again and again. */
const WINDOW_MS = 300_000;
/** Reads held in memory. */
const MAX_REMEMBERED = 10_000;

/**
 * Who read what, who ended whose sessions, who granted a run in an emergency, who paused a target, who ran many
 * deliveries again, and who requested, granted and held a role for a time. Its records are stored among the deliveries,
 * with the outcome `audit`.
 */
export class AuditLog {
  readonly #deps: AuditLogDeps;
  /** When each person last read each object; of a role that is used: when that was last recorded. */
  readonly #lastRead = new Map<string, EpochMillis>();

  constructor(deps: AuditLogDeps) {
    this.#deps = deps;
  }

  /**
   * Records that somebody read something, unless the same person read it within the five minutes before. The use of a role
   * is recorded again five minutes after its last record, so that the log has all of the time. Never throws, so that on-call
   * can read while nothing can be written.
   */
  async recordRead(read: AuditedAct): Promise<void> {
    const { act, object, by, request } = read;
    const reader = JSON.stringify([act, object, by.trustEntry, by.issuer, by.subject]);
    const lastRead = this.#lastRead.get(reader);
    const isRepeat = lastRead !== undefined && request.receivedAt < laterBy(lastRead, WINDOW_MS);
    if (isRepeat && act === "access_used") return;
    if (lastRead === undefined && this.#lastRead.size >= MAX_REMEMBERED) this.#lastRead.clear();
    this.#lastRead.set(reader, request.receivedAt);
    if (isRepeat) return;
    try {
      // Another process may have recorded the same read in this window.
      await this.#record(read, String(Math.floor(request.receivedAt / WINDOW_MS)));
    } catch (error) {
      this.#lastRead.delete(reader);
      this.#deps.log.error({ request: request.requestId, error: kindOf(error) }, "a read could not be recorded");
    }
  }

  /** Records an act. Throws `store_unavailable`. */
  async record(act: AuditedAct): Promise<void> {
    await this.#record(act, act.request.requestId);
  }

  async #record(act: AuditedAct, once: string): Promise<void> {
    await this.#deps.deliveries.record(auditRecord(act, once));
  }
}

/** The record of an act. Acts of one person on one object with the same text `once` have one record. */
export function auditRecord({ act, object, by, request }: AuditedAct, once: string): RecordedDelivery {
  const { receivedAt, requestId, traceparent } = request;
  return {
    id: deliveryIdOf("api", ["audit", act, object, by.trustEntry ?? "", by.issuer, by.subject, once]),
    source: "api",
    provider: "api",
    principal: by,
    receivedAt,
    requestId,
    ...(traceparent && { traceparent }),
    outcome: "audit",
    what: act,
    subject: object,
    bodyDigest: sha256Hex(""),
    bodyBytes: 0,
  };
}
