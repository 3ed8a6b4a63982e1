import { epochMillis } from "../host/clock.ts";
import { type BusEvent, sourceNameOf } from "../model/bus-event.ts";
import { commandOfLabel, commandOfText, type IssuedCommand } from "./command.ts";
import { type CommandDeps, executeCommand } from "./execute-command.ts";
import { hasNoPeople } from "./people.ts";

export interface ReportedCommandDeps extends CommandDeps {
  /** Whether any route needs an approval. */
  readonly hasGates: boolean;
}

/**
 * Executes the command that an event itself reports: that of a label on a page or blog post, or of a new comment on a change
 * request, whose text is in the webhook. One without a known author commands nothing. Without gates and without configured
 * people nothing is read: the relay in AWS is then not permitted to read approvals.
 */
export async function runReportedCommand(busEvent: BusEvent, deps: ReportedCommandDeps): Promise<void> {
  const { detail } = busEvent;
  const reported = reportedIn(busEvent);
  const actor = detail.actor?.id;
  if (reported === undefined || actor === undefined) return;
  if (!deps.hasGates && hasNoPeople(deps.people) && !deps.groups.has(sourceNameOf(busEvent))) return;
  await executeCommand({ ...reported, busEvent, actor, at: epochMillis(Date.parse(detail.time)) }, deps);
}

/**
 * The idempotency key of a label contains the event's: a command that is reported by two deliveries rolls back once. That of
 * a comment is the comment itself on its site, whoever reports it, and however often.
 */
function reportedIn(busEvent: BusEvent): Pick<IssuedCommand, "command" | "page" | "key"> | undefined {
  const { detail } = busEvent;
  if ("page" in detail && (detail.type === "page.labeled" || detail.type === "blogpost.labeled")) {
    const command = commandOfLabel(detail.label ?? "");
    return command && { command, page: detail.page, key: ["label", detail.eventKey] };
  }
  if (detail.type !== "change.commented" || !("change" in detail)) return undefined;
  const { comment, url } = detail.change;
  if (comment === undefined || CODE_BLOCK.test(comment.text)) return undefined;
  const command = commandOfText(comment.text);
  // Without an address, the source stands for its site.
  const site = url !== undefined && URL.canParse(url) ? new URL(url).host : sourceNameOf(busEvent);
  return command && { command, key: ["comment", site, comment.id] };
}

/**
 * A comment on a change request is Markdown. Four columns of blanks before its first line make code of it, and a tab goes to
 * the next of these columns (https://spec.commonmark.org/0.31.2/#indented-code-blocks).
 */
const CODE_BLOCK = /^(?:[^\S\n]*\n)*(?: {0,3}\t| {4})/;
