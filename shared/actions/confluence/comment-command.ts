import { type CommandResult, type Commands, commandOfText, type IssuedCommand } from "../../approvals/command.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { BusEvent, EventDetail } from "../../model/bus-event.ts";
import type { PageClient } from "./client.ts";
import { plainTextOf, type StoredComment } from "./comment.ts";
import { isPageId } from "./page-address.ts";

interface CommentInput {
  readonly busEvent: BusEvent;
  readonly site: string;
  readonly commands: Commands;
  readonly client: () => Promise<Pick<PageClient, "comment">>;
}

/**
 * Executes the command in a comment, if it is one. The event only identifies the comment. Its text, page, time and
 * author are read from the site, so a forged event cannot command anything that its claimed author did not write.
 */
export async function runCommentCommand({ busEvent, site, commands, client }: CommentInput): Promise<ActionOutcome> {
  const reported = commentIn(busEvent.detail);
  if (reported?.site !== site) return done("the event names no comment on this site");
  const why = commands.rejectReason(busEvent);
  if (why !== undefined) return done(`comment ${reported.id} was not read, because ${why}`);
  const read = await (await client()).comment(reported.id);
  if (!read.ok) return read.failure;
  const issued = commandIn(read.value, reported, busEvent);
  if (typeof issued === "string") return done(`comment ${reported.id} commands nothing: ${issued}`);
  const results = await commands.executeCommand(issued);
  return done(`comment ${reported.id}: ${results.map(textOf).join(", ") || "the delivery is not proved"}`);
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

/** The command in the comment, or the reason why it is not a command. */
function commandIn(comment: StoredComment, reported: CommentEventData, busEvent: BusEvent): IssuedCommand | string {
  const { body, page, author, version, at, status } = comment;
  const { id, site } = reported;
  const command = commandOfText(plainTextOf(body) ?? "");
  if (command === undefined) return "its text is not a command";
  if (status !== "current" || page === undefined || page !== (reported.page ?? page)) return "it is not on that page";
  // Other people than its author may be able to edit it.
  if (version !== 1) return "it was edited";
  if (author === undefined || author !== busEvent.detail.actor?.id)
    return "its author is not the one that the event names";
  return { command, busEvent, actor: author, page: { site, id: page }, at, key: ["comment", site, id] };
}

const textOf = ({ decision, about, refusal }: CommandResult): string =>
  `${decision} of ${about}${refusal ? ` rejected (${refusal.reason})` : ""}`;
