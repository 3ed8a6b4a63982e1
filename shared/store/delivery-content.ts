import { deflateSync, inflateRawSync, inflateSync } from "node:zlib";
import { Fault } from "../host/fault.ts";
import type { TraceParent } from "../host/trace.ts";
import type { BridgeEvent } from "../model/event.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { dictionaryFor, dictionaryWith } from "./content-dictionary.ts";
import { number, text } from "./fields.ts";
import type { Item } from "./table.ts";

/**
 * The fields that are compressed together in one attribute, because no query or list uses them. The body repeats most
 * texts of the event, so both together are little larger than one.
 */
export type DeliveryContent = Pick<
  RecordedDelivery,
  | "provider"
  | "requestId"
  | "traceparent"
  | "callerSpan"
  | "headers"
  | "bodyDigest"
  | "bodyBytes"
  | "redacted"
  | "events"
  | "body"
>;

/**
 * Maximum stored content, in compressed bytes. An item in DynamoDB has at most 400 KB; if a body makes the content
 * larger than this limit, the body is dropped, and its digest and the event are stored.
 */
const MAX_CONTENT_BYTES = 300_000;

/**
 * Packs the content as a zlib stream (RFC 1950), which has a checksum and names its dictionary, of: the length of the
 * JSON in bytes and a line feed, all fields except the body as JSON, the body.
 */
export function packContent({ body, ...delivery }: DeliveryContent): Uint8Array {
  // The order of the members is that of the dictionary.
  const { provider, requestId, traceparent, callerSpan, headers, bodyDigest, bodyBytes, redacted } = delivery;
  const { events = [] } = delivery;
  const [event, ...more] = events;
  const json = JSON.stringify({
    provider,
    requestId,
    traceparent,
    callerSpan,
    bodyDigest,
    bodyBytes,
    redacted,
    headers,
    event,
    ...(more.length > 0 && { more }),
  });
  const head = Buffer.from(`${Buffer.byteLength(json)}${body === undefined ? "-" : ""}\n${json}`, "utf8");
  const packed = deflateSync(Buffer.concat([head, body ?? NO_BYTES]), { dictionary: dictionaryFor(provider) });
  return body === undefined || packed.length <= MAX_CONTENT_BYTES ? packed : packContent(delivery);
}

/** Throws `record_unreadable` if the content is not as it was written. */
export function unpackContent(item: Item): DeliveryContent {
  try {
    const { content } = item;
    if (!(content instanceof Uint8Array)) throw new Error("the record has no content");
    if (content[0] !== ZLIB) return unpackFirstFormat(content, item);
    const { json, ...rest } = split(inflateSync(content, { dictionary: dictionaryOf(content) }));
    // Written by `packContent` from the same type, and the checksum is correct.
    const { event, more = [], ...facts } = JSON.parse(json) as PackedFacts;
    return { ...facts, ...(event && { events: [event, ...more] }), ...rest };
  } catch (cause) {
    throw new Fault("record_unreadable", "a record's content cannot be unpacked", { retryable: false, cause });
  }
}

/** The dictionary that the stream names: its checksum follows the two bytes of the header (RFC 1950 section 2.2). */
function dictionaryOf(content: Uint8Array): Buffer {
  const { buffer, byteOffset, byteLength } = content;
  const dictionary = dictionaryWith(new DataView(buffer, byteOffset, byteLength).getUint32(2));
  if (dictionary === undefined) throw new Error("the content names no released dictionary");
  return dictionary;
}

/** A record has had one event, in `event`, since the first release; `more` has the others, if there are any. */
type PackedFacts = Omit<DeliveryContent, "body" | "events"> & {
  readonly event?: BridgeEvent;
  readonly more?: readonly BridgeEvent[];
};

const NO_BYTES = new Uint8Array();

/** First byte of every zlib stream with a window of 32 KB. No raw DEFLATE stream that zlib writes starts with it. */
const ZLIB = 0x78;

/**
 * Unpacks the first format: raw DEFLATE (RFC 1951) of the length of the event's JSON, the JSON, the body. The other
 * fields are attributes of the item.
 */
function unpackFirstFormat(content: Uint8Array, item: Item): DeliveryContent {
  const { json, ...rest } = split(inflateRawSync(content));
  const { traceparent } = item;
  return {
    provider: text(item, "provider"),
    requestId: text(item, "requestId"),
    // Written from the same types.
    ...(traceparent !== undefined && { traceparent: text(item, "traceparent") as TraceParent }),
    bodyDigest: text(item, "bodyDigest"),
    bodyBytes: number(item, "bodyBytes"),
    ...(json !== "" && { events: [JSON.parse(json) as BridgeEvent] as const }),
    ...rest,
  };
}

function split(bytes: Buffer): { readonly json: string; readonly body?: Uint8Array } {
  const line = bytes.indexOf("\n");
  const [, length, bodyless] = /^(\d+)(-?)$/.exec(bytes.toString("latin1", 0, line)) ?? [];
  if (length === undefined) throw new Error("the content has no length");
  const end = line + 1 + Number(length);
  const json = bytes.toString("utf8", line + 1, end);
  return bodyless === "-" ? { json } : { json, body: new Uint8Array(bytes.subarray(end)) };
}
