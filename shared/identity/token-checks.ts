import type { EpochSeconds } from "../host/clock.ts";
import { cut } from "../model/event.ts";
import type { Rejection } from "../model/rejection.ts";
import { rejectClaims } from "./claim-rules.ts";
import type { UnverifiedToken } from "./compact-jws.ts";
import { rejectExpired, rejectIssuedLater, rejectLongLife, rejectNotYetValid } from "./token-times.ts";
import type { TrustEntry } from "./trust-entry.ts";

/** One check of a token whose signature is valid for a key of `entry`. */
type RejectToken = (token: UnverifiedToken, entry: TrustEntry, now: EpochSeconds) => Rejection | undefined;

/**
 * All checks of a token with a valid signature, in order. The checks of its roles and of its binding to the request
 * follow. Verification ends with the first rejection; an explanation runs all checks.
 */
export const TOKEN_CHECKS = [
  { name: "expiry", reject: ({ claims }, entry, now) => rejectExpired(claims, entry, now) },
  { name: "not before", reject: ({ claims }, entry, now) => rejectNotYetValid(claims, entry, now) },
  { name: "issued at", reject: ({ claims }, entry, now) => rejectIssuedLater(claims, entry, now) },
  { name: "lifetime", reject: ({ claims }, entry, now) => rejectLongLife(claims, entry, now) },
  { name: "type", reject: rejectType },
  { name: "audience", reject: rejectAudience },
  { name: "claims", reject: ({ claims }, entry) => rejectClaims(claims, entry) },
] as const satisfies readonly { readonly name: string; readonly reject: RejectToken }[];

/**
 * Whether a token with a valid signature is meant for this entry. If the issuer also signs for other customers,
 * audience and claims decide; all tokens of any other issuer are the operator's own.
 */
export const isMeantForEntry = (token: UnverifiedToken, entry: TrustEntry): boolean =>
  !entry.isShared || (!rejectAudience(token, entry) && !rejectClaims(token.claims, entry));

/** Returns the first rejection of {@link TOKEN_CHECKS}. */
export const rejectToken: RejectToken = (token, entry, now) => {
  for (const { reject } of TOKEN_CHECKS) {
    const rejection = reject(token, entry, now);
    if (rejection) return rejection;
  }
  return undefined;
};

/**
 * Rejects tokens for another purpose: a logout token or a DPoP proof of the same issuer, or an ID token (RFC 8725 §3.11).
 * If the preset lists no types, `typ` must be that of an access or ID token, or missing.
 */
function rejectType({ header, claims }: UnverifiedToken, entry: TrustEntry): Rejection | undefined {
  return rejectTyp(header.typ, entry) ?? rejectKind(claims, entry);
}

function rejectKind(
  claims: UnverifiedToken["claims"],
  { preset: { kinds }, acceptsIdTokens }: TrustEntry,
): Rejection | undefined {
  // Only logout tokens and other security events have it, whatever their `typ` is (RFC 8417 §2.2).
  if (claims["events"] !== undefined) return { reason: "token_type_mismatch", expected: "a token without events" };
  if (kinds === undefined || kinds.isAccessToken(claims)) return undefined;
  if (acceptsIdTokens && kinds.isIdToken(claims)) return undefined;
  return { reason: "token_type_mismatch", expected: kinds.says };
}

function rejectTyp(typ: UnverifiedToken["header"]["typ"], { types }: TrustEntry): Rejection | undefined {
  if (typ === undefined && types === undefined) return undefined;
  const allowed = types ?? USUAL_TYPES;
  const isAllowed = typ !== undefined && allowed.some((type) => mediaType(type) === mediaType(typ));
  return isAllowed ? undefined : { reason: "token_type_mismatch", expected: allowed.join(" or ") };
}

/** The `typ` of access and ID tokens (RFC 7519 §5.1, RFC 9068 §2.1). */
export const USUAL_TYPES: readonly string[] = ["JWT", "at+jwt"];

/** RFC 7515 §4.1.9: case is ignored, and `application/` may be omitted. */
const mediaType = (typ: string): string => typ.toLowerCase().replace(/^application\//, "");

/**
 * RFC 7519 §4.1.3: one member of `aud` must be exactly a configured audience. An issuer whose access tokens have no
 * `aud` names the client instead; if such a token does have an `aud`, both must be configured.
 */
function rejectAudience({ claims }: UnverifiedToken, { audience, audienceClaim }: TrustEntry): Rejection | undefined {
  const { aud, client_id: client } = claims;
  const parties = audienceClaim === "client_id" ? [client, ...(aud === undefined ? [] : [aud])] : [aud];
  if (parties[0] === undefined) return { reason: "claim_missing", claim: audienceClaim };
  const isConfigured = (party: unknown): boolean => audience.some((one) => one === party);
  const areConfigured = parties.every((party) =>
    Array.isArray(party) ? party.some(isConfigured) : isConfigured(party),
  );
  if (areConfigured) return undefined;
  return { reason: "audience_mismatch", expected: audience.join(" or "), got: textOf(parties) };
}

/** Formats the signed audience for people; it may be long. */
function textOf(parties: readonly unknown[]): string {
  const texts = parties.flat().map((party) => (typeof party === "string" ? party : typeof party));
  return cut(texts.join(", "), MAX_AUDIENCE_TEXT);
}

/** UTF-16 code units. */
const MAX_AUDIENCE_TEXT = 200;
