import type { Approval, ApprovalState, Change, RequestedApproval } from "../model/approval.ts";

/** Approvals, and what is known to have changed. Every method throws `store_unavailable`. */
export interface ApprovalStore {
  /** Stores it as `requested`, once: a repeat changes nothing. */
  request(approval: RequestedApproval): Promise<void>;
  get(id: string): Promise<Approval | undefined>;
  /** Takes it from one of `from` to another state. Of any number at once one gets true; false, and no change, otherwise. */
  move(
    id: string,
    from: readonly ApprovalState[],
    to: Pick<Approval, "state" | "decision" | "endedAt">,
  ): Promise<boolean>;
  /** Those that are `requested` or `granted`, first to end first, `limit` at most; eventually consistent. */
  open(limit: number): Promise<readonly Approval[]>;
  /** Keeps the newest change of each key; of two at one time the time alone, without a mark. Harmless when repeated. */
  recordChange(change: Change): Promise<void>;
  latestChange(key: string): Promise<Change | undefined>;
}
