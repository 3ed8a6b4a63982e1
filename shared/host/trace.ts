import { randomBytes } from "node:crypto";

declare const checked: unique symbol;

/**
 * A place in a trace: trace, span and whether it is sampled, as the `traceparent` of W3C Trace Context writes it
 * (https://www.w3.org/TR/trace-context/#traceparent-header), version 00, always 55 characters. Made in this file only, or
 * read back from a record.
 */
export type TraceParent = string & { readonly [checked]: true };

/**
 * Where a request stands: a span of our own, in the trace that its headers name, else in a new one. `traceparent` comes
 * first, then `X-Amzn-Trace-Id`, which AWS puts on every request that passes it. Both are anybody's word: they say what
 * belongs together and decide nothing. `tracestate` is not passed on, which the specification leaves to us (section 3.3).
 */
export function traceOf(headers: Headers): TraceParent {
  const told = traceParentIn(headers.get("traceparent") ?? "") ?? amazonTraceIn(headers.get("x-amzn-trace-id") ?? "");
  if (told !== undefined) return nextSpan(told);
  const drawn = hex(24);
  // What is kept of a trace of ours is the log, and all of that is kept: sampled.
  return traceParent(drawn.slice(0, 32), drawn.slice(32), "01");
}

/** The same trace, one call further on. */
export const nextSpan = (parent: TraceParent): TraceParent =>
  traceParent(traceIdOf(parent), hex(8), parent.endsWith("0") ? "00" : "01");

/** 32 hexadecimal digits: the `trace` of a log line. */
export const traceIdOf = (parent: TraceParent): string => parent.slice(3, 35);

/** A later version is read as far as this one goes, and more than the sampled flag is read of none (section 4.3). */
function traceParentIn(value: string): TraceParent | undefined {
  const [, version, trace = "", span = "", flags = "", more = ""] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(value) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && more !== "")) return undefined;
  if (isZero(trace) || isZero(span)) return undefined;
  return traceParent(trace, span, Number.parseInt(flags, 16) & SAMPLED ? "01" : "00");
}

const SAMPLED = 1;

/**
 * `Root=1-<8 digits>-<24 digits>;Parent=…;Sampled=…`, whose two numbers together are the trace's id elsewhere.
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
 */
function amazonTraceIn(value: string): TraceParent | undefined {
  const told = new Map(value.split(";").map((field) => splitOnce(field.trim())));
  const [, seconds, rest] = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/.exec(told.get("Root") ?? "") ?? [];
  if (seconds === undefined || isZero(`${seconds}${rest}`)) return undefined;
  return traceParent(`${seconds}${rest}`, hex(8), told.get("Sampled") === "0" ? "00" : "01");
}

function splitOnce(field: string): readonly [string, string] {
  const at = field.indexOf("=");
  return [field.slice(0, at), field.slice(at + 1)];
}

const isZero = (digits: string): boolean => /^0+$/.test(digits);
const hex = (bytes: number): string => randomBytes(bytes).toString("hex");

// The brand's only constructor: its parts were checked above, or made here.
const traceParent = (trace: string, span: string, flags: "00" | "01"): TraceParent =>
  `00-${trace}-${span}-${flags}` as TraceParent;
