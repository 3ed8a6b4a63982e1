import type { ListedAccess } from "../http/access.ts";
import type { ListedApproval, ListedApprovals } from "../http/approvals.ts";
import type { Visit, WaitingApprovals } from "./visit.ts";

/** Whether an approval waits for the caller. Whoever may only deny or withdraw it has granted or requested it. */
export const waitsForCaller = ({ may }: Pick<ListedApproval, "may">): boolean => may.includes("grant");

/**
 * What waits for the person. Without an answer of the API it is nothing: a page does not fail because of its menu. It is
 * asked once for each page.
 */
export function waitingFor(visit: Pick<Visit, "ask" | "routes" | "may" | "hasAccess">): Visit["waiting"] {
  let asked: Promise<WaitingApprovals> | undefined;
  const find = async (): Promise<WaitingApprovals> => {
    const [approvals, roleRequests] = await Promise.all([waitingApprovals(visit), waitingRoleRequests(visit)]);
    return { ...approvals, roleRequests };
  };
  return () => {
    asked ??= find();
    return asked;
  };
}

async function waitingApprovals({
  ask,
  routes,
  may,
}: Pick<Visit, "ask" | "routes" | "may">): Promise<Omit<WaitingApprovals, "roleRequests">> {
  if (!routes.some((route) => may("approve", route, "anything"))) return NONE;
  const listed = await ask<ListedApprovals>("/v1/approvals?state=requested");
  if (!listed.ok) return NONE;
  const { approvals, hasMore } = listed.value;
  return { approvals: approvals.filter(waitsForCaller), hasMore };
}

const NONE = { approvals: [], hasMore: false };

async function waitingRoleRequests({ ask, hasAccess }: Pick<Visit, "ask" | "hasAccess">): Promise<number> {
  const listed = hasAccess ? await ask<ListedAccess>("/v1/access") : undefined;
  return listed?.ok ? listed.value.access.filter(({ may }) => may.includes("grant")).length : 0;
}
