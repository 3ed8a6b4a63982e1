import type { RecordNewDeps } from "../delivery/record-new.ts";
import type { GateInput } from "../delivery/run-attempt.ts";
import { type Clock, laterBy } from "../host/clock.ts";
import type { Approval } from "../model/approval.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import { type RulesOf, rulesOf } from "./configured-rules.ts";
import type { PeopleOf } from "./people.ts";
import { recordEvent } from "./record-step.ts";
import { progressOf } from "./rules.ts";
import { opensAt } from "./windows.ts";

interface RemindDeps extends RecordNewDeps {
  readonly approvals: Pick<ApprovalStore, "move">;
  readonly people: PeopleOf;
  readonly rules: RulesOf;
  readonly clock: Clock;
}

/**
 * Records the reminders that are due of an approval that nobody has decided, each as an event. A reminder has the time at
 * which it was due, so that a repeat is the same event. It is recorded before it is stored as recorded, so a crash loses
 * none. Returns the seconds until the next one is due; `Infinity` if there is none.
 */
export async function remind(
  approval: Approval,
  { route, delivery }: Pick<GateInput, "route" | "delivery">,
  deps: RemindDeps,
): Promise<number> {
  const rules = rulesOf(approval.route, deps.rules);
  for (const [index, minutes] of (route.approval?.remindMinutes ?? []).entries()) {
    const reminder = index + 1;
    if (reminder <= (approval.reminded ?? 0)) continue;
    const at = laterBy(approval.requestedAt, minutes * 60_000);
    const left = at - deps.clock.now();
    if (left > 0) return Math.max(1, left / 1_000);
    const progress = progressOf(approval, rules, deps.people);
    const shown = { progress, needsReason: rules.reason === "required", opensAt: opensAt(rules.windows, at) };
    const { requestId } = delivery;
    await recordEvent(approval, { state: "requested", reminder, at, ...shown, requestId }, deps);
    await deps.approvals.move(approval.id, ["requested"], { state: "requested", reminded: reminder });
  }
  return Number.POSITIVE_INFINITY;
}
