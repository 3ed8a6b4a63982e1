import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readJsonObject } from "../../../shared/host/strict-json.ts";

const read = (text: string) => readJsonObject(new TextEncoder().encode(text));
const nested = (levels: number, open: string, close: string) => `{"a":${open.repeat(levels)}${close.repeat(levels)}}`;

describe("readJsonObject", () => {
  it.each([
    ["an empty object", "{}"],
    ["white space around and between", ' \t\r\n{ "a" : [ 1 , 2 ] } \n'],
    ["one name in two objects", '{"a":{"b":1},"c":{"b":1}}'],
    ["colons and braces inside texts", '{"a:b":"c:d{\\"e\\":1}","f":":"}'],
    ["escaped quotes and backslashes at a text's end", '{"a\\\\":"b\\\\","c\\"":"d\\\\\\""}'],
    ["names that mean something to JavaScript", '{"constructor":1,"toString":2}'],
    ["members called __proto__", '{"__proto__":{"a":1},"b":2}'],
    ["names that are numbers", '{"2":1,"1":2}'],
    ["64 levels", nested(63, "[", "]")],
  ])("readJsonObject accepts %s", (_, text) => {
    const result = read(text);
    expect(result).toEqual({ ok: true, value: JSON.parse(text) });
  });

  it.each([
    ["text that is not JSON", "{", "the body is not JSON"],
    ["an empty body", "", "the body is not JSON"],
    ["two values", "{} {}", "the body is not JSON"],
    ["a comment", '{"a":1} // b', "the body is not JSON"],
    ["a byte order mark", "\ufeff{}", "the body is not JSON"],
    ["a list", "[]", "the body is not a JSON object"],
    ["a text", '"a"', "the body is not a JSON object"],
    ["null", "null", "the body is not a JSON object"],
    ["a repeated name", '{"a":1,"a":1}', "the body repeats a member name"],
    ["a repeated name further in", '[{"a":[{"b":1,"b":2}]}]'.slice(1, -1), "the body repeats a member name"],
    ["one name spelled in two ways", '{"a":1,"\\u0061":2}', "the body repeats a member name"],
    ["a repeated __proto__", '{"__proto__":1,"__proto__":2}', "the body repeats a member name"],
    ["65 levels of lists", nested(64, "[", "]"), "the body is nested deeper than 64 levels"],
    ["a hundred thousand levels", nested(100_000, "[", "]"), "the body is nested deeper than 64 levels"],
  ])("readJsonObject rejects %s", (_, text, problem) => expect(read(text)).toEqual({ ok: false, problem }));

  it.each([
    ["a byte that is not UTF-8", [0x7b, 0xff, 0x7d]],
    ["a text cut inside a character", [0x7b, 0x22, 0xc3, 0x22, 0x7d]],
    ["UTF-16", [...Buffer.from("{}", "utf16le"), 0xd8]],
    ["an encoded surrogate", [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ])("readJsonObject rejects %s", (_, bytes) => expect(readJsonObject(Uint8Array.from(bytes)).ok).toBe(false));

  it("readJsonObject reads what JSON.parse reads, for every object that repeats no name", () =>
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })),
        fc.constantFrom(0, 1, 4),
        (value, indent) => {
          const text = JSON.stringify(value, null, indent);
          expect(read(text)).toEqual({ ok: true, value: JSON.parse(text) });
        },
      ),
    ));

  it("readJsonObject rejects every object in which a name is written twice", () =>
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), fc.jsonValue(), (name, a, b) => {
        const member = (value: unknown) => `${JSON.stringify(name)}:${JSON.stringify(value)}`;
        expect(read(`{${member(a)},${member(b)}}`)).toEqual({ ok: false, problem: "the body repeats a member name" });
      }),
    ));

  it("readJsonObject never throws, and never quotes the body", () =>
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const canary = new TextEncoder().encode('{"canary":');
        const result = readJsonObject(new Uint8Array([...canary, ...bytes]));
        expect(result.ok || result.problem).not.toContain("canary");
      }),
    ));
});
