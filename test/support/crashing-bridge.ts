import { startStandalone } from "../../functions/standalone.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { LocalSecrets } from "../../shared/host/secrets.ts";
import { ActionStore } from "../../shared/store/actions.ts";
import { silentLog } from "./test-doubles.ts";

/**
 * The one-machine bridge in its own process, which kills itself at one instant of the path. Its arguments are the
 * configuration, the data folder and the instant. Without an instant it keeps running. Prints its address when it is up.
 */
const [config = "", dataPath = "", instant] = process.argv.slice(2);

/** The call before which the process dies. Everything before it is committed, and nothing after it is done. */
const INSTANTS: Readonly<Record<string, keyof ActionStore>> = {
  "between record and relay": "schedule",
  "between relay and act": "claim",
  "between the listener's 202 and its recording": "complete",
};

const ANSWER_MS = 50;

const method = instant === undefined ? undefined : INSTANTS[instant];
if (method !== undefined) {
  Object.defineProperty(ActionStore.prototype, method, {
    value: () => {
      // The sender gets its 202 first. Meanwhile nothing else happens.
      setTimeout(() => process.kill(process.pid, "SIGKILL"), ANSWER_MS);
      return new Promise(() => undefined);
    },
  });
}

const bridge = await startStandalone({
  config: await loadConfig(config),
  secrets: new LocalSecrets(process.env),
  log: silentLog,
  retry: { baseMs: 100, capMs: 1_000, maxAttempts: 10 },
  address: { hostname: "127.0.0.1", port: 0 },
  dataPath,
});
process.stdout.write(`${bridge.url.origin}\n`);
