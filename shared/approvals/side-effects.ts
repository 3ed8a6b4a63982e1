import type { Bus, PublishResult } from "../bus/bus.ts";
import type { CorrelateDeps } from "../delivery/correlate.ts";
import { type RunTrackingDeps, recordRunEndOf } from "../delivery/run-tracking.ts";
import { epochMillis } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { BusEvent } from "../model/bus-event.ts";
import { changeIn } from "./change.ts";
import { commandOfLabel } from "./command.ts";
import { type CommandDeps, executeCommand } from "./execute-command.ts";
import { isNobody } from "./people.ts";

export type SideEffectDeps = CommandDeps &
  RunTrackingDeps &
  CorrelateDeps & {
    /** Whether any route needs an approval: only then changes are kept. */
    readonly hasGates: boolean;
    readonly log: Log;
  };

/**
 * A bus that first heeds what an entry says to the bridge itself: that something changed, that a run has ended, or that
 * somebody decided by a label. All entries pass here at least once, on one machine and in AWS, and one that could not
 * be heeded counts as not published, so that it comes again.
 */
export function withSideEffects(bus: Bus, deps: SideEffectDeps): Bus {
  return {
    async publish(busEvents) {
      const failures = await Promise.all(busEvents.map((busEvent) => failureOf(busEvent, deps)));
      const heeded = busEvents.filter((_, at) => failures[at] === undefined);
      const results = heeded.length === 0 ? [] : [...(await bus.publish(heeded))];
      return failures.map((code): PublishResult => {
        if (code !== undefined) return { published: false, code };
        return results.shift() ?? { published: false, code: "no_result" };
      });
    },
  };
}

async function failureOf(busEvent: BusEvent, deps: SideEffectDeps): Promise<string | undefined> {
  try {
    await heed(busEvent, deps);
    return undefined;
  } catch (error) {
    const delivery = busEvent.detail.delivery;
    deps.log.error({ delivery, error: kindOf(error) }, "what a delivery decides could not be carried out");
    // A mistake of ours must not keep the event itself back for ever.
    return error instanceof Fault ? error.code : undefined;
  }
}

async function heed(busEvent: BusEvent, deps: SideEffectDeps): Promise<void> {
  const change = deps.hasGates ? changeIn(busEvent) : undefined;
  if (change) await deps.approvals.recordChange(change);
  await recordRunEndOf(busEvent, deps);
  const { detail } = busEvent;
  if (detail.type !== "page.labeled" || !("page" in detail)) return;
  const command = commandOfLabel(detail.label ?? "");
  const actor = detail.actor?.id;
  // A label that nobody is said to have given commands nothing.
  if (command === undefined || actor === undefined) return;
  // Where nobody may command anything, the relay in AWS has no right to look for what is meant.
  if (!deps.hasGates && isNobody(deps.people)) return;
  const at = epochMillis(Date.parse(detail.time));
  // The happening is in the key: told by two deliveries, it rolls back once.
  await executeCommand({ command, busEvent, actor, page: detail.page, at, key: ["label", detail.eventKey] }, deps);
}
