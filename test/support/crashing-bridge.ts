import { startStandalone } from "../../functions/standalone.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { LocalSecrets } from "../../shared/host/secrets.ts";
import { ActionStore } from "../../shared/store/actions.ts";
import { BoardStore } from "../../shared/store/boards.ts";
import { silentLog } from "./test-doubles.ts";

/**
 * The one-machine bridge in its own process, which kills itself at one instant of the path. Its arguments are the
 * configuration, the data folder and the instant. Without an instant it keeps running. Prints its address when it is up.
 */
const [config = "", dataPath = "", instant] = process.argv.slice(2);

/** The call before which the process dies. Everything before it is committed, and nothing after it is done. */
const INSTANTS: Readonly<Record<string, readonly [store: object, method: string]>> = {
  "between record and relay": [ActionStore.prototype, "schedule" satisfies keyof ActionStore],
  "between relay and act": [ActionStore.prototype, "claim" satisfies keyof ActionStore],
  "between the listener's 202 and its recording": [ActionStore.prototype, "complete" satisfies keyof ActionStore],
  "with the lease of the page": [BoardStore.prototype, "release" satisfies keyof BoardStore],
};

const ANSWER_MS = 50;

const call = instant === undefined ? undefined : INSTANTS[instant];
if (call !== undefined) {
  Object.defineProperty(...call, {
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
