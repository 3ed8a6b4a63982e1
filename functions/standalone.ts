import { join } from "node:path";
import { digestOf } from "../shared/config/digest.ts";
import { routeOutline, routePatterns } from "../shared/config/route-outline.ts";
import type { Config } from "../shared/config/schema.ts";
import type { RetryPolicy } from "../shared/delivery/backoff.ts";
import { CredentialUsage } from "../shared/delivery/credential-usage.ts";
import { type FirstWebhookNews, FirstWebhooks } from "../shared/delivery/first-webhooks.ts";
import { type Readiness, ReadinessLog, readinessOf } from "../shared/delivery/readiness.ts";
import { RefusalCounts } from "../shared/delivery/refusal-counts.ts";
import { ThreadExport } from "../shared/delivery/thread-export.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { diskSpace } from "../shared/host/disk-space.ts";
import type { Log } from "../shared/host/log.ts";
import { Loop } from "../shared/host/loop.ts";
import { LogMetrics } from "../shared/host/metrics.ts";
import type { Secrets } from "../shared/host/secrets.ts";
import { within } from "../shared/host/within.ts";
import { ADMISSION_LIMITS, Admission } from "../shared/http/admission.ts";
import type { ServedApp } from "../shared/http/connection.ts";
import { type ListenAddress, type Listening, listen } from "../shared/http/listen.ts";
import { metricsOnly } from "../shared/http/metrics.ts";
import type { TlsSettings } from "../shared/http/tls.ts";
import type { OtlpSpan } from "../shared/model/otlp/otlp.ts";
import type { RecordedDelivery } from "../shared/model/recorded-delivery.ts";
import { callOutOf } from "../shared/outbound/certificate-authorities.ts";
import { openIssuer } from "../shared/outbound/open-issuer.ts";
import { exportSpans } from "../shared/outbound/otlp.ts";
import { targetsOf } from "../shared/store/actions.ts";
import { ExportCursor } from "../shared/store/export-cursor.ts";
import { openPageStores } from "../shared/store/open-page-stores.ts";
import { openStores } from "../shared/store/open-stores.ts";
import { clean } from "../shared/store/sqlite/expiry.ts";
import { DATABASE_FILE, openMemoryTable, openTable } from "../shared/store/sqlite/open.ts";
import { requeueStranded } from "../shared/store/sqlite/stranded.ts";
import { buildBridge } from "./bridge.ts";
import { appWithConsole } from "./console-app.ts";
import { receiveApp } from "./receive-app.ts";
import type { StopOutcome } from "./stop-on-signal.ts";
import { tokenVerifier } from "./token-verifier.ts";
import { openWorker } from "./worker.ts";

export interface StandaloneOptions {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly log: Log;
  readonly retry: RetryPolicy;
  readonly address: ListenAddress;
  /** The port on 127.0.0.1 where the metrics need no token, and nothing else is served. Undefined: there is none. */
  readonly metricsPort?: number | undefined;
  /** Called with what {@link FirstWebhooks} reports. */
  readonly firstWebhooks?: (news: FirstWebhookNews) => void;
  /** Folder of the database's files. Undefined: the data is in memory. */
  readonly dataPath?: string;
}

/** What a running bridge can take up without a restart. */
export interface ReloadableSettings extends Pick<StandaloneOptions, "config" | "secrets"> {
  /** Undefined if the bridge serves plain HTTP. */
  readonly tls?: TlsSettings | undefined;
}

export interface Standalone {
  readonly url: URL;
  /** Undefined without a port for metrics. */
  readonly metricsUrl: URL | undefined;
  /**
   * Uses these settings for everything that starts from now on. Requests and attempts under way end with the settings that
   * they began with. Throws and changes nothing if they cannot be used. Not after `stop`.
   */
  use(settings: ReloadableSettings): void;
  /**
   * Takes no more requests and starts no more work. What is running gets `limits.shutdownSeconds` to finish, and is cut
   * off then.
   */
  stop(): Promise<StopOutcome>;
}

