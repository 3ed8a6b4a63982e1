import type { BusEvent } from "../model/bus-event.ts";
import type { CommitConditionDeps } from "./commit-conditions.ts";
import type { RulesOf } from "./configured-rules.ts";
import type { RuleGrantDeps } from "./rule-grants.ts";

export interface RecordCheckedRunDeps
  extends Pick<CommitConditionDeps, "commitRuns">,
    Pick<RuleGrantDeps, "grantRules"> {
  readonly rules: RulesOf;
}

/** Records a run that a rule asks about. Costs nothing without such rules. */
export async function recordCheckedRun(busEvent: BusEvent, deps: RecordCheckedRunDeps): Promise<void> {
  if (!("build" in busEvent.detail)) return;
  const isAsked = [...deps.rules.values()].some(({ grantedBy }) =>
    grantedBy.some(({ when }) => when?.["checks"] !== undefined),
  );
  if (!isAsked) return;
  const { recordCommitRun } = await import("./commit-conditions.ts");
  await recordCommitRun(busEvent, (await deps.grantRules()).checks, deps);
}
