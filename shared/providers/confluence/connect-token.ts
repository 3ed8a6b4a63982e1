import { compactVerify } from "jose/jws/compact/verify";
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

/** The claims of a Connect token that is valid for its request, and which of the live secrets signed it. */
interface ConnectProof {
  readonly claims: Claims;
  readonly label: LabelledSecret["label"];
}

const CLOCK_SKEW_SECONDS = 5;
const MAX_LIFETIME_SECONDS = 3_600;

/**
 * Checks a Connect token: HS256 with the installation's secret, issuer, times, and that it was issued for this method,
 * path and query. **The body is not covered**: a holder of a live token can send another body to the same address.
 */
export async function checkConnectToken(
  token: string,
  request: ReceivedRequest,
  settings: ConnectSettings,
  secrets: readonly LabelledSecret[],
): Promise<Result<ConnectProof>> {
  const unverified = readCompactJws(token);
  if (!unverified.ok) return unverified;
  let rejection: Rejection = { reason: "token_signature_invalid" };
  for (const { label, secret } of secrets) {
    const key = Buffer.from(secret.reveal(), "utf8");
    const verified = await verifyClaims(token, unverified.value.claims, key, { request, settings });
    if (verified.ok) {
      const mismatch = rejectForRequest(verified.value, request, settings);
      return mismatch ? reject(mismatch) : ok({ claims: verified.value, label });
    }
    if (rejection.reason === "token_signature_invalid") rejection = verified.rejection;
  }
  return reject(rejection);
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
    // The secret is available, so only the token can be the cause.
    return reject(rejectionOf(error) ?? { reason: "token_signature_invalid" });
  }
  const missing = ["iss", "iat", "qsh"].find((claim) => claims[claim] === undefined);
  if (missing !== undefined) return reject({ reason: "claim_missing", claim: missing });
  if (claims["iss"] !== settings.clientKey) return reject({ reason: "claim_mismatch", claim: "iss" });
  const limits = { clockSkewSeconds: CLOCK_SKEW_SECONDS, maxLifetimeSeconds: MAX_LIFETIME_SECONDS };
  const rejection = rejectTimes(claims, limits, toSeconds(request.receivedAt));
  return rejection ? reject(rejection) : ok(claims);
}

function rejectForRequest(claims: Claims, request: ReceivedRequest, settings: ConnectSettings): Rejection | undefined {
  // Only session tokens have an audience. A page in the browser can read those.
  if (claims["aud"] !== undefined) return { reason: "claim_mismatch", claim: "aud" };
  const claimed = typeof claims["qsh"] === "string" ? decodeHex(claims["qsh"], SHA256_BYTES) : undefined;
  const expected = queryHash(request.method, request.url, new URL(settings.baseUrl));
  return claimed && equalBytes(claimed, expected) ? undefined : { reason: "query_hash_mismatch" };
}

const SHA256_BYTES = 32;