/**
 * Starts the whole bridge in one process: embedded store, in-process bus, and a lane for each target. Store, server and
 * worker last as long as the process. The parts that depend on the configuration are built anew for each one.
 */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const { retry, address, metricsPort, dataPath, firstWebhooks: report } = options;
  const logMetrics = new LogMetrics(clock);
  const log = logMetrics.counting(options.log);
  const database = dataPath === undefined ? openMemoryTable() : openTable(dataPath, log);
  const limits = () => current.bridge.config.limits;
  const storeOptions = {
    get retentionDays() {
      return limits().retentionDays;
    },
    markUnrelayed: true,
    singleProcess: true,
    changed: (delivery: string) => threadExport.changed(delivery),
    clock,
  };
  const stores = openStores(database.table, storeOptions);
  const credentialUsage = new CredentialUsage({ credentialUses: stores.credentialUses, log });
  const firstWebhooks = report && new FirstWebhooks({ ...stores, clock, report });
  const threadExport = new ThreadExport({
    exporting: () => current.exporting,
    cursor: new ExportCursor(database.table),
    clock,
    random: Math.random,
    log,
  });
  const refusalCounts = new RefusalCounts({
    refusals: stores.refusals,
    counted: (request) => firstWebhooks?.refused(request),
    clock,
    log,
  });
  const ready = (): Promise<Readiness> =>
    readinessOf({
      checkStore: () => database.table.checkWrites().then(() => stores.deliveries.unrelayed(clock.now(), 1)),
      diskSpace: dataPath === undefined ? undefined : () => diskSpace(join(dataPath, DATABASE_FILE)),
      outbox: stores.deliveries,
      waitingTargets: () => worker.waitingTargets(),
      unreadableKeys: () => current.tokens.unreadable(),
      clock,
    });
  const build = ({ config, secrets }: Pick<StandaloneOptions, "config" | "secrets">) => {
    const configuration = digestOf(config);
    const callOut = callOutOf(config);
    const tokens = tokenVerifier(config, { stores, clock, callOut });
    const bridge = buildBridge(config, routeOutline(config), {
      configuration,
      stores,
      secrets,
      clock,
      log,
      callOut,
      random: Math.random,
      issuer: openIssuer(config, { secrets, kmsKey: undefined }),
      tokens,
      credentialUsage,
      orders: async () => config.orders,
      patterns: async () => routePatterns(config),
      recorded: (delivery: RecordedDelivery) => {
        worker.recorded(delivery);
        firstWebhooks?.delivered(delivery);
      },
      approvalPollSeconds: 60,
      woken: async ({ target }) => worker.nudge(target),
    });
    const api = receiveApp(bridge, {
      ready: async () => ({ ...(await ready()), configuration }),
      metrics: { log: logMetrics, exported: () => threadExport.counts() },
      refusalCounts,
    });
    const { otlp } = config;
    const exporting = otlp && {
      ...bridge,
      send: (spans: readonly OtlpSpan[], signal: AbortSignal) =>
        exportSpans(spans, { settings: otlp, secrets, callOut, clock }, signal),
    };
    return { bridge, tokens, exporting, app: appWithConsole(api, bridge) };
  };
  let current = build(options);
  logMetrics.use(metricNamesOf(options.config));
  const worker = openWorker(current.bridge, retry, openPageStores(database.table, storeOptions));
  const cleaning = new Loop("cleaning", { everyMs: CLEAN_EVERY_MS, log }, () =>
    clean({ table: database.table, retention: storeOptions, log }),
  );
  const exporting = new Loop("exporting", { everyMs: EXPORT_EVERY_MS, log }, () => threadExport.round());
  const readinessLog = new ReadinessLog(log);
  const watching = new Loop("watching", { everyMs: WATCH_EVERY_MS, log }, async () => readinessLog.add(await ready()));
  const stopWork = () => Promise.all([watching.stop(), cleaning.stop(), exporting.stop(), worker.stop()]);
  try {
    await firstWebhooks?.expect(sendersOf(options.config));
    await requeueStranded(database.table, { clock, log });
    cleaning.nudge();
    worker.start(targetsOf(database.table.queues()));
    watching.nudge();
    exporting.nudge();
    const admission = new Admission({ limits: ADMISSION_LIMITS, maxBodyBytes: () => limits().bodyBytes, log });
    const app: ServedApp = { fetch: (request, connection) => current.app.fetch(request, connection) };
    const server = await listen(app, address, admission);
    const metricsServer = metricsPort === undefined ? undefined : await listenForMetrics(app, metricsPort, log);
    let expecting: Promise<void> = Promise.resolve();
    const use = (settings: ReloadableSettings): void => {
      const next = build(settings);
      worker.use(next.bridge);
      if (settings.tls !== undefined) server.useTls(settings.tls);
      current = next;
      logMetrics.use(metricNamesOf(settings.config));
      // Without the store, only these lines are missing.
      expecting = expecting.then(() => firstWebhooks?.expect(sendersOf(settings.config)).catch(() => undefined));
    };
    const finish = async (): Promise<StopOutcome> => {
      threadExport.endRound();
      await Promise.all([server.close(), metricsServer?.close(), stopWork(), expecting]);
      await credentialUsage.settled();
      await refusalCounts.flush();
      await threadExport.finish();
      return "finished";
    };
    const stop = async (): Promise<StopOutcome> => {
      const { shutdownSeconds } = limits();
      log.info({ shutdownSeconds }, "stopping");
      const outcome = await within(finish(), shutdownSeconds * 1_000, "cut_off");
      server.destroy();
      metricsServer?.destroy();
      database.close();
      if (outcome === "finished") log.info({}, "stopped");
      else log.warn({ shutdownSeconds }, "stopped; the work that was cut off continues at the next start");
      return outcome;
    };
    return { url: server.url, metricsUrl: metricsServer?.url, use, stop };
  } catch (error) {
    await stopWork();
    database.close();
    throw error;
  }
}

const metricNamesOf = ({ sources, routes, targets }: Config) => ({
  source: sources.map(({ name }) => name),
  route: routes.map(({ name }) => name),
  target: targets.map(({ name }) => name),
});

function listenForMetrics(app: ServedApp, port: number, log: Log): Promise<Listening> {
  const admission = new Admission({ limits: ADMISSION_LIMITS, maxBodyBytes: () => 0, log });
  return listen(metricsOnly(app), { hostname: "127.0.0.1", port }, admission);
}

/** The configured sources, and `status` if jobs may report. */
function sendersOf({ sources, issuers, roles }: Config): readonly string[] {
  const names = sources.map(({ name }) => name);
  const mayReport = Object.values(issuers).some((entry) =>
    entry.roles.some(({ role }) => roles[role]?.call.includes("status")),
  );
  return mayReport ? [...names, "status"] : names;
}

const CLEAN_EVERY_MS = 3_600_000;
const WATCH_EVERY_MS = 60_000;
const EXPORT_EVERY_MS = 2_000;
