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

/** `drawbridge approvals show <approval>`. */
export async function approvalsShowCommand(invocation: Invocation): Promise<number> {
  const [id = ""] = invocation.positionals;
  invocation.print(await approvalsShow(await sessionOf(invocation), id));
  return EXIT.done;
}

/** What one open approval is about, and what is missing. */
export async function approvalsShow(session: Session, id: string): Promise<string> {
  const { approvals } = await getApprovals(session);
  const found = approvals.find((one) => one.id === id);
  if (found === undefined) return printable(`${id} is not among the open approvals that you may decide.`);
  const { route, subject, state, version, requester, requestedAt, until, approvers, decision, delivery, may } = found;
  const { requesterName, commits = [], commitCount = 0, diffUrl, title, url, author, params = {} } = found.shows ?? {};
  const more = commitCount > commits.length ? [["", `and ${commitCount - commits.length} more`]] : [];
  const rows = [
    ["Approval", `${id}, ${state}`],
    ["Run", `${route} of ${subject}`],
    ...Object.entries(params).map(([name, value]) => ["Parameter", `${name} = ${value}`]),
    ["Title", [title, url].filter(Boolean).join(" ")],
    ...commits.map(({ id: commit, title: text, author: by, url: at = "" }) => [
      "Commit",
      `${commit.slice(0, 8)} ${text}${by === undefined ? "" : ` (${by})`} ${at}`,
    ]),
    ...more,
    ["Difference", diffUrl ?? ""],
    ["Version", version ?? ""],
    ["Author", author ?? ""],
    ["Requested by", requesterName === undefined ? nameOf(requester) : `${requesterName}: ${nameOf(requester)}`],
    ["Requested", requestedAt],
    ["Until", until],
    ["Decided by", decision === undefined ? "nobody yet" : `${nameOf(decision.by)} at ${decision.at}`],
    ["Missing", decision === undefined ? `one person with the role ${approvers.join(" or ") || "that none has"}` : ""],
    ["Delivery", delivery],
    ["You may", may.join(", ")],
  ];
  const [first = [], ...rest] = rows.filter(([, value]) => value !== "");
  return table(first, rest);
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
