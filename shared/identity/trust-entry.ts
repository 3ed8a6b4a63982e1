import * as v from "valibot";
import { isSecureUrl, secureUrl } from "../host/secure-url.ts";
import { publicKeySet } from "./public-key-set.ts";

/** Signatures that only the issuer can make. A shared-secret algorithm would let every verifier mint tokens (RFC 8725 §2.1). */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

const text = v.pipe(v.string(), v.nonEmpty());
const texts = v.pipe(v.array(text), v.minLength(1));
const listOf = (value: string | string[]): readonly string[] => (typeof value === "string" ? [value] : value);
const oneOrMore = v.pipe(v.union([text, texts]), v.transform(listOf));

/** One condition on a verified claim. */
const claimRule = v.strictObject({
  /**
   * Where the claim is: one name, or the names on the way to it. A name is never split at a dot, because issuers put dots
   * and slashes into names (`kubernetes.io`, `https://sts.amazonaws.com/`).
   */
  path: oneOrMore,
  /** The exact text, or several of which one must be it. GitLab writes ids and booleans as text too: `"true"`. */
  equals: oneOrMore,
});

/**
 * One entry under `issuers:` in `drawbridge.yaml`: whose tokens are believed, for whom they must be made, and what they
 * earn. A shared issuer (gitlab.com, agent.buildkite.com, Forge) proves nothing about whose token it is: `claims` pins
 * the tenant.
 */
export const trustEntry = v.pipe(
  v.strictObject({
    /** Compared as text, character by character (RFC 7519 §4.1.1). Need not be a URL: Forge's is `forge/invocation-token`. */
    issuer: text,
    /** Who the token must be made for; a token for several is accepted when one of them is listed here. */
    audience: oneOrMore,
    /** Where the keys are. Absent: OpenID Connect discovery at the issuer. */
    jwks: v.optional(
      v.union([
        v.strictObject({ url: secureUrl }),
        v.strictObject({ file: text }),
        v.strictObject({ inline: publicKeySet }),
      ]),
    ),
    algorithms: v.optional(v.pipe(v.array(v.picklist(ALGORITHMS)), v.minLength(1)), ["RS256", "ES256"]),
    /** All must hold. */
    claims: v.optional(v.array(claimRule), []),
    /** Longest time from `iat` to `exp`. Default 1 hour, at most 1 day. */
    maxLifetimeSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(86_400)), 3_600),
    /** How far the issuer's clock may be off. Default 5 s, at most 60 s. */
    clockSkewSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(60)), 5),
    /** What a token of this entry may do. */
    roles: v.optional(v.array(text), []),
  }),
  v.forward(
    v.partialCheck(
      [["issuer"], ["jwks"]],
      ({ issuer, jwks }) => jwks !== undefined || (isSecureUrl(issuer) && new URL(issuer).search === ""),
      "discovery needs an https:// issuer; give `jwks` for an issuer that is none",
    ),
    ["issuer"],
  ),
);

export type TrustEntry = v.InferOutput<typeof trustEntry>;
