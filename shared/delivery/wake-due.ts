import { type Clock, epochMillis } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { ActionStatus, ActionStore } from "../store/actions.ts";
import type { ParkedActions } from "../store/parked-actions.ts";
import { inGroups } from "../store/streams.ts";
import type { TargetAccess } from "./target-gate.ts";

interface WakeDueDeps {
  readonly actions: Pick<ActionStore, "dueBetween" | "status">;
  readonly parkedActions: ParkedActions;
  readonly accessTo: (target: string) => Promise<TargetAccess>;
  /** Sends the message of an action into the queue of its target. */
  readonly send: (action: ActionStatus) => Promise<void>;
  /** Whether there is time for more messages. */
  readonly hasTime: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** Messages that are sent at once for one target. */
const AT_ONCE = 20;

/**
 * Sends the messages of the waiting actions that are due. Those of a held target stay in the index; while it is probed, one
 * is sent. An action leaves the index after its message was sent, so a crash in between sends it twice. What fails is sent
 * by the next run. Throws `store_unavailable` if it cannot read which targets there are.
 */
export async function wakeDue(deps: WakeDueDeps): Promise<void> {
  const targets = await deps.parkedActions.targets();
  await Promise.all(
    targets.map(async (target) => {
      try {
        await wakeDueOf(target, deps);
      } catch (error) {
        deps.log.error({ target, error: kindOf(error) }, "waiting actions cannot be read");
      }
    }),
  );
}

async function wakeDueOf(target: string, deps: WakeDueDeps): Promise<void> {
  const access = await deps.accessTo(target);
  if (access !== "free" && access !== "probe") return;
  const due = deps.actions.dueBetween(target, epochMillis(0), deps.clock.now());
  for await (const group of inGroups(due, access === "probe" ? 1 : AT_ONCE)) {
    if (!deps.hasTime()) return;
    const woken = await Promise.all(group.map(({ id }) => wake(id, deps)));
    if (access === "probe" && woken.includes(true)) return;
  }
}

/** False if it was not sent. */
async function wake(id: string, { actions, parkedActions, send, clock, log }: WakeDueDeps): Promise<boolean> {
  try {
    const status = await actions.status(id);
    // The index is eventually consistent.
    if (status?.parked === undefined || status.parked.dueAt > clock.now()) return false;
    await send(status);
    await parkedActions.remove(id, status.parked);
    return true;
  } catch (error) {
    log.error({ action: id, error: kindOf(error) }, "a waiting action's message is not sent");
    return false;
  }
}
