import { toSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Principal } from "../model/principal.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { BindingDeps } from "./binding/deps.ts";
import { rejectUnbound } from "./binding/index.ts";
import { readCompactJws, type UnverifiedToken } from "./compact-jws.ts";
import type { KeySources } from "./load-jwks.ts";
import type { PresentedToken } from "./presented-token.ts";
import { rolesOf, shownClaims, subjectOf } from "./roles-of.ts";
import { isMeantForEntry, rejectToken } from "./token-checks.ts";
import type { VerifiedToken, WatchedTokenVerifier } from "./token-verifier.ts";
import type { TrustEntry } from "./trust-entry.ts";
import { rejectSignature, type Trusted, trustedAs } from "./verify-signature.ts";

interface VerifierDeps extends KeySources, BindingDeps {}

/**
 * Creates a verifier for the trust entries, by their names in `drawbridge.yaml`.
 * Keys are loaded when a token first needs them.
 */
export function createTokenVerifier(
  entries: Readonly<Record<string, TrustEntry>>,
  deps: VerifierDeps,
): WatchedTokenVerifier {
  const trusted = new Map(Object.entries(entries).map(([name, entry]) => [name, trustedAs(name, entry, deps)]));
  return {
    async verify(presented, trustEntries) {
      const token = readCompactJws(presented.token);
      if (!token.ok) return token;
      const { iss } = token.value.claims;
      const candidates = trustEntries.map((name) => named(trusted, name)).filter(({ entry }) => entry.issuer === iss);
      return verifyWithAny(candidates, (candidate) => verifyWith(candidate, presented, token.value, deps));
    },
    unreadable: () => [...trusted].flatMap(([name, { keys }]) => (keys.isFailing ? [name] : [])),
  };
}

function named(trusted: ReadonlyMap<string, Trusted>, name: string): Trusted {
  const found = trusted.get(name);
  if (found) return found;
  throw new Fault("configuration_invalid", `there is no trust entry named ${name}`, { retryable: false });
}

/**
 * The result of one entry for a token, and whether a key of the entry signed the token: the rejection of such an entry
 * is more informative than that of another.
 */
interface Checked {
  readonly result: Result<VerifiedToken>;
  readonly isSigned: boolean;
}

/**
 * Verifies a token with several entries of the same issuer text (every kubeadm cluster has the same; two tenants of
 * gitlab.com). The first entry that accepts the token wins. Otherwise the result is, in this order: the fault of an
 * entry that could not decide, the acceptance of an entry in shadow mode, the rejection of an entry that the token is
 * meant for, the rejection of an entry whose key signed the token, any other rejection.
 */
async function verifyWithAny(
  candidates: readonly Trusted[],
  check: (candidate: Trusted) => Promise<Checked>,
): Promise<Result<VerifiedToken>> {
  let undecided: unknown;
  let shadowAccepted: Result<VerifiedToken> | undefined;
  const rejected: Checked[] = [];
  for (const candidate of candidates) {
    try {
      const checked = await check(candidate);
      const { result } = checked;
      if (result.ok && !result.value.shadowRejection) return result;
      if (result.ok) shadowAccepted ??= result;
      else rejected.push(checked);
    } catch (fault) {
      undecided ??= fault;
    }
  }
  if (undecided !== undefined) throw undecided;
  if (shadowAccepted) return shadowAccepted;
  const mostInformative =
    rejected.find(({ result }) => "by" in result) ?? rejected.find(({ isSigned }) => isSigned) ?? rejected[0];
  return mostInformative?.result ?? reject({ reason: "issuer_unknown" });
}

async function verifyWith(
  trusted: Trusted,
  presented: PresentedToken,
  token: UnverifiedToken,
  deps: VerifierDeps,
): Promise<Checked> {
  const rejection = await rejectSignature(token, trusted);
  if (rejection) return { result: reject(rejection), isSigned: false };
  return { result: await verifySigned(trusted, presented, token, deps), isSigned: true };
}

async function verifySigned(
  trusted: Trusted,
  presented: PresentedToken,
  token: UnverifiedToken,
  deps: VerifierDeps,
): Promise<Result<VerifiedToken>> {
  const { entry } = trusted;
  const { claims } = token;
  const by = principalOf(token, trusted);
  const roles = await rolesEarned(entry, presented, token, deps);
  if (roles.ok) return ok({ principal: { ...by, roles: roles.value }, claims });
  const { rejection } = roles;
  if (entry.mode === "shadow") return ok({ principal: by, claims, shadowRejection: rejection });
  return isMeantForEntry(token, entry) ? reject(rejection, by) : reject(rejection);
}

async function rolesEarned(
  entry: TrustEntry,
  presented: PresentedToken,
  token: UnverifiedToken,
  deps: VerifierDeps,
): Promise<Result<readonly string[]>> {
  const rejection = rejectToken(token, entry, toSeconds(deps.clock.now()));
  if (rejection) return reject(rejection);
  const roles = rolesOf(token.claims, entry);
  if (!roles.ok) return roles;
  const unbound = await rejectUnbound(presented, token.claims, entry, deps);
  return unbound ? reject(unbound) : roles;
}

/** Returns the principal of a token with a valid signature, without roles. */
function principalOf(
  { header: { kid = "unnamed key" }, claims }: UnverifiedToken,
  { name, entry }: Trusted,
): Principal {
  const shown = shownClaims(claims, entry.preset);
  return {
    issuer: entry.issuer,
    subject: subjectOf(claims, entry.preset),
    method: "oidc",
    credential: kid,
    trustEntry: name,
    roles: [],
    ...(shown && { claims: shown }),
  };
}
