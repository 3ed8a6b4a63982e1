import type { AuditLog } from "../delivery/audit-log.ts";
import { toIso } from "../host/clock.ts";
import { secretIn } from "../host/secret-in-text.ts";
import { redactText } from "../host/url-credentials.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import { factsOfDelivery } from "../model/event-facts.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { mayRead } from "./deliveries.ts";
import { redactedBody } from "./redact-body.ts";

/** The request of a delivery as it arrived, without credentials. */
export interface ShownRequest {
  readonly delivery: string;
  readonly receivedAt: string;
  /** Absent if none were recorded. Without a value: it had a credential, and was not kept. */
  readonly headers?: readonly { readonly name: string; readonly value?: string }[];
  /**
   * `none`: the record has none, as an order or an audit record, or it was not kept, because it was too large or may have
   * somebody's credentials.
   */
  readonly bodyKind: "json" | "text" | "bytes" | "none";
  /** Absent for bytes that are no text. */
  readonly body?: string;
  /** The body goes on: only its beginning is shown. */
  readonly isCut?: true;
  /** Values of the body that were removed. */
  readonly removed: number;
  /** Of the body as it arrived. */
  readonly bodyBytes: number;
  readonly bodyDigest: string;
  /** The delivery that this one repeats, which has the request. */
  readonly replayOf?: string;
}

/** UTF-16 code units of a body in a response: a function in AWS can answer at most 6 MB. */
const MAX_SHOWN = 1_000_000;

export interface DeliveryRequestApi extends CallerDeps {
  readonly deliveries: Pick<DeliveryStore, "get">;
  readonly auditLog: Pick<AuditLog, "record">;
}

/**
 * `GET /v1/deliveries/{id}/request`: its headers and body. Each look is recorded before it is answered, so nobody sees a
 * body while nothing can be recorded. Throws `store_unavailable`.
 */
export async function getDeliveryRequest(
  request: ReceivedRequest,
  id: string,
  api: DeliveryRequestApi,
): Promise<Result<ShownRequest>> {
  const caller = await callerOf(request, "payloads", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const delivery = await api.deliveries.get(id);
  if (delivery === undefined || !mayRead(by, delivery, api.policy)) return reject({ reason: "delivery_unknown" });
  const rejection = api.policy.rejectCall(by, "payloads", factsOfDelivery(delivery));
  if (rejection !== undefined) return reject(rejection, by);
  await api.auditLog.record({ act: "payload_opened", object: id, by, request });
  return ok(shownRequest(delivery));
}

function shownRequest({
  id,
  receivedAt,
  headers,
  body,
  bodyBytes,
  bodyDigest,
  replay,
}: RecordedDelivery): ShownRequest {
  const { kind, text, removed } = body === undefined ? { kind: "none" as const, removed: 0 } : redactedBody(body);
  return {
    delivery: id,
    receivedAt: toIso(receivedAt),
    ...(headers && { headers: Object.entries(headers).map(shownHeader) }),
    bodyKind: kind,
    ...(text !== undefined && { body: text.slice(0, MAX_SHOWN) }),
    ...(text !== undefined && text.length > MAX_SHOWN && { isCut: true }),
    removed,
    bodyBytes,
    bodyDigest,
    ...(replay && { replayOf: replay.of }),
  };
}

function shownHeader([name, value]: readonly [string, string | null]): {
  readonly name: string;
  readonly value?: string;
} {
  return value === null || secretIn(value) !== undefined ? { name } : { name, value: redactText(value) };
}
