import { startStandalone } from "../../functions/standalone.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { DEFAULT_RETRY } from "../../shared/delivery/backoff.ts";
import { systemClock, toIso } from "../../shared/host/clock.ts";
import { jsonLog } from "../../shared/host/log.ts";
import { secretsOf } from "../support/test-doubles.ts";

/** Starts the one-machine bridge with its files in a folder. Log lines are built and dropped. Returns its address. */
export async function startBridge(
  config: object,
  { dataPath, secrets }: { readonly dataPath: string; readonly secrets: Parameters<typeof secretsOf>[0] },
): Promise<URL> {
  // JSON is YAML.
  const loaded = parseConfig(JSON.stringify(config), "bench.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  const { url } = await startStandalone({
    config: loaded.config,
    secrets: secretsOf(secrets),
    log: jsonLog(
      () => undefined,
      () => toIso(systemClock.now()),
    ),
    retry: DEFAULT_RETRY,
    address: { hostname: "127.0.0.1", port: 0 },
    dataPath,
  });
  return url;
}
