import { readJsonObject } from "../../host/strict-json.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";

/**
 * The envelope of one CloudEvent. `data` is read only when asked for: the events of an EventListener hold the headers of
 * the request that it got, credentials among them, and those are never looked at.
 */
export interface Envelope {
  readonly type: string;
  /** Covered by no signature in binary mode, so the body's digest always stands beside it. */
  readonly deliveryKey: readonly string[];
  readonly data: () => Data;
}

type Data = { readonly value: unknown } | { readonly problem: string };

/**
 * Takes both modes: attributes in `Ce-*` headers, as Tekton sends them, and the whole event in the body, as a broker on the
 * way may make of it (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md).
 */
export function envelopeOf(delivery: AuthenticDelivery): Envelope | { readonly problem: string } {
  const { headers, body, bodyDigest } = delivery;
  if (STRUCTURED.test(headers.get("content-type") ?? "")) return structured(body, bodyDigest);
  const type = headers.get("ce-type");
  if (type === null) return { problem: "no CloudEvent: there is no Ce-Type header" };
  return { type, deliveryKey: keyOf(headers.get("ce-id"), bodyDigest), data: () => jsonOf(body) };
}

function structured(body: Uint8Array, bodyDigest: string): Envelope | { readonly problem: string } {
  const json = readJsonObject(body);
  if (!json.ok) return { problem: json.problem };
  const { type, id, data } = json.value;
  if (typeof type !== "string") return { problem: "no CloudEvent: the body has no `type`" };
  return { type, deliveryKey: keyOf(id, bodyDigest), data: () => ({ value: data }) };
}

function jsonOf(body: Uint8Array): Data {
  const json = readJsonObject(body);
  return json.ok ? { value: json.value } : { problem: json.problem };
}

const keyOf = (id: unknown, bodyDigest: string): readonly string[] => [typeof id === "string" ? id : "", bodyDigest];

const STRUCTURED = /^application\/cloudevents\+json\s*(;|$)/i;
