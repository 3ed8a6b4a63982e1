import { randomUUID } from "node:crypto";
import type { DECISIONS } from "../approvals/decide.ts";
import { nameOf } from "../approvals/tell.ts";
import type { Replayed } from "../delivery/replay.ts";
import type { ListedApprovals, ShownApproval } from "../http/approvals.ts";
import { get, post } from "./events.ts";
import type { Session } from "./session.ts";
import { printable, table } from "./table.ts";

/** `drawbridge approvals list`: what waits for somebody, as a table. */
export async function approvalsList(session: Session): Promise<string> {
  const { approvals, hasMore } = await get<ListedApprovals>(session, "/v1/approvals");
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
  const { state, route } = await post<ShownApproval>(session, `/v1/approvals/${encodeURIComponent(id)}`, verdict);
  return printable(`${id} of route ${route} is ${state}`);
}

/** `drawbridge events replay <delivery>`: runs it again, for all of its routes or one. */
export const eventsReplay = (session: Session, id: string, route: string | undefined): Promise<string> =>
  order(session, `/v1/deliveries/${encodeURIComponent(id)}/replay`, { route });

/** `drawbridge rollback <route>`: fires the route again as its last good run was fired. */
export const rollback = (
  session: Session,
  place: { readonly route: string; readonly environment?: string | undefined; readonly to?: string | undefined },
): Promise<string> => order(session, "/v1/rollbacks", place);

/** Each call of the command is one order, however fast they follow each other. */
async function order(session: Session, path: string, body: object): Promise<string> {
  const replayed = await post<Replayed>(session, path, body, { "idempotency-key": randomUUID() });
  return printable(`${replayed.replayOf} runs again as ${replayed.delivery}`);
}
