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
});
