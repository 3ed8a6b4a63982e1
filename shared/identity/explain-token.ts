import type { EpochSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Rejection } from "../model/rejection.ts";
import type { Result } from "../model/result.ts";
import { rejectConfirmation, rejectDigest } from "./binding/index.ts";
import { claimAt } from "./claim-at.ts";
import { claimFindings, expectationOf } from "./claim-rules.ts";
import type { TokenHeader, UnverifiedToken } from "./compact-jws.ts";
import { type ClaimFormat, PROVED, UNPROVED } from "./explain-values.ts";
import { rolesOf, subjectOf, unmetRoleRules } from "./roles-of.ts";
import { TOKEN_CHECKS, USUAL_TYPES } from "./token-checks.ts";
import type { TrustEntry } from "./trust-entry.ts";
import { rejectSignature, type Trusted } from "./verify-signature.ts";

/** The result of one check, for people. */
interface ExplainedCheck {
  readonly check: string;
  readonly expected: string;
  readonly got: string;
  /** `not met`: a rule of a role; the token is accepted without it. `not checked`: only a request can show it. */
  readonly verdict: "ok" | "refused" | "not met" | "not checked";
  readonly rejection?: Rejection;
}

/** The result of all checks of one trust entry on a token. */
export interface Explanation {
  readonly trustEntry: string;
  /** Whether the signature is valid. If not, no claim of the token is proved, and none of its values is shown. */
  readonly isProved: boolean;
  readonly checks: readonly ExplainedCheck[];
  /**
   * `undecided`: no check rejects, but the signature could not be checked. `let in`: a check rejects, but shadow mode
   * accepts the token.
   */
  readonly outcome: "accepted" | "undecided" | "let in" | "refused";
  /** The subject of the token; undefined if it is not proved. */
  readonly subject?: string;
  /** The roles of the token if it is accepted. */
  readonly roles: readonly string[];
  /** The entry gives roles, and the token earns none of them. */
  readonly earnsNoRole: boolean;
}

/**
 * Runs every check of the verification and returns what each expects and what it found; verification returns the first
 * rejection. Of the checks that bind a token to its request, only the token's part runs, because there is no request.
 */
