/**
 * Asymmetric signature algorithms, whose signatures only the issuer can create.
 * With a shared-secret algorithm every verifier could issue tokens (RFC 8725 §2.1).
 */
export const ALGORITHMS = [
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
export type Algorithm = (typeof ALGORITHMS)[number];
