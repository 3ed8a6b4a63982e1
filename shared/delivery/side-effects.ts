import type { Bus, PublishResult } from "../bus/bus.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { BusEvent } from "../model/bus-event.ts";

/**
 * Work that the bridge itself does for an event before the event is published: it records a change or executes a
 * command. Idempotent, because an event can be published more than once. Throws a Fault if the event should be
 * published again later.
 */
export type SideEffect = (busEvent: BusEvent) => Promise<void>;

/**
 * A bus that runs side effects, in order, before it publishes. Every event passes through it at least once, on one
 * machine and in AWS. An event whose side effect throws a Fault counts as not published, so that the outbox retries it.
 */
export function withSideEffects(bus: Bus, effects: readonly SideEffect[], log: Log): Bus {
  return {
    async publish(busEvents) {
      const failures = await Promise.all(busEvents.map((busEvent) => failureOf(busEvent, effects, log)));
      const ready = busEvents.filter((_, at) => failures[at] === undefined);
      const results = ready.length === 0 ? [] : [...(await bus.publish(ready))];
      return failures.map((code): PublishResult => {
        if (code !== undefined) return { published: false, code };
        return results.shift() ?? { published: false, code: "no_result" };
      });
    },
  };
}

async function failureOf(busEvent: BusEvent, effects: readonly SideEffect[], log: Log): Promise<string | undefined> {
  try {
    for (const effect of effects) await effect(busEvent);
    return undefined;
  } catch (error) {
    log.error({ delivery: busEvent.detail.delivery, error: kindOf(error) }, "a side effect of an event failed");
    // A defect of ours must not block the event for ever.
    return error instanceof Fault ? error.code : undefined;
  }
}
