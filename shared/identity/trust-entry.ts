import * as v from "valibot";
import { nonEmptyText } from "../host/non-empty-text.ts";
import { isSecureUrl, secureUrl } from "../host/secure-url.ts";
import { ALGORITHMS } from "./algorithms.ts";
import { type ClaimRule, claimRule, oneOrMore } from "./claim-rule.ts";
import type { Preset } from "./presets/preset.ts";
import { isShared, presetNames, presetOf, tenantClaimsOf } from "./presets/registry.ts";
import { publicKeySet } from "./public-key-set.ts";

/** A role by name, or one that only tokens earn whose claims meet the rules. */
const roleRule = v.pipe(
  v.union([
    v.pipe(
      nonEmptyText,
      v.transform((role) => ({ role, when: [] as ClaimRule[] })),
    ),
    v.strictObject({ role: nonEmptyText, when: v.pipe(v.array(claimRule), v.minLength(1)) }),
  ]),
  v.title("role, or `role` and `when`"),
);

const given = v.strictObject({
  preset: v.optional(
    v.pipe(
      v.picklist(presetNames),
      v.description("The kind of issuer. It fills in defaults and adds checks. Without it: `oidc`."),
    ),
  ),
  issuer: v.optional(
    v.pipe(
      nonEmptyText,
      // An issuer that is no URL may have blanks inside (StringOrURI of RFC 7519 §2).
      v.check(
        (issuer) => issuer.trim() === issuer && !/\p{Cc}/u.test(issuer),
        'without control characters and without white space around it; a YAML block scalar ("|" or ">") ends in a line break',
      ),
      v.description(
        "Compared with `iss` character by character (RFC 7519 §4.1.1). Required unless the preset has one.",
      ),
    ),
  ),
  audience: oneOrMore("The token must be for one of these. With the preset `cognito` it is the app client."),
  jwks: v.optional(
    v.pipe(
      v.union([
        v.strictObject({ url: v.pipe(secureUrl, v.description("A key set to fetch.")) }),
        v.strictObject({
          file: v.pipe(nonEmptyText, v.description("Path of a key set on disk. On one machine only.")),
        }),
        v.strictObject({
          inline: v.pipe(
            publicKeySet,
            v.description(
              "The key set itself: `keys` with at most 100 public keys. Of a key, `kty`, `kid`, `alg`, `use`, `key_ops`, `crv`, `x`, `y`, `n` and `e` are read; `d` or `k` is rejected.",
            ),
          ),
        }),
      ]),
      v.description(
        "The public keys. Without it: the place that the preset knows, else OpenID Connect discovery at `issuer`. Required when `issuer` is not an `https://` address and the preset knows no place.",
      ),
    ),
  ),
  internalOrigins: v.optional(
    v.pipe(
      v.array(
        v.pipe(
          secureUrl,
          v.title("`https://` address without a path"),
          v.regex(/^https?:\/\/[^/?]+$/, "without a path, and without a slash at its end"),
        ),
      ),
      v.description(
        "Addresses in private networks, besides that of `issuer`, that the issuer's discovery document may name for keys and for sign-ins to the console. Any other address that it names must be public.",
      ),
    ),
    [],
  ),
  algorithms: v.optional(
    v.pipe(
      v.array(v.picklist(ALGORITHMS)),
      v.minLength(1),
      v.description(
        "Signature algorithms that are accepted. Without it: those of the preset, else `RS256` and `ES256`.",
      ),
    ),
  ),
  claims: v.optional(
    v.pipe(v.array(claimRule), v.description("All of these must match, and those of the preset.")),
    [],
  ),
  maxLifetimeSeconds: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(86_400),
      v.description("Longest time from `iat` to `exp`, in seconds. Without it: that of the preset, else 3,600."),
    ),
  ),
  clockSkewSeconds: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.maxValue(60),
      v.description("How far the clock of the issuer may differ, in seconds."),
    ),
    5,
  ),
  roles: v.optional(
    v.pipe(
      v.array(roleRule),
      v.description("Roles that a token of this entry earns. With `when`, a list of claim rules, only if all match."),
    ),
    [],
  ),
  mode: v.optional(
    v.pipe(
      v.picklist(["enforce", "shadow"]),
      v.description(
        "`shadow`: a token whose signature is valid and that fails another check is accepted, and the record gives the reason.",
      ),
    ),
    "enforce",
  ),
  singleUse: v.optional(
    v.pipe(v.boolean(), v.description("Each token is accepted for one request only. Costs one write per request.")),
    false,
  ),
  proof: v.optional(
    v.pipe(
      v.picklist(["dpop", "certificate"]),
      v.description(
        "The token must come with proof that its holder has a key: DPoP (RFC 9449), or a client certificate (RFC 8705).",
      ),
    ),
  ),
  bodyDigestClaim: v.optional(
    oneOrMore(
      "The claim with the SHA-256 of the request body, in hex or base64url. The token is then accepted with this body only.",
    ),
  ),
});

/**
 * One entry under `issuers:` in `drawbridge.yaml`: the issuer whose tokens are trusted, their audience, and their
 * roles. The values of its preset are filled in.
 */
export const trustEntry = v.pipe(
  given,
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
  value: v.InferOutput<typeof given>,
  preset: Preset,
  { issuer, jwks }: { readonly issuer: string; readonly jwks: v.InferOutput<typeof given>["jwks"] },
) {
  const { audience, claims, clockSkewSeconds, roles, mode, singleUse, proof, bodyDigestClaim } = value;
  return {
    preset,
    issuer,
    audience,
    jwks,
    internalOrigins: value.internalOrigins.map((address) => new URL(address).origin),
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
    /** See {@link withSignIn}. */
    acceptsIdTokens: false,
  };
}

/** The entries of a configuration. Only the entry by which people sign in to the console accepts ID tokens. */
export const withSignIn = (
  entries: Readonly<Record<string, TrustEntry>>,
  signIn: string | undefined,
): Readonly<Record<string, TrustEntry>> =>
  Object.fromEntries(
    Object.entries(entries).map(([name, entry]) => [name, { ...entry, acceptsIdTokens: name === signIn }]),
  );
