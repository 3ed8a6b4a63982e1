import { readJsonObject } from "../../host/strict-json.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";

/**
 * The envelope of one CloudEvent. `data` is parsed only on demand: the events of an EventListener contain the headers
 * of the request that it received, including credentials, of which only one header may be read.
 */
export interface Envelope {
  readonly type: string;
  readonly id: string | undefined;
  readonly source: string | undefined;
  readonly time: string | undefined;
  /** The event's id, which no signature covers in binary mode, and therefore the body's digest too. */
  readonly deliveryKey: readonly string[];
  readonly data: () => Data;
}

type Data = { readonly value: unknown } | { readonly problem: string };

/**
 * Accepts both modes: attributes in `Ce-*` headers, as Tekton sends them, and the whole event in the body, as a broker
 * in between may send it
 * (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md).
 */
export function envelopeOf(delivery: AuthenticDelivery): Envelope | { readonly problem: string } {
  const { headers, body, bodyDigest } = delivery;
  if (STRUCTURED.test(headers.get("content-type") ?? "")) return structured(body, bodyDigest);
  const attribute = (name: string): string | undefined => headers.get(`ce-${name}`) ?? undefined;
  const type = attribute("type");
  if (type === undefined) return { problem: "not a CloudEvent: there is no Ce-Type header" };
  return { ...envelopeWith(type, attribute, bodyDigest), data: () => jsonOf(body) };
}

function structured(body: Uint8Array, bodyDigest: string): Envelope | { readonly problem: string } {
  const json = readJsonObject(body);
  if (!json.ok) return { problem: json.problem };
  const attribute = (name: string): string | undefined => {
    const value = json.value[name];
    return typeof value === "string" ? value : undefined;
  };
  const type = attribute("type");
  if (type === undefined) return { problem: "not a CloudEvent: the body has no `type`" };
  return { ...envelopeWith(type, attribute, bodyDigest), data: () => ({ value: json.value["data"] }) };
}

function envelopeWith(type: string, attribute: (name: string) => string | undefined, bodyDigest: string) {
  const id = attribute("id");
  // All events of a listener about one request have one id.
  const deliveryKey = [id ?? "", bodyDigest, ...(isOfListener(type) ? [type] : [])];
  return { type, id, source: attribute("source"), time: attribute("time"), deliveryKey };
}

/** The body of such an event has the headers of the request that the listener received. */
export const isOfListener = (type: string): boolean => type.startsWith("dev.tekton.event.triggers.");

function jsonOf(body: Uint8Array): Data {
  const json = readJsonObject(body);
  return json.ok ? { value: json.value } : { problem: json.problem };
}

const STRUCTURED = /^application\/cloudevents\+json\s*(;|$)/i;
