import type { Writable } from "node:stream";
import { type Invocation, usageFault } from "../shared/cli/command.ts";
import { configPath } from "../shared/cli/session.ts";
import { DEFAULT_RETRY } from "../shared/delivery/backoff.ts";
import { systemClock, toIso } from "../shared/host/clock.ts";
import { streamLog } from "../shared/host/log.ts";
import { firstWebhookReport } from "./first-webhook-report.ts";
import { LiveConfig } from "./live-config.ts";
import { startStandalone } from "./standalone.ts";
import { stopOnSignal } from "./stop-on-signal.ts";

/** `drawbridge start`: runs the bridge on this machine until a signal. Without a configuration it runs the playground. */
export async function start(invocation: Invocation): Promise<void> {
  const { options, given, environment, program, print } = invocation;
  if (options["as"] !== undefined) return (await import("./start-beside-tekton.ts")).startBesideTekton(invocation);
  const only = ["source", "token", "issuer", "audience", "password"].find((name) => given.has(name));
  if (only !== undefined) throw usageFault(`--${only} needs --as`);
  const path = configPath(options["config"], environment);
  const { host = "", data = "", "metrics-port": metricsPort } = options;
  const port = Number(options["port"]);
  if (path === undefined) {
    const [other] = [...given].filter((name) => name !== "port");
    if (other !== undefined) throw usageFault(`--${other} needs a configuration: the playground accepts only --port`);
    // The playground ends with its terminal.
    process.removeAllListeners("SIGHUP");
    const { startPlayground } = await import("./playground.ts");
    const playground = await startPlayground({ port, program, print });
    stopOnSignal(playground);
    return playground.demonstrate();
  }
  const log = streamLog(await logStream(), () => toIso(systemClock.now()));
  const isGiven = (name: string): boolean => options[name] !== undefined;
  if (["tls-cert", "tls-key", "client-ca"].some(isGiven) && !["tls-cert", "tls-key"].every(isGiven))
    throw usageFault("HTTPS needs both --tls-cert and --tls-key");
  const tls = { certificate: options["tls-cert"], key: options["tls-key"], clientCa: options["client-ca"] };
  const live = new LiveConfig({ path, tls, environment, log });
  process.on("SIGHUP", () => live.reload());
  const settings = await live.open();
  const bridge = await startStandalone({
    config: settings.config,
    secrets: settings.secrets,
    log,
    retry: DEFAULT_RETRY,
    address: { hostname: host, port, tls: settings.tls },
    metricsPort: metricsPort === undefined ? undefined : Number(metricsPort),
    dataPath: data,
    firstWebhooks: isWatched()
      ? firstWebhookReport({ log: { ...log, info: () => undefined }, say: print })
      : firstWebhookReport({ log, say: () => undefined }),
  });
  live.start(bridge.use);
  stopOnSignal({
    stop: async () => {
      const [outcome] = await Promise.all([bridge.stop(), live.close()]);
      return outcome;
    },
  });
  const { url, metricsUrl } = bridge;
  log.info({ url: url.origin, metrics: metricsUrl?.origin, config: path, digest: settings.digest }, "started");
  live.logWarnings(settings.warnings);
}

/** A person gets sentences. Anything else, such as a file, a pipe or the journal, gets JSON, and no sentence. */
const isWatched = (): boolean => process.stdout.isTTY === true;

async function logStream(): Promise<Writable> {
  if (!isWatched()) return process.stdout;
  const { sentencesOf } = await import("../shared/cli/log-sentences.ts");
  const sentences = sentencesOf(() => systemClock.now());
  sentences.pipe(process.stdout);
  return sentences;
}
