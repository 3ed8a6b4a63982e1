import type { DECISIONS } from "../approvals/decide.ts";
import { nameOf } from "../approvals/record-step.ts";
import { get, post } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { decidedApproval, listedApprovals } from "./responses.ts";
import { type Session, sessionOf } from "./session.ts";
import { jsonText, printable, table } from "./terminal-text.ts";

/** `drawbridge approvals list`. */
export async function approvalsListCommand(invocation: Invocation): Promise<number> {
  const { given, print } = invocation;
  const session = await sessionOf(invocation);
  print(given.has("json") ? jsonText(await getApprovals(session)) : await approvalsList(session));
  return EXIT.done;
}

/** `drawbridge approvals grant|deny|withdraw <approval>`. */
export async function decideCommand(invocation: Invocation, decision: (typeof DECISIONS)[number]): Promise<number> {
  const {
    positionals: [id = ""],
    options: { comment },
    print,
  } = invocation;
  print(await approvalsDecide(await sessionOf(invocation), id, { decision, comment }));
  return EXIT.done;
}

const getApprovals = (session: Session) => get(session, "/v1/approvals", listedApprovals);

/** The open approvals that the caller may decide, as a table. */
export async function approvalsList(session: Session): Promise<string> {
  const { approvals, hasMore } = await getApprovals(session);
  const more = hasMore ? ["More approvals are open than were searched: use the id in a delivery's timeline."] : [];
  if (approvals.length === 0) return ["You may decide no open approval.", ...more].join("\n");
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

/** Decides one approval. */
export async function approvalsDecide(
  session: Session,
  id: string,
  verdict: { readonly decision: (typeof DECISIONS)[number]; readonly comment?: string | undefined },
): Promise<string> {
  const path = `/v1/approvals/${encodeURIComponent(id)}`;
  const { state, route } = await post(session, path, decidedApproval, { body: verdict });
  return printable(`${id} of route ${route} is ${state}`);
}
