import { claimAt } from "./claim-at.ts";
import type { ClaimRule } from "./claim-rule.ts";
import { matchesGlob } from "./glob.ts";

type Claims = Readonly<Record<string, unknown>>;

/** Whether the claims meet a rule. A list meets it if one member does, `scope` and `scp` if one of their words does. */
export function isMet(rule: ClaimRule, claims: Claims): boolean {
  return textsIn(claimAt(claims, rule.path), rule.path).some((text) => matchesRule(rule, text));
}

function matchesRule(rule: ClaimRule, text: string): boolean {
  if ("equals" in rule) return rule.equals.includes(text);
  if ("prefix" in rule) return rule.prefix.some((prefix) => text.startsWith(prefix));
  return rule.glob.some((glob) => matchesGlob(glob, text));
}

/**
 * Returns the texts of a claim. Issuers write the same values as texts, numbers or booleans: GitLab's `runner_id` is a
 * number, its `ref_protected` the text "true". Each becomes one text; any other type has no text.
 */
function textsIn(value: unknown, path: readonly string[]): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((member) => textOf(member));
  const texts = textOf(value);
  // RFC 6749 §3.3: a scope is a list of words. Entra writes it as `scp`, which in Okta is a real list.
  const isScope = path.length === 1 && (path[0] === "scope" || path[0] === "scp");
  return isScope ? texts.flatMap((text) => text.split(" ")) : texts;
}

function textOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Number.isSafeInteger(value) || typeof value === "boolean" ? [String(value)] : [];
}
