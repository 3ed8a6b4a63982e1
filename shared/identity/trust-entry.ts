import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { isSecureUrl, secureUrl } from "../host/secure-url.ts";
import { ALGORITHMS } from "./algorithms.ts";
import { type ClaimRule, claimRule, oneOrMore } from "./claim-rule.ts";
import type { Preset } from "./presets/preset.ts";
import { isShared, presetNames, presetOf, tenantClaimsOf } from "./presets/registry.ts";
import { publicKeySet } from "./public-key-set.ts";

const seconds = (most: number, least = 1) =>
  v.optional(v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most)));

/** A role by name, or a role for tokens whose claims meet the rules. */
const roleRule = v.union([
  v.pipe(
    nonEmptyText,
    v.transform((role) => ({ role, when: [] as ClaimRule[] })),
  ),
  v.strictObject({ role: nonEmptyText, when: v.pipe(v.array(claimRule), v.minLength(1)) }),
]);

const written = v.strictObject({
  /** The preset with the special properties of the issuer. Default: a plain OpenID Connect issuer. */
  preset: v.optional(v.picklist(presetNames)),
  /** Compared as text, character by character (RFC 7519 §4.1.1). Default: the preset's own, if it has one. */
  issuer: v.optional(nonEmptyText),
  /** The accepted audiences; a token for several audiences is accepted if one of them is listed here. */
  audience: oneOrMore,
  /** The location of the keys. Default: that of the preset, else OpenID Connect discovery at the issuer. */
  jwks: v.optional(
    v.union([
      v.strictObject({ url: secureUrl }),
      v.strictObject({ file: nonEmptyText }),
      v.strictObject({ inline: publicKeySet }),
    ]),
  ),
  algorithms: v.optional(v.pipe(v.array(v.picklist(ALGORITHMS)), v.minLength(1))),
  /** Rules that all must be met, in addition to those of the preset. */
  claims: v.optional(v.array(claimRule), []),
  /** Longest time from `iat` to `exp`. Default 1 hour or the preset's, at most 1 day. */
  maxLifetimeSeconds: seconds(86_400),
  /** Maximum error of the issuer's clock. Default 5 s, at most 60 s. */
  clockSkewSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(60)), 5),
  /** The roles of a token of this entry. */
  roles: v.optional(v.array(roleRule), []),
  /**
   * `shadow`: a token of this issuer that fails a check after the signature check is accepted,
   * and the rejection is recorded.
   */
  mode: v.optional(v.picklist(["enforce", "shadow"]), "enforce"),
  /** Each token is valid for one request. */
  singleUse: v.optional(v.boolean(), false),
  /** The token requires proof that its holder has a key: DPoP (RFC 9449), or a client certificate (RFC 8705). */
  proof: v.optional(v.picklist(["dpop", "certificate"])),
  /** A claim with the SHA-256 of the request's body, hex or base64url: the token is then valid only for this body. */
  bodyDigestClaim: v.optional(oneOrMore),
});

/**
 * One entry under `issuers:` in `drawbridge.yaml`: the issuer whose tokens are trusted, their audience, and their
 * roles. The values of its preset are filled in.
 */
export const trustEntry = v.pipe(
  written,
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    const preset = presetOf(value.preset);
    const issuer = value.issuer ?? preset.issuer;
    const missing = (message: string): typeof NEVER => {
      addIssue({ message, path: [{ type: "object", origin: "value", input: value, key: "issuer", value: issuer }] });
      return NEVER;
    };
    if (issuer === undefined) return missing('"issuer" is missing');
    if (preset.issuerForm && !preset.issuerForm.matches.test(issuer)) return missing(preset.issuerForm.says);
    const keysUrl = preset.keysUrl?.(issuer);
    const jwks = value.jwks ?? (keysUrl === undefined ? undefined : { url: keysUrl });
    if (jwks === undefined && !(isSecureUrl(issuer) && new URL(issuer).search === "")) {
      return missing("discovery needs an https:// issuer; give `jwks` for any other issuer");
    }
    return withPreset(value, preset, { issuer, jwks });
  }),
);

/** A trust entry with the values of its preset. */
export type TrustEntry = ReturnType<typeof withPreset>;

function withPreset(
  value: v.InferOutput<typeof written>,
  preset: Preset,
  { issuer, jwks }: { readonly issuer: string; readonly jwks: v.InferOutput<typeof written>["jwks"] },
) {
  const { audience, claims, clockSkewSeconds, roles, mode, singleUse, proof, bodyDigestClaim } = value;
  return {
    preset,
    issuer,
    audience,
    jwks,
    claims,
    clockSkewSeconds,
    roles,
    mode,
    singleUse,
    proof,
    bodyDigestClaim,
    audienceClaim: preset.audienceClaim ?? ("aud" as const),
    algorithms: value.algorithms ?? preset.algorithms ?? (["RS256", "ES256"] as const),
    types: preset.types,
    /** The rules of the preset for every token, before the entry's own rules. */
    presetClaims: preset.claims?.(issuer) ?? [],
    tenant: tenantClaimsOf(issuer, preset),
    isShared: isShared(issuer, preset),
    maxLifetimeSeconds: value.maxLifetimeSeconds ?? preset.maxLifetimeSeconds ?? 3_600,
  };
}
