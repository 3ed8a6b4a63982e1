import { keptHeaders } from "../delivery/kept-headers.ts";
import type { BridgeEvent } from "../model/event.ts";
import { sha256Hex } from "../model/idempotency-keys.ts";
import type { Principal } from "../model/principal.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { ReceivedRequest } from "../model/request.ts";

interface OwnDelivery {
  readonly id: string;
  /** The bridge's own source. No configured source can have its name, so no sender's delivery can have this id. */
  readonly source: "orders" | "summaries";
  /** The caller. */
  readonly principal: Principal;
  readonly event: BridgeEvent;
}

/** The record of a call of the bridge's own API that is a delivery. */
export const ownDelivery = (
  { id, source, principal, event }: OwnDelivery,
  { body, headers, receivedAt, requestId, traceparent }: ReceivedRequest,
): RecordedDelivery => ({
  id,
  source,
  provider: source,
  principal,
  receivedAt,
  requestId,
  headers: keptHeaders(headers),
  ...(traceparent && { traceparent }),
  bodyDigest: sha256Hex(body),
  bodyBytes: body.length,
  outcome: "event",
  what: event.type,
  subject: event.subject,
  events: [event],
});
