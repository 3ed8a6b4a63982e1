import { schedule } from "../delivery/schedule.ts";
import type { Clock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { type BusEntry, isMeantFor } from "../model/bus-event.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { Bus, PublishResult } from "./bus.ts";

export interface InProcessBusTools {
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
  readonly #tools: InProcessBusTools;

  constructor(tools: InProcessBusTools) {
    this.#tools = tools;
  }

  publish(entries: readonly BusEntry[]): Promise<readonly PublishResult[]> {
    return Promise.all(entries.map((entry) => this.#publishOne(entry)));
  }

  async #publishOne(entry: BusEntry): Promise<PublishResult> {
    try {
      for (const route of this.#tools.routes)
        if (route.matches(entry) && isMeantFor(route.name, entry.detail)) await this.#schedule(route, entry);
      return { published: true };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { published: false, code: error.code };
    }
  }

  async #schedule(route: Route, { detail }: BusEntry): Promise<void> {
    const { isNew } = await schedule(route, detail, this.#tools);
    if (isNew) this.#tools.scheduled(route.target);
  }
}
