import type { EpochSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Rejection } from "../model/rejection.ts";
import type { Result } from "../model/result.ts";
import { rejectConfirmation, rejectDigest } from "./binding/index.ts";
import { claimAt } from "./claim-match.ts";
import { claimFindings, expectationOf } from "./claim-rules.ts";
import type { TokenHeader, UnverifiedToken } from "./compact-jws.ts";
import { PROVED, type ShownBy, UNPROVED } from "./explain-values.ts";
import { rolesOf, subjectOf, unmetRoleRules } from "./roles-of.ts";
import { TOKEN_CHECKS, USUAL_TYPES } from "./token-checks.ts";
import type { TrustEntry } from "./trust-entry.ts";
import { rejectSignature, type Trusted } from "./verify-signature.ts";

/** One row of an explanation, for people. */
interface ExplainedCheck {
  readonly check: string;
  readonly expected: string;
  readonly got: string;
  /** `not met`: a role's rule, without which the token is accepted all the same. `not checked`: only a request shows it. */
  readonly verdict: "ok" | "refused" | "not met" | "not checked";
  readonly refusal?: Rejection;
}

/** What one trust entry makes of a token. */
export interface Explanation {
  readonly trustEntry: string;
  /** Whether its signature is good. If not, nothing of the token is proved, and no value of it is told. */
  readonly isProved: boolean;
  readonly checks: readonly ExplainedCheck[];
  /** `undecided`: no check refuses, and the signature could not be checked. `let in`: refused but for shadow mode. */
  readonly outcome: "accepted" | "undecided" | "let in" | "refused";
  /** Whose it is; absent where that is not proved. */
  readonly subject?: string;
  /** What it would earn, were it accepted. */
  readonly roles: readonly string[];
  /** The entry gives roles, and the token earns none of them. */
  readonly earnsNoRole: boolean;
}

/**
 * Runs every check that verification would, of which the first refusal would be its answer, and tells what each expects
 * and what it got. Of what binds a token to its request, the token's own part is checked: there is no request.
 */
export async function explainToken(token: UnverifiedToken, trusted: Trusted, now: EpochSeconds): Promise<Explanation> {
  const { name, entry } = trusted;
  const issuer = issuerCheck(token, entry);
  const signature = await signatureCheck(token, trusted);
  const isProved = signature.verdict === "ok";
  const tell = isProved ? PROVED : UNPROVED;
  const roles = rolesOf(token.claims, entry);
  const later = [
    ...TOKEN_CHECKS.flatMap((check) => {
      if (check.name === "claims") return claimChecks(token, entry, tell);
      const refusal = check.refuse(token, entry, now);
      const told = isProved ? refusal : refusal && withoutValue(refusal);
      return [checkOf(check.name, DETAILS[check.name](token, entry, now, tell), told)];
    }),
    rolesCheck(roles, entry),
    ...roleRuleChecks(token, entry, tell),
    ...bindingChecks(token, entry, tell),
  ];
  return {
    ...{ trustEntry: name, isProved, checks: [issuer, signature, ...later] },
    outcome: outcomeOf([issuer, signature], later, entry),
    ...(isProved && { subject: subjectOf(token.claims, entry.preset) }),
    roles: roles.ok ? roles.value : [],
    earnsNoRole: roles.ok && roles.value.length === 0 && entry.roles.length > 0,
  };
}

function outcomeOf(
  proving: readonly ExplainedCheck[],
  later: readonly ExplainedCheck[],
  { mode }: TrustEntry,
): Explanation["outcome"] {
  const isProved = proving.every(({ verdict }) => verdict === "ok");
  if (proving.some(isRefused)) return "refused";
  if (later.some(isRefused)) return isProved && mode === "shadow" ? "let in" : "refused";
  return isProved ? "accepted" : "undecided";
}

/** As long as nobody has signed it, what a token says is not told. */
function withoutValue(refusal: Rejection): Rejection {
  if (refusal.reason !== "audience_mismatch") return refusal;
  const { got: _, ...told } = refusal;
  return told;
}

const isRefused = ({ verdict }: ExplainedCheck): boolean => verdict === "refused";

interface Detail {
  readonly expected: string;
  readonly got: string;
}

const checkOf = (check: string, detail: Detail, refusal: Rejection | undefined): ExplainedCheck =>
  refusal ? { check, ...detail, verdict: "refused", refusal } : { check, ...detail, verdict: "ok" };

type CheckName = Exclude<(typeof TOKEN_CHECKS)[number]["name"], "claims">;
type DetailOf = (token: UnverifiedToken, entry: TrustEntry, now: EpochSeconds, tell: ShownBy) => Detail;

