import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";

/** The parts of a request that a token can be bound to. */
export type TokenRequest = Pick<
  ReceivedRequest,
  "method" | "url" | "headers" | "body" | "clientCertificate" | "repeatable" | "receivedAt"
>;

/** A token as a request presented it, not proved. */
export interface PresentedToken {
  readonly scheme: "bearer" | "dpop";
  readonly token: string;
  readonly request: TokenRequest;
}

/**
 * Reads the access token of a request: exactly one, in the Authorization header, as `Bearer` (RFC 6750 §2.1) or `DPoP`
 * (RFC 9449 §7.1). Form bodies and query parameters are never read; a repeated header is joined by a comma, which no
 * token contains.
 */
export function presentedToken(request: TokenRequest): Result<PresentedToken> {
  const value = request.headers.get("authorization");
  if (value === null) return reject({ reason: "credential_missing", header: "Authorization" });
  const [, scheme = "", token] = CREDENTIALS.exec(value) ?? [];
  if (token === undefined) return reject({ reason: "credential_malformed", header: "Authorization" });
  return ok({ scheme: scheme.toLowerCase() === "dpop" ? "dpop" : "bearer", token, request });
}

/** `b64token` of RFC 6750; the name of the scheme is case-insensitive (RFC 9110 §11.1). */
const CREDENTIALS = /^(bearer|dpop) +([A-Za-z0-9._~+/-]+=*)$/i;
