import { ok, type Result, reject } from "../model/result.ts";
import { claimAt, isMet } from "./claim-match.ts";
import type { ClaimRule } from "./claim-rule.ts";
import type { ClaimPath, Preset } from "./presets/preset.ts";
import type { TrustEntry } from "./trust-entry.ts";

type Claims = Readonly<Record<string, unknown>>;

/**
 * The roles that verified claims earn by a trust entry. A token that earns none, and might earn one by groups that the
 * issuer left out, has not no role: it is unknown, which is `groups_omitted`.
 */
export function rolesOf(claims: Claims, entry: TrustEntry): Result<readonly string[]> {
  const findings = unmetRoleRules(claims, entry);
  const earned = findings.filter(({ unmet }) => unmet.length === 0);
  const isUndecided = findings.some(({ unmet }) => unmet.every((rule) => dependsOnOmitted(rule, claims, entry.preset)));
  if (earned.length === 0 && isUndecided) return reject({ reason: "groups_omitted" });
  return ok([...new Set(earned.map(({ role }) => role))]);
}

/** Each role that an entry can give, with the rules that verified claims do not meet; none means that it is earned. */
export function unmetRoleRules(
  claims: Claims,
  { roles, claims: asked, preset }: TrustEntry,
): readonly { readonly role: string; readonly unmet: readonly ClaimRule[] }[] {
  return roles.map(({ role, when }) => {
    const implied = preset.implied?.(claims, when, [...asked, ...when]) ?? [];
    return { role, unmet: [...when, ...implied].filter((rule) => !isMet(rule, claims)) };
  });
}

/** Whether a rule that is not met asks for groups, and the issuer left them out: what it would be with them is unknown. */
export const dependsOnOmitted = ({ path: [claim] }: ClaimRule, claims: Claims, { omitsGroups }: Preset): boolean =>
  claim === "groups" && omitsGroups?.(claims) === true;

/** The claims that together name the subject, for a record; `no subject` where the token has none of them. */
export function subjectOf(claims: Claims, { subject = SUB }: Preset): string {
  const parts = subject.map((path) => textAt(claims, path)).filter((text) => text !== undefined);
  return parts.join("/") || "no subject";
}

const SUB: readonly ClaimPath[] = [["sub"]];

/** The claims that a preset shows of a principal, each under the last name of its path. */
export function shownClaims(claims: Claims, { shown = [] }: Preset): Readonly<Record<string, string>> | undefined {
  const told: Record<string, string> = {};
  for (const path of shown) {
    const text = textAt(claims, path);
    if (text !== undefined) told[path.at(-1) ?? ""] = text;
  }
  return Object.keys(told).length === 0 ? undefined : told;
}

/** Texts longer than this are of no use to a reader of the log. */
const MAX_CHARACTERS = 200;

function textAt(claims: Claims, path: ClaimPath): string | undefined {
  const value = claimAt(claims, path);
  const isTold = typeof value === "string" || Number.isSafeInteger(value);
  return isTold ? String(value).slice(0, MAX_CHARACTERS) : undefined;
}
