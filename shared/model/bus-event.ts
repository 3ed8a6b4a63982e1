import type { TraceParent } from "../host/trace.ts";
import type { BridgeEvent } from "./event.ts";
import { eventKeyOf } from "./idempotency-keys.ts";
import type { RecordedDelivery, Replay } from "./recorded-delivery.ts";

/** One published event in the envelope that EventBridge patterns see. */
export interface BusEvent {
  /** `drawbridge.<provider>`. */
  readonly source: string;
  readonly "detail-type": BridgeEvent["type"];
  readonly time: string;
  readonly detail: EventDetail;
}

/** CloudEvents attribute names, what the bridge adds, and the one part that the type promises. */
export type EventDetail = DistributiveOmit<BridgeEvent, "keyParts"> & {
  readonly id: string;
  /** `/sources/<name>`. */
  readonly source: string;
  readonly delivery: string;
  readonly eventKey: string;
  /**
   * CloudEvents distributed tracing extension; absent where the request was not traced.
   * https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md
   */
  readonly traceparent?: TraceParent;
  /** Absent unless somebody has an earlier delivery run again: only these routes then act on it. */
  readonly replay?: Replay;
  readonly principal: {
    readonly issuer: string;
    readonly subject: string;
    readonly roles: readonly string[];
    /** Shadow mode let it in: the sender was not proved, or has no right to this. */
    readonly unproved?: true;
  };
};

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

const BUS_SOURCE = "drawbridge.";
const SOURCE_URI = "/sources/";

/** The `source` of what a provider's senders tell. */
export const busSourceOf = (provider: string): string => `${BUS_SOURCE}${provider}`;
/** The provider whose sender told of it. */
export const providerOf = ({ source }: Pick<BusEvent, "source">): string => source.slice(BUS_SOURCE.length);
/** The `detail.source` of what a configured source tells. */
export const sourceUriOf = (name: string): string => `${SOURCE_URI}${name}`;
/** The configured source that told of it. */
export const sourceNameOf = ({ detail }: { readonly detail: Pick<BusEvent["detail"], "source"> }): string =>
  detail.source.slice(SOURCE_URI.length);

/** A replay is for the routes that it names. */
export const isMeantFor = (
  route: string,
  { replay }: { readonly replay?: Pick<Replay, "routes"> | undefined },
): boolean => replay === undefined || replay.routes.includes(route);

/** What is published of a recorded delivery, if it is an event. The same on one machine and in AWS. */
export function busEventOf(delivery: RecordedDelivery): BusEvent | undefined {
  if (delivery.event === undefined) return undefined;
  const { keyParts, ...event } = delivery.event;
  const { issuer, subject, roles } = delivery.principal;
  const { traceparent, replay } = delivery;
  return {
    source: busSourceOf(delivery.provider),
    "detail-type": event.type,
    time: event.time,
    detail: {
      ...event,
      id: delivery.id,
      source: sourceUriOf(delivery.source),
      delivery: delivery.id,
      eventKey: eventKeyOf(delivery.source, event.type, keyParts),
      ...(traceparent && { traceparent }),
      ...(replay && { replay }),
      principal: { issuer, subject, roles, ...(delivery.refusal && { unproved: true }) },
    },
  };
}
