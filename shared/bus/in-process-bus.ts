import { Fault } from "../host/fault.ts";
import { type BusEvent, isMeantFor } from "../model/bus-event.ts";
import type { Route } from "../routes/route.ts";
import type { Bus, PublishResult } from "./bus.ts";

interface InProcessBusDeps {
  readonly routes: readonly Route[];
  /** Stores a route's action for an event as due, once. `isNew` is false if it was stored before. */
  readonly schedule: (route: Route, detail: BusEvent["detail"]) => Promise<{ readonly isNew: boolean }>;
  /** Called with the name of a target that has an action due now. */
  readonly scheduled: (target: string) => void;
}

/**
 * The bus on one machine. It is as durable as EventBridge with a queue behind each rule: an event counts as published
 * once the action of every matching route is stored as due.
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
    const { isNew } = await this.#deps.schedule(route, detail);
    if (isNew) this.#deps.scheduled(route.target);
  }
}
