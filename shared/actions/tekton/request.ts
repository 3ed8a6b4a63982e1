import { type BusEvent, providerOf } from "../../model/bus-event.ts";
import { fill } from "../../routes/fill.ts";

/**
 * The body that the bridge posts to an EventListener. Every leaf is a string, because a binding accepts nothing else.
 */
interface TriggerRequest {
  readonly delivery: {
    readonly id: string;
    /** The event key: letters, digits and a dash, so that it can be part of a Kubernetes name. */
    readonly key: string;
    /** The provider, e.g. `confluence`. */
    readonly source: string;
    /** The event's type, e.g. `page.updated`. */
    readonly event: string;
    readonly attempt: string;
  };
  readonly params: Readonly<Record<string, string>>;
  readonly actor: { readonly id: string };
  readonly payload: Readonly<Record<string, never>>;
}

/**
 * Returns the request for one event. A param whose value the event does not have is an empty string, because a missing
 * key makes the trigger fail.
 */
export function triggerRequest(
  busEvent: BusEvent,
  attempt: number,
  params: Readonly<Record<string, string>>,
): TriggerRequest {
  const { detail } = busEvent;
  return {
    delivery: {
      id: detail.delivery,
      key: detail.eventKey,
      source: providerOf(busEvent),
      event: detail.type,
      attempt: String(attempt),
    },
    params: filledParams(busEvent, params),
    actor: { id: detail.actor?.id ?? "" },
    payload: {},
  };
}

/** The route's parameters with the values of the event. */
export const filledParams = (
  busEvent: BusEvent,
  params: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(params).map(([name, template]) => [name, fill(busEvent, template)]));

/** `<listener>/<provider>/<event type>`, so that a proxy's log and a CEL filter need not read the body. */
export function triggerUrl(listener: string, busEvent: BusEvent): URL {
  return new URL(`${listener.replace(/\/+$/, "")}/${providerOf(busEvent)}/${busEvent.detail.type}`);
}
