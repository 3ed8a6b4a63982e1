import { actions } from "../shared/actions/registry.ts";
import { InProcessBus } from "../shared/bus/in-process-bus.ts";
import { attempt } from "../shared/delivery/act.ts";
import type { RetryPolicy } from "../shared/delivery/backoff.ts";
import { Lanes } from "../shared/delivery/lane.ts";
import type { WaitingTarget } from "../shared/delivery/readiness.ts";
import { RelayWorker } from "../shared/delivery/relay-worker.ts";
import { schedule } from "../shared/delivery/schedule.ts";
import type { RecordedDelivery } from "../shared/model/recorded-delivery.ts";
import { actDeps } from "./act-deps.ts";
import type { Bridge } from "./bridge.ts";
import { relayBus } from "./relay-bus.ts";

export interface Worker {
  /** Starts the relay of a delivery that was just recorded. */
  recorded(delivery: RecordedDelivery): void;
  /** Continues the work that an earlier process left in the store. */
  start(): Promise<void>;
  /** The targets whose actions wait for too long. */
  waitingTargets(): Promise<readonly WaitingTarget[]>;
  /** Resolves when the running work is finished. The rest is in the store. */
  stop(): Promise<void>;
}

/**
 * The background work of one machine: it relays deliveries to the in-process bus and runs each target's actions in a
 * lane.
 */
export function openWorker(bridge: Bridge, retry: RetryPolicy): Worker {
  const { deliveries, credentialUsage, clock, log } = bridge;
  const deps = actDeps(bridge, actions, retry);
  const lanes = new Lanes(
    deps.routes.map(({ target }) => target),
    { actions: bridge.actions, attempt: (id) => attempt(id, deps), clock, log },
  );
  const bus = new InProcessBus({
    routes: deps.routes,
    schedule: (route, detail) => schedule(route, detail, bridge),
    scheduled: (target) => lanes.nudge(target),
  });
  const relay = new RelayWorker({
    bus: relayBus(bridge, bus),
    deliveries,
    outbox: deliveries,
    ownAccounts: bridge.ownAccounts,
    clock,
    log,
  });
  return {
    recorded(delivery) {
      relay.recorded(delivery);
      credentialUsage.delivered(delivery);
    },
    async start() {
      await lanes.start();
      relay.start();
    },
    waitingTargets: () => lanes.waiting(),
    async stop() {
      await relay.stop();
      await lanes.stop();
      await credentialUsage.settled();
    },
  };
}
