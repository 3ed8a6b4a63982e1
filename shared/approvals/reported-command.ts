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

/** The idempotency key contains the event's: a command that is reported by two deliveries rolls back once. */
function reportedIn({ detail }: BusEvent): Pick<IssuedCommand, "command" | "page" | "key"> | undefined {
  if ("page" in detail && (detail.type === "page.labeled" || detail.type === "blogpost.labeled")) {
    const command = commandOfLabel(detail.label ?? "");
    return command && { command, page: detail.page, key: ["label", detail.eventKey] };
  }
  if (detail.type !== "change.commented" || !("change" in detail)) return undefined;
  const command = commandOfText(detail.change.comment?.text ?? "");
  return command && { command, key: ["comment", detail.eventKey] };
}
