import type { Approval, ApprovalState, Change, RequestedApproval } from "../model/approval.ts";

/** Approvals, and the known changes of what they are about. Every method throws `store_unavailable`. */
export interface ApprovalStore {
  /** Stores the approval as `requested`, once: a repeat changes nothing. */
  request(approval: RequestedApproval): Promise<void>;
  get(id: string): Promise<Approval | undefined>;
  /**
   * Moves the approval from one of the states `from` to another state. Of any number of concurrent calls one returns
   * true; all others return false and change nothing.
   */
  move(
    id: string,
    from: readonly ApprovalState[],
    to: Pick<Approval, "state" | "decision" | "endedAt">,
  ): Promise<boolean>;
  /** Approvals that are `requested` or `granted`, the first to end first, at most `limit`; eventually consistent. */
  open(limit: number): Promise<readonly Approval[]>;
  /** Stores the newest change of each key; of two changes at one time only the time, without a mark. Idempotent. */
  recordChange(change: Change): Promise<void>;
  latestChange(key: string): Promise<Change | undefined>;
}
