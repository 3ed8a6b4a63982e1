import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { type Started, startProgram } from "./processes.ts";
import { startSandboxConfluence } from "./sandbox-confluence.ts";
import { startSandboxListener } from "./sandbox-listener.ts";

export const SECRETS = {
  WIKI: "wiki-secret-for-tests",
  CLUSTER: "cluster-secret-for-tests",
  PAGES: "sandbox-bearer-of-the-bridge",
};
export const PAGE = "98310";

export type DocumentedBuild = Awaited<ReturnType<typeof startDocumentedBuild>>;

/**
 * A wiki, a listener that reports its runs, and a folder with a configuration: an edit of a page fires a run, whose state is
 * written to the page. The bridge runs in its own process, which can be started again on the same data.
 */
export async function startDocumentedBuild() {
  const folder = await mkdtemp(join(tmpdir(), "drawbridge-"));
  const configFile = join(folder, "drawbridge.yaml");
  const confluence = await startSandboxConfluence({ product: "data-center" });
  const basic = `Basic ${Buffer.from(`tekton:${SECRETS.CLUSTER}`).toString("base64")}`;
  let bridge: Started | undefined;
  const listener = await startSandboxListener({
    sink: () => ({ url: new URL("/webhooks/cluster", bridge?.firstLine), headers: { authorization: basic } }),
  });
  await writeFile(configFile, stringify(configOf(confluence.site("data-center"), listener.url.href)));
  return {
    folder,
    configFile,
    confluence,
    listener,
    /** The process that was started last. */
    bridge: () => bridge,
    /** Starts `crashing-bridge.ts`: it dies at `instant`, or runs on without one. */
    async start(instant?: string, environment: NodeJS.ProcessEnv = {}): Promise<void> {
      const args = [configFile, join(folder, "data"), ...(instant === undefined ? [] : [instant])];
      bridge = await startProgram("crashing-bridge", args, { ...SECRETS, ...environment });
    },
    async stop(): Promise<void> {
      bridge?.process.kill("SIGKILL");
      await bridge?.ended;
      await listener.close();
      await confluence.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const configOf = (site: string, listenerUrl: string) => ({
  sources: {
    wiki: { provider: "confluence", site, hubSignature: { current: "env:WIKI" } },
    cluster: {
      provider: "tekton",
      basic: { username: "tekton", password: { current: "env:CLUSTER" } },
      namespaces: ["ci"],
    },
  },
  targets: {
    listener: { kind: "tekton", url: listenerUrl, runsReportedBy: "cluster", namespaces: ["ci"] },
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
    "docs-build": { when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "listener" } } },
    "docs-status": { when: { "detail-type": [{ prefix: "build." }] }, do: { confluence: { target: "pages" } } },
  },
});
