import * as v from "valibot";
import type { Rejection } from "../../model/rejection.ts";
import { claimAt } from "../claim-match.ts";
import type { PresentedToken } from "../presented-token.ts";
import type { TrustEntry } from "../trust-entry.ts";
import type { BindingDeps } from "./deps.ts";
import { isSha256Of } from "./digest.ts";
import { rejectProof } from "./dpop-proof.ts";
import { rejectReplay } from "./replay-check.ts";

type Claims = Readonly<Record<string, unknown>>;

/**
 * Holds a verified token against the request that it came with: is the sender its holder, is the body the one it was
 * issued for, is it used for the first time? A token that its issuer bound to a key is held to that even where the entry
 * does not ask for it (RFC 9449 §7.2, RFC 8705 §3). Called last, because it may spend the token.
 * Throws `store_unavailable` when it cannot be told whether a token was used.
 */
export async function rejectUnbound(
  presented: PresentedToken,
  claims: Claims,
  entry: TrustEntry,
  deps: BindingDeps,
): Promise<Rejection | undefined> {
  const refusal = rejectConfirmation(claims, entry) ?? rejectDigest(claims, entry);
  return refusal ?? refuseRequest(presented, claims, entry, deps);
}

/** What the token says of the key or certificate that its holder has, whatever request it comes with. */
export function rejectConfirmation(claims: Claims, { proof }: TrustEntry): Rejection | undefined {
  const bound = confirmationOf(claims);
  if (!bound.success) return { reason: "claim_mismatch", claim: "cnf" };
  if (proof === undefined) return undefined;
  const member = proof === "dpop" ? "jkt" : "x5t#S256";
  return bound.output?.[member] === undefined ? { reason: "claim_missing", claim: `cnf.${member}` } : undefined;
}

/** What the token says of the body that it is for, whatever request it comes with. */
export function rejectDigest(claims: Claims, { bodyDigestClaim: path }: TrustEntry): Rejection | undefined {
  if (path === undefined) return undefined;
  const claim = path.join(".");
  const told = claimAt(claims, path);
  if (told === undefined) return { reason: "claim_missing", claim };
  return isSha256(told) ? undefined : { reason: "body_digest_mismatch", claim };
}

/** The rest: what only the request can show. */
async function refuseRequest(
  presented: PresentedToken,
  claims: Claims,
  entry: TrustEntry,
  deps: BindingDeps,
): Promise<Rejection | undefined> {
  const bound = confirmationOf(claims);
  const { jkt, "x5t#S256": certificate } = (bound.success ? bound.output : undefined) ?? {};
  const refusal =
    (certificate && refuseCertificate(presented, certificate)) ?? refuseBody(presented, claims, entry.bodyDigestClaim);
  if (refusal) return refusal;
  if (jkt !== undefined) {
    const unproved = await rejectProof(presented, jkt, { ...deps, skewSeconds: entry.clockSkewSeconds });
    if (unproved) return unproved;
  } else if (presented.scheme === "dpop") {
    return { reason: "proof_invalid", detail: "the token is bound to no key" };
  }
  return entry.singleUse ? rejectReplay(presented, claims, entry, deps.replayCache) : undefined;
}

/** 32 bytes in base64url, of which the last character carries four bits. */
const thumbprint = v.pipe(v.string(), v.regex(/^[\w-]{42}[AEIMQUYcgkosw048]$/));

/**
 * RFC 7800 §3.1. A token bound only in a way that is not checked here is refused: it would pass for one that whoever
 * holds it may use.
 */
const confirmation = v.optional(
  v.union([
    v.object({ jkt: thumbprint, "x5t#S256": v.exactOptional(thumbprint) }),
    v.object({ jkt: v.exactOptional(thumbprint), "x5t#S256": thumbprint }),
  ]),
);

const confirmationOf = (claims: Claims) => v.safeParse(confirmation, claimAt(claims, ["cnf"]));

/** In the one spelling that each encoding has. */
const isSha256 = (value: unknown): boolean =>
  v.is(v.union([thumbprint, v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))]), value);

/** RFC 8705 §3.1: the certificate of the TLS connection itself. No header ever stands in for it. */
function refuseCertificate({ request }: PresentedToken, expected: string): Rejection | undefined {
  const { clientCertificate } = request;
  if (clientCertificate === undefined) return { reason: "proof_missing", expected: "a client certificate" };
  if (isSha256Of(clientCertificate, expected, ["base64url"])) return undefined;
  return { reason: "proof_invalid", detail: "the client certificate is not the one that the token is bound to" };
}

function refuseBody(
  { request }: PresentedToken,
  claims: Claims,
  path: TrustEntry["bodyDigestClaim"],
): Rejection | undefined {
  if (path === undefined || isSha256Of(request.body, claimAt(claims, path), ["base64url", "hex"])) return undefined;
  return { reason: "body_digest_mismatch", claim: path.join(".") };
}
