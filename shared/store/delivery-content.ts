import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { BridgeEvent } from "../delivery/event.ts";
import { Fault } from "../host/fault.ts";

/** What is compressed together in one attribute: the body repeats most of the event's texts, so both cost little more than one. */
export interface DeliveryContent {
  readonly event?: BridgeEvent;
  readonly body?: Uint8Array;
}

/**
 * Largest content kept, in compressed bytes. An item may have 400 KB in DynamoDB; a body that would pass this is dropped,
 * and its digest and the event stay.
 */
const MAX_CONTENT_BYTES = 300_000;

/** Raw DEFLATE (RFC 1951) of: length of the event's JSON in bytes and a line feed, the JSON, the body. */
export function packContent(content: DeliveryContent): Uint8Array {
  const event = content.event === undefined ? "" : JSON.stringify(content.event);
  const head = Buffer.from(`${Buffer.byteLength(event)}${content.body === undefined ? "-" : ""}\n${event}`, "utf8");
  if (content.body === undefined) return deflateRawSync(head);
  const packed = deflateRawSync(Buffer.concat([head, content.body]));
  return packed.length <= MAX_CONTENT_BYTES ? packed : packContent({ ...(content.event && { event: content.event }) });
}

export function unpackContent(packed: Uint8Array): DeliveryContent {
  const bytes = inflateRawSync(packed);
  const line = bytes.indexOf("\n");
  const [, length, bodyless] = /^(\d+)(-?)$/.exec(bytes.toString("latin1", 0, line)) ?? [];
  if (length === undefined)
    throw new Fault("record_unreadable", "a record's content has no length", { retryable: false });
  const eventEnd = line + 1 + Number(length);
  // The event was written by `packContent` from the same type.
  const event =
    Number(length) === 0 ? {} : { event: JSON.parse(bytes.toString("utf8", line + 1, eventEnd)) as BridgeEvent };
  return bodyless === "-" ? event : { ...event, body: new Uint8Array(bytes.subarray(eventEnd)) };
}
