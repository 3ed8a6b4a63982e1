import type { Approval } from "../model/approval.ts";
import { type RulesOf, rulesOf } from "./configured-rules.ts";
import type { PeopleOf } from "./people.ts";
import { type RecordStepDeps, recordStep } from "./record-step.ts";
import { progressOf, ruleOn } from "./rules.ts";
import { opensAt } from "./windows.ts";

export interface RecordGrantDeps extends RecordStepDeps {
  readonly people: PeopleOf;
  readonly rules: RulesOf;
}

/** Records each grant as a step, with who is missing after it. Idempotent. */
export async function recordGrants(approval: Approval, requestId: string, deps: RecordGrantDeps): Promise<void> {
  for (let count = 1; count <= approval.grants.length; count++) await recordGrant(approval, count, requestId, deps);
}

async function recordGrant(approval: Approval, count: number, requestId: string, deps: RecordGrantDeps): Promise<void> {
  const earlier = approval.grants.slice(0, count);
  const last = earlier.at(-1);
  if (last === undefined) return;
  if (last.emergency || last.rule) return recordStep(approval, { state: "granted", ...last, requestId }, deps);
  const rules = rulesOf(approval.route, deps.rules);
  const after = { ...approval, grants: earlier.filter(({ emergency, rule }) => !emergency && !rule) };
  const isLast = isComplete(approval, count) ?? ruleOn(after, rules, deps.people).missing === 0;
  const progress = progressOf(after, rules, deps.people);
  const state = isLast ? "granted" : "partly_granted";
  const shown = { progress, needsReason: rules.reason === "required", opensAt: opensAt(rules.windows, last.at) };
  await recordStep(approval, { state, ...last, ...shown, requestId }, deps);
}

/**
 * Whether these grants were enough; undefined if the state of the approval does not show it. With an emergency grant or
 * a grant by a rule, it does not: the other grants may have been enough or not.
 */
function isComplete({ state, grants }: Approval, count: number): boolean | undefined {
  if (grants.some(({ emergency, rule }) => emergency || rule)) return undefined;
  if (count < grants.length || state === "requested") return false;
  return state === "granted" || state === "fired" ? true : undefined;
}
