import { type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { Principal } from "../delivery/principal.ts";
import type { Rejection } from "../delivery/rejection.ts";
import { ok, type Result, refuse } from "../delivery/result.ts";
import { type Clock, toSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { refuseClaims } from "./claim-rules.ts";
import { readCompactJws, type UnverifiedToken } from "./compact-jws.ts";
import { rejectionOf } from "./jose-rejection.ts";
import { KeySet } from "./key-set.ts";
import { type KeySources, keyLoader } from "./load-keys.ts";
import { refuseTimes } from "./token-times.ts";
import type { TokenVerifier, VerifiedToken } from "./token-verifier.ts";
import type { TrustEntry } from "./trust-entry.ts";

interface VerifierTools extends KeySources {
  readonly clock: Clock;
}

/** A verifier for the trust entries under their names in `drawbridge.yaml`. Keys are loaded when a token first needs them. */
export function createTokenVerifier(
  entries: Readonly<Record<string, TrustEntry>>,
  tools: VerifierTools,
): TokenVerifier {
  const trusted = new Map<string, Trusted>();
  for (const [name, entry] of Object.entries(entries)) {
    trusted.set(name, { name, entry, keys: new KeySet(name, keyLoader(entry, tools), tools.clock) });
  }
  return {
    async verify(token, trustEntries) {
      const unverified = readCompactJws(token);
      if (!unverified.ok) return unverified;
      const { iss } = unverified.value.claims;
      const candidates = trustEntries.map((name) => named(trusted, name)).filter(({ entry }) => entry.issuer === iss);
      return verifyWithAny(candidates, (candidate) => verifyWith(candidate, token, unverified.value, tools.clock));
    },
  };
}

interface Trusted {
  readonly name: string;
  readonly entry: TrustEntry;
  readonly keys: KeySet;
}

function named(trusted: ReadonlyMap<string, Trusted>, name: string): Trusted {
  const found = trusted.get(name);
  if (found) return found;
  throw new Fault("configuration_invalid", `there is no trust entry named ${name}`, { retryable: false });
}

type Check = (candidate: Trusted) => Promise<Result<VerifiedToken>>;

/**
 * Several entries may share an issuer's text (every kubeadm cluster has the same; two tenants of gitlab.com). The first
 * that accepts wins; otherwise an entry that could not decide outranks every refusal, and the refusal of an entry whose
 * keys fit says more than one whose keys do not.
 */
async function verifyWithAny(candidates: readonly Trusted[], check: Check): Promise<Result<VerifiedToken>> {
  let undecided: unknown;
  let refusal: Rejection = { reason: "issuer_unknown" };
  for (const candidate of candidates) {
    try {
      const result = await check(candidate);
      if (result.ok) return result;
      if (NO_KEY_FITS.has(refusal.reason)) refusal = result.rejection;
    } catch (fault) {
      undecided ??= fault;
    }
  }
  if (undecided !== undefined) throw undecided;
  return refuse(refusal);
}

const NO_KEY_FITS: ReadonlySet<Rejection["reason"]> = new Set([
  "issuer_unknown",
  "algorithm_not_allowed",
  "key_unknown",
  "token_signature_invalid",
]);

async function verifyWith(
  trusted: Trusted,
  token: string,
  unverified: UnverifiedToken,
  clock: Clock,
): Promise<Result<VerifiedToken>> {
  const { name, entry, keys } = trusted;
  const now = clock.now();
  const findKey: JWTVerifyGetKey = (header) => keys.find(header);
  try {
    const { payload, protectedHeader } = await jwtVerify(token, findKey, {
      issuer: entry.issuer,
      audience: [...entry.audience],
      algorithms: entry.algorithms,
      clockTolerance: entry.clockSkewSeconds,
      currentDate: new Date(now),
      requiredClaims: ["exp"],
    });
    const { clockSkewSeconds, maxLifetimeSeconds } = entry;
    const refusal =
      refuseTimes(payload, { now: toSeconds(now), clockSkewSeconds, maxLifetimeSeconds }) ??
      refuseClaims(payload, entry.claims);
    if (refusal) return refuse(refusal);
    return ok({ principal: principalOf(payload, trusted, protectedHeader.kid), claims: payload });
  } catch (error) {
    if (error instanceof Fault) throw error;
    const context = { claims: unverified.claims, audience: entry.audience, now: toSeconds(now) };
    const rejection = rejectionOf(error, context);
    if (rejection) return refuse(rejection);
    // Whatever is left is about the issuer's key (an RSA key under 2048 bits is a plain TypeError). Without its cause: a
    // jose error carries the claims.
    throw new Fault("keys_unavailable", `a key of trust entry ${name} cannot be used`, { retryable: true });
  }
}

function principalOf(claims: JWTPayload, { name, entry }: Trusted, kid: string | undefined): Principal {
  return {
    issuer: entry.issuer,
    subject: claims.sub ?? NO_SUBJECT,
    method: "oidc",
    credential: kid ?? "unnamed key",
    trustEntry: name,
    roles: entry.roles,
  };
}

/** Forge's tokens have no `sub`; whoever uses them knows what to put in its place. */
const NO_SUBJECT = "no subject";
