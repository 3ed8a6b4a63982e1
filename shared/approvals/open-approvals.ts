import type { Approval } from "../model/approval.ts";
import type { ApprovalStore } from "../store/approvals.ts";

/** Open approvals that one call looks through. */
export const MAX_OPEN = 2_000;

export interface OpenApprovals {
  readonly open: readonly Approval[];
  /** There are more: whoever answers by these has to say so. */
  readonly hasMore: boolean;
}

/** What is open, first to end first. */
export async function openApprovals(approvals: Pick<ApprovalStore, "open">): Promise<OpenApprovals> {
  const open = await approvals.open(MAX_OPEN + 1);
  return { open: open.slice(0, MAX_OPEN), hasMore: open.length > MAX_OPEN };
}
