import type { ListedApproval, ListedApprovals } from "../http/approvals.ts";
import type { Visit, WaitingApprovals } from "./visit.ts";

/** Whether an approval waits for the caller. Whoever may only deny or withdraw it has granted or requested it. */
export const waitsForCaller = ({ may }: Pick<ListedApproval, "may">): boolean => may.includes("grant");

/**
 * What waits for the person. Without an answer of the API it is nothing: a page does not fail because of its menu. It is
 * asked once for each page.
 */
export function waitingFor({ ask, routes, may }: Pick<Visit, "ask" | "routes" | "may">): Visit["waiting"] {
  let asked: Promise<WaitingApprovals> | undefined;
  const find = async (): Promise<WaitingApprovals> => {
    if (!routes.some((route) => may("approve", route, "anything"))) return NONE;
    const listed = await ask<ListedApprovals>("/v1/approvals?state=requested");
    if (!listed.ok) return NONE;
    const { approvals, hasMore } = listed.value;
    return { approvals: approvals.filter(waitsForCaller), hasMore };
  };
  return () => {
    asked ??= find();
    return asked;
  };
}

const NONE: WaitingApprovals = { approvals: [], hasMore: false };
