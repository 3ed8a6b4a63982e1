import type { Clock } from "../host/clock.ts";
import type { ActionStatus, ActionStore } from "../store/actions.ts";

export interface WakeActionDeps {
  readonly actions: Pick<ActionStore, "status" | "wake">;
  /** See `Ports` in `functions/bridge.ts`. */
  readonly woken: (action: ActionStatus) => Promise<void>;
  readonly clock: Clock;
}

/** Makes an action due now that may be waiting. False if it does not wait any more. */
export async function wakeAction(id: string, { actions, woken, clock }: WakeActionDeps): Promise<boolean> {
  const status = await actions.status(id);
  if (status?.state !== "due") return false;
  await actions.wake(id, clock.now());
  await woken(status);
  return true;
}
