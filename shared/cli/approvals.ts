import type * as v from "valibot";
import type { DECISIONS } from "../approvals/decide.ts";
import { nameOf } from "../approvals/people.ts";
import { missingText, progressText } from "../approvals/rules.ts";
import { Fault } from "../host/fault.ts";
import { get, post } from "./bridge-client.ts";
import { type Invocation, usageFault } from "./command.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, formatOf, NO_TERMINAL, printFound, timeText } from "./output.ts";
import {
  decidedApproval,
  type EndedApproval,
  endedApprovals,
  type ListedApproval,
  listedApprovals,
} from "./responses.ts";
import { type Session, sessionOf } from "./session.ts";
import { printable, table } from "./terminal-text.ts";

/** `drawbridge approvals list`. */
export async function approvalsListCommand(invocation: Invocation): Promise<number> {
  const isOfAll = invocation.given.has("all");
  const isMine = invocation.given.has("mine");
  if (isOfAll && isMine) throw usageFault("--mine and --all exclude each other");
  const found = await getApprovals(await sessionOf(invocation), isOfAll ? "all" : "to decide");
  const listed = isMine ? { ...found, approvals: found.approvals.filter(waitsForCaller) } : found;
  const none = isMine ? NONE_WAITS : NONE[isOfAll ? "all" : "to decide"];
  const text = (display: Display): string => listText(listed, display, none);
  printFound(invocation, { whole: listed, records: listed.approvals, text });
  if (listed.hasMore && formatOf(invocation) === "jsonl") invocation.warn(MORE_OPEN);
  return isMine && listed.approvals.length > 0 ? EXIT.refused : EXIT.done;
}

/** Whether the caller may grant it. Whoever may only deny or withdraw it has granted or requested it. */
const waitsForCaller = ({ may }: ListedApproval): boolean => may.includes("grant");

/** `drawbridge approvals grant|deny|withdraw|emergency <approval>`. */
export async function decideCommand(invocation: Invocation, decision: (typeof DECISIONS)[number]): Promise<number> {
  const {
    positionals: [id = ""],
    options: { comment },
    print,
  } = invocation;
  if (decision === "emergency" && !comment?.trim()) throw usageFault("an emergency grant needs a reason: --comment");
  print(await approvalsDecide(await sessionOf(invocation), id, { decision, comment }));
  return EXIT.done;
}

/** The open approvals: those that the caller may decide, those that it may grant first; or also those that it may read. */
async function getApprovals(
  session: Session,
  which: "to decide" | "all",
): Promise<v.InferOutput<typeof listedApprovals>> {
  const listed = await get(session, `/v1/approvals${which === "all" ? "?all=true" : ""}`, listedApprovals);
  const first = listed.approvals.filter(waitsForCaller);
  return { ...listed, approvals: [...first, ...listed.approvals.filter((one) => !waitsForCaller(one))] };
}

/** The open approvals that the caller may decide, as a table. */
export const approvalsList = async (session: Session): Promise<string> =>
  listText(await getApprovals(session, "to decide"), NO_TERMINAL, NONE_TO_DECIDE);

const NONE_WAITS = "No approval waits for you.";
const NONE_TO_DECIDE = "You may decide no open approval. Those that wait for others: approvals list --all";
const NONE = { all: "No approval is open that you may read or decide.", "to decide": NONE_TO_DECIDE } as const;
const MORE_OPEN = "More approvals are open than were searched: use the id in a delivery's timeline.";

function listText(
  { approvals, hasMore }: v.InferOutput<typeof listedApprovals>,
  display: Display,
  none: string,
): string {
  const more = hasMore ? [MORE_OPEN] : [];
  if (approvals.length === 0) return [none, ...more].join("\n");
  const rows = approvals.map((one) => {
    const { id, route, subject, version = "", requester, shows, until, state, progress, may, approvers } = one;
    return [
      id,
      progress ? `${state} ${progress.grantedBy.length}/${progress.needed}` : state,
      route,
      subject,
      version,
      shows?.requesterName ?? nameOf(requester),
      timeText(until, display),
      may.join(", ") || `nothing; it waits for ${approvers.join(" or ") || "a role that none has"}`,
    ];
  });
  const head = [
    "APPROVAL",
    { name: "STATE", least: 13 },
    { name: "ROUTE", least: 5 },
    { name: "SUBJECT", least: 7 },
    { name: "VERSION", least: 12, isOptional: true },
    { name: "REQUESTED BY", least: 6 },
    "UNTIL",
    { name: "YOU MAY", least: 15, isOptional: true },
  ];
  return [table(head, rows, display), ...more].join("\n");
}

