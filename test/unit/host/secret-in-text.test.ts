import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { secretIn } from "../../../shared/host/secret-in-text.ts";

describe("a credential in a text", () => {
  it("a JSON Web Token is found in any text as its plain form finds it", () => {
    const part = fc.constantFrom("eyJ", "eyJhbGciOiJ9", ".", "-", "abcdefgh", "a1_", " ", "\n");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const text = parts.join("");
        const isToken = /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/.test(text);
        expect(secretIn(text)).toBe(isToken ? "a JSON Web Token" : undefined);
      }),
    );
  });
});
