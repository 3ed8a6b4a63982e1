import type { PromotionWaits, WaitPlace } from "../store/promotion-waits.ts";
import { type WakeActionDeps, wakeAction } from "./wake-action.ts";

export interface WakePromotionsDeps extends WakeActionDeps {
  readonly promotionWaits: () => Promise<Pick<PromotionWaits, "of">>;
}

/** Makes the promotions due that wait for the end of a run in an environment. Each is judged again, and may wait again. */
export async function wakePromotions(
  place: WaitPlace,
  { promotionWaits, ...waking }: WakePromotionsDeps,
): Promise<void> {
  for (const action of await (await promotionWaits()).of(place)) {
    await wakeAction(action, waking);
  }
}
