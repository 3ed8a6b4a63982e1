import * as v from "valibot";
import type { Rejection } from "../../model/rejection.ts";
import { claimAt } from "../claim-at.ts";
import type { PresentedToken } from "../presented-token.ts";
import type { TrustEntry } from "../trust-entry.ts";
import type { BindingDeps } from "./deps.ts";
import { isSha256Of } from "./digest.ts";
import { rejectProof } from "./dpop-proof.ts";
import { rejectReplay } from "./replay-check.ts";

type Claims = Readonly<Record<string, unknown>>;

/**
 * Rejects a verified token that is not bound to its request: the sender must have its key, the body must be the one
 * that it was issued for, and a single-use token must be unused. The key binding of an issuer is enforced even if the
 * entry does not require it (RFC 9449 §7.2, RFC 8705 §3). Called last, because it may use up the token. Throws
 * `store_unavailable` if it is unknown whether the token was used.
 */
export async function rejectUnbound(
  presented: PresentedToken,
  claims: Claims,
  entry: TrustEntry,
  deps: BindingDeps,
): Promise<Rejection | undefined> {
  const rejection = rejectConfirmation(claims, entry) ?? rejectDigest(claims, entry);
  return rejection ?? rejectRequest(presented, claims, entry, deps);
}

/** Checks the claim about the holder's key or certificate, independent of the request. */
export function rejectConfirmation(claims: Claims, { proof }: TrustEntry): Rejection | undefined {
  const confirmation = parseConfirmation(claims);
  if (!confirmation.success) return { reason: "claim_mismatch", claim: "cnf" };
  if (proof === undefined) return undefined;
  const member = proof === "dpop" ? "jkt" : "x5t#S256";
  return confirmation.output?.[member] === undefined ? { reason: "claim_missing", claim: `cnf.${member}` } : undefined;
}

/** Checks the claim about the body that the token is for, independent of the request. */
export function rejectDigest(claims: Claims, { bodyDigestClaim: path }: TrustEntry): Rejection | undefined {
  if (path === undefined) return undefined;
  const claim = path.join(".");
  const value = claimAt(claims, path);
  if (value === undefined) return { reason: "claim_missing", claim };
  return isSha256(value) ? undefined : { reason: "body_digest_mismatch", claim };
}

/** Checks the bindings that depend on the request. */
async function rejectRequest(
  presented: PresentedToken,
  claims: Claims,
  entry: TrustEntry,
  deps: BindingDeps,
): Promise<Rejection | undefined> {
  const confirmation = parseConfirmation(claims);
  const { jkt, "x5t#S256": certificate } = (confirmation.success ? confirmation.output : undefined) ?? {};
  const rejection =
    (certificate && rejectCertificate(presented, certificate)) ?? rejectBody(presented, claims, entry.bodyDigestClaim);
  if (rejection) return rejection;
  if (jkt !== undefined) {
    const proofRejection = await rejectProof(presented, jkt, { ...deps, skewSeconds: entry.clockSkewSeconds });
    if (proofRejection) return proofRejection;
  } else if (presented.scheme === "dpop") {
    return { reason: "proof_invalid", detail: "the token is not bound to a key" };
  }
  return entry.singleUse ? rejectReplay(presented, claims, entry, deps.replayCache) : undefined;
}

/** 32 bytes in base64url; the last character holds four bits. */
const thumbprint = v.pipe(v.string(), v.regex(/^[\w-]{42}[AEIMQUYcgkosw048]$/));

/**
 * RFC 7800 §3.1. A token that is bound only in an unsupported way is rejected, because otherwise anyone could use it.
 */
const cnfClaim = v.optional(
  v.union([
    v.object({ jkt: thumbprint, "x5t#S256": v.exactOptional(thumbprint) }),
    v.object({ jkt: v.exactOptional(thumbprint), "x5t#S256": thumbprint }),
  ]),
);

const parseConfirmation = (claims: Claims) => v.safeParse(cnfClaim, claimAt(claims, ["cnf"]));

/** In the canonical form of base64url or hex. */
const isSha256 = (value: unknown): boolean =>
  v.is(v.union([thumbprint, v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))]), value);

/** RFC 8705 §3.1: compares the certificate of the TLS connection itself. No header replaces it. */
function rejectCertificate({ request }: PresentedToken, expected: string): Rejection | undefined {
  const { clientCertificate } = request;
  if (clientCertificate === undefined) return { reason: "proof_missing", expected: "a client certificate" };
  if (isSha256Of(clientCertificate, expected, ["base64url"])) return undefined;
  return { reason: "proof_invalid", detail: "the client certificate is not the one that the token is bound to" };
}

function rejectBody(
  { request }: PresentedToken,
  claims: Claims,
  path: TrustEntry["bodyDigestClaim"],
): Rejection | undefined {
  if (path === undefined || isSha256Of(request.body, claimAt(claims, path), ["base64url", "hex"])) return undefined;
  return { reason: "body_digest_mismatch", claim: path.join(".") };
}
