import { epochMillis } from "../host/clock.ts";
import { type BusEvent, sourceNameOf } from "../model/bus-event.ts";
import { commandOfLabel } from "./command.ts";
import { type CommandDeps, executeCommand } from "./execute-command.ts";
import { hasNoPeople } from "./people.ts";

export interface LabelCommandDeps extends CommandDeps {
  /** Whether any route needs an approval. */
  readonly hasGates: boolean;
}

/**
 * Executes the command that a label on a page or blog post stands for. A label without a known author commands nothing.
 * Without gates and without configured people nothing is read: the relay in AWS is then not permitted to read approvals.
 */
export async function runLabelCommand(busEvent: BusEvent, deps: LabelCommandDeps): Promise<void> {
  const { detail } = busEvent;
  const isLabel = detail.type === "page.labeled" || detail.type === "blogpost.labeled";
  if (!isLabel || !("page" in detail)) return;
  const command = commandOfLabel(detail.label ?? "");
  const actor = detail.actor?.id;
  if (command === undefined || actor === undefined) return;
  if (!deps.hasGates && hasNoPeople(deps.people) && !deps.groups.has(sourceNameOf(busEvent))) return;
  const at = epochMillis(Date.parse(detail.time));
  // The command's idempotency key contains the event's: a label reported by two deliveries rolls back once.
  await executeCommand({ command, busEvent, actor, page: detail.page, at, key: ["label", detail.eventKey] }, deps);
}
