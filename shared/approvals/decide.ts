import { type Clock, toIso } from "../host/clock.ts";
import type { Policy } from "../identity/policy.ts";
import type { Approval, ApprovalState, Identity } from "../model/approval.ts";
import type { Rejection } from "../model/rejection.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { ActionStore } from "../store/actions.ts";
import type { ApprovalStore } from "../store/approvals.ts";
import { isOutdated } from "./change.ts";
import { isSamePerson, type PeopleOf } from "./people.ts";
import { nameOf, type RecordStepDeps, recordStep } from "./record-step.ts";

export const DECISIONS = ["grant", "deny", "withdraw"] as const;

export interface Verdict {
  readonly decision: (typeof DECISIONS)[number];
  readonly comment?: string | undefined;
  /** The person who decides. The policy checks its roles. */
  readonly by: Identity;
  /** The id of the request that brought the verdict. */
  readonly requestId: string;
}

export interface DecideDeps extends RecordStepDeps {
  readonly approvals: ApprovalStore;
  readonly actions: Pick<ActionStore, "wake">;
  readonly policy: Pick<Policy, "rejectRoute">;
  readonly people: PeopleOf;
  readonly clock: Clock;
}

const MOVES = {
  grant: { from: ["requested"], to: "granted" },
  deny: { from: ["requested"], to: "denied" },
  withdraw: { from: ["requested", "granted"], to: "withdrawn" },
} as const satisfies Record<Verdict["decision"], { from: readonly ApprovalState[]; to: ApprovalState }>;

/**
 * Decides about an approval, in one conditional write. If two people decide at once, one succeeds, and the rejection of
 * the other names who decided. The same person may repeat the same decision, which changes nothing.
 */
export async function decide(approval: Approval, verdict: Verdict, deps: DecideDeps): Promise<Result<Approval>> {
  const rejection = rejectPerson(approval, verdict, deps) ?? (await rejectState(approval, verdict, deps));
  if (rejection) return reject(rejection);
  const { by, comment, requestId } = verdict;
  const { from, to: state } = MOVES[verdict.decision];
  const at = deps.clock.now();
  const decision = { by, at, ...(comment !== undefined && { comment }) };
  const isMoved = await deps.approvals.move(approval.id, from, { state, decision });
  const decided = isMoved ? { ...approval, state, decision } : ((await deps.approvals.get(approval.id)) ?? approval);
  if (!isMoved && !isRepeat(decided, verdict)) return reject(closed(decided));
  await recordStep(decided, { state, ...(decided.decision ?? decision), requestId }, deps);
  await deps.actions.wake(decided.action, at);
  return ok(decided);
}

/**
 * Returns the decisions that this person may take in its current state. It does not check whether the page has changed.
 */
export const decisionsOf = (
  approval: Approval,
  by: Identity,
  deps: Pick<DecideDeps, "policy" | "people">,
): readonly Verdict["decision"][] =>
  DECISIONS.filter((decision) => {
    const from: readonly ApprovalState[] = MOVES[decision].from;
    return from.includes(approval.state) && rejectPerson(approval, { decision, by }, deps) === undefined;
  });

/** The rejection if this person is not allowed to take this decision. */
function rejectPerson(
  approval: Approval,
  { decision, by }: Pick<Verdict, "decision" | "by">,
  { policy, people }: Pick<DecideDeps, "policy" | "people">,
): Rejection | undefined {
  const isRequester = isSamePerson(by, approval.requester, people);
  if (decision === "withdraw" && isRequester) return undefined;
  const rejection = policy.rejectRoute(by, "approve", approval.route);
  if (rejection) return rejection;
  return decision === "grant" && isRequester ? { reason: "self_approval" } : undefined;
}

/** The rejection if the state of the approval does not allow this decision, whoever takes it. */
async function rejectState(
  approval: Approval,
  verdict: Verdict,
  { approvals, clock }: DecideDeps,
): Promise<Rejection | undefined> {
  const { state, until, about } = approval;
  const from: readonly ApprovalState[] = MOVES[verdict.decision].from;
  if (!from.includes(state)) return isRepeat(approval, verdict) ? undefined : closed(approval);
  if (state === "requested" && clock.now() >= until) return closed({ ...approval, state: "expired" });
  if (verdict.decision !== "grant") return undefined;
  return (await isOutdated(about, approvals)) ? { reason: "approval_outdated" } : undefined;
}

const isRepeat = ({ state, decision }: Approval, { decision: requested, by }: Verdict): boolean =>
  state === MOVES[requested].to && decision !== undefined && nameOf(decision.by) === nameOf(by);

const closed = ({ state, decision, endedAt }: Approval): Rejection => ({
  reason: "approval_closed",
  state,
  ...(state === "fired" && endedAt !== undefined && { at: toIso(endedAt) }),
  by: decision && state !== "expired" && state !== "superseded" ? nameOf(decision.by) : "time or a change",
});
