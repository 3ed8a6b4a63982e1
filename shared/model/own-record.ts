import type { EpochMillis } from "../host/clock.ts";
import type { BridgeEvent } from "./event.ts";
import { deliveryIdOf, sha256Hex } from "./idempotency-keys.ts";
import { OWN_ISSUERS, type Principal } from "./principal.ts";
import type { RecordedDelivery } from "./recorded-delivery.ts";

/** An event that the bridge itself reports. */
interface OwnEvent {
  /** The bridge's own source. */
  readonly source: string;
  readonly event: BridgeEvent;
  readonly principal: Principal;
  readonly at: EpochMillis;
  readonly requestId: string;
}

/** The record of an event that the bridge itself reports, without a body. The same event always has the same id. */
export const ownRecord = ({ source, event, principal, at, requestId }: OwnEvent): RecordedDelivery => ({
  id: deliveryIdOf(source, event.keyParts),
  source,
  provider: source,
  principal,
  receivedAt: at,
  requestId,
  bodyDigest: sha256Hex(new Uint8Array()),
  bodyBytes: 0,
  outcome: "event",
  what: event.type,
  subject: event.subject,
  events: [event],
});

/** The principal of what no person and no sender did. `part` of the bridge did it. */
export const bridgePrincipal = (part: string): Principal => ({
  issuer: OWN_ISSUERS.bridge,
  subject: part,
  method: "none",
  credential: "none",
  roles: [],
});
