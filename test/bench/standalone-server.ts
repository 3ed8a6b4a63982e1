import { startStandalone } from "../../functions/standalone.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { DEFAULT_RETRY } from "../../shared/delivery/backoff.ts";
import { systemClock, toIso } from "../../shared/host/clock.ts";
import { jsonLog } from "../../shared/host/log.ts";
import { CANARY } from "../support/http-bridge.ts";
import { secretsOf } from "../support/test-doubles.ts";
import { reportToParent } from "./child.ts";

/** The one-machine bridge with its files in the folder given: pushes to `main` fire the listener given. */
const [dataPath = "", listener = ""] = process.argv.slice(2);
const config = {
  sources: {
    gitlab: { provider: "gitlab", signingToken: { current: "env:GITLAB" } },
    cluster: { provider: "tekton", basic: { username: "tekton", password: { current: "env:CLUSTER" } } },
  },
  targets: { listener: { kind: "tekton", url: listener, runsReportedBy: "cluster" } },
  routes: {
    build: {
      when: { "detail-type": ["code.pushed"], detail: { code: { name: ["main"] } } },
      do: { tekton: { target: "listener" } },
    },
  },
};
// JSON is YAML.
const loaded = parseConfig(JSON.stringify(config), "bench.yaml");
if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
const { url } = await startStandalone({
  config: loaded.config,
  secrets: secretsOf({ GITLAB: CANARY, CLUSTER: "no-one-calls" }),
  log: jsonLog(
    () => undefined,
    () => toIso(systemClock.now()),
  ),
  retry: DEFAULT_RETRY,
  address: { hostname: "127.0.0.1", port: 0 },
  dataPath,
});
reportToParent(url);
