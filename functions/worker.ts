import { createCommands } from "../shared/approvals/execute-command.ts";
import { peopleOf } from "../shared/approvals/people.ts";
import { withSideEffects } from "../shared/approvals/side-effects.ts";
import { InProcessBus } from "../shared/bus/in-process-bus.ts";
import { connectRoutes } from "../shared/config/connect.ts";
import { runReporters } from "../shared/config/connect-action.ts";
import type { Config } from "../shared/config/schema.ts";
import { tokenEncryptionsOf } from "../shared/config/system-tokens.ts";
import { act } from "../shared/delivery/act.ts";
import type { RetryPolicy } from "../shared/delivery/backoff.ts";
import { CredentialUsage } from "../shared/delivery/credential-usage.ts";
import { Lanes } from "../shared/delivery/lanes.ts";
import { RelayWorker } from "../shared/delivery/relay-worker.ts";
import { callOut } from "../shared/host/call-out.ts";
import type { Clock } from "../shared/host/clock.ts";
import type { Log } from "../shared/host/log.ts";
import type { Secrets } from "../shared/host/secrets.ts";
import { policyOf } from "../shared/identity/policy.ts";
import type { RecordedDelivery } from "../shared/model/recorded-delivery.ts";
import type { BridgeIssuer } from "../shared/outbound/issuer.ts";
import { OutboundTokens } from "../shared/outbound/outbound-tokens.ts";
import { SystemTokens } from "../shared/outbound/system-tokens.ts";
import type { Stores } from "../shared/store/dynamodb/open-stores.ts";

interface WorkerDeps extends Stores {
  readonly secrets: Secrets;
  readonly retry: RetryPolicy;
  /** The bridge as an issuer; absent where it is none. */
  readonly issuer: BridgeIssuer | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

interface Worker {
  /** Takes up a delivery that was just recorded. */
  recorded(delivery: RecordedDelivery): void;
  /** Takes up what an earlier process left. */
  start(): Promise<void>;
  /** Resolves when what was begun has ended; the rest is in the store. */
  stop(): Promise<void>;
}

/** What one machine does with what is recorded: relay it to the bus in this process, and act on each target in its lane. */
export function openWorker(config: Config, deps: WorkerDeps): Worker {
  const common = { ...deps, callOut, random: Math.random };
  const credentialUsage = new CredentialUsage(deps);
  const commanding = {
    ...deps,
    policy: policyOf(config.roles),
    people: peopleOf(config),
    routes: runReporters(config),
    recorded: (delivery: RecordedDelivery) => recorded(delivery),
  };
  const commands = createCommands(commanding);
  const outbound = new OutboundTokens(common);
  const systemTokens = new SystemTokens({ ...deps, encryptions: tokenEncryptionsOf(config) });
  const routes = connectRoutes(config, { ...common, outbound, systemTokens, commands, credentialUsage });
  const targets = routes.map(({ target }) => target);
  const lanes = new Lanes(targets, { ...deps, act: (id) => act(id, { ...common, routes }) });
  const bus = new InProcessBus({ ...deps, routes, scheduled: (target) => lanes.nudge(target) });
  const recorded = (delivery: RecordedDelivery): void => {
    relay.recorded(delivery);
    credentialUsage.delivered(delivery);
  };
  const hasGates = routes.some(({ approval }) => approval !== undefined);
  const heeding = withSideEffects(bus, { ...commanding, hasGates });
  const relay = new RelayWorker({ ...deps, bus: heeding, outbox: deps.deliveries });
  const start = async (): Promise<void> => {
    await lanes.start();
    relay.start();
  };
  const stop = async (): Promise<void> => {
    await relay.stop();
    await lanes.stop();
    await credentialUsage.settled();
  };
  return { recorded, start, stop };
}
