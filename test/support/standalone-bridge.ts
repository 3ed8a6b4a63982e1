import { randomBytes, randomUUID } from "node:crypto";
import { stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { systemClock } from "../../shared/host/clock.ts";
import { hmacSha256 } from "../../shared/host/hmac.ts";
import type { Log } from "../../shared/host/log.ts";
import { signedGitlabHeaders } from "./gitlab-signature.ts";
import { type SandboxConfluence, startSandboxConfluence } from "./sandbox-confluence.ts";
import { type SandboxListenerOptions, startSandboxListener } from "./sandbox-listener.ts";
import { secretsOf, silentLog } from "./test-doubles.ts";

const SECRETS = {
  WIKI: "wiki-secret-for-tests",
  GITLAB: `whsec_${randomBytes(32).toString("base64")}`,
  CLUSTER: "cluster-secret-for-tests",
  PAGES: "sandbox-bearer-of-the-bridge",
};
export const PAGE = "98310";

/** The whole bridge on loopback between a sandbox wiki and a sandbox listener: GitLab pushes and page edits fire runs. */
export async function standaloneBridge({
  log = silentLog,
  changes = {},
  sections = {},
  environment = {},
  dataPath,
  ...options
}: SandboxListenerOptions & {
  log?: Log;
  changes?: ConfigChanges;
  /** Whole sections that are added. */
  sections?: object;
  environment?: Readonly<Record<string, string>>;
  /** Folder of a database. Without it, the data is in memory. */
  dataPath?: string;
} = {}) {
  const confluence: SandboxConfluence = await startSandboxConfluence({ product: "data-center" });
  const basic = `Basic ${Buffer.from(`tekton:${SECRETS.CLUSTER}`).toString("base64")}`;
  let url = new URL("http://127.0.0.1");
  const sink = () => ({ url: new URL("/webhooks/cluster", url), headers: { authorization: basic } });
  const listener = await startSandboxListener({ sink, ...options });
  const secrets = secretsOf({ ...SECRETS, ...environment });
  const configWith = (added: object) =>
    parseConfigValue(confluence.site("data-center"), listener.url.href, { changes, sections: added });
  const bridge = await startStandalone({
    config: configWith(sections),
    secrets,
    log,
    retry: { baseMs: 20, capMs: 200, maxAttempts: 10 },
    address: { hostname: "127.0.0.1", port: 0 },
    metricsPort: 0,
    ...(dataPath !== undefined && { dataPath }),
  });
  url = bridge.url;
  return {
    confluence,
    listener,
    url,
    metricsUrl: bridge.metricsUrl,
    /** Takes up the configuration with these sections instead of the ones that were added first. */
    reload: (added: object) => bridge.use({ config: configWith(added), secrets }),
    pageEdit: (content: object, headers: Readonly<Record<string, string>> = {}) =>
      post(new URL("/webhooks/wiki", url), content, (body) => ({ ...hubHeaders(body), ...headers })),
    gitlabPush: (content: object, id: string = randomUUID()) =>
      post(new URL("/webhooks/gitlab", url), content, (body) => gitlabHeaders(body, { id })),
    gitlabPipeline: (content: object) =>
      post(new URL("/webhooks/gitlab", url), content, (body) =>
        gitlabHeaders(body, { id: randomUUID(), event: "Pipeline Hook" }),
      ),
    stop: async () => {
      await bridge.stop();
      await listener.close();
      await confluence.close();
    },
  };
}

/** Additions to the sections of the configuration, and to the settings of their entries. */
export type ConfigChanges = Readonly<Record<string, Readonly<Record<string, object>>>>;

interface Changes {
  readonly changes: ConfigChanges;
  readonly sections: object;
}

function parseConfigValue(site: string, listener: string, { changes, sections: added }: Changes) {
  // Without a throttle. Tests of the throttle have their own bridge.
  const wiki = { kind: "confluence", product: "data-center", site, spaces: ["ENG"], progressSeconds: 0 };
  const sections: ConfigChanges = {
    sources: {
      wiki: { provider: "confluence", site, hubSignature: { current: "env:WIKI" } },
      gitlab: { provider: "gitlab", signingToken: { current: "env:GITLAB" } },
      cluster: {
        provider: "tekton",
        basic: { username: "tekton", password: { current: "env:CLUSTER" } },
        namespaces: ["ci"],
      },
    },
    targets: {
      listener: { kind: "tekton", url: listener, runsReportedBy: "cluster" },
      pages: { ...wiki, credential: { bearer: "env:PAGES" } },
    },
    routes: {
      "page-build": { when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "listener" } } },
      "push-build": { when: { "detail-type": ["code.pushed"] }, do: { tekton: { target: "listener" } } },
      status: {
        when: { "detail-type": [{ prefix: "build." }] },
        do: { confluence: { target: "pages", whenMissing: "append" } },
      },
    },
  };
  const changed = Object.fromEntries(
    [...new Set([...Object.keys(sections), ...Object.keys(changes)])].map((name) => {
      const [own = {}, added = {}] = [sections[name], changes[name]];
      const parts = Object.entries(added).map(([part, settings]) => [part, { ...own[part], ...settings }]);
      return [name, { ...own, ...Object.fromEntries(parts) }];
    }),
  );
  const text = stringify({ ...changed, ...added });
  const loaded = parseConfig(text, "test.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  return loaded.config;
}

function post(url: URL, content: object, headersOf: (body: string) => Record<string, string>): Promise<Response> {
  const body = JSON.stringify(content);
  return fetch(url, { method: "POST", headers: { "content-type": "application/json", ...headersOf(body) }, body });
}

const hubHeaders = (body: string) => ({
  "x-hub-signature": `sha256=${hmacSha256(SECRETS.WIKI, [body]).toString("hex")}`,
});

const gitlabHeaders = (body: string, sent: { readonly id: string; readonly event?: string }): Record<string, string> =>
  signedGitlabHeaders(body, { token: SECRETS.GITLAB, at: systemClock.now(), ...sent });
