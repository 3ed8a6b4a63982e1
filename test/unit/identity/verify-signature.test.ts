import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { ALGORITHMS } from "../../../shared/identity/algorithms.ts";
import { AUDIENCE, entryOf, NOW } from "./tokens.ts";
import { reasonOf } from "./verifying.ts";

const ISSUER = "https://issuer.example.test";

/** A token that jose signed, and the trust entry of its issuer. */
async function signedByJose(alg: string) {
  const { publicKey, privateKey } = await generateKeyPair(alg);
  const token = await new SignJWT({ iss: ISSUER, aud: AUDIENCE, exp: NOW + 60 })
    .setProtectedHeader({ alg, kid: "k1" })
    .sign(privateKey);
  // Without alg, as some issuers publish their keys: the algorithms of the entry count.
  const { alg: _, ...jwk } = await exportJWK(publicKey);
  return { token, entry: (algorithms: readonly string[]) => entryOf({ ...common(jwk), algorithms }) };
}

const common = (jwk: object) => ({ issuer: ISSUER, jwks: { inline: { keys: [{ ...jwk, kid: "k1" }] } } });

describe("a signature made by jose", () => {
  it.each(ALGORITHMS)("a signature with %s is accepted if that algorithm is listed, and not otherwise", async (alg) => {
    const { token, entry } = await signedByJose(alg);
    expect(await reasonOf(token, { entry: entry([alg]) })).toBe("accepted");
    const others = ALGORITHMS.filter((other) => other !== alg);
    expect(await reasonOf(token, { entry: entry(others) })).toBe("algorithm_not_allowed");
    const [header = "", claims = "", signature = ""] = token.split(".");
    const changed = [header, claims, signature.replace(/^./, (first) => (first === "A" ? "B" : "A"))].join(".");
    expect(await reasonOf(changed, { entry: entry([alg]) })).toBe("token_signature_invalid");
  });
});