export async function explainToken(token: UnverifiedToken, trusted: Trusted, now: EpochSeconds): Promise<Explanation> {
  const { name, entry } = trusted;
  const issuer = issuerCheck(token, entry);
  const signature = await signatureCheck(token, trusted);
  const isProved = signature.verdict === "ok";
  const show = isProved ? PROVED : UNPROVED;
  const roles = rolesOf(token.claims, entry);
  const later = [
    ...TOKEN_CHECKS.flatMap((check) => {
      if (check.name === "claims") return claimChecks(token, entry, show);
      const rejection = check.reject(token, entry, now);
      const shown = isProved ? rejection : rejection && withoutValue(rejection);
      return [checkOf(check.name, DETAILS[check.name](token, entry, now, show), shown)];
    }),
    rolesCheck(roles, entry),
    ...roleRuleChecks(token, entry, show),
    ...bindingChecks(token, entry, show),
  ];
  return {
    trustEntry: name,
    isProved,
    checks: [issuer, signature, ...later],
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
  if (proving.some(isRejected)) return "refused";
  if (later.some(isRejected)) return isProved && mode === "shadow" ? "let in" : "refused";
  return isProved ? "accepted" : "undecided";
}

/** Removes the value of a claim, which is not shown if the signature is not verified. */
function withoutValue(rejection: Rejection): Rejection {
  if (rejection.reason !== "audience_mismatch") return rejection;
  const { got: _, ...rest } = rejection;
  return rest;
}

const isRejected = ({ verdict }: ExplainedCheck): boolean => verdict === "refused";

interface Detail {
  readonly expected: string;
  readonly got: string;
}

const checkOf = (check: string, detail: Detail, rejection: Rejection | undefined): ExplainedCheck =>
  rejection ? { check, ...detail, verdict: "refused", rejection } : { check, ...detail, verdict: "ok" };

type CheckName = Exclude<(typeof TOKEN_CHECKS)[number]["name"], "claims">;
type DetailOf = (token: UnverifiedToken, entry: TrustEntry, now: EpochSeconds, show: ClaimFormat) => Detail;

/** What each check expects and found. Checks of claims are not here, because they differ between entries. */
const DETAILS: Readonly<Record<CheckName, DetailOf>> = {
  expiry: ({ claims }, { clockSkewSeconds }, now, show) => ({
    expected: `exp in the future, or less than ${clockSkewSeconds} s ago`,
    got: show.time(claims["exp"], now),
  }),
  "not before": ({ claims }, { clockSkewSeconds }, now, show) => ({
    expected: `nbf at most ${clockSkewSeconds} s ahead, or none`,
    got: show.time(claims["nbf"], now),
  }),
  "issued at": ({ claims }, { clockSkewSeconds }, now, show) => ({
    expected: `iat at most ${clockSkewSeconds} s ahead, or none`,
    got: show.time(claims["iat"], now),
  }),
  lifetime: ({ claims: { exp, iat } }, { maxLifetimeSeconds }, now, show) => ({
    expected: `0 to ${maxLifetimeSeconds} seconds, from iat if present, else from now`,
    got: show.claim(typeof exp === "number" ? exp - (typeof iat === "number" ? iat : now) : undefined),
  }),
  type: ({ header }, { types }, _now, show) => ({
    expected: types ? `typ ${types.join(" or ")}` : `typ ${USUAL_TYPES.join(" or ")}, or none`,
    got: show.claim(header.typ),
  }),
  audience: ({ claims }, { audience, audienceClaim }, _now, show) => ({
    expected: `${audienceClaim} ${audience.join(" or ")}`,
    got: audienceClaim === "aud" ? show.claim(claims["aud"]) : clientText(claims, show),
  }),
};

function clientText({ client_id: client, aud }: UnverifiedToken["claims"], show: ClaimFormat): string {
  return aud === undefined ? show.claim(client) : `${show.claim(client)}, and aud ${show.claim(aud)}`;
}

function issuerCheck({ claims: { iss } }: UnverifiedToken, { issuer }: TrustEntry): ExplainedCheck {
  const isSame = iss === issuer;
  const got = isSame ? "the same" : `another, ${UNPROVED.claim(iss)}`;
  return checkOf("issuer", { expected: issuer, got }, isSame ? undefined : { reason: "issuer_unknown" });
}

async function signatureCheck(token: UnverifiedToken, trusted: Trusted): Promise<ExplainedCheck> {
  const expected = `${trusted.entry.algorithms.join(" or ")}, by a key of this issuer`;
  try {
    const rejection = await rejectSignature(token, trusted);
    return checkOf("signature", { expected, got: signatureText(token.header, rejection) }, rejection);
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    const { message } = fault.cause instanceof Fault ? fault.cause : fault;
    return { check: "signature", expected, got: `no keys: ${message}`, verdict: "not checked" };
  }
}

function signatureText({ alg, kid }: TokenHeader, rejection: Rejection | undefined): string {
  switch (rejection?.reason) {
    case undefined:
      return `${alg}, by key ${PROVED.claim(kid)}`;
    case "algorithm_not_allowed":
      return KNOWN_ALGORITHMS.test(alg) ? alg : "an unknown algorithm";
    case "key_unknown":
      return kid === undefined
        ? "no key id, and not exactly one matching key"
        : "a key id that the issuer does not publish";
    default:
      return "not created with the key that it names";
  }
}

/** RFC 7518 §3.1, RFC 8037, RFC 9864. Other values are not shown, because a header may contain anything. */
const KNOWN_ALGORITHMS = /^(none|[HREP]S(256|384|512)|EdDSA|Ed25519|Ed448)$/;

function claimChecks({ claims }: UnverifiedToken, entry: TrustEntry, show: ClaimFormat): readonly ExplainedCheck[] {
  return claimFindings(claims, entry).map(({ claim, expected, value, rejection }) =>
    checkOf(`claim ${claim}`, { expected, got: show.claim(value) }, rejection),
  );
}

function rolesCheck(roles: Result<readonly string[]>, entry: TrustEntry): ExplainedCheck {
  const names = entry.roles.map(({ role }) => role).join(", ");
  const expected = names === "" ? "no roles in the entry" : `some of ${names}`;
  if (!roles.ok) return checkOf("roles", { expected, got: "undecided" }, roles.rejection);
  const detail = { expected, got: roles.value.join(", ") || "none" };
  if (roles.value.length === 0 && entry.roles.length > 0) return { check: "roles", ...detail, verdict: "not met" };
  return checkOf("roles", detail, undefined);
}

/** Each rule that keeps the token from a role, with what its claim holds. */
function roleRuleChecks({ claims }: UnverifiedToken, entry: TrustEntry, show: ClaimFormat): readonly ExplainedCheck[] {
  return unmetRoleRules(claims, entry).flatMap(({ role, unmet }) =>
    unmet.map((rule) => ({
      check: `role ${role}, claim ${rule.path.join(".")}`,
      expected: expectationOf(rule),
      got: show.claim(claimAt(claims, rule.path)),
      verdict: "not met" as const,
    })),
  );
}

function bindingChecks({ claims }: UnverifiedToken, entry: TrustEntry, show: ClaimFormat): readonly ExplainedCheck[] {
  const { cnf } = claims;
  const { proof = cnf === undefined ? undefined : "according to the claim cnf", singleUse, bodyDigestClaim } = entry;
  const digest = bodyDigestClaim && claimAt(claims, bodyDigestClaim);
  return [
    ...(proof ? [boundCheck("proof of the key", proof, show.claim(cnf), rejectConfirmation(claims, entry))] : []),
    ...(singleUse ? [boundCheck("single use", "not used before")] : []),
    ...(bodyDigestClaim
      ? [
          boundCheck(
            "body",
            `its SHA-256 in ${bodyDigestClaim.join(".")}`,
            show.claim(digest),
            rejectDigest(claims, entry),
          ),
        ]
      : []),
  ];
}

/** A token that cannot be bound to any request is rejected; all else depends on the request. */
function boundCheck(check: string, expected: string, got = "", rejection?: Rejection): ExplainedCheck {
  if (rejection) return checkOf(check, { expected, got }, rejection);
  return { check, expected, got: "depends on the request", verdict: "not checked" };
}
