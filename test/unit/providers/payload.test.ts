import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { epochSeconds, toMillis } from "../../../shared/host/clock.ts";
import {
  identifier,
  identity,
  line,
  link,
  listOf,
  optional,
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

  it("a long name that identifies something ends in a digest of the whole, so two long names stay two", () => {
    const [one, other] = ["a", "b"].map((end) => v.parse(identity, `${"x".repeat(400)}${end}`));
    expect(one).not.toBe(other);
    expect(one).toMatch(/^x{200,}…[0-9a-f]{32}$/);
    expect(one).toHaveLength(300);
    expect(v.parse(identity, "x".repeat(299))).toBe("x".repeat(299));
    expect(v.is(identity, "")).toBe(false);
  });

  it.each([undefined, null, 7, {}])("an optional text that is %j has no value", (value) => {
    const members = v.parse(v.object({ text: optional(line) }), value === undefined ? {} : { text: value });
    expect(members.text ?? undefined).toBeUndefined();
  });

  it("a list keeps the first items of the expected kind", () => {
    expect(v.parse(listOf(line, 3), ["a", 7, null, "b", "c", "d"])).toEqual(["a", "b", "c"]);
    expect(v.parse(listOf(line), Array(200).fill("a"))).toHaveLength(200);
    expect(v.is(listOf(line), "a")).toBe(false);
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
    "https://jane:secret@git.example.test/a",
    "https://token@git.example.test",
    "https://jane:se@cret@git.example.test/a",
    "https://git.example.test/a?private_token=secret",
    "https://git.example.test/a#access_token=secret",
    "https://git.example.test/a?sig=REDACTED",
  ])("the link %s is left out", (value) => expect(v.parse(link, value)).toBeUndefined());

  it("a link may have an @ in its path", () => {
    const address = "https://git.example.test/@jane/a?b=c@d";
    expect(v.parse(link, address)).toBe(address);
  });

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
