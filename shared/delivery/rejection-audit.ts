import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { deliveryIdOf, sha256Hex } from "../model/idempotency-keys.ts";
import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { keptHeaders } from "./kept-headers.ts";

/** A request that was rejected although its token's signature was valid. */
export interface AuditedRejection {
  /** The source that it was sent to; `api` for the bridge's own interface. */
  readonly source: string;
  readonly provider: string;
  readonly rejection: Rejection;
  readonly by: Principal;
  readonly request: ReceivedRequest;
  /** The request would have changed nothing. */
  readonly isRead: boolean;
  /** The configured upstream for which a gateway asked. */
  readonly upstream?: string;
}

export interface RejectionAuditDeps {
  readonly deliveries: Pick<DeliveryStore, "record">;
  readonly log: Log;
}

/** One record stands for all similar rejections in this time, so a caller that keeps trying costs no more writes. */
const WINDOW_MS = 600_000;
/** What the audit calls a refused read. Its subject is the reason. */
const READ_REFUSED = "read_refused";
/** What it calls a request to an upstream that a gateway has to refuse. Its subject is the upstream and the reason. */
export const UPSTREAM_REFUSED = "upstream_refused";
/** Ids held in memory, so that a repeat does not cost a failed conditional write either. */
const MAX_REMEMBERED = 10_000;

/**
 * Records rejections of known callers, so that an unexpected 403 can be explained afterwards. A caller without a valid
 * token, or with one that a shared issuer made for somebody else, only causes a log line, never a write.
 *
 * A refused delivery or order needs a person: something that should have happened did not. A refused read does not, such as
 * that of a mistyped address or of a page that the role does not show: its record is one of the audit.
 */
export class RejectionAudit {
  readonly #deps: RejectionAuditDeps;
  readonly #recorded = new Set<string>();

  constructor(deps: RejectionAuditDeps) {
    this.#deps = deps;
  }

  /** Never throws: the request is rejected and logged whether or not the rejection can be recorded. */
  async record({ source, provider, rejection, by, request, isRead, upstream }: AuditedRejection): Promise<void> {
    const { reason } = rejection;
    const audited =
      upstream === undefined
        ? { what: READ_REFUSED, subject: reason }
        : { what: UPSTREAM_REFUSED, subject: `${upstream} ${reason}` };
    const { body, receivedAt, requestId, traceparent } = request;
    const window = String(Math.floor(receivedAt / WINDOW_MS));
    const id = deliveryIdOf(source, [
      isRead ? audited.what : "refused",
      // Each job of a branch has the same subject.
      ...(upstream === undefined ? [] : [upstream, by.claims?.["job_id"] ?? ""]),
      by.trustEntry ?? "",
      by.subject,
      ...kindOfRejection(rejection),
      window,
    ]);
    if (this.#recorded.has(id)) return;
    if (this.#recorded.size >= MAX_REMEMBERED) this.#recorded.clear();
    this.#recorded.add(id);
    try {
      await this.#deps.deliveries.record({
        id,
        source,
        provider,
        principal: by,
        receivedAt,
        requestId,
        headers: keptHeaders(request.headers),
        refusal: rejection,
        ...(traceparent && { traceparent }),
        ...(isRead ? ({ outcome: "audit", ...audited } as const) : ({ outcome: "refused", what: reason } as const)),
        bodyDigest: sha256Hex(body),
        bodyBytes: body.length,
      });
    } catch (error) {
      this.#recorded.delete(id);
      this.#deps.log.error({ request: requestId, source, error: kindOf(error) }, "a rejection could not be recorded");
    }
  }
}

/**
 * Two rejections are similar if they have the same reason and name the same claim or role. Both are names from the
 * configuration or the standards. The other facts depend on the clock or the caller's text and differ between requests.
 */
function kindOfRejection(rejection: Rejection): readonly string[] {
  const claim = "claim" in rejection ? rejection.claim : "";
  const role = "role" in rejection ? rejection.role : "";
  return [rejection.reason, claim, role];
}
