import type { Approval } from "../model/approval.ts";
import type { ApprovalStore } from "../store/approvals.ts";

/** Largest number of open approvals that one call reads. */
export const MAX_OPEN = 2_000;

export interface OpenApprovals {
  readonly open: readonly Approval[];
  /** More approvals are open than were read. The caller has to report that. */
  readonly hasMore: boolean;
}

/** Reads the open approvals; those that expire first come first. */
export async function openApprovals(approvals: Pick<ApprovalStore, "open">): Promise<OpenApprovals> {
  const open = await approvals.open(MAX_OPEN + 1);
  return { open: open.slice(0, MAX_OPEN), hasMore: open.length > MAX_OPEN };
}
