import type { EpochSeconds } from "../host/clock.ts";
import { cut } from "../model/event.ts";
import type { Rejection } from "../model/rejection.ts";
import { rejectClaims } from "./claim-rules.ts";
import type { UnverifiedToken } from "./compact-jws.ts";
import { rejectExpired, rejectIssuedLater, rejectLongLife, rejectNotYetValid } from "./token-times.ts";
import type { TrustEntry } from "./trust-entry.ts";

/** What one check says of a token whose signature is good by a key of `entry`. */
type RefuseToken = (token: UnverifiedToken, entry: TrustEntry, now: EpochSeconds) => Rejection | undefined;

/**
 * Everything that must hold of a token once its signature is good, in this order; its roles and what binds it to its
 * request come after. Verification ends with the first refusal, an explanation runs them all.
 */
export const TOKEN_CHECKS = [
  { name: "expiry", refuse: ({ claims }, entry, now) => rejectExpired(claims, entry, now) },
  { name: "not before", refuse: ({ claims }, entry, now) => rejectNotYetValid(claims, entry, now) },
  { name: "issued at", refuse: ({ claims }, entry, now) => rejectIssuedLater(claims, entry, now) },
  { name: "lifetime", refuse: ({ claims }, entry, now) => rejectLongLife(claims, entry, now) },
  { name: "type", refuse: refuseType },
  { name: "audience", refuse: refuseAudience },
  { name: "claims", refuse: ({ claims }, entry) => rejectClaims(claims, entry) },
] as const satisfies readonly { readonly name: string; readonly refuse: RefuseToken }[];

/**
 * Whether a token whose signature is good is meant for this entry. Where the issuer signs for strangers too, only audience
 * and claims tell; any other issuer's tokens are the operator's own.
 */
export const isOurs = (token: UnverifiedToken, entry: TrustEntry): boolean =>
  !entry.isShared || (!refuseAudience(token, entry) && !rejectClaims(token.claims, entry));

/** The first refusal of all {@link TOKEN_CHECKS}. */
export const rejectToken: RefuseToken = (token, entry, now) => {
  for (const { refuse } of TOKEN_CHECKS) {
    const refusal = refuse(token, entry, now);
    if (refusal) return refusal;
  }
  return undefined;
};

/**
 * The header's `typ` keeps tokens made for another purpose out: a logout token or a DPoP proof of the same issuer
 * (RFC 8725 §3.11). Where no preset says which it must be, it is an access or ID token's, or there is none.
 */
function refuseType({ header: { typ } }: UnverifiedToken, { types }: TrustEntry): Rejection | undefined {
  if (typ === undefined && types === undefined) return undefined;
  const allowed = types ?? USUAL_TYPES;
  const isAllowed = typ !== undefined && allowed.some((type) => mediaType(type) === mediaType(typ));
  return isAllowed ? undefined : { reason: "token_type_mismatch", expected: allowed.join(" or ") };
}

/** What issuers write of access and ID tokens (RFC 7519 §5.1, RFC 9068 §2.1). */
export const USUAL_TYPES: readonly string[] = ["JWT", "at+jwt"];

/** RFC 7515 §4.1.9: case does not matter, and `application/` may be left out. */
const mediaType = (typ: string): string => typ.toLowerCase().replace(/^application\//, "");

/**
 * RFC 7519 §4.1.3: one member of `aud` must be ours, to the character. An issuer whose access tokens have none names the
 * client instead; where such a token has an `aud` all the same, both must be ours.
 */
function refuseAudience({ claims }: UnverifiedToken, { audience, audienceClaim }: TrustEntry): Rejection | undefined {
  const { aud, client_id: client } = claims;
  const parties = audienceClaim === "client_id" ? [client, ...(aud === undefined ? [] : [aud])] : [aud];
  if (parties[0] === undefined) return { reason: "claim_missing", claim: audienceClaim };
  const isOurs = (party: unknown): boolean => audience.some((one) => one === party);
  const areOurs = parties.every((party) => (Array.isArray(party) ? party.some(isOurs) : isOurs(party)));
  if (areOurs) return undefined;
  return { reason: "audience_mismatch", expected: audience.join(" or "), got: told(parties) };
}

/** For people: what was signed is the issuer's word, and may be long. */
function told(parties: readonly unknown[]): string {
  const texts = parties.flat().map((party) => (typeof party === "string" ? party : typeof party));
  return cut(texts.join(", "), MAX_TOLD);
}

/** UTF-16 code units. */
const MAX_TOLD = 200;
