import { type BusEvent, providerOf } from "../../model/bus-event.ts";
import { fill } from "../../routes/fill.ts";

/** What the bridge posts to an EventListener. Every leaf is a string: a binding can take nothing else. */
interface TriggerRequest {
  readonly delivery: {
    readonly id: string;
    /** The event's key: letters, digits and a dash, so that it can stand in a Kubernetes name. */
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
 * The request for one event. Every param is there, an empty string where the event has no value:
 * a missing key fails the trigger.
 */
export function triggerRequest(
  busEvent: BusEvent,
  attempt: number,
  params: Readonly<Record<string, string>>,
): TriggerRequest {
  const { detail } = busEvent;
  const filled = Object.entries(params).map(([name, template]) => [name, fill(busEvent, template)] as const);
  return {
    delivery: {
      id: detail.delivery,
      key: detail.eventKey,
      source: providerOf(busEvent),
      event: detail.type,
      attempt: String(attempt),
    },
    params: Object.fromEntries(filled),
    actor: { id: detail.actor?.id ?? "" },
    payload: {},
  };
}

/** `<listener>/<provider>/<event type>`: a proxy's log and a CEL filter see what it is without the body. */
export function triggerUrl(listener: string, busEvent: BusEvent): URL {
  return new URL(`${listener.replace(/\/+$/, "")}/${providerOf(busEvent)}/${busEvent.detail.type}`);
}
