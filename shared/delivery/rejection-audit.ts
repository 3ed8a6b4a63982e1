import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { deliveryIdOf, sha256Hex } from "../model/idempotency-keys.ts";
import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import type { DeliveryStore } from "../store/deliveries.ts";

/** A request that was refused although its token's signature was good. */
export interface AuditedRejection {
  /** The source it was sent to; `api` for the bridge's own interface. */
  readonly source: string;
  readonly provider: string;
  readonly rejection: Rejection;
  readonly by: Principal;
  readonly request: ReceivedRequest;
}

export interface RejectionAuditDeps {
  readonly deliveries: Pick<DeliveryStore, "record">;
  readonly log: Log;
}

/** One record stands for all alike of this time: a caller that keeps trying costs no more. */
const WINDOW_MS = 600_000;
/** Ids held in memory, so that a repeat does not even cost a lost condition. */
const MAX_REMEMBERED = 10_000;

/**
 * Records refusals of known callers, so that a puzzling 403 can be explained afterwards. Only these: whoever has no good
 * token, or one that a shared issuer made for somebody else, can make the bridge log, and never write.
 */
export class RejectionAudit {
  readonly #deps: RejectionAuditDeps;
  readonly #recorded = new Set<string>();

  constructor(deps: RejectionAuditDeps) {
    this.#deps = deps;
  }

  /** Never throws: the refusal stands whether it can be recorded or not, and its log line is written besides. */
  async record({ source, provider, rejection, by, request }: AuditedRejection): Promise<void> {
    const { body, receivedAt, requestId, traceparent } = request;
    const window = String(Math.floor(receivedAt / WINDOW_MS));
    const id = deliveryIdOf(source, ["refused", by.trustEntry ?? "", by.subject, ...kindOfRefusal(rejection), window]);
    if (this.#recorded.has(id)) return;
    if (this.#recorded.size >= MAX_REMEMBERED) this.#recorded.clear();
    this.#recorded.add(id);
    try {
      await this.#deps.deliveries.record({
        ...{ id, source, provider, principal: by, receivedAt, requestId, refusal: rejection },
        ...(traceparent && { traceparent }),
        outcome: "refused",
        what: rejection.reason,
        bodyDigest: sha256Hex(body),
        bodyBytes: body.length,
      });
    } catch (error) {
      this.#recorded.delete(id);
      this.#deps.log.error({ request: requestId, source, error: kindOf(error) }, "a refusal could not be recorded");
    }
  }
}

/**
 * What makes two refusals alike: the reason, and the claim or role that it names. Both are names of the configuration or the
 * standards; the other facts follow the clock, or what the caller wrote, and differ from request to request.
 */
function kindOfRefusal(rejection: Rejection): readonly string[] {
  const claim = "claim" in rejection ? rejection.claim : "";
  const role = "role" in rejection ? rejection.role : "";
  return [rejection.reason, claim, role];
}
