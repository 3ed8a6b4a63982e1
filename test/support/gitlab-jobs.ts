import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** The issuer of the tokens of {@link jobToken}. */
export const GITLAB_ISSUER = "https://gitlab.example.test";

/** Claims of a job's ID token, without those of its pipeline. */
export const JOB_CLAIMS = {
  namespace_id: "72",
  namespace_path: "platform",
  project_id: "20",
  project_path: "platform/docs",
  user_id: "7",
  user_login: "kim",
  ref: "main",
  ref_type: "branch",
  ref_protected: "true",
  pipeline_source: "push",
  sub: "project_path:platform/docs:ref_type:branch:ref:main",
};

const keys = await generateKeyPair("RS256");

/** The key set of the issuer, for `jwks.inline` of a trust entry. */
export const jobKeySet = {
  keys: [{ ...(await exportJWK(keys.publicKey)), kid: "jobs-1", alg: "RS256", use: "sig" }],
};

/** A token of a job, with further or other claims. Times are in seconds. */
export function jobToken(
  claims: object = {},
  { issuedAgo = 10, lifetime = 3_600, audience = "drawbridge" } = {},
): Promise<string> {
  const iat = Math.floor(Date.now() / 1_000) - issuedAgo;
  const token = new SignJWT({ ...JOB_CLAIMS, ...claims })
    .setProtectedHeader({ alg: "RS256", kid: "jobs-1", typ: "JWT" })
    .setIssuer("iss" in claims ? String(claims.iss) : GITLAB_ISSUER)
    .setAudience(audience)
    .setExpirationTime(iat + lifetime);
  return ("iat" in claims ? token : token.setIssuedAt(iat)).sign(keys.privateKey);
}
