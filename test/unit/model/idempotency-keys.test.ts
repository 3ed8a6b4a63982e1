import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { actionIdOf, deliveryIdOf, eventKeyOf } from "../../../shared/model/idempotency-keys.ts";

describe("idempotency keys", () => {
  it("keys are the same for the same parts", () => {
    expect(deliveryIdOf("wiki", ["a", "b"])).toBe(deliveryIdOf("wiki", ["a", "b"]));
    expect(deliveryIdOf("wiki", ["a", "b"])).toMatch(/^d-[a-z2-7]{26}$/);
    expect(eventKeyOf("wiki", "page.updated", ["1"])).toMatch(/^e-[a-z2-7]{26}$/);
    expect(actionIdOf("docs", "e-1")).toMatch(/^a-[a-z2-7]{26}$/);
  });

  const pairs: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["a part that ends where another begins", ["ab", "c"], ["a", "bc"]],
    ["an empty part and a missing part", ["a", ""], ["a"]],
    ["an empty part in another place", ["", "a"], ["a", ""]],
    ["parts joined by a likely separator", ["a|b"], ["a", "b"]],
    ["parts that look like a length", ["1:a"], ["1", "a"]],
    ["letters outside ASCII with the same number of bytes", ["é"], ["ab"]],
    ["no part and one empty part", [], [""]],
  ];
  it.each(pairs)("keys are different for %s", (_, a, b) => {
    expect(deliveryIdOf("wiki", a)).not.toBe(deliveryIdOf("wiki", b));
  });

  it("keys differ whenever any part differs", () => {
    const parts = fc.array(fc.string({ unit: "binary" }), { maxLength: 4 });
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        const wellFormed = [...a, ...b].every((part) => part.isWellFormed());
        fc.pre(wellFormed && JSON.stringify(a) !== JSON.stringify(b));
        return deliveryIdOf("s", a) !== deliveryIdOf("s", b);
      }),
    );
  });

  it("keys of different sources differ, so that no sender can take another's key", () => {
    expect(deliveryIdOf("wiki", ["1"])).not.toBe(deliveryIdOf("wiki2", ["1"]));
    expect(eventKeyOf("wiki", "page.updated", ["1"])).not.toBe(eventKeyOf("other", "page.updated", ["1"]));
  });

  it("keys are those of the published definition, which existing records were written with", () => {
    const parts = fc.array(fc.string({ unit: "binary" }), { maxLength: 5 });
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), parts, (source, rest) => {
        expect(deliveryIdOf(source, rest)).toBe(`d-${asDefined([source, ...rest])}`);
      }),
    );
    // Keys that an earlier version wrote.
    expect(deliveryIdOf("gitlab", ["7e9f5b3a", "00ff"])).toBe("d-66mhwrwtpjlxgbjnd7ict5pktr");
    expect(eventKeyOf("wiki", "page.updated", ["4711", "é", ""])).toBe("e-7fskrdvh7tpjxfehpeiodjn22k");
    expect(actionIdOf("docs", "e-1")).toBe("a-s3s4l66whqdyjsc32drpe2bvrs");
    // Halves of a surrogate pair in two parts do not become one character.
    expect(deliveryIdOf("s", ["\ud83d", "\ude00"])).toBe(`d-${asDefined(["s", "\ud83d", "\ude00"])}`);
  });
});

/** The definition, step by step: each part's length in bytes and the part, then 130 bits of the digest by five. */
function asDefined(parts: readonly string[]): string {
  const hash = createHash("sha256").update(`${parts.length};`);
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part, "utf8");
  const bits = Array.from(hash.digest(), (byte) => byte.toString(2).padStart(8, "0")).join("");
  const letters = Array.from({ length: 26 }, (_, index) => Number.parseInt(bits.slice(index * 5, index * 5 + 5), 2));
  return letters.map((letter) => "abcdefghijklmnopqrstuvwxyz234567"[letter]).join("");
}
