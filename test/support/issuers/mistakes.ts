import type { IssuerShape } from "./shape.ts";

type Claims = Readonly<Record<string, unknown>>;

/**
 * Mistakes of a token that apply to every issuer: a claim set to this value, or left out, and the reason. Times differ by
 * `margin` seconds from `now`, in seconds since 1970.
 */
export function mistakesOf(
  { issuer, audience, claims }: IssuerShape,
  { now, margin }: { readonly now: number; readonly margin: number },
): readonly (readonly [what: string, changes: Claims, reason: string])[] {
  const party = "aud" in claims ? "aud" : "client_id";
  return [
    ["another issuer", { iss: `${issuer}x` }, "issuer_unknown"],
    ["no issuer", { iss: undefined }, "issuer_unknown"],
    ["a list of issuers", { iss: [issuer] }, "issuer_unknown"],
    ["another audience", { [party]: "https://other.example.test" }, "audience_mismatch"],
    ["a part of our audience", { [party]: audience.slice(0, -1) }, "audience_mismatch"],
    ["no audience", { [party]: undefined }, "claim_missing"],
    ["no end", { exp: undefined }, "claim_missing"],
    ["an end that is over", { exp: now - margin }, "token_expired"],
    ["a beginning to come", { nbf: now + margin }, "token_not_yet_valid"],
    ["a time of issue to come", { iat: now + margin }, "token_not_yet_valid"],
    ["a life of ten years", { exp: now + 315_360_000 }, "token_lifetime_too_long"],
  ];
}
