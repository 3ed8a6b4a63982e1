import * as v from "valibot";

/** Largest set taken: real issuers publish between one and about a dozen keys. */
const MAX_KEYS = 100;

const neverPublished = v.exactOptional(v.never("a published key set holds public keys only"));

/**
 * A JSON Web Key Set (RFC 7517 §5), read as far as verification needs it. A set that gives away a private or a shared key
 * is refused whole: whoever reads it can sign.
 */
export const publicKeySet = v.object({
  keys: v.pipe(
    v.array(
      v.object({
        kty: v.string(),
        kid: v.exactOptional(v.string()),
        alg: v.exactOptional(v.string()),
        use: v.exactOptional(v.string()),
        key_ops: v.exactOptional(v.array(v.string())),
        crv: v.exactOptional(v.string()),
        x: v.exactOptional(v.string()),
        y: v.exactOptional(v.string()),
        n: v.exactOptional(v.string()),
        e: v.exactOptional(v.string()),
        d: neverPublished,
        k: neverPublished,
      }),
    ),
    v.maxLength(MAX_KEYS),
  ),
});

export type PublicKeySet = v.InferOutput<typeof publicKeySet>;
