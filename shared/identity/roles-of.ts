import { ACTOR_CLAIMS, identityText } from "../model/principal.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { claimAt } from "./claim-at.ts";
import { isMet } from "./claim-match.ts";
import type { ClaimRule } from "./claim-rule.ts";
import type { ClaimPath, Preset } from "./presets/preset.ts";
import type { TrustEntry } from "./trust-entry.ts";

type Claims = Readonly<Record<string, unknown>>;

/**
 * Returns the roles that a trust entry grants to verified claims. If a token has no role, but could have one by groups
 * that the issuer omitted, its roles are unknown and it is rejected as `groups_omitted`.
 */
export function rolesOf(claims: Claims, entry: TrustEntry): Result<readonly string[]> {
  const findings = unmetRoleRules(claims, entry);
  const earned = findings.filter(({ unmet }) => unmet.length === 0);
  const isUndecided = findings.some(({ unmet }) => unmet.every((rule) => dependsOnOmitted(rule, claims, entry.preset)));
  if (earned.length === 0 && isUndecided) return reject({ reason: "groups_omitted" });
  return ok([...new Set(earned.map(({ role }) => role))]);
}

/** Each role that an entry can grant, with the rules that verified claims do not meet: none if the token has the role. */
export function unmetRoleRules(
  claims: Claims,
  { roles, claims: entryRules, preset }: TrustEntry,
): readonly { readonly role: string; readonly unmet: readonly ClaimRule[] }[] {
  return roles.map(({ role, when }) => {
    const implied = preset.implied?.(claims, when, [...entryRules, ...when]) ?? [];
    return { role, unmet: [...when, ...implied].filter((rule) => !isMet(rule, claims)) };
  });
}

/** Whether an unmet rule is about groups that the issuer omitted, so that its real result is unknown. */
export const dependsOnOmitted = ({ path: [claim] }: ClaimRule, claims: Claims, { omitsGroups }: Preset): boolean =>
  claim === "groups" && omitsGroups?.(claims) === true;

/** Joins the claims that identify the subject, for a record; `no subject` if the token has none of them. */
export function subjectOf(claims: Claims, { subject = SUB }: Preset): string {
  const parts = subject.map((path) => textAt(claims, path)).filter((text) => text !== undefined);
  return identityText(parts.join("/") || "no subject");
}

const SUB: readonly ClaimPath[] = [["sub"]];

/**
 * Returns the claims of a principal that its preset shows, each under the last name of its path, and everybody who
 * acts for it (RFC 8693 §4.1); undefined if none.
 */
export function shownClaims(claims: Claims, { shown = [] }: Preset): Readonly<Record<string, string>> | undefined {
  const texts: Record<string, string> = {};
  for (const path of shown) {
    const text = textAt(claims, path);
    if (text !== undefined) texts[path.at(-1) ?? ""] = identityText(text);
  }
  for (const claim of ACTOR_CLAIMS) {
    const actor = textAt(claims, [...claim.split("."), "sub"]);
    if (actor !== undefined) texts[claim] = identityText(actor);
  }
  return Object.keys(texts).length === 0 ? undefined : texts;
}

function textAt(claims: Claims, path: ClaimPath): string | undefined {
  const value = claimAt(claims, path);
  const isShowable = typeof value === "string" || Number.isSafeInteger(value);
  return isShowable ? String(value) : undefined;
}
