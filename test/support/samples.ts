import { epochMillis } from "../../shared/host/clock.ts";
import { type BusEvent, busEventsOf } from "../../shared/model/bus-event.ts";
import type { PageEvent } from "../../shared/model/event.ts";
import { deliveryIdOf, sha256Hex } from "../../shared/model/idempotency-keys.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";

export function samplePageEvent(version = 7): PageEvent {
  return {
    type: "page.updated",
    keyParts: ["https://wiki.example.test", "98310", String(version)],
    time: "2026-11-02T08:59:59.000Z",
    subject: "98310",
    actor: { id: "ff80aa01" },
    page: { site: "https://wiki.example.test", id: "98310", version },
  };
}

/** A recorded delivery of a page edit. Each `n` makes a different one. */
export function sampleDelivery(
  n = 1,
  changes: Partial<RecordedDelivery> = {},
): RecordedDelivery & { events: readonly [PageEvent] } {
  const event = samplePageEvent(n);
  const body = new TextEncoder().encode(JSON.stringify({ event: "page_updated", page: { id: 98310 }, n }));
  return {
    id: deliveryIdOf("wiki", [String(n)]),
    source: "wiki",
    provider: "confluence",
    principal: sourcePrincipal("wiki", "hub-signature", "current"),
    receivedAt: epochMillis(Date.parse("2026-11-02T09:00:00Z") + n),
    requestId: `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`,
    bodyDigest: sha256Hex(body),
    bodyBytes: body.length,
    outcome: "event",
    what: event.type,
    subject: event.subject,
    body,
    ...changes,
    events: [event],
  };
}

/** The first bus event of a delivery. */
export const busEventOf = (delivery: RecordedDelivery): BusEvent | undefined => busEventsOf(delivery)[0];
