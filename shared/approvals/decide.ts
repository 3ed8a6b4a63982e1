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
  /** Its roles are those that count. */
  readonly by: Identity;
  /** Of the request by which it was told. */
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
 * Decides about an approval, in one conditional write: of two who decide at once one does, and the other is told by whom.
 * The same person may say the same again, which changes nothing.
 */
export async function decide(approval: Approval, verdict: Verdict, deps: DecideDeps): Promise<Result<Approval>> {
  const refusal = mayNot(approval, verdict, deps) ?? (await cannot(approval, verdict, deps));
  if (refusal) return reject(refusal);
  const { by, comment, requestId } = verdict;
  const { from, to: state } = MOVES[verdict.decision];
  const at = deps.clock.now();
  const decision = { by, at, ...(comment !== undefined && { comment }) };
  const isMine = await deps.approvals.move(approval.id, from, { state, decision });
  const decided = isMine ? { ...approval, state, decision } : ((await deps.approvals.get(approval.id)) ?? approval);
  if (!isMine && !isRepeat(decided, verdict)) return reject(closed(decided));
  await recordStep(decided, { state, ...(decided.decision ?? decision), requestId }, deps);
  await deps.actions.wake(decided.action, at);
  return ok(decided);
}

/** What this person may decide of it as it stands; whether it has changed since is seen when it is decided. */
export const decisionsOf = (
  approval: Approval,
  by: Identity,
  deps: Pick<DecideDeps, "policy" | "people">,
): readonly Verdict["decision"][] =>
  DECISIONS.filter((decision) => {
    const from: readonly ApprovalState[] = MOVES[decision].from;
    return from.includes(approval.state) && mayNot(approval, { decision, by }, deps) === undefined;
  });

/** Why this person does not decide this. */
function mayNot(
  approval: Approval,
  { decision, by }: Pick<Verdict, "decision" | "by">,
  { policy, people }: Pick<DecideDeps, "policy" | "people">,
): Rejection | undefined {
  const isRequester = isSamePerson(by, approval.requester, people);
  if (decision === "withdraw" && isRequester) return undefined;
  const refusal = policy.rejectRoute(by, "approve", approval.route);
  if (refusal) return refusal;
  return decision === "grant" && isRequester ? { reason: "self_approval" } : undefined;
}

/** Why nobody does so now. */
async function cannot(
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

const isRepeat = ({ state, decision }: Approval, { decision: asked, by }: Verdict): boolean =>
  state === MOVES[asked].to && decision !== undefined && nameOf(decision.by) === nameOf(by);

const closed = ({ state, decision, endedAt }: Approval): Rejection => ({
  reason: "approval_closed",
  state,
  ...(state === "fired" && endedAt !== undefined && { at: toIso(endedAt) }),
  by: decision && state !== "expired" && state !== "superseded" ? nameOf(decision.by) : "time or a change",
});
