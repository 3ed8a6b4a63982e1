import { join } from "node:path";
import { routeOutline } from "../shared/config/connect-action.ts";
import type { Config } from "../shared/config/schema.ts";
import type { RetryPolicy } from "../shared/delivery/backoff.ts";
import { type Readiness, ReadinessLog, readinessOf } from "../shared/delivery/readiness.ts";
import { callOut } from "../shared/host/call-out.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { diskSpace } from "../shared/host/disk-space.ts";
import type { Log } from "../shared/host/log.ts";
import { Loop } from "../shared/host/loop.ts";
import type { Secrets } from "../shared/host/secrets.ts";
import { type ListenAddress, listen } from "../shared/http/listen.ts";
import type { RecordedDelivery } from "../shared/model/recorded-delivery.ts";
import { openIssuer } from "../shared/outbound/open-issuer.ts";
import { openStores } from "../shared/store/open-stores.ts";
import { deleteExpired } from "../shared/store/sqlite/expiry.ts";
import { DATABASE_FILE, openMemoryTable, openTable } from "../shared/store/sqlite/open.ts";
import { requeueStranded } from "../shared/store/sqlite/stranded.ts";
import { buildBridge } from "./bridge.ts";
import { appWithConsole } from "./console-app.ts";
import { receiveApp } from "./receive-app.ts";
import { tokenVerifier } from "./token-verifier.ts";
import { openWorker } from "./worker.ts";

export interface StandaloneOptions {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly retry: RetryPolicy;
  readonly address: ListenAddress;
  /** Folder of the database's files. Undefined: the data is in memory. */
  readonly dataPath?: string;
}

/** Starts the whole bridge in one process: embedded store, in-process bus, and a lane for each target. */
export async function startStandalone(options: StandaloneOptions): Promise<{ url: URL; stop(): Promise<void> }> {
  const { config, secrets, log, retry, address, dataPath } = options;
  const database = dataPath === undefined ? openMemoryTable() : openTable(dataPath, log);
  const { retentionDays } = config.limits;
  const stores = openStores(database.table, { retentionDays, markUnrelayed: true, singleProcess: true, clock });
  const bridge = buildBridge(config, routeOutline(config), {
    stores,
    secrets,
    clock,
    log,
    callOut,
    random: Math.random,
    issuer: openIssuer(config.identity, { secrets, kmsKey: undefined }),
    awsToken: undefined,
    tokens: tokenVerifier(config, { stores, clock, callOut }),
    recorded: (delivery: RecordedDelivery) => worker.recorded(delivery),
  });
  const worker = openWorker(bridge, retry);
  const cleaning = new Loop("cleaning", { everyMs: CLEAN_EVERY_MS, log }, () => deleteExpired(database.table, clock));
  const ready = (): Promise<Readiness> =>
    readinessOf({
      checkStore: () => database.table.checkWrites().then(() => stores.deliveries.unrelayed(clock.now(), 1)),
      diskSpace: dataPath === undefined ? undefined : () => diskSpace(join(dataPath, DATABASE_FILE)),
      outbox: stores.deliveries,
      waitingTargets: () => worker.waitingTargets(),
      clock,
    });
  const readinessLog = new ReadinessLog(log);
  const watching = new Loop("watching", { everyMs: WATCH_EVERY_MS, log }, async () => readinessLog.add(await ready()));
  const stop = async (): Promise<void> => {
    await watching.stop();
    await cleaning.stop();
    await worker.stop();
    database.close();
  };
  try {
    await requeueStranded(database.table, { clock, log });
    cleaning.nudge();
    await worker.start();
    watching.nudge();
    const api = receiveApp(bridge, ready);
    const server = await listen(appWithConsole(api, bridge), address);
    return { url: server.url, stop: () => server.close().then(stop) };
  } catch (error) {
    await stop();
    throw error;
  }
}

const CLEAN_EVERY_MS = 3_600_000;
const WATCH_EVERY_MS = 60_000;
