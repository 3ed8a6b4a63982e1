import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { DASHBOARD, startSandboxListener } from "../support/sandbox-listener.ts";
import type { RunEnding, SandboxRun } from "../support/sandbox-tekton-runs.ts";
import { startOthers } from "./others.ts";

/**
 * The page that shows the consequence of each provider's fixture: the edited page, a page that a build names, and a page
 * that a route names.
 */
export const PAGES: ReadonlyMap<string, string> = new Map([
  ["confluence", "98310"],
  ["gitlab", "98311"],
  ["buildkite", "98312"],
]);
const RUN_MS = 300;
const NEVER_TOO_OLD_HOURS = 1_000_000;

export type Surroundings = Awaited<ReturnType<typeof startSurroundings>>;

/** The systems on both sides of the bridge, on loopback, with a configuration that names them. */
export async function startSurroundings() {
  const confluence = await startSandboxConfluence({
    product: "data-center",
    pages: [...PAGES.values()].map((id) => ({ id })),
  });
  let bridge = new URL("http://127.0.0.1");
  const cluster = newSecret();
  const authorization = `Basic ${Buffer.from(`tekton:${cluster}`).toString("base64")}`;
  const sink = () => ({ url: new URL("/webhooks/cluster", bridge), headers: { authorization } });
  const listener = await startSandboxListener({ runMs: RUN_MS, sink, resultFor });
  const others = await startOthers(new Set(["buildkite", "confluence", "gitlab", "tekton"]));
  /** Values by reference. Each form of reference that AWS resolves occurs. */
  const secrets: ReadonlyMap<string, string> = new Map([
    ...others.secrets,
    ["secretsmanager:drawbridge/wiki#current", newSecret()],
    ["secretsmanager:drawbridge/gitlab", `whsec_${randomBytes(32).toString("base64")}`],
    ["secretsmanager:drawbridge/pages#token", confluence.credentials.bearer],
    ["ssm:/drawbridge/buildkite", newSecret()],
    ["ssm:/drawbridge/cluster", cluster],
  ]);
  return {
    confluence,
    listener,
    others,
    secrets,
    /** Writes the configuration. Returns its path. */
    async writeConfig(folder: string): Promise<string> {
      const path = join(folder, "drawbridge.yaml");
      const scenario = scenarioOf(confluence.site("data-center"), listener.url);
      const { sources, targets, routes } = others.config;
      const config = {
        sources: { ...scenario.sources, ...sources },
        targets: { ...scenario.targets, ...targets },
        routes: { ...scenario.routes, ...routes },
      };
      await writeFile(path, stringify(config));
      return path;
    },
    /** Sets the bridge's address for the sandboxes. */
    meet(url: URL): void {
      bridge = url;
    },
    async close(): Promise<void> {
      await others.close();
      await listener.close();
      await confluence.close();
    },
  };
}

/** The run that a push started reports its page in its results. */
const resultFor = ({ name }: SandboxRun): RunEnding => ({
  reason: "Succeeded",
  ...(name.startsWith("push-build") && { results: { page: PAGES.get("gitlab") ?? "" } }),
});

const newSecret = (): string => randomBytes(24).toString("base64url");

const scenarioOf = (site: string, listener: URL) => ({
  sources: {
    wiki: {
      provider: "confluence",
      site,
      hubSignature: { current: "secretsmanager:drawbridge/wiki#current" },
    },
    gitlab: { provider: "gitlab", signingToken: { current: "secretsmanager:drawbridge/gitlab" } },
    buildkite: { provider: "buildkite", signature: { current: "ssm:/drawbridge/buildkite" } },
    cluster: {
      provider: "tekton",
      dashboard: new URL(DASHBOARD, listener).href,
      basic: { username: "tekton", password: { current: "ssm:/drawbridge/cluster" } },
      namespaces: ["ci"],
      // A fixture's run ended on the day on which it was written.
      maxAgeHours: NEVER_TOO_OLD_HOURS,
    },
  },
  targets: {
    listener: { kind: "tekton", url: listener.href, runsReportedBy: "cluster" },
    pages: {
      kind: "confluence",
      product: "data-center",
      site,
      credential: { bearer: "secretsmanager:drawbridge/pages#token" },
      spaces: ["ENG"],
    },
  },
  routes: {
    "docs-build": {
      when: { source: ["drawbridge.confluence"], "detail-type": ["page.updated"] },
      do: { tekton: { target: "listener", params: { page: "$.detail.page.id" } } },
    },
    "push-build": {
      when: { source: ["drawbridge.gitlab"], "detail-type": ["code.pushed"] },
      do: { tekton: { target: "listener", params: { commit: "$.detail.code.commit" } } },
    },
    "docs-status": {
      when: { source: ["drawbridge.tekton"], "detail-type": [{ prefix: "build." }] },
      do: { confluence: { target: "pages" } },
    },
    "push-status": {
      when: { source: ["drawbridge.tekton"], detail: { build: { results: { page: [{ exists: true }] } } } },
      do: { confluence: { target: "pages", page: "$.detail.build.results.page" } },
    },
    "buildkite-status": {
      when: { source: ["drawbridge.buildkite"], "detail-type": [{ prefix: "build." }] },
      do: { confluence: { target: "pages", page: PAGES.get("buildkite") } },
    },
  },
});
