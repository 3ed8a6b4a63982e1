import type { Principal } from "../delivery/principal.ts";
import { ok, type Result, refuse } from "../delivery/result.ts";
import { toSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { refuseUnbound } from "./binding/index.ts";
import type { BindingTools } from "./binding/tools.ts";
import { readCompactJws, type UnverifiedToken } from "./compact-jws.ts";
import type { KeySources } from "./load-keys.ts";
import type { PresentedToken } from "./presented-token.ts";
import { rolesOf, shownClaims, subjectOf } from "./roles-of.ts";
import { refuseToken } from "./token-checks.ts";
import type { TokenVerifier, VerifiedToken } from "./token-verifier.ts";
import type { TrustEntry } from "./trust-entry.ts";
import { refuseSignature, type Trusted, trustedAs } from "./verify-signature.ts";

interface VerifierTools extends KeySources, BindingTools {}

/** A verifier for the trust entries under their names in `drawbridge.yaml`. Keys are loaded when a token first needs them. */
export function createTokenVerifier(
  entries: Readonly<Record<string, TrustEntry>>,
  tools: VerifierTools,
): TokenVerifier {
  const trusted = new Map(Object.entries(entries).map(([name, entry]) => [name, trustedAs(name, entry, tools)]));
  return {
    async verify(presented, trustEntries) {
      const token = readCompactJws(presented.token);
      if (!token.ok) return token;
      const { iss } = token.value.claims;
      const candidates = trustEntries.map((name) => named(trusted, name)).filter(({ entry }) => entry.issuer === iss);
      return verifyWithAny(candidates, (candidate) => verifyWith(candidate, presented, token.value, tools));
    },
  };
}

function named(trusted: ReadonlyMap<string, Trusted>, name: string): Trusted {
  const found = trusted.get(name);
  if (found) return found;
  throw new Fault("configuration_invalid", `there is no trust entry named ${name}`, { retryable: false });
}

type Check = (candidate: Trusted) => Promise<Result<VerifiedToken>>;

/**
 * Several entries may share an issuer's text (every kubeadm cluster has the same; two tenants of gitlab.com). The first
 * that has nothing to object wins. Otherwise an entry that could not decide outranks the rest, then one that lets the
 * token in for being in shadow mode, then the refusal of one whose key it was signed with.
 */
async function verifyWithAny(candidates: readonly Trusted[], check: Check): Promise<Result<VerifiedToken>> {
  let undecided: unknown;
  let letIn: Result<VerifiedToken> | undefined;
  let refused: Extract<Result<never>, { ok: false }> = { ok: false, rejection: { reason: "issuer_unknown" } };
  for (const candidate of candidates) {
    try {
      const result = await check(candidate);
      if (result.ok && !result.value.wouldDeny) return result;
      if (result.ok) letIn ??= result;
      else if (refused.by === undefined) refused = result;
    } catch (fault) {
      undecided ??= fault;
    }
  }
  if (undecided !== undefined) throw undecided;
  return letIn ?? refused;
}

async function verifyWith(
  trusted: Trusted,
  presented: PresentedToken,
  token: UnverifiedToken,
  tools: VerifierTools,
): Promise<Result<VerifiedToken>> {
  const forged = await refuseSignature(token, trusted);
  if (forged) return refuse(forged);
  const by = principalOf(token, trusted);
  const { claims } = token;
  const roles = await rolesEarned(trusted.entry, presented, token, tools);
  if (roles.ok) return ok({ principal: { ...by, roles: roles.value }, claims });
  const { rejection } = roles;
  return trusted.entry.mode === "shadow" ? ok({ principal: by, claims, wouldDeny: rejection }) : refuse(rejection, by);
}

async function rolesEarned(
  entry: TrustEntry,
  presented: PresentedToken,
  token: UnverifiedToken,
  tools: VerifierTools,
): Promise<Result<readonly string[]>> {
  const refusal = refuseToken(token, entry, toSeconds(tools.clock.now()));
  if (refusal) return refuse(refusal);
  const roles = rolesOf(token.claims, entry);
  if (!roles.ok) return roles;
  const unbound = await refuseUnbound(presented, token.claims, entry, tools);
  return unbound ? refuse(unbound) : roles;
}

/** Whose token it is, by a good signature and no more: with no roles yet. */
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
