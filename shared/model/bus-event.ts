import type { TraceParent } from "../host/trace.ts";
import type { BridgeEvent } from "./event.ts";
import { eventKeyOf } from "./idempotency-keys.ts";
import { type NamedPrincipal, namedPrincipal, OWN_ISSUERS } from "./principal.ts";
import type { Promotion, RecordedDelivery, RecordedReplay, Replay } from "./recorded-delivery.ts";

/** A published event in the envelope that EventBridge patterns match. */
export interface BusEvent {
  /** `drawbridge.<provider>`. */
  readonly source: string;
  readonly "detail-type": BridgeEvent["type"];
  readonly time: string;
  readonly detail: EventDetail;
}

/** CloudEvents attributes, the fields that the bridge adds, and the part that belongs to the event type. */
export type EventDetail = DistributiveOmit<BridgeEvent, "keyParts"> & {
  /** The id of the delivery; `.2`, `.3` and so on follow it for its second and later events. */
  readonly id: string;
  /** `/sources/<name>`. */
  readonly source: string;
  readonly delivery: string;
  readonly eventKey: string;
  /**
   * CloudEvents distributed tracing extension; undefined if the request was not traced.
   * https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md
   */
  readonly traceparent?: TraceParent;
  /** Present if this event replays an earlier delivery: only the routes that it names act on it. */
  readonly replay?: Omit<Replay, "promotion">;
  /**
   * Present on a promotion and on each replay of one. A route with `environments` also gets it for any other event, when it
   * fires: with its first environment as `to`.
   */
  readonly promotion?: Promotion;
  /** A replay has the person who asked for it. */
  readonly principal: EventPrincipal;
};

/** Who was proved to have sent a delivery. */
interface EventPrincipal extends NamedPrincipal {
  readonly roles: readonly string[];
  /**
   * Shadow mode accepted the delivery: the sender was not proved, or is not allowed to send it. Its `id` begins with
   * `unproved:`.
   */
  readonly unproved?: true;
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/**
 * The sources of what the bridge itself records: calls of its API, callbacks of CI jobs, steps of approvals, texts of
 * machines, pages that fell behind their code, orders, and what routes hold back. No configured source has one of these
 * names.
 */
export const OWN_SOURCES: readonly string[] = ["api", "status", "approvals", "summaries", "pages", "orders", "flow"];

/** The bridge's own source, for events about approvals. */
export const APPROVALS_SOURCE = "approvals";

/** The bridge's own source, for events about what routes hold back. */
export const FLOW_SOURCE = "flow";

const BUS_SOURCE = "drawbridge.";
const SOURCE_URI = "/sources/";

/** The `source` of events from senders of a provider. */
export const busSourceOf = (provider: string): string => `${BUS_SOURCE}${provider}`;
/** The provider of the sender that reported the event. */
export const providerOf = ({ source }: Pick<BusEvent, "source">): string => source.slice(BUS_SOURCE.length);
/** The `detail.source` of events from a configured source. */
export const sourceUriOf = (name: string): string => `${SOURCE_URI}${name}`;
/** The name of the configured source that reported the event. */
export const sourceNameOf = ({ detail }: { readonly detail: Pick<BusEvent["detail"], "source"> }): string =>
  detail.source.slice(SOURCE_URI.length);

/** Whether the route may act on the event. A replay is only for the routes that it names. */
export const isMeantFor = (
  route: string,
  { replay }: { readonly replay?: Pick<Replay, "routes"> | undefined },
): boolean => replay === undefined || replay.routes.includes(route);

/** The event with the key of one of its occurrences. */
export const withEventKey = (busEvent: BusEvent, eventKey: string): BusEvent => ({
  ...busEvent,
  detail: { ...busEvent.detail, eventKey },
});

/**
 * Returns the bus events of a recorded delivery, in the order of its events; none if the delivery has no event. Equal on
 * one machine and in AWS.
 */
export const busEventsOf = (delivery: RecordedDelivery): readonly BusEvent[] =>
  (delivery.events ?? []).map((event, at) => busEventOf(delivery, event, at));

function busEventOf(delivery: RecordedDelivery, { keyParts, ...event }: BridgeEvent, at: number): BusEvent {
  const { traceparent, replay } = delivery;
  return {
    source: busSourceOf(delivery.provider),
    "detail-type": event.type,
    time: event.time,
    detail: {
      ...event,
      id: at === 0 ? delivery.id : `${delivery.id}.${at + 1}`,
      source: sourceUriOf(delivery.source),
      delivery: delivery.id,
      eventKey: eventKeyOf(delivery.source, event.type, keyParts),
      ...(traceparent && { traceparent }),
      ...(replay && { replay: publishedReplay(replay) }),
      ...(replay?.promotion && { promotion: replay.promotion }),
      principal: principalOf(delivery),
    },
  };
}

const publishedReplay = ({
  reason: _reason,
  order: _order,
  promotion: _promotion,
  ...replay
}: RecordedReplay): Omit<Replay, "promotion"> => replay;

function principalOf({ principal, refusal }: RecordedDelivery): EventPrincipal {
  const { roles } = principal;
  const named = namedPrincipal(principal);
  if (refusal === undefined) return { ...named, roles };
  const id = principal.issuer === OWN_ISSUERS.unproved ? named.id : `unproved:${named.id}`;
  return { ...named, id, roles, unproved: true };
}
