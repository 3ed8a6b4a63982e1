import { CANARY } from "../support/http-bridge.ts";
import { reportToParent } from "./child.ts";
import { startBridge } from "./start-bridge.ts";

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
reportToParent(await startBridge(config, { dataPath, secrets: { GITLAB: CANARY, CLUSTER: "no-one-calls" } }));
