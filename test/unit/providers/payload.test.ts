import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { epochSeconds, toMillis } from "../../../shared/host/clock.ts";
import {
  identifier,
  line,
  link,
  present,
  prose,
  readerOf,
  requiredMoment,
  wholeNumber,
} from "../../../shared/providers/payload.ts";

describe("a piece of a payload", () => {
  it("texts that people read are cut", () => {
    expect(v.parse(line, "x".repeat(301))).toHaveLength(300);
    expect(v.parse(prose, "x".repeat(4_001))).toHaveLength(4_000);
  });

  it("an identifier that is too long is rejected, because two could be cut to one", () => {
    expect(v.is(identifier, "x".repeat(500))).toBe(true);
    expect(v.is(identifier, "x".repeat(501))).toBe(false);
    expect(v.is(identifier, "")).toBe(false);
  });

  it.each([1.5, 2 ** 53, Number.POSITIVE_INFINITY, "1", null])("%s is not accepted as a whole number", (value) =>
    expect(v.is(wholeNumber, value)).toBe(false),
  );

  it.each([
    "javascript:alert(1)",
    "//example.com",
    "/relative",
    " https://example.com",
    `https://${"x".repeat(1_000)}`,
  ])("the link %s is left out", (value) => expect(v.parse(link, value)).toBeUndefined());

  it("a required time that cannot be parsed is rejected", () => {
    expect(v.is(requiredMoment, "2026-11-02 09:00:00 UTC")).toBe(true);
    expect(v.is(requiredMoment, "today")).toBe(false);
  });
});

describe("readerOf", () => {
  const read = readerOf(v.object({ a: v.object({ b: v.string() }) }), ({ a }) => ({ outcome: "ignored", kind: a.b }));
  const at = toMillis(epochSeconds(0));

  it("readerOf names the member that does not fit, and never its value", () => {
    expect(read("push", { a: { b: "c" } }, at)).toEqual({ outcome: "ignored", kind: "c" });
    const problem = "push: a.b is missing or not as documented";
    expect(read("push", { a: {} }, at)).toEqual({ outcome: "unusable", problem });
    expect(read("push", { a: { b: ["canary"] } }, at)).toEqual({ outcome: "unusable", problem });
  });
});

describe("present", () => {
  it("present leaves out members without a value, and keeps falsy values", () => {
    const members = present({ a: undefined, b: null, c: 0, d: "", e: false });
    expect(members).toStrictEqual({ c: 0, d: "", e: false });
  });
});