/** What each check but those of claims, which differ from entry to entry, expects and got. */
const DETAILS: Readonly<Record<CheckName, DetailOf>> = {
  expiry: ({ claims }, { clockSkewSeconds }, now, tell) => ({
    expected: `exp to come, or less than ${clockSkewSeconds} s ago`,
    got: tell.time(claims["exp"], now),
  }),
  "not before": ({ claims }, { clockSkewSeconds }, now, tell) => ({
    expected: `nbf at most ${clockSkewSeconds} s ahead, or none`,
    got: tell.time(claims["nbf"], now),
  }),
  "issued at": ({ claims }, { clockSkewSeconds }, now, tell) => ({
    expected: `iat at most ${clockSkewSeconds} s ahead, or none`,
    got: tell.time(claims["iat"], now),
  }),
  lifetime: ({ claims: { exp, iat } }, { maxLifetimeSeconds }, now, tell) => ({
    expected: `0 to ${maxLifetimeSeconds} seconds, from iat if it is there, else from now`,
    got: tell.claim(typeof exp === "number" ? exp - (typeof iat === "number" ? iat : now) : undefined),
  }),
  type: ({ header }, { types }, _now, tell) => ({
    expected: types ? `typ ${types.join(" or ")}` : `typ ${USUAL_TYPES.join(" or ")}, or none`,
    got: tell.claim(header.typ),
  }),
  audience: ({ claims }, { audience, audienceClaim }, _now, tell) => ({
    expected: `${audienceClaim} ${audience.join(" or ")}`,
    got: audienceClaim === "aud" ? tell.claim(claims["aud"]) : clientText(claims, tell),
  }),
};

function clientText({ client_id: client, aud }: UnverifiedToken["claims"], tell: ShownBy): string {
  return aud === undefined ? tell.claim(client) : `${tell.claim(client)}, and aud ${tell.claim(aud)}`;
}

function issuerCheck({ claims: { iss } }: UnverifiedToken, { issuer }: TrustEntry): ExplainedCheck {
  const isSame = iss === issuer;
  const got = isSame ? "the same" : `another, ${UNPROVED.claim(iss)}`;
  return checkOf("issuer", { expected: issuer, got }, isSame ? undefined : { reason: "issuer_unknown" });
}

async function signatureCheck(token: UnverifiedToken, trusted: Trusted): Promise<ExplainedCheck> {
  const expected = `${trusted.entry.algorithms.join(" or ")}, by a key of this issuer`;
  try {
    const refusal = await rejectSignature(token, trusted);
    return checkOf("signature", { expected, got: signatureText(token.header, refusal) }, refusal);
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    const { message } = fault.cause instanceof Fault ? fault.cause : fault;
    return { check: "signature", expected, got: `no keys: ${message}`, verdict: "not checked" };
  }
}

function signatureText({ alg, kid }: TokenHeader, refusal: Rejection | undefined): string {
  switch (refusal?.reason) {
    case undefined:
      return `${alg}, by key ${PROVED.claim(kid)}`;
    case "algorithm_not_allowed":
      return KNOWN_ALGORITHMS.test(alg) ? alg : "an unknown algorithm";
    case "key_unknown":
      return kid === undefined ? "no key id, and not one key that fits" : "a key id that the issuer does not publish";
    default:
      return "not made with the key that it names";
  }
}

/** RFC 7518 §3.1, RFC 8037, RFC 9864; a header may hold anything. */
const KNOWN_ALGORITHMS = /^(none|[HREP]S(256|384|512)|EdDSA|Ed25519|Ed448)$/;

function claimChecks({ claims }: UnverifiedToken, entry: TrustEntry, tell: ShownBy): readonly ExplainedCheck[] {
  return claimFindings(claims, entry).map(({ claim, expected, value, refusal }) =>
    checkOf(`claim ${claim}`, { expected, got: tell.claim(value) }, refusal),
  );
}

function rolesCheck(roles: Result<readonly string[]>, entry: TrustEntry): ExplainedCheck {
  const expected = `some of ${entry.roles.map(({ role }) => role).join(", ") || "none that the entry gives"}`;
  if (!roles.ok) return checkOf("roles", { expected, got: "not to be decided" }, roles.rejection);
  const detail = { expected, got: roles.value.join(", ") || "none" };
  if (roles.value.length === 0 && entry.roles.length > 0) return { check: "roles", ...detail, verdict: "not met" };
  return checkOf("roles", detail, undefined);
}

/** Each rule that keeps the token from a role, with what its claim holds. */
function roleRuleChecks({ claims }: UnverifiedToken, entry: TrustEntry, tell: ShownBy): readonly ExplainedCheck[] {
  return unmetRoleRules(claims, entry).flatMap(({ role, unmet }) =>
    unmet.map((rule) => ({
      check: `role ${role}, claim ${rule.path.join(".")}`,
      expected: expectationOf(rule),
      got: tell.claim(claimAt(claims, rule.path)),
      verdict: "not met" as const,
    })),
  );
}

function bindingChecks({ claims }: UnverifiedToken, entry: TrustEntry, tell: ShownBy): readonly ExplainedCheck[] {
  const { cnf } = claims;
  const { proof = cnf === undefined ? undefined : "as the claim cnf says", singleUse, bodyDigestClaim } = entry;
  const digest = bodyDigestClaim && claimAt(claims, bodyDigestClaim);
  return [
    ...(proof ? [boundCheck("proof of the key", proof, tell.claim(cnf), rejectConfirmation(claims, entry))] : []),
    ...(singleUse ? [boundCheck("single use", "not used before")] : []),
    ...(bodyDigestClaim
      ? [
          boundCheck(
            "body",
            `its SHA-256 in ${bodyDigestClaim.join(".")}`,
            tell.claim(digest),
            rejectDigest(claims, entry),
          ),
        ]
      : []),
  ];
}

/** A token that no request can be bound to is refused; whether its own one fits, only that can show. */
function boundCheck(check: string, expected: string, got = "", refusal?: Rejection): ExplainedCheck {
  if (refusal) return checkOf(check, { expected, got }, refusal);
  return { check, expected, got: "depends on the request", verdict: "not checked" };
}
