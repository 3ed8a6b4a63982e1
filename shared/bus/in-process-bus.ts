import { schedule } from "../delivery/schedule.ts";
import type { Clock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { type BusEvent, isMeantFor } from "../model/bus-event.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { Bus, PublishResult } from "./bus.ts";

export interface InProcessBusDeps {
  readonly routes: readonly Route[];
  readonly actions: Pick<ActionStore, "schedule">;
  readonly deliveries: Pick<DeliveryStore, "addToTimeline">;
  readonly clock: Clock;
  /** Told of the target that has something due now. */
  readonly scheduled: (target: string) => void;
}

/**
 * The bus of one machine. It is as durable as EventBridge with a queue behind each rule: an entry counts as published once
 * every matching route's action is stored as due.
 */
export class InProcessBus implements Bus {
  readonly #deps: InProcessBusDeps;

  constructor(deps: InProcessBusDeps) {
    this.#deps = deps;
  }

  publish(busEvents: readonly BusEvent[]): Promise<readonly PublishResult[]> {
    return Promise.all(busEvents.map((busEvent) => this.#publishOne(busEvent)));
  }

  async #publishOne(busEvent: BusEvent): Promise<PublishResult> {
    try {
      for (const route of this.#deps.routes)
        if (route.matches(busEvent) && isMeantFor(route.name, busEvent.detail)) await this.#schedule(route, busEvent);
      return { published: true };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { published: false, code: error.code };
    }
  }

  async #schedule(route: Route, { detail }: BusEvent): Promise<void> {
    const { isNew } = await schedule(route, detail, this.#deps);
    if (isNew) this.#deps.scheduled(route.target);
  }
}
