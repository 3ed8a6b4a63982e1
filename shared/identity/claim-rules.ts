import { ACTOR_CLAIMS } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import { claimAt } from "./claim-at.ts";
import { isMet } from "./claim-match.ts";
import type { ClaimRule } from "./claim-rule.ts";
import { dependsOnOmitted } from "./roles-of.ts";
import type { TrustEntry } from "./trust-entry.ts";

type Claims = Readonly<Record<string, unknown>>;

/** The result of one condition on the claims. */
export interface ClaimFinding {
  /** The path of the claim, for people. */
  readonly claim: string;
  readonly expected: string;
  /** The value in the token; undefined if it is missing. */
  readonly value: unknown;
  readonly rejection?: Rejection;
}

/** Returns the rejection of the first condition of a trust entry and its preset that the claims do not meet. */
export const rejectClaims = (claims: Claims, entry: TrustEntry): Rejection | undefined =>
  claimFindings(claims, entry).find(({ rejection }) => rejection)?.rejection;

/** Checks every condition of a trust entry and its preset, in order. */
export function claimFindings(claims: Claims, entry: TrustEntry): readonly ClaimFinding[] {
  const rules = [...entry.presetClaims, ...entry.claims];
  const implied = entry.preset.implied?.(claims, entry.claims, entry.claims) ?? [];
  return [
    subjectFinding(claims),
    ...actorFindings(claims),
    ...[...rules, ...implied].map((rule) => findingOf(rule, claims, entry)),
  ];
}

/**
 * A `sub` that is not text (RFC 7519 §4.1.2) is rejected without a rule, because it becomes the principal's subject.
 */
function subjectFinding({ sub: value }: Claims): ClaimFinding {
  const finding = { claim: "sub", expected: "a text, or none", value };
  if (value === undefined || typeof value === "string") return finding;
  return { ...finding, rejection: { reason: "claim_mismatch", claim: "sub" } };
}

/**
 * An `act` (RFC 8693 §4.1), or one inside it, that does not name its actor by a text is rejected without a rule: who acts is
 * who must not approve what they requested. So is a chain of more actors than a record has.
 */
function actorFindings(claims: Claims): readonly ClaimFinding[] {
  const actors = ACTOR_CLAIMS.filter((claim) => claimAt(claims, claim.split(".")) !== undefined).map((claim) => {
    const value = claimAt(claims, [...claim.split("."), "sub"]);
    const finding = { claim: `${claim}.sub`, expected: `a text, because the token has ${claim}`, value };
    if (typeof value === "string" && value !== "") return finding;
    return { ...finding, rejection: { reason: "claim_mismatch", claim: finding.claim } as const };
  });
  const [claim, value] = [LONGER, claimAt(claims, LONGER.split("."))];
  if (value === undefined) return actors;
  const expected = `none: at most ${ACTOR_CLAIMS.length} actors`;
  return [...actors, { claim, expected, value, rejection: { reason: "claim_mismatch", claim } }];
}

const LONGER = `${ACTOR_CLAIMS.at(-1)}.act`;

function findingOf(rule: ClaimRule, claims: Claims, entry: TrustEntry): ClaimFinding {
  const claim = rule.path.join(".");
  const value = claimAt(claims, rule.path);
  const finding = { claim, expected: expectationOf(rule), value };
  if (isMet(rule, claims)) return finding;
  if (dependsOnOmitted(rule, claims, entry.preset)) return { ...finding, rejection: { reason: "groups_omitted" } };
  if (value === undefined) return { ...finding, rejection: { reason: "claim_missing", claim } };
  const reason = isPin(rule, entry) ? "tenant_mismatch" : "claim_mismatch";
  return { ...finding, rejection: { reason, claim } };
}

function isPin({ path }: ClaimRule, { tenant = { ids: [], names: [] } }: TrustEntry): boolean {
  return [...tenant.ids, ...tenant.names].some((pin) => pin.join("\n") === path.join("\n"));
}

/** What a rule wants of its claim, for people. */
export function expectationOf(rule: ClaimRule): string {
  if ("equals" in rule) return rule.equals.join(" or ");
  if ("prefix" in rule) return `a text that starts with ${rule.prefix.join(" or ")}`;
  return `a text that matches ${rule.glob.join(" or ")}`;
}
