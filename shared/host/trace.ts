import { randomFillSync } from "node:crypto";

declare const checked: unique symbol;

/**
 * A trace id, a span id and the sampled flag in the `traceparent` format of W3C Trace Context
 * (https://www.w3.org/TR/trace-context/#traceparent-header), version 00, always 55 characters. Only this file creates
 * one; a record may hold one.
 */
export type TraceParent = string & { readonly [checked]: true };

/**
 * Starts a new span for a request, in the trace that its headers name, else in a new trace. `traceparent` has priority
 * over `X-Amzn-Trace-Id`, which AWS adds to every request that passes it. Any caller can set both headers: they only
 * correlate log lines, and no decision depends on them. `tracestate` is not forwarded, which the specification allows
 * (section 3.3).
 */
export function traceOf(headers: Headers): TraceParent {
  const parent =
    parsed(headers.get("traceparent"), parseTraceParent) ?? parsed(headers.get("x-amzn-trace-id"), parseAmazonTrace);
  if (parent !== undefined) return spanIn(parent);
  // A new trace is always sampled: the log keeps every line of it.
  return traceParent(randomHex(16), randomHex(8), "01");
}

/**
 * The span of the caller, 16 hexadecimal digits; undefined if the headers name none. An `X-Amzn-Trace-Id` that a load
 * balancer adds names no span that anybody records.
 */
export function callerSpanOf(headers: Headers): string | undefined {
  const parent = parsed(headers.get("traceparent"), parseTraceParent);
  return parent && spanIdOf(parent);
}

/** Most requests have neither header. An absent one is not parsed. */
const parsed = (header: string | null, parse: (value: string) => TraceParent | undefined): TraceParent | undefined =>
  header === null ? undefined : parse(header);

/** Returns a span in the same trace. `span`: 16 hexadecimal digits; without it, a new one. */
export const spanIn = (parent: TraceParent, span = randomHex(8)): TraceParent =>
  traceParent(traceIdOf(parent), span, isSampled(parent) ? "01" : "00");

/** 32 hexadecimal digits: the `trace` of a log line. */
export const traceIdOf = (parent: TraceParent): string => parent.slice(3, 35);

const spanIdOf = (parent: TraceParent): string => parent.slice(36, 52);

/** Whether the caller, or this bridge as the first, records spans of the trace. */
export const isSampled = (parent: TraceParent): boolean => parent.endsWith("1");

/** Reads the fields of version 00 from any later version too, and of the flags only the sampled flag (section 4.3). */
function parseTraceParent(value: string): TraceParent | undefined {
  const [, version, trace = "", span = "", flags = "", more = ""] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(value) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== "")) return undefined;
  if (isZero(trace) || isZero(span)) return undefined;
  return traceParent(trace, span, Number.parseInt(flags, 16) & SAMPLED ? "01" : "00");
}

const SAMPLED = 1;

/**
 * `Root=1-<8 digits>-<24 digits>;Parent=…;Sampled=…`. The two numbers joined are the trace id.
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
 */
function parseAmazonTrace(value: string): TraceParent | undefined {
  const fields = new Map(value.split(";").map((field) => splitOnce(field.trim())));
  const [, seconds, rest] = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/.exec(fields.get("Root") ?? "") ?? [];
  if (seconds === undefined || isZero(`${seconds}${rest}`)) return undefined;
  return traceParent(`${seconds}${rest}`, randomHex(8), fields.get("Sampled") === "0" ? "00" : "01");
}

function splitOnce(field: string): readonly [string, string] {
  const at = field.indexOf("=");
  return [field.slice(0, at), field.slice(at + 1)];
}

const isZero = (digits: string): boolean => /^0+$/.test(digits);

/** Random bytes in stock. A call of the generator costs far more than the few bytes of one id. */
const STOCK_BYTES = 4_096;
// `allocUnsafeSlow`: not a part of the pool that other buffers use. The first use fills it.
const stock = Buffer.allocUnsafeSlow(STOCK_BYTES);
let used = STOCK_BYTES;

/** Returns bytes of the stock, each at most once. */
function randomHex(bytes: number): string {
  if (used + bytes > STOCK_BYTES) {
    randomFillSync(stock);
    used = 0;
  }
  const start = used;
  used += bytes;
  return stock.toString("hex", start, used);
}

// The only constructor of the brand. Its parts were checked above or created in this file.
const traceParent = (trace: string, span: string, flags: "00" | "01"): TraceParent =>
  `00-${trace}-${span}-${flags}` as TraceParent;
