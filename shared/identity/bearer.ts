import { ok, type Result, refuse } from "../delivery/result.ts";

/**
 * The bearer token of a request: exactly one, in the Authorization header (RFC 6750 §2.1). Form bodies and query
 * parameters are never looked at; a repeated header arrives joined by a comma, which no token contains.
 */
export function bearerToken(headers: Headers): Result<string> {
  const value = headers.get("authorization");
  if (value === null) return refuse({ reason: "credential_missing", header: "Authorization" });
  const token = BEARER.exec(value)?.[1];
  if (token === undefined) return refuse({ reason: "credential_malformed", header: "Authorization" });
  return ok(token);
}

/** `b64token` of RFC 6750; the scheme's name is case-insensitive (RFC 9110 §11.1). */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;
