import { type CommandResult, type Commands, commandOfText, type IssuedCommand } from "../../approvals/command.ts";
import type { ActionOutcome } from "../../model/action-outcome.ts";
import type { BusEvent, EventDetail } from "../../model/bus-event.ts";
import type { PageClient } from "./client.ts";
import { plainTextOf, type StoredComment } from "./comment.ts";
import { isPageId } from "./page-address.ts";

interface Hearing {
  readonly busEvent: BusEvent;
  readonly site: string;
  readonly commands: Commands;
  readonly client: () => Promise<Pick<PageClient, "comment">>;
}

/**
 * Does what a comment commands, if it commands anything. The event only says where to look: text, page, time and author are
 * the site's, so that a forged event commands nothing that its alleged author did not write.
 */
export async function runCommentCommand({ busEvent, site, commands, client }: Hearing): Promise<ActionOutcome> {
  const told = commentIn(busEvent.detail);
  if (told?.site !== site) return done("no comment on this site is told of");
  const why = commands.rejectReason(busEvent);
  if (why !== undefined) return done(`comment ${told.id} was not read, because ${why}`);
  const read = await (await client()).comment(told.id);
  if (!read.ok) return read.setback;
  const given = commandIn(read.value, told, busEvent);
  if (typeof given === "string") return done(`comment ${told.id} commands nothing: ${given}`);
  const carried = await commands.executeCommand(given);
  return done(`comment ${told.id}: ${carried.map(inWords).join(", ") || "nobody proved it"}`);
}

const done = (summary: string): ActionOutcome => ({ outcome: "done", summary });

interface CommentEventData {
  readonly id: string;
  readonly site: string;
  /** Absent where the sender does not say. */
  readonly page?: string;
}

function commentIn(detail: EventDetail): CommentEventData | undefined {
  if (!("comment" in detail) || detail.comment === undefined || !isPageId(detail.comment.id)) return undefined;
  const { id } = detail.comment;
  return "page" in detail ? { id, site: detail.page.site, page: detail.page.id } : { id, site: detail.comment.site };
}

/** What the comment commands, or why it commands nothing. */
function commandIn(comment: StoredComment, told: CommentEventData, busEvent: BusEvent): IssuedCommand | string {
  const { body, page, author, version, at, status } = comment;
  const { id, site } = told;
  const command = commandOfText(plainTextOf(body) ?? "");
  if (command === undefined) return "its text is no command";
  if (status !== "current" || page === undefined || page !== (told.page ?? page))
    return "it does not stand on that page";
  // Others than its author may be able to edit it.
  if (version !== 1) return "it was edited";
  if (author === undefined || author !== busEvent.detail.actor?.id) return "it is not by whom the event says";
  return { command, busEvent, actor: author, page: { site, id: page }, at, key: ["comment", site, id] };
}

const inWords = ({ decision, about, refusal }: CommandResult): string =>
  `${decision} of ${about}${refusal ? ` refused (${refusal.reason})` : ""}`;
