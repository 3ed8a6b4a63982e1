import { CANARY } from "../support/http-bridge.ts";
import { reportToParent } from "./child.ts";
import { startBridge } from "./start-bridge.ts";

/** The one-machine bridge with its files in the folder given: every run is shown on the site's page. */
const [dataPath = "", site = ""] = process.argv.slice(2);
const config = {
  sources: { gitlab: { provider: "gitlab", signingToken: { current: "env:GITLAB" } } },
  targets: {
    pages: {
      kind: "confluence",
      product: "data-center",
      site,
      credential: { bearer: "env:PAGES" },
      spaces: ["ENG"],
      progressSeconds: 0,
    },
  },
  routes: {
    status: {
      when: { "detail-type": [{ prefix: "build." }] },
      do: { confluence: { target: "pages", page: "98310" } },
    },
  },
};
reportToParent(await startBridge(config, { dataPath, secrets: { GITLAB: CANARY, PAGES: "no-one-reads-it" } }));
