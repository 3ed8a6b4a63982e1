import { type Clock, epochMillis, laterBy } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { ActionStatus, ActionStore } from "../store/actions.ts";
import type { ParkedActions } from "../store/parked-actions.ts";
import { inGroups } from "../store/streams.ts";
import { CLAIM_HELD_AGAIN_MS, type TargetAccess } from "./target-gate.ts";

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

/** When the actions of held targets are read: in the first minutes of each hour. In milliseconds. */
const HELD_ARE_READ = { everyMs: 3_600_000, forMs: 180_000 };

/**
 * Sends the messages of the waiting actions that are due. Those of a held target stay in the index; while it is probed, one
 * is sent. Twice a day each of them is sent, and its claim keeps it from expiring. An action leaves the index after its
 * message was sent, so a crash in between sends it twice. What fails is sent by the next run. Never throws.
 */
export async function wakeDue(deps: WakeDueDeps): Promise<void> {
  const cannotRead = (error: unknown, target?: string) =>
    deps.log.error({ ...(target && { target }), error: kindOf(error) }, "waiting actions cannot be read");
  const targets = await deps.parkedActions.targets().catch(cannotRead);
  await Promise.all(
    (targets ?? []).map((target) => wakeDueOf(target, deps).catch((error: unknown) => cannotRead(error, target))),
  );
}

async function wakeDueOf(target: string, deps: WakeDueDeps): Promise<void> {
  const access = await deps.accessTo(target);
  const areRead = deps.clock.now() % HELD_ARE_READ.everyMs < HELD_ARE_READ.forMs;
  if (access !== "free" && areRead) await wakeHeld(target, deps);
  if (access !== "free" && access !== "probe") return;
  const due = deps.actions.dueBetween(target, epochMillis(0), deps.clock.now());
  for await (const group of inGroups(due, access === "probe" ? 1 : AT_ONCE)) {
    if (!deps.hasTime()) return;
    const woken = await Promise.all(group.map(({ id }) => wake(id, deps)));
    if (access === "probe" && woken.includes(true)) return;
  }
}

/**
 * Sends the messages of the due actions that became due while their target was held, so that their timeline has the hold,
 * and of those whose last claim is too long ago.
 */
async function wakeHeld(target: string, deps: WakeDueDeps): Promise<void> {
  const now = deps.clock.now();
  const isOld = ({ hold }: ActionStatus): boolean =>
    hold === undefined || hold.at > now || now >= laterBy(hold.at, CLAIM_HELD_AGAIN_MS);
  for await (const group of inGroups(deps.actions.dueBetween(target, epochMillis(0), now), AT_ONCE)) {
    if (!deps.hasTime()) return;
    await Promise.all(group.map(({ id }) => wake(id, deps, isOld)));
  }
}

/** False if it was not sent. */
async function wake(
  id: string,
  { actions, parkedActions, send, clock, log }: WakeDueDeps,
  isWanted: (action: ActionStatus) => boolean = () => true,
): Promise<boolean> {
  try {
    const status = await actions.status(id);
    // The index is eventually consistent.
    if (status?.parked === undefined || status.parked.dueAt > clock.now()) return false;
    if (!isWanted(status)) return false;
    await send(status);
    await parkedActions.remove(id, status.parked);
    return true;
  } catch (error) {
    log.error({ action: id, error: kindOf(error) }, "a waiting action's message is not sent");
    return false;
  }
}
