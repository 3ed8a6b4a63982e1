import type { Clock } from "../host/clock.ts";
import type { ActionStatus, ActionStore } from "../store/actions.ts";
import type { PromotionWaits, WaitPlace } from "../store/promotion-waits.ts";

export interface WakePromotionsDeps {
  readonly promotionWaits: () => Promise<Pick<PromotionWaits, "of">>;
  readonly actions: Pick<ActionStore, "status" | "wake">;
  readonly woken: (action: ActionStatus) => Promise<void>;
  readonly clock: Clock;
}

/** Makes the promotions due that wait for the end of a run in an environment. Each is judged again, and may wait again. */
export async function wakePromotions(
  place: WaitPlace,
  { promotionWaits, actions, woken, clock }: WakePromotionsDeps,
): Promise<void> {
  for (const action of await (await promotionWaits()).of(place)) {
    const status = await actions.status(action);
    if (status?.state !== "due") continue;
    await actions.wake(action, clock.now());
    await woken(status);
  }
}
