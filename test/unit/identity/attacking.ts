import type { CallOut } from "../../../shared/host/call-out.ts";
import { problemOf } from "../../../shared/http/problem-of.ts";
import type { TrustEntry } from "../../../shared/identity/trust-entry.ts";
import { createTokenVerifier } from "../../../shared/identity/verify-token.ts";
import { bindingDeps, testClock } from "../../support/test-doubles.ts";
import { AUDIENCE, b64, entryOf, keySetOf, type SigningKey, signingKey, signText, tokenOf } from "./tokens.ts";
import { presented } from "./verifying.ts";

/** The id as in the attack suite's table, what is tried, the token, and the reason of its rejection. */
export type Attack = readonly [id: string, what: string, token: string, reason: string];

export const A = "https://a.example.test";
export const B = "https://b.example.test";
const published = (...keys: SigningKey[]) => ({ jwks: { inline: keySetOf(...keys) } });

export const keyA = signingKey("k1");
export const rsaA = signingKey("RSA_0", "RS256");
const rsaB = signingKey("RSA_0", "RS256");
/** An attacker's own key, under an id that A has too. */
export const stranger = signingKey("k1");

/** Two issuers that are trusted, whose keys have the same ids. */
export const trusted: Readonly<Record<string, TrustEntry>> = {
  a: entryOf({ issuer: A, ...published(keyA, rsaA) }),
  b: entryOf({ issuer: B, ...published(signingKey("k1"), rsaB) }),
};
/** The entry `a` with changes that a configuration would make. */
export const entryA = (changes: object): { readonly a: TrustEntry } => ({
  a: entryOf({ issuer: A, ...published(keyA, rsaA), ...changes }),
});

export const good = tokenOf(A, keyA);
export const [goodHeader = "", goodClaims = "", goodSignature = ""] = good.split(".");
export const withClaims = (changes: object): string => tokenOf(A, keyA, { claims: changes });
export const withHeader = (changes: object): string => tokenOf(A, keyA, { header: changes });
/** Correctly signed, with claims that `JSON.stringify` does not write. */
export const withClaimsText = (members: string): string =>
  signText('{"alg":"ES256","kid":"k1"}', `{"iss":"${A}","aud":"${AUDIENCE}",${members}}`, keyA);
/** The good header and claims with another signature. */
export const withSignature = (signature: Uint8Array): string => `${goodHeader}.${goodClaims}.${b64(signature)}`;

/**
 * The outcome of a token: the response's status, the reason, all that would be logged of it, and the number of
 * outbound calls.
 */
export async function attack(token: string, entries: Readonly<Record<string, TrustEntry>> = trusted) {
  let calls = 0;
  const callOut: CallOut = async () => {
    calls += 1;
    throw new Error("nothing answers in this test");
  };
  const verifier = createTokenVerifier(entries, { ...bindingDeps(testClock()), callOut });
  const result = await verifier.verify(presented(token), Object.keys(entries));
  if (result.ok) return { status: 202, reason: "accepted", logged: "", calls };
  const { rejection } = result;
  return { status: problemOf(rejection).status, reason: rejection.reason, logged: JSON.stringify(rejection), calls };
}

/** Whether a text gives away a part of a token that is longer than a word. */
export const givesAway = (text: string, token: string): boolean =>
  token.split(/[^\w-]+/).some((part) => part.length > 16 && text.includes(part));
