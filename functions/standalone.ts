import { runReporters } from "../shared/config/connect-action.ts";
import type { Config } from "../shared/config/schema.ts";
import type { RetryPolicy } from "../shared/delivery/backoff.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import type { Log } from "../shared/host/log.ts";
import { Loop } from "../shared/host/loop.ts";
import type { Secrets } from "../shared/host/secrets.ts";
import { type ListenAddress, listen } from "../shared/http/listen.ts";
import { openIssuer } from "../shared/outbound/open-issuer.ts";
import { deleteExpired, startEmbeddedDynamoDb } from "../shared/store/dynamodb/embedded.ts";
import { openStores } from "../shared/store/dynamodb/open-stores.ts";
import { bridgeApp } from "./app.ts";
import { besideConsole } from "./console-app.ts";
import { openWorker } from "./worker.ts";

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
  const { config, secrets, log, address, dataPath } = options;
  const database = await startEmbeddedDynamoDb({ table: TABLE_NAME, ...(dataPath && { path: dataPath }) });
  const { retentionDays } = config.limits;
  const stores = openStores(database.client, TABLE_NAME, { retentionDays, markUnrelayed: true, clock });
  const deps = { ...options, ...stores, issuer: openIssuer(config.identity, { secrets }), clock };
  const worker = openWorker(config, deps);
  const ready = () => stores.deliveries.unrelayed(clock.now(), 1);
  const app = bridgeApp(config, { ...deps, routes: runReporters(config), recorded: worker.recorded, ready });
  const cleaning = new Loop("cleaning", { everyMs: CLEAN_EVERY_MS, log }, () =>
    deleteExpired(database.client, TABLE_NAME, clock.now()),
  );
  const stop = async (): Promise<void> => {
    await cleaning.stop();
    await worker.stop();
    await database.stop();
  };
  try {
    cleaning.nudge();
    await worker.start();
    const server = await listen(besideConsole(app, config, deps), address);
    return { url: server.url, stop: () => server.close().then(stop) };
  } catch (error) {
    await stop();
    throw error;
  }
}

const TABLE_NAME = "drawbridge";
const CLEAN_EVERY_MS = 3_600_000;
