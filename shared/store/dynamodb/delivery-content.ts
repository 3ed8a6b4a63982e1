import { deflateSync, inflateRawSync, inflateSync } from "node:zlib";
import { Fault } from "../../host/fault.ts";
import type { TraceParent } from "../../host/trace.ts";
import type { BridgeEvent } from "../../model/event.ts";
import type { RecordedDelivery } from "../../model/recorded-delivery.ts";
import { CONTENT_DICTIONARY } from "./content-dictionary.ts";
import { number, text } from "./fields.ts";
import type { Item } from "./item.ts";

/**
 * What is compressed together in one attribute, because nothing is looked up or listed by it: the body repeats most of
 * the event's texts, so both cost little more than one.
 */
export type DeliveryContent = Pick<
  RecordedDelivery,
  "provider" | "requestId" | "traceparent" | "bodyDigest" | "bodyBytes" | "event" | "body"
>;

/**
 * Largest content kept, in compressed bytes. An item may have 400 KB in DynamoDB; a body that would pass this is dropped,
 * and its digest and the event stay.
 */
const MAX_CONTENT_BYTES = 300_000;

/**
 * A zlib stream (RFC 1950), which has a checksum and names its dictionary, of: length of the JSON in bytes and a line
 * feed, all but the body as JSON, the body.
 */
export function packContent({ body, ...delivery }: DeliveryContent): Uint8Array {
  // In the order that the dictionary has.
  const { provider, requestId, traceparent, bodyDigest, bodyBytes, event } = delivery;
  const json = JSON.stringify({ provider, requestId, traceparent, bodyDigest, bodyBytes, event });
  const head = Buffer.from(`${Buffer.byteLength(json)}${body === undefined ? "-" : ""}\n${json}`, "utf8");
  const packed = deflateSync(Buffer.concat([head, body ?? NO_BYTES]), { dictionary: CONTENT_DICTIONARY });
  return body === undefined || packed.length <= MAX_CONTENT_BYTES ? packed : packContent(delivery);
}

/** Throws `record_unreadable` where the content is not as it was written. */
export function unpackContent(item: Item): DeliveryContent {
  try {
    const { content } = item;
    if (!(content instanceof Uint8Array)) throw new Error("it has none");
    if (content[0] !== ZLIB) return unpackFirstForm(content, item);
    const { json, ...rest } = split(inflateSync(content, { dictionary: CONTENT_DICTIONARY }));
    // Written by `packContent` from the same type, and its checksum is right.
    return { ...(JSON.parse(json) as Omit<DeliveryContent, "body">), ...rest };
  } catch (cause) {
    throw new Fault("record_unreadable", "a record's content cannot be unpacked", { retryable: false, cause });
  }
}

const NO_BYTES = new Uint8Array();

/** First byte of every zlib stream with a window of 32 KB; no raw DEFLATE that zlib writes begins so. */
const ZLIB = 0x78;

/** Raw DEFLATE (RFC 1951) of: length of the event's JSON, the JSON, the body. The rest stands beside it in the item. */
function unpackFirstForm(content: Uint8Array, item: Item): DeliveryContent {
  const { json, ...rest } = split(inflateRawSync(content));
  const { traceparent } = item;
  return {
    provider: text(item, "provider"),
    requestId: text(item, "requestId"),
    // Written from the same types.
    ...(traceparent !== undefined && { traceparent: text(item, "traceparent") as TraceParent }),
    bodyDigest: text(item, "bodyDigest"),
    bodyBytes: number(item, "bodyBytes"),
    ...(json !== "" && { event: JSON.parse(json) as BridgeEvent }),
    ...rest,
  };
}

function split(bytes: Buffer): { readonly json: string; readonly body?: Uint8Array } {
  const line = bytes.indexOf("\n");
  const [, length, bodyless] = /^(\d+)(-?)$/.exec(bytes.toString("latin1", 0, line)) ?? [];
  if (length === undefined) throw new Error("it has no length");
  const end = line + 1 + Number(length);
  const json = bytes.toString("utf8", line + 1, end);
  return bodyless === "-" ? { json } : { json, body: new Uint8Array(bytes.subarray(end)) };
}
