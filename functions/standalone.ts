import { randomUUID } from "node:crypto";
import { heedLabels } from "../shared/approvals/labels.ts";
import { peopleOf } from "../shared/approvals/people.ts";
import { InProcessBus } from "../shared/bus/in-process-bus.ts";
import { connectRoutes, connectSources } from "../shared/config/connect.ts";
import type { Config } from "../shared/config/schema.ts";
import { act } from "../shared/delivery/act.ts";
import { Lanes } from "../shared/delivery/lanes.ts";
import { LastUses } from "../shared/delivery/last-uses.ts";
import type { Principal } from "../shared/delivery/principal.ts";
import { refuseOverRate } from "../shared/delivery/rate-limits.ts";
import { Refusals } from "../shared/delivery/refusals.ts";
import { RelayWorker } from "../shared/delivery/relay-worker.ts";
import type { RetryPolicy } from "../shared/delivery/retry-delay.ts";
import { callOut } from "../shared/host/call-out.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import type { Log } from "../shared/host/log.ts";
import { Loop } from "../shared/host/loop.ts";
import type { Secrets } from "../shared/host/secrets.ts";
import { createApp } from "../shared/http/app.ts";
import { type ListenAddress, listen } from "../shared/http/listen.ts";
import { policyOf } from "../shared/identity/policy.ts";
import { createTokenVerifier } from "../shared/identity/verify-token.ts";
import { openIssuer } from "../shared/outbound/open-issuer.ts";
import { OutboundTokens } from "../shared/outbound/outbound-tokens.ts";
import { statusSource } from "../shared/status/index.ts";
import type { RecordedDelivery } from "../shared/store/deliveries.ts";
import { deleteExpired, startEmbeddedDynamoDb } from "../shared/store/embedded.ts";
import { openStores } from "../shared/store/open-stores.ts";

export interface StandaloneOptions {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly retry: RetryPolicy;
  readonly address: ListenAddress;
  /** Folder of the database's files; in memory when absent. */
  readonly dataPath?: string;
}

/** The whole bridge in one process: embedded store, in-process bus, and a lane for each target. */
export async function startStandalone(options: StandaloneOptions): Promise<{ url: URL; stop(): Promise<void> }> {
  const { config, secrets, log, retry, address, dataPath } = options;
  const random = Math.random;
  const database = await startEmbeddedDynamoDb({ table: TABLE_NAME, ...(dataPath && { path: dataPath }) });
  const retentionDays = config.limits.retentionDays;
  const stores = openStores(database.client, TABLE_NAME, { retentionDays, markUnrelayed: true, clock });
  const { deliveries, actions, rates, seenTokens } = stores;
  const policy = policyOf(config.roles);
  const trustEntries = Object.keys(config.issuers);
  const tokens = createTokenVerifier(config.issuers, { seenTokens, publicUrl: config.identity?.issuer, clock });
  const issuer = openIssuer(config.identity, { secrets });
  const outbound = new OutboundTokens({ secrets, callOut, clock, issuer });
  const lastUses = new LastUses({ ...stores, log });
  const routes = connectRoutes(config, { ...stores, secrets, clock, callOut, outbound, random, lastUses });
  const targets = routes.map(({ target }) => target);
  const run = (id: string) => act(id, { ...stores, routes, retry, clock, random, log });
  const lanes = new Lanes(targets, { actions, clock, log, act: run });
  const inner = new InProcessBus({ routes, actions, deliveries, clock, scheduled: (target) => lanes.nudge(target) });
  const recorded = (delivery: RecordedDelivery): void => {
    relay.recorded(delivery);
    lastUses.delivered(delivery);
  };
  const people = peopleOf(config.sources);
  const hasGates = routes.some(({ approval }) => approval !== undefined);
  const bus = heedLabels(inner, { ...stores, policy, people, hasGates, recorded, clock, log });
  const relay = new RelayWorker({ bus, deliveries, outbox: deliveries, clock, log });
  const overRate = (principal: Principal) => refuseOverRate(principal, { policy, rates, clock });
  const calls = { ...stores, tokens, trustEntries, policy, refuseOverRate: overRate, recorded, clock };
  const app = createApp({
    sources: connectSources(config, { secrets, tokens, clock }),
    maxBodyBytes: config.limits.bodyBytes,
    status: statusSource({ tokens, trustEntries, policy, issuers: config.issuers }),
    orders: { ...calls, people },
    refusals: new Refusals({ deliveries, log }),
    ready: () => deliveries.unrelayed(clock.now(), 1),
    newRequestId: randomUUID,
    ...calls,
    ...{ issuer, log },
  });
  const cleaning = new Loop("cleaning", { everyMs: CLEAN_EVERY_MS, log }, () =>
    deleteExpired(database.client, TABLE_NAME, clock.now()),
  );
  cleaning.nudge();
  await lanes.start();
  relay.start();
  const server = await listen(app, address);
  const stop = async (): Promise<void> => {
    await server.close();
    await cleaning.stop();
    await relay.stop();
    await lanes.stop();
    await lastUses.settled();
    await database.stop();
  };
  return { url: server.url, stop };
}

const TABLE_NAME = "drawbridge";
const CLEAN_EVERY_MS = 3_600_000;
