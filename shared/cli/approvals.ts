import type { DECISIONS } from "../approvals/decide.ts";
import { nameOf } from "../approvals/tell.ts";
import { decidedApproval, listedApprovals } from "./answers.ts";
import { get, post } from "./bridge-client.ts";
import type { Session } from "./session.ts";
import { printable, table } from "./table.ts";

/** `drawbridge approvals list`: what waits for somebody, as a table. */
export async function approvalsList(session: Session): Promise<string> {
  const { approvals, hasMore } = await get(session, "/v1/approvals", listedApprovals);
  const more = hasMore ? ["More is open than was looked through: decide by the id in a delivery's timeline."] : [];
  if (approvals.length === 0) return ["Nothing waits that you may decide.", ...more].join("\n");
  const rows = approvals.map(({ id, route, subject, version = "", requester, until, state, may }) => [
    id,
    state,
    route,
    subject,
    version,
    nameOf(requester),
    until,
    may.join(", "),
  ]);
  const head = ["APPROVAL", "STATE", "ROUTE", "SUBJECT", "VERSION", "REQUESTED BY", "UNTIL", "YOU MAY"];
  return [table(head, rows), ...more].join("\n");
}

/** `drawbridge approvals grant|deny|withdraw <id>`. */
export async function approvalsDecide(
  session: Session,
  id: string,
  verdict: { readonly decision: (typeof DECISIONS)[number]; readonly comment?: string | undefined },
): Promise<string> {
  const path = `/v1/approvals/${encodeURIComponent(id)}`;
  const { state, route } = await post(session, path, decidedApproval, { body: verdict });
  return printable(`${id} of route ${route} is ${state}`);
}
