import { startStandalone } from "../../functions/standalone.ts";
import { stopOnSignal } from "../../functions/stop-on-signal.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { LocalSecrets } from "../../shared/host/secrets.ts";
import { silentLog } from "../support/test-doubles.ts";

/**
 * Program: the bridge of one machine, with short waits between attempts and a clock that its parent moves. Arguments:
 * configuration and data folder. Sends its address to its parent when it is up.
 */
const [config = "", dataPath = ""] = process.argv.slice(2);
const now = Date.now;
let addedMs = 0;
Date.now = () => now() + addedMs;
process.on("message", (message: { readonly addedMs: number }) => {
  ({ addedMs } = message);
});
const bridge = await startStandalone({
  config: await loadConfig(config),
  secrets: new LocalSecrets(process.env),
  log: silentLog,
  retry: { baseMs: 50, capMs: 500, maxAttempts: 1_000 },
  address: { hostname: "127.0.0.1", port: 0 },
  dataPath,
});
stopOnSignal(bridge);
process.send?.({ url: bridge.url.origin });
