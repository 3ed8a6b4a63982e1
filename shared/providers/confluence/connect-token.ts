import { compactVerify } from "jose";
import { toSeconds } from "../../host/clock.ts";
import type { LabelledSecret } from "../../host/secrets.ts";
import { readCompactJws } from "../../identity/compact-jws.ts";
import { rejectionOf } from "../../identity/jose-rejection.ts";
import { rejectTimes } from "../../identity/token-times.ts";
import type { Rejection } from "../../model/rejection.ts";
import type { ReceivedRequest } from "../../model/request.ts";
import { ok, type Result, reject } from "../../model/result.ts";
import { decodeHex, equalBytes } from "../signature.ts";
import { queryHash } from "./query-hash.ts";
import type { ConnectSettings } from "./settings.ts";

type Claims = Readonly<Record<string, unknown>>;

/** A Connect token that fits its request, and which of the live secrets made it. */
interface ConnectProof {
  readonly claims: Claims;
  readonly label: LabelledSecret["label"];
}

const CLOCK_SKEW_SECONDS = 5;
const MAX_LIFETIME_SECONDS = 3_600;

/**
 * Checks a Connect token: HS256 with the installation's secret, issuer, times, and that it was made for this method,
 * path and query. **The body is not covered**: who holds a live token can send another body to the same address.
 */
export async function checkConnectToken(
  token: string,
  request: ReceivedRequest,
  settings: ConnectSettings,
  secrets: readonly LabelledSecret[],
): Promise<Result<ConnectProof>> {
  const unverified = readCompactJws(token);
  if (!unverified.ok) return unverified;
  let refusal: Rejection = { reason: "token_signature_invalid" };
  for (const { label, secret } of secrets) {
    const key = Buffer.from(secret.reveal(), "utf8");
    const verified = await verifyClaims(token, unverified.value.claims, key, { request, settings });
    if (verified.ok) {
      const mismatch = refuseForRequest(verified.value, request, settings);
      return mismatch ? reject(mismatch) : ok({ claims: verified.value, label });
    }
    if (refusal.reason === "token_signature_invalid") refusal = verified.rejection;
  }
  return reject(refusal);
}

async function verifyClaims(
  token: string,
  claims: Claims,
  key: Uint8Array,
  { request, settings }: { readonly request: ReceivedRequest; readonly settings: ConnectSettings },
): Promise<Result<Claims>> {
  try {
    await compactVerify(token, key, { algorithms: ["HS256"] });
  } catch (error) {
    // With a secret at hand there is nothing but the token to blame.
    return reject(rejectionOf(error) ?? { reason: "token_signature_invalid" });
  }
  const missing = ["iss", "iat", "qsh"].find((claim) => claims[claim] === undefined);
  if (missing !== undefined) return reject({ reason: "claim_missing", claim: missing });
  if (claims["iss"] !== settings.clientKey) return reject({ reason: "claim_mismatch", claim: "iss" });
  const limits = { clockSkewSeconds: CLOCK_SKEW_SECONDS, maxLifetimeSeconds: MAX_LIFETIME_SECONDS };
  const refusal = rejectTimes(claims, limits, toSeconds(request.receivedAt));
  return refusal ? reject(refusal) : ok(claims);
}

function refuseForRequest(claims: Claims, request: ReceivedRequest, settings: ConnectSettings): Rejection | undefined {
  // Session tokens, which a page in the browser can get at, are the ones with an audience.
  if (claims["aud"] !== undefined) return { reason: "claim_mismatch", claim: "aud" };
  const told = typeof claims["qsh"] === "string" ? decodeHex(claims["qsh"], SHA256_BYTES) : undefined;
  const expected = queryHash(request.method, request.url, new URL(settings.baseUrl));
  return told && equalBytes(told, expected) ? undefined : { reason: "query_hash_mismatch" };
}

const SHA256_BYTES = 32;
