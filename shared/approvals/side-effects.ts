import type { Bus, PublishResult } from "../bus/bus.ts";
import type { CorrelateTools } from "../delivery/correlate.ts";
import { hearEnd, type NoteTools } from "../delivery/run-tracking.ts";
import { epochMillis } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { BusEntry } from "../model/bus-event.ts";
import { changeIn } from "./change.ts";
import { commandOfLabel } from "./command.ts";
import { type CommandTools, carryOut } from "./execute-command.ts";
import { isNobody } from "./people.ts";

export type LabelTools = CommandTools &
  NoteTools &
  CorrelateTools & {
    /** Whether any route needs an approval: only then changes are kept. */
    readonly hasGates: boolean;
    readonly log: Log;
  };

/**
 * A bus that first heeds what an entry says to the bridge itself: that something changed, that a run has ended, or that
 * somebody decided by a label. All entries pass here at least once, on one machine and in AWS, and one that could not
 * be heeded counts as not published, so that it comes again.
 */
export function heedLabels(bus: Bus, tools: LabelTools): Bus {
  return {
    async publish(entries) {
      const failures = await Promise.all(entries.map((entry) => failureOf(entry, tools)));
      const heeded = entries.filter((_, at) => failures[at] === undefined);
      const results = heeded.length === 0 ? [] : [...(await bus.publish(heeded))];
      return failures.map((code): PublishResult => {
        if (code !== undefined) return { published: false, code };
        return results.shift() ?? { published: false, code: "no_result" };
      });
    },
  };
}

async function failureOf(entry: BusEntry, tools: LabelTools): Promise<string | undefined> {
  try {
    await heed(entry, tools);
    return undefined;
  } catch (error) {
    const delivery = entry.detail.delivery;
    tools.log.error({ delivery, error: kindOf(error) }, "what a delivery decides could not be carried out");
    // A mistake of ours must not keep the event itself back for ever.
    return error instanceof Fault ? error.code : undefined;
  }
}

async function heed(entry: BusEntry, tools: LabelTools): Promise<void> {
  const change = tools.hasGates ? changeIn(entry) : undefined;
  if (change) await tools.approvals.noteChange(change);
  await hearEnd(entry, tools);
  const { detail } = entry;
  if (detail.type !== "page.labeled" || !("page" in detail)) return;
  const command = commandOfLabel(detail.label ?? "");
  const actor = detail.actor?.id;
  // A label that nobody is said to have given commands nothing.
  if (command === undefined || actor === undefined) return;
  // Where nobody may command anything, the relay in AWS has no right to look for what is meant.
  if (!tools.hasGates && isNobody(tools.people)) return;
  const at = epochMillis(Date.parse(detail.time));
  // The happening is in the key: told by two deliveries, it rolls back once.
  await carryOut({ command, entry, actor, page: detail.page, at, key: ["label", detail.eventKey] }, tools);
}
