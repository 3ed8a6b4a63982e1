import { CANARY } from "../support/http-bridge.ts";
import { reportToParent } from "./child.ts";
import { startBridge } from "./start-bridge.ts";

/** The one-machine bridge with its files in the folder given, a gateway and one other sender. */
const [dataPath = ""] = process.argv.slice(2);
const config = {
  sources: {
    edge: { provider: "kong", token: { current: "env:EDGE" }, keep: { writes: true, sample: "1%" } },
    gitlab: { provider: "gitlab", signingToken: { current: "env:GITLAB" } },
  },
};
reportToParent(await startBridge(config, { dataPath, secrets: { GITLAB: CANARY, EDGE: CANARY } }));
