import { type Invocation, usageFault } from "../shared/cli/command.ts";
import { configPath } from "../shared/cli/session.ts";
import { printable } from "../shared/cli/terminal-text.ts";
import { checkHere } from "../shared/config/check.ts";
import { loadConfig, showFinding } from "../shared/config/load.ts";
import { DEFAULT_RETRY } from "../shared/delivery/backoff.ts";
import { systemClock, toIso } from "../shared/host/clock.ts";
import { Fault } from "../shared/host/fault.ts";
import { jsonLog } from "../shared/host/log.ts";
import { LocalSecrets } from "../shared/host/secrets.ts";
import { readTlsSettings } from "../shared/http/tls.ts";
import { startStandalone } from "./standalone.ts";
import { stopOnSignal } from "./stop-on-signal.ts";

/** `drawbridge start`: runs the bridge on this machine until a signal. Without a configuration it runs the playground. */
export async function start({ options, given, environment, print }: Invocation): Promise<void> {
  const path = configPath(options["config"], environment);
  const { host = "", data = "" } = options;
  const port = Number(options["port"]);
  if (path === undefined) {
    const [other] = [...given].filter((name) => name !== "port");
    if (other !== undefined) throw usageFault(`--${other} needs a configuration: the playground accepts only --port`);
    const { startPlayground } = await import("./playground.ts");
    const playground = await startPlayground({ port, print });
    stopOnSignal(playground);
    return playground.demonstrate();
  }
  const secrets = new LocalSecrets(environment);
  const findings = await checkHere(path, secrets, systemClock);
  const errors = findings.filter(({ level }) => level === "error");
  if (errors.length > 0) {
    const message = ["the configuration is invalid:", ...errors.map((finding) => printable(showFinding(finding)))].join(
      "\n",
    );
    throw new Fault("configuration_invalid", message, { retryable: false });
  }
  const tls = await readTlsSettings(
    { certificate: options["tls-cert"], key: options["tls-key"], clientCa: options["client-ca"] },
    secrets,
  );
  const log = jsonLog(
    (line) => process.stdout.write(line),
    () => toIso(systemClock.now()),
  );
  const bridge = await startStandalone({
    config: await loadConfig(path),
    secrets,
    log,
    retry: DEFAULT_RETRY,
    address: { hostname: host, port, tls },
    dataPath: data,
  });
  log.info({ url: bridge.url.origin, config: path }, "started");
  for (const finding of findings.filter(({ level }) => level === "warning")) {
    log.warn({ check: finding.id, finding: finding.message }, "the configuration is unsafe or useless in part");
  }
  stopOnSignal(bridge);
}