/** `drawbridge approvals show <approval>`. */
export async function approvalsShowCommand(invocation: Invocation): Promise<number> {
  const [id = ""] = invocation.positionals;
  const session = await sessionOf(invocation);
  const open = (await getApprovals(session, "all")).approvals.find((one) => one.id === id);
  const ended = open === undefined ? await endedApproval(session, id) : undefined;
  const found = open ?? ended;
  printFound(invocation, {
    whole: found ?? null,
    records: found === undefined ? [] : [found],
    text: (display) => (open === undefined ? endedText(id, ended) : cardOf(open, display)),
  });
  return found === undefined ? EXIT.refused : EXIT.done;
}

/** An approval as text, and whether it is open. */
export async function approvalsShow(
  session: Session,
  id: string,
): Promise<{ readonly text: string; readonly isOpen: boolean }> {
  const { approvals } = await getApprovals(session, "all");
  const open = approvals.find((one) => one.id === id);
  if (open !== undefined) return { text: cardOf(open, NO_TERMINAL), isOpen: true };
  return { text: endedText(id, await endedApproval(session, id)), isOpen: false };
}

/** The state of an approval that ended, and who decided it, as far as the caller may read that. */
function endedText(id: string, closed: EndedApproval | undefined): string {
  if (closed === undefined) return printable(`${id} is not among the approvals that you may read or decide.`);
  const { state, route, subject, grants, decision } = closed;
  const decisions = (decision === undefined ? grants : [decision]).map(
    ({ by, at, comment }) => `${nameOf(by)} at ${at}${comment ? ` (${comment})` : ""}`,
  );
  const decided = decisions.length === 0 ? "" : `; decided by ${decisions.join(", ")}`;
  return printable(`${id} of route ${route} for ${subject} is ${state}${decided}`);
}

/** Undefined also for a caller who may not read the event log. */
async function endedApproval(session: Session, id: string): Promise<EndedApproval | undefined> {
  let until: string | undefined;
  do {
    const query = new URLSearchParams({ state: "ended", ...(until && { until }) });
    const page = await get(session, `/v1/approvals?${query}`, endedApprovals).catch(ifNotAllowed);
    const found = page?.approvals.find((one) => one.id === id);
    if (found !== undefined) return found;
    until = page?.earlier === until ? undefined : page?.earlier;
  } while (until !== undefined);
  return undefined;
}

function ifNotAllowed(error: unknown): undefined {
  if (error instanceof Fault && error.code === "not_allowed") return undefined;
  throw error;
}

/** What one open approval is about, and what is missing. */
function cardOf(found: ListedApproval, display: Display): string {
  const { id } = found;
  const { route, subject, state, version, requester, requestedAt, until, approvers, grants, delivery, may } = found;
  const { approvedRef, verifyWith, progress, needsReason, opensAt, authors = [] } = found;
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
    ["Version", version ?? approvedRef ?? ""],
    ["Compared with", verifyWith ?? "the newest event only"],
    ["Author", author ?? ""],
    ["Requested by", requesterName === undefined ? nameOf(requester) : `${requesterName} (${nameOf(requester)})`],
    ...authors.map((by) => ["Replayed from", nameOf(by)]),
    ["Requested", requestedAt],
    ["Until", until],
    ...(grants.length === 0 ? [["Approved by", "nobody yet"]] : []),
    ...grants.map(({ by, at, comment, emergency, rule }) => [
      emergency ? "Emergency, granted by" : "Approved by",
      `${nameOf(by)}${rule?.configuration === undefined ? "" : ` of configuration ${rule.configuration}`} at ${at}${comment ? `: ${comment}` : ""}`,
    ]),
    ["Progress", progress === undefined ? "" : progressText(progress)],
    ["Missing", state === "granted" ? "" : missingText(approvers, progress)],
    ["Window opens", opensAt ?? ""],
    ["Reason", needsReason ? "a grant needs one: --comment" : ""],
    ["Delivery", delivery],
    ["You may", may.join(", ") || "nothing: others decide"],
  ];
  const [first = [], ...rest] = rows.filter(([, value]) => value !== "");
  return table(first, rest, display);
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
