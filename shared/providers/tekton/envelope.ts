import { readJsonObject } from "../../host/strict-json.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";

/**
 * The envelope of one CloudEvent. `data` is parsed only on demand: the events of an EventListener contain the headers
 * of the request that it received, including credentials, and must not be read.
 */
export interface Envelope {
  readonly type: string;
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
  const type = headers.get("ce-type");
  if (type === null) return { problem: "not a CloudEvent: there is no Ce-Type header" };
  return { type, deliveryKey: keyOf(headers.get("ce-id"), bodyDigest), data: () => jsonOf(body) };
}

function structured(body: Uint8Array, bodyDigest: string): Envelope | { readonly problem: string } {
  const json = readJsonObject(body);
  if (!json.ok) return { problem: json.problem };
  const { type, id, data } = json.value;
  if (typeof type !== "string") return { problem: "not a CloudEvent: the body has no `type`" };
  return { type, deliveryKey: keyOf(id, bodyDigest), data: () => ({ value: data }) };
}

function jsonOf(body: Uint8Array): Data {
  const json = readJsonObject(body);
  return json.ok ? { value: json.value } : { problem: json.problem };
}

const keyOf = (id: unknown, bodyDigest: string): readonly string[] => [typeof id === "string" ? id : "", bodyDigest];

const STRUCTURED = /^application\/cloudevents\+json\s*(;|$)/i;
