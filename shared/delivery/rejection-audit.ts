import type { EpochMillis } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { correlationIdsIn } from "../model/correlation-id.ts";
import { deliveryIdOf, sha256Hex } from "../model/idempotency-keys.ts";
import type { Principal } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { RefusalStore } from "../store/refusals.ts";
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
  /** Shadow mode let the request pass nevertheless. */
  readonly isShadow?: boolean;
}

export interface RejectionAuditDeps {
  readonly deliveries: Pick<DeliveryStore, "record">;
  readonly refusals: Pick<RefusalStore, "addRepeat">;
  readonly log: Log;
}

/** One record stands for all similar rejections in this time. */
const WINDOW_MS = 600_000;
/** Ids that are remembered for one record, so that a caller that keeps trying costs a bounded number of writes. */
const MAX_REPEAT_IDS = 60;
/** What the audit calls a refused read. Its subject is the reason. */
const READ_REFUSED = "read_refused";
/** What it calls a request to an upstream that a gateway has to refuse. Its subject is the upstream and the reason. */
const UPSTREAM_REFUSED = "upstream_refused";
/** The same for a request that the upstream's shadow mode let pass. */
export const UPSTREAM_REFUSED_IN_SHADOW = "upstream_refused_in_shadow";
export const UPSTREAM_REFUSALS: readonly string[] = [UPSTREAM_REFUSED, UPSTREAM_REFUSED_IN_SHADOW];
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
  /** The records, each with the ids of requests that it is found by. */
  readonly #recorded = new Map<string, Set<string>>();

  constructor(deps: RejectionAuditDeps) {
    this.#deps = deps;
  }

  /** Never throws: the request is rejected and logged whether or not the rejection can be recorded. */
  async record({
    source,
    provider,
    rejection,
    by,
    request,
    isRead,
    upstream,
    isShadow,
  }: AuditedRejection): Promise<void> {
    const { reason } = rejection;
    const audited =
      upstream === undefined
        ? { what: READ_REFUSED, subject: reason }
        : { what: isShadow ? UPSTREAM_REFUSED_IN_SHADOW : UPSTREAM_REFUSED, subject: `${upstream} ${reason}` };
    const { body, receivedAt, requestId, traceparent } = request;
    const window = String(Math.floor(receivedAt / WINDOW_MS));
    const id = deliveryIdOf(source, [
      isRead ? audited.what : "refused",
      // Each job of a branch has the same subject.
      ...(upstream === undefined ? [] : [upstream, by.claims?.["job_id"] ?? ""]),
      by.trustEntry ?? "",
      by.subject,
      ...kindOfRejection(rejection),
      ...(upstream === undefined ? [] : askedOf(rejection)),
      window,
    ]);
    const headers = keptHeaders(request.headers);
    const ids = [requestId, ...correlationIdsIn(headers)];
    const known = this.#recorded.get(id);
    try {
      if (known !== undefined) return await this.#repeat(id, known, { ids, receivedAt });
      if (this.#recorded.size >= MAX_REMEMBERED) this.#recorded.clear();
      const found = new Set(ids);
      this.#recorded.set(id, found);
      const result = await this.#deps.deliveries.record({
        id,
        source,
        provider,
        principal: by,
        receivedAt,
        requestId,
        headers,
        refusal: rejection,
        ...(traceparent && { traceparent }),
        ...(isRead ? ({ outcome: "audit", ...audited } as const) : ({ outcome: "refused", what: reason } as const)),
        bodyDigest: sha256Hex(body),
        bodyBytes: body.length,
      });
      // Another process has recorded it.
      if (result === "duplicate") await this.#repeat(id, new Set(), { ids, receivedAt });
    } catch (error) {
      if (known === undefined) this.#recorded.delete(id);
      this.#deps.log.error({ request: requestId, source, error: kindOf(error) }, "a rejection could not be recorded");
    }
  }

  /** A caller is given the id of its last request, which has no record of its own. */
  async #repeat(
    delivery: string,
    known: Set<string>,
    { ids, receivedAt: at }: { readonly ids: readonly string[]; readonly receivedAt: EpochMillis },
  ): Promise<void> {
    const added = ids.filter((id) => !known.has(id)).slice(0, Math.max(0, MAX_REPEAT_IDS - known.size));
    for (const id of added) known.add(id);
    await Promise.all(added.map((id) => this.#deps.refusals.addRepeat({ id, delivery, at })));
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

/**
 * What differs between the requests that a gateway asks about: the scope is one of the upstream's `requests`, and a method
 * that is none of the usual ones counts as one. At the token endpoint a scope is the caller's text, so it does not count.
 */
function askedOf(rejection: Rejection): readonly string[] {
  const scope = "scope" in rejection ? rejection.scope : "";
  const method = "method" in rejection ? rejection.method : "";
  return [scope, METHODS.has(method) ? method : ""];
}

/** RFC 9110, section 9, and RFC 5789. */
const METHODS: ReadonlySet<string> = new Set("GET HEAD POST PUT PATCH DELETE OPTIONS CONNECT TRACE".split(" "));
