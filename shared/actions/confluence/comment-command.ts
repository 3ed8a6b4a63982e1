import { type CommandResult, type Commands, commandOfText, type IssuedCommand } from "../../approvals/command.ts";
import { explainRefusal } from "../../approvals/explain-refusal.ts";
import { resemblesCommand } from "../../approvals/near-command.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { BusEvent, EventDetail } from "../../model/bus-event.ts";
import type { Rejection } from "../../model/rejection.ts";
import type { CommentAddress } from "../../store/comment-replies.ts";
import type { ActionDeps } from "../action.ts";
import type { PageClient } from "./client.ts";
import { ownLinesOf, plainTextOf, type StoredComment } from "./comment.ts";
import { EDITED, replyOnce, USAGE } from "./comment-reply.ts";
import { isPageId } from "./page-address.ts";
import type { ConsentInput } from "./page-consent.ts";

interface CommentInput {
  readonly busEvent: BusEvent;
  readonly site: string;
  readonly commands: Commands;
  readonly commentReplies: ActionDeps["commentReplies"];
  readonly client: () => Promise<Pick<PageClient, "comment" | "reply" | "read" | "spaceKey">>;
  readonly consent: Omit<ConsentInput, "client">;
}

/**
 * Executes the command in a comment, if it is one, and replies to a comment whose command was refused or is written
 * wrongly. The event only identifies the comment. Its text, page, time and author are read from the site, so a forged
 * event cannot command anything that its claimed author did not write.
 */
export async function runCommentCommand(input: CommentInput): Promise<ActionOutcome> {
  const { busEvent, site, commands } = input;
  const reported = commentIn(busEvent.detail);
  if (reported?.site !== site) return done("the event names no comment on this site");
  const why = commands.rejectReason(busEvent);
  if (why !== undefined) return done(`comment ${reported.id} was not read, because ${why}`);
  const client = await input.client();
  const read = await client.comment(reported.id);
  if (!read.ok) return read.failure;
  const found = commandIn(read.value, reported, busEvent);
  if (found.kind === "nothing") return done(`comment ${reported.id} commands nothing: ${found.why}`);
  const { comment } = found;
  const replyInput = { ...input, client, comment, replyPath: read.value.replyPath };
  if (found.kind === "mistaken") {
    const summary = `comment ${reported.id} commands nothing: ${found.why}`;
    // An event that is not proved makes the bridge write nothing.
    if (busEvent.detail.principal.unproved) return done(summary);
    return replyOnce(summary, [found.advice], replyInput);
  }
  const results = await commands.executeCommand(found.issued);
  const waiting = results.flatMap(waitOf);
  const [wait] = waiting;
  if (wait) return { ...wait, summary: `comment ${reported.id}: ${wait.summary}` };
  const summary = `comment ${reported.id}: ${results.map(textOf).join(", ") || "the delivery is not proved"}`;
  return results.length === 0 ? done(summary) : replyOnce(summary, results.flatMap(sentenceOf), replyInput);
}

const done = (summary: string): ActionOutcome => ({ outcome: "done", summary });

interface CommentEventData {
  readonly id: string;
  readonly site: string;
  /** Undefined if the sender does not report it. */
  readonly page?: string;
}

function commentIn(detail: EventDetail): CommentEventData | undefined {
  if (!("comment" in detail) || detail.comment === undefined || !isPageId(detail.comment.id)) return undefined;
  const { id } = detail.comment;
  return "page" in detail ? { id, site: detail.page.site, page: detail.page.id } : { id, site: detail.comment.site };
}

type Found =
  | { readonly kind: "command"; readonly issued: IssuedCommand; readonly comment: CommentAddress }
  /** It was meant as a command. `advice` says what to do instead. */
  | { readonly kind: "mistaken"; readonly why: string; readonly advice: string; readonly comment: CommentAddress }
  | { readonly kind: "nothing"; readonly why: string };

/** What the comment says to the bridge. */
function commandIn(stored: StoredComment, reported: CommentEventData, busEvent: BusEvent): Found {
  const { body, page: on, author, version, at, status } = stored;
  const { id, site } = reported;
  const command = commandOfText(plainTextOf(body) ?? "");
  const isMistaken = command === undefined && ownLinesOf(body).some(resemblesCommand);
  if (command === undefined && !isMistaken) return nothing("its text is not a command");
  if (status !== "current" || on === undefined || on !== (reported.page ?? on))
    return nothing("it is not on that page");
  const page = { site, id: on };
  const comment = { page, id };
  // Other people than its author may be able to edit it.
  if (version !== 1) return { kind: "mistaken", why: "it was edited", advice: EDITED, comment };
  if (author === undefined || author !== busEvent.detail.actor?.id)
    return nothing("its author is not the one that the event names");
  if (command === undefined) return { kind: "mistaken", why: "its text is not a command", advice: USAGE, comment };
  return {
    kind: "command",
    issued: { command, busEvent, actor: author, page, at, key: ["comment", site, id] },
    comment,
  };
}

const nothing = (why: string): Found => ({ kind: "nothing", why });

/** A decision waits until a site has said what it needs; who asked for a run does not expect it hours later. */
function waitOf({ about, decision, refusal }: CommandResult): readonly Extract<ActionOutcome, { outcome: "wait" }>[] {
  const unknown = refusal && unknownIn(refusal);
  if (unknown === undefined || isOrder(decision)) return [];
  const { target, afterSeconds, to, why } = unknown;
  const summary = `the ${decision} of ${about} waits, because ${why}`;
  return [{ outcome: "wait", isLong: true, summary, afterSeconds, waitsFor: `the target ${target}, to say ${to}` }];
}

function unknownIn(refusal: Rejection) {
  if (refusal.reason === "editing_unknown") {
    const { target, problem, retryAfterSeconds: afterSeconds } = refusal;
    return { target, afterSeconds, to: "who may edit the page", why: `it is not known ${problem}` };
  }
  if (refusal.reason !== "groups_unknown") return undefined;
  const { target, groups, problem, retryAfterSeconds: afterSeconds } = refusal;
  const why = `${target} did not say whether its author is in ${groups} (${problem})`;
  return { target, afterSeconds, to: `who is in ${groups}`, why };
}

const textOf = ({ decision, about, refusal }: CommandResult): string =>
  `${decision} of ${about}${refusal ? ` refused (${refusal.reason})` : ""}`;

const sentenceOf = (result: CommandResult): readonly string[] =>
  result.refusal ? [`${subjectOf(result)}: ${explainRefusal(result, result.refusal)}`] : [];

const VERBS = {
  grant: "Approving",
  deny: "Denying",
  rollback: "Rolling back",
  promote: "Promoting",
  order: "Placing",
} as const;

/** Without an id, the command is about the page. */
const subjectOf = ({ decision, about }: CommandResult): string =>
  `${VERBS[decision]} ${isOrder(decision) || about.startsWith("p-") ? about : "what waits for this page"}`;

/** Whether it asks for a run, and decides no approval. */
const isOrder = (decision: CommandResult["decision"]): boolean => decision !== "grant" && decision !== "deny";
