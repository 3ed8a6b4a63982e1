import { type Clock, type EpochMillis, laterBy } from "../host/clock.ts";
import type { Approval } from "../model/approval.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import type { PeopleOf } from "./people.ts";
import { type RecordEventDeps, recordEvent } from "./record-step.ts";
import { progressOf, type RulesOf, rulesOf } from "./rules.ts";
import { opensAt } from "./windows.ts";

interface RemindDeps extends RecordEventDeps {
  readonly approvals: Pick<ApprovalStore, "setReminded">;
  readonly people: PeopleOf;
  readonly rules: RulesOf;
  readonly clock: Clock;
}

/**
 * Records the reminders that are due of an approval that nobody has decided, each as an event. `minutes`: after the request,
 * in ascending order. A reminder has the time at which it was due, so that a repeat is the same event. It is recorded before
 * it is stored as recorded, so a crash loses none. Returns when the next one is due; undefined if there is none.
 */
export async function recordReminders(
  approval: Approval,
  { minutes, requestId }: { readonly minutes: readonly number[]; readonly requestId: string },
  deps: RemindDeps,
): Promise<EpochMillis | undefined> {
  const rules = rulesOf(approval.route, deps.rules);
  const dueTimes = minutes.map((after) => laterBy(approval.requestedAt, after * 60_000));
  for (const [index, at] of dueTimes.entries()) {
    const reminder = index + 1;
    if (reminder <= (approval.reminded ?? 0)) continue;
    if (deps.clock.now() < at) return at;
    const progress = progressOf(approval, rules, deps.people);
    const shown = { progress, needsReason: rules.reason === "required", opensAt: opensAt(rules.windows, at) };
    await recordEvent(approval, { state: "requested", reminder, at, ...shown, requestId }, deps);
    await deps.approvals.setReminded(approval.id, reminder);
  }
  return undefined;
}
