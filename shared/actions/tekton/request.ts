import { encodePayload, hazardIn, inert } from "../../host/inert.ts";
import type { ActionContext } from "../../model/action-outcome.ts";
import { type BusEvent, providerOf } from "../../model/bus-event.ts";
import { fill } from "../../routes/fill.ts";

/** The values of one request, as the event and the route have them. */
interface RequestValues {
  readonly delivery: {
    readonly id: string;
    /** The event key: letters, digits and a dash, so that it can be part of a Kubernetes name. */
    readonly key: string;
    /** The provider, e.g. `confluence`. */
    readonly source: string;
    /** The event's type, e.g. `page.updated`. */
    readonly event: string;
    readonly attempt: string;
    /** The commit or version that people approved; empty if the run needed no approval or nothing immutable is known. */
    readonly approvedRef: string;
  };
  readonly params: Readonly<Record<string, string>>;
  readonly actor: { readonly id: string };
}

/**
 * The body that the bridge posts to an EventListener. Every leaf is a string, because a binding accepts nothing else, and
 * each is exactly the value or empty: an unsafe value is only in `payload`.
 */
export interface TriggerRequest extends RequestValues {
  readonly delivery: RequestValues["delivery"] & {
    /** Proves to the bridge that it asked for the run with this delivery and key; empty if the target has no key for it. */
    readonly proof: string;
  };
  /** All values, safe or not, as base64url of JSON with the members `delivery`, `params` and `actor`. */
  readonly payload: string;
}

type RequestContext = Pick<ActionContext, "busEvent" | "attempt" | "approvedRef"> & {
  readonly proof?: string | undefined;
};

/**
 * Returns the request for one event. A param whose value the event does not have is an empty string, because a missing
 * key makes the trigger fail.
 */
export function triggerRequest(context: RequestContext, params: Readonly<Record<string, string>>): TriggerRequest {
  const { delivery, params: filled, actor } = valuesOf(context, params);
  return {
    delivery: { ...delivery, approvedRef: inert(delivery.approvedRef), proof: context.proof ?? "" },
    params: Object.fromEntries(Object.entries(filled).map(([name, value]) => [name, inert(value)])),
    actor: { id: inert(actor.id) },
    payload: encodePayload({ delivery, params: filled, actor }),
  };
}

function valuesOf(
  { busEvent, attempt, approvedRef = "" }: RequestContext,
  params: Readonly<Record<string, string>>,
): RequestValues {
  const { detail } = busEvent;
  return {
    delivery: {
      id: detail.delivery,
      key: detail.eventKey,
      source: providerOf(busEvent),
      event: detail.type,
      attempt: String(attempt),
      approvedRef,
    },
    params: filledParams(busEvent, params),
    actor: { id: detail.actor?.id ?? "" },
  };
}

/** The route's parameters with the values of the event. */
export const filledParams = (
  busEvent: BusEvent,
  params: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(params).map(([name, template]) => [name, fill(busEvent, template)]));

/** A sentence for the timeline on the values that are unsafe and therefore only in the payload; undefined if none is. */
export function emptiedIn(context: RequestContext, params: Readonly<Record<string, string>>): string | undefined {
  const { params: filled, actor } = valuesOf(context, params);
  const named = [
    ...Object.entries(filled).map(([name, value]) => [`param ${name}`, value] as const),
    ["actor.id", actor.id] as const,
  ];
  const emptied = named.flatMap(([name, value]) => {
    const hazard = hazardIn(value);
    return hazard === undefined ? [] : [`${name} was left empty: ${hazard}`];
  });
  if (emptied.length === 0) return undefined;
  return `${emptied.join("; ")}; the ${emptied.length === 1 ? "value travels" : "values travel"} in drawbridge-payload`;
}

/**
 * Why a request must not be sent, whatever the listener is; undefined if it may. Kubernetes stores a run of at most 1.5 MB,
 * and each of its CloudEvents has the params again. A run that needs an approval starts only for the reference that was
 * approved, which a template cannot compare with an empty one.
 */
export function problemWith(
  request: TriggerRequest,
  { approvedRef = "" }: Pick<RequestContext, "approvedRef">,
): string | undefined {
  const hazard = hazardIn(approvedRef);
  if (hazard !== undefined) return `the approved reference cannot be passed to a run: ${hazard}`;
  const { delivery, params, actor, payload } = request;
  const values = [...Object.values(delivery), ...Object.values(params), actor.id, payload];
  const bytes = values.reduce((sum, value) => sum + Buffer.byteLength(value), 0);
  if (bytes <= MAX_VALUE_BYTES) return undefined;
  return `the values for the run have ${bytes} bytes with drawbridge-payload, more than ${MAX_VALUE_BYTES}: pass less of the event`;
}

/** All values of one request together, in UTF-8. */
const MAX_VALUE_BYTES = 32_768;

/** `<listener>/<provider>/<event type>`, so that a proxy's log and a CEL filter need not read the body. */
export function triggerUrl(listener: string, busEvent: BusEvent): URL {
  return new URL(`${listener.replace(/\/+$/, "")}/${providerOf(busEvent)}/${busEvent.detail.type}`);
}
