import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { spanIn, traceIdOf, traceOf } from "../../../shared/host/trace.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const FORM = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]$/;

const traceFrom = (traceparent: string) => traceOf(new Headers({ traceparent }));
const traceFromAws = (value: string) => traceOf(new Headers({ "x-amzn-trace-id": value }));

describe("the trace of a request", () => {
  it.each([
    ["sampled", `00-${TRACE}-${SPAN}-01`, "01"],
    ["not sampled", `00-${TRACE}-${SPAN}-00`, "00"],
    ["one with flags that this version does not know", `00-${TRACE}-${SPAN}-fe`, "00"],
    ["one with more flags than the sampled one", `00-${TRACE}-${SPAN}-03`, "01"],
    ["one of a later version", `01-${TRACE}-${SPAN}-01`, "01"],
    ["one of a later version with more fields", `cc-${TRACE}-${SPAN}-01-what-may-come`, "01"],
  ])("the caller's trace is continued if its header is %s", (_, value, flags) => {
    const parent = traceFrom(value);
    expect(parent).toMatch(FORM);
    expect(traceIdOf(parent)).toBe(TRACE);
    expect(parent).not.toContain(SPAN);
    expect(parent.slice(-2)).toBe(flags);
  });

  it.each([
    ["nothing in it", ""],
    ["the forbidden version", `ff-${TRACE}-${SPAN}-01`],
    ["more than its version has", `00-${TRACE}-${SPAN}-01-more`],
    ["more without a dash", `01-${TRACE}-${SPAN}-01x`],
    ["a trace of zeros", `00-${"0".repeat(32)}-${SPAN}-01`],
    ["a span of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["capitals", `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ["a trace cut short", `00-${TRACE.slice(1)}-${SPAN}-01`],
    ["no flags", `00-${TRACE}-${SPAN}`],
    ["two values", `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
    ["an injected log field", `00-${TRACE}-${SPAN}-01","level":"error`],
  ])("a new trace is started if the header has %s", (_, value) => {
    const parent = traceFrom(value);
    expect(parent).toMatch(FORM);
    expect(traceIdOf(parent)).not.toBe(TRACE);
    expect(parent.slice(-2)).toBe("01");
  });

  const [seconds, rest] = [TRACE.slice(0, 8), TRACE.slice(8)];
  it.each([
    ["a root alone", `Root=1-${seconds}-${rest}`, "01"],
    ["a root with a parent, sampled", `Root=1-${seconds}-${rest};Parent=${SPAN};Sampled=1`, "01"],
    ["a root that is not sampled", `Root=1-${seconds}-${rest};Parent=${SPAN};Sampled=0;Lineage=1:a87bd80c:0`, "00"],
    [
      "a root behind a load balancer's own id",
      `Self=1-67891234-12456789abcdef012345678; Root=1-${seconds}-${rest}`,
      "01",
    ],
  ])("the trace of AWS is continued if its header is %s", (_, value, flags) => {
    const parent = traceFromAws(value);
    expect(parent).toMatch(FORM);
    expect(traceIdOf(parent)).toBe(TRACE);
    expect(parent.slice(-2)).toBe(flags);
  });

  it.each([
    ["another version", `Root=2-${seconds}-${rest}`],
    ["no root", `Self=1-${seconds}-${rest}`],
    ["a root that is too long", `Root=1-${seconds}-${rest}0`],
    ["a root of zeros", `Root=1-${"0".repeat(8)}-${"0".repeat(24)}`],
    ["a root within something else", `x=Root=1-${seconds}-${rest}`],
  ])("a new trace is started if the header of AWS has %s", (_, value) => {
    expect(traceFromAws(value)).toMatch(FORM);
    expect(traceIdOf(traceFromAws(value))).not.toBe(TRACE);
  });

  it("the caller's trace takes precedence over that of AWS unless it is malformed", () => {
    const headers = {
      traceparent: `00-${TRACE}-${SPAN}-00`,
      "x-amzn-trace-id": `Root=1-${"1".repeat(8)}-${"2".repeat(24)}`,
    };
    expect(traceIdOf(traceOf(new Headers(headers)))).toBe(TRACE);
    const malformed = { ...headers, traceparent: "00-xyz" };
    expect(traceIdOf(traceOf(new Headers(malformed)))).toBe(`${"1".repeat(8)}${"2".repeat(24)}`);
  });

  it("a trace is well-formed whatever the headers hold, and keeps its id through any number of calls", () => {
    const nearly = fc
      .tuple(
        fc.stringMatching(/^[0-9a-f]{2}$/),
        fc.stringMatching(/^[0-9a-f]{30,34}$/),
        fc.stringMatching(/^[0-9a-f-]{14,22}$/),
      )
      .map((parts) => parts.join("-"));
    const text = fc.oneof(nearly, fc.stringMatching(/^[ -~]*$/), fc.constant(`00-${TRACE}-${SPAN}-01`));
    fc.assert(
      fc.property(text, text, (traceparent, amazon) => {
        const parent = traceOf(new Headers({ traceparent, "x-amzn-trace-id": amazon }));
        const next = spanIn(parent);
        expect(parent).toMatch(FORM);
        expect(next).toMatch(FORM);
        expect(next).not.toBe(parent);
        expect(traceIdOf(next)).toBe(traceIdOf(parent));
        expect(next.slice(-2)).toBe(parent.slice(-2));
      }),
    );
  });

  it("no two new traces share an id, although their bytes are drawn in stock", () => {
    const traces = Array.from({ length: 2_000 }, () => traceOf(new Headers()));
    for (const trace of traces) expect(trace).toMatch(FORM);
    const digits = traces.map((trace) => [traceIdOf(trace), trace.slice(36, 52)]);
    expect(new Set(digits.map(([id]) => id)).size).toBe(traces.length);
    expect(new Set(digits.map(([, span]) => span)).size).toBe(traces.length);
    // Bytes that were used twice at another place would be found as well.
    const quads = traces.flatMap((trace) => [trace.slice(3, 19), trace.slice(19, 35), trace.slice(36, 52)]);
    expect(new Set(quads).size).toBe(quads.length);
  });
});
