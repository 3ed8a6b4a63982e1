import { actions } from "../shared/actions/registry.ts";
import { reportAllAccess } from "../shared/approvals/report-access.ts";
import { InProcessBus } from "../shared/bus/in-process-bus.ts";
import { type ActDeps, attempt } from "../shared/delivery/act.ts";
import type { RetryPolicy } from "../shared/delivery/backoff.ts";
import { BulkReplayWorker } from "../shared/delivery/bulk-replay-worker.ts";
import { Lanes } from "../shared/delivery/lane.ts";
import { MissingRoutes } from "../shared/delivery/missing-routes.ts";
import type { WaitingTarget } from "../shared/delivery/readiness.ts";
import type { RelayDeps } from "../shared/delivery/relay.ts";
import { RelayWorker } from "../shared/delivery/relay-worker.ts";
import { RemovedRoutes } from "../shared/delivery/removed-routes.ts";
import { schedule } from "../shared/delivery/schedule.ts";
import { SilentRunWorker } from "../shared/delivery/silent-run-worker.ts";
import { Loop } from "../shared/host/loop.ts";
import type { RecordedDelivery } from "../shared/model/recorded-delivery.ts";
import type { PageStores } from "../shared/store/open-page-stores.ts";
import { actDeps } from "./act-deps.ts";
import type { Bridge } from "./bridge.ts";
import { relayBus } from "./relay-bus.ts";

/** How late an end of a role or of a request for one is reported. */
const ACCESS_MS = 15_000;

export interface Worker {
  /** Starts the relay of a delivery that was just recorded. */
  recorded(delivery: RecordedDelivery): void;
  /** Looks at once for due actions of a target. */
  nudge(target: string): void;
  /** Continues the work that an earlier process left in the store, also for these targets, which may not be configured. */
  start(targets: readonly string[]): void;
  /**
   * Uses this bridge for all work that starts from now on. Attempts under way end with the one that they began with. The
   * bridge must use the same store.
   */
  use(bridge: Bridge): void;
  /** The targets whose actions wait for too long. */
  waitingTargets(): Promise<readonly WaitingTarget[]>;
  /** Starts no more work. Resolves when the running work is finished. The rest is in the store. */
  stop(): Promise<void>;
}

/**
 * The background work of one machine: it relays deliveries to the in-process bus and runs each target's actions in a
 * lane. It lasts as long as the process, so that a target never has two lanes.
 */
export function openWorker(bridge: Bridge, retry: RetryPolicy, pageStores: PageStores): Worker {
  const { actions: store, credentialUsage, clock, log } = bridge;
  const missing = new MissingRoutes(clock);
  const options: WorkOptions = {
    retry,
    pageStores,
    missingMs: (route) => missing.missingMs(route),
    scheduled: (target) => lanes.nudge(target),
  };
  let current = workOf(bridge, options);
  missing.use(namesOf(current));
  const lanes = new Lanes({
    actions: store,
    accessTo: (target) => current.acting.targetGate.accessTo(target),
    attempt: (id) => attempt(id, current.acting),
    clock,
    log,
  });
  const relay = new RelayWorker(() => current.relaying);
  let reporting = bridge;
  const silentRuns = new SilentRunWorker(() => reporting);
  const endedAccess = new Loop("access", { everyMs: ACCESS_MS, log }, () => reportAllAccess(reporting));
  const bulkReplays = new BulkReplayWorker(() => reporting);
  const removedRoutes = new RemovedRoutes({ missing, targets: () => lanes.targets(), actions: store, log });
  const startLanes = (): void => lanes.start(current.acting.routes.map(({ target }) => target));
  return {
    recorded(delivery) {
      relay.recorded(delivery);
      credentialUsage.delivered(delivery);
    },
    nudge: (target) => lanes.nudge(target),
    start(targets) {
      lanes.start(targets);
      startLanes();
      relay.start();
      silentRuns.start();
      endedAccess.nudge();
      bulkReplays.start();
    },
    use(next) {
      current = workOf(next, options);
      reporting = next;
      startLanes();
      removedRoutes.removed(missing.use(namesOf(current)));
    },
    waitingTargets: () => lanes.waiting(),
    async stop() {
      const loops = [relay, silentRuns, endedAccess, bulkReplays, lanes, removedRoutes];
      await Promise.all(loops.map((loop) => loop.stop()));
    },
  };
}

interface Work {
  readonly acting: ActDeps;
  readonly relaying: RelayDeps;
}

const namesOf = ({ acting }: Work): readonly string[] => acting.routes.map(({ name }) => name);

interface WorkOptions extends Pick<ActDeps, "retry" | "missingMs"> {
  readonly pageStores: PageStores;
  /** Called with the target of each action that was stored. */
  readonly scheduled: (target: string) => void;
}

/** Returns the dependencies of the work of one configuration. */
function workOf(bridge: Bridge, { retry, pageStores, missingMs, scheduled }: WorkOptions): Work {
  const { deliveries, ownAccounts, clock, log } = bridge;
  const acting = actDeps(bridge, { actions, retry, pageStores, missingMs, awsToken: undefined });
  const bus = new InProcessBus({
    routes: acting.routes,
    schedule: (route, detail) => schedule(route, detail, bridge),
    scheduled,
  });
  return {
    acting,
    relaying: { bus: relayBus(bridge, bus), deliveries, outbox: deliveries, ownAccounts, clock, log },
  };
}
