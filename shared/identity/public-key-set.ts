import * as v from "valibot";

/** Maximum keys of a set: real issuers publish between one and about a dozen keys. */
const MAX_KEYS = 100;

const neverPublished = v.exactOptional(v.never("a published key set must contain only public keys"));

/**
 * The fields of a JSON Web Key Set (RFC 7517 §5) that verification needs. A set that contains a private or a shared key
 * is rejected as a whole, because everyone who reads it can sign.
 */
export const publicKeySet = v.pipe(
  v.object({
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
  }),
  v.title("JSON Web Key Set"),
);

export type PublicKeySet = v.InferOutput<typeof publicKeySet>;
