import { toIso } from "../host/clock.ts";
import type { DeliveryOutcome, DeliveryState, RouteOutcome } from "../model/delivery-state.ts";

/** What became of a delivery, with its times in ISO 8601. */
export interface ShownOutcome {
  readonly state: DeliveryState;
  readonly stateSince: string;
  /** The worst first; absent if no route acted on the delivery. */
  readonly routes?: readonly ShownRouteOutcome[];
}

type ShownRouteOutcome = Omit<RouteOutcome, "since" | "next"> & {
  readonly since: string;
  readonly next?: string;
};

/** Empty for the record of a read, which has no state. */
export function shownOutcome(outcome: DeliveryOutcome | undefined): Partial<ShownOutcome> {
  if (outcome === undefined) return {};
  const { state, since, routes } = outcome;
  return {
    state,
    stateSince: toIso(since),
    ...(routes.length > 0 && { routes: routes.map(shownRoute) }),
  };
}

const shownRoute = ({ since, next, ...rest }: RouteOutcome): ShownRouteOutcome => ({
  ...rest,
  since: toIso(since),
  ...(next !== undefined && { next: toIso(next) }),
});
