import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { stringify } from "yaml";
import type { PlaygroundSession } from "../../shared/cli/session.ts";
import { startIdentityProvider } from "./identity-provider.ts";
import { startSandboxConfluence } from "./sandbox-confluence.ts";
import { ROBIN } from "./sandbox-confluence-users.ts";
import { DASHBOARD, startSandboxListener } from "./sandbox-listener.ts";
import { NAMESPACE } from "./sandbox-tekton-answers.ts";

/** The playground's page. */
const PAGE = "98310";
/** The audience of the development identity provider's tokens. */
const AUDIENCE = "https://drawbridge.playground";
const DEFAULT_PORT = 8787;
const CONSOLE = "drawbridge-console";
/** The people who can sign in at the console. */
const PEOPLE = [
  { id: "olga", is: "on call: reads everything, runs again, rolls back", groups: ["on-call"] },
  { id: "axel", is: "reads everything, and approves", groups: ["approvers"] },
  { id: "rita", is: "has no role", groups: [] },
] as const;
/** Long enough for a person to watch the run. */
const RUN_MS = 1_500;

export interface PlaygroundSandboxes {
  readonly pageUrl: URL;
  readonly pageVersion: () => number;
  readonly addresses: readonly (readonly [string, string])[];
  /** Writes secrets and configuration into `folder`. Returns the path of the configuration. */
  writeConfig(folder: string): Promise<string>;
  /** Connects the sandboxes with the bridge. Returns what the command line needs. */
  meet(bridge: URL, config: string): PlaygroundSession;
  close(): Promise<void>;
}

interface PlaygroundSandboxesOptions {
  /** The bridge's port. The sandboxes use the three ports after it, or any free ones with 0. */
  readonly port: number;
  /** Called with a sentence for each event of a sandbox that the bridge did not accept. */
  readonly onDropped: (sentence: string) => void;
}

/** The systems around the bridge, each with its real wire format. */
export async function startPlaygroundSandboxes({
  port,
  onDropped,
}: PlaygroundSandboxesOptions): Promise<PlaygroundSandboxes> {
  const portAfter = (places: number): number => (port === 0 ? 0 : port + places);
  const secrets = newSecrets();
  const reader = { id: "on-call", secret: newSecret() };
  const forwarder = { id: "event-forwarder", secret: newSecret(), claims: { "kubernetes.io": { namespace: "ci" } } };
  let bridge = new URL("http://127.0.0.1");

  const confluence = await startSandboxConfluence({
    port: portAfter(1),
    product: "data-center",
    webhook: {
      get url() {
        return new URL("/webhooks/wiki", bridge);
      },
      secret: secrets.wiki,
      sendsOwnWrites: true,
      onDropped: (event, status) => onDropped(droppedSentence("Confluence", event, status)),
    },
  });
  const own = `http://127.0.0.1:${port === 0 ? DEFAULT_PORT : port}`;
  const identity = await startIdentityProvider({
    port: portAfter(3),
    clients: [reader, forwarder],
    site: { clientId: CONSOLE, redirectUri: `${own}/console/signed-in`, people: PEOPLE },
  });
  const listener = await startSandboxListener({
    port: portAfter(2),
    runMs: RUN_MS,
    // Each event has a new token, because a token lives for ten minutes and the playground for days.
    sink: async () => {
      const token = await identity.token(forwarder, AUDIENCE);
      return { url: new URL("/webhooks/cluster", bridge), headers: { authorization: `Bearer ${token}` } };
    },
    onDropped: ({ type, name, answers }) =>
      onDropped(droppedSentence("Tekton", `${type} of ${name}`, answers.at(-1) ?? 0)),
  });

  return {
    pageUrl: confluence.pageUrl(PAGE),
    pageVersion: () => confluence.page(PAGE).latest.number,
    addresses: [
      // The identity provider sends people back only to the bridge's usual port.
      ...(port === 0 ? [] : [["console", `${own}/console`] as const]),
      ["sandbox Confluence", confluence.pageUrl(PAGE).href],
      ["sandbox Tekton", new URL(DASHBOARD, listener.url).href],
      ["identity provider", identity.issuer],
    ],
    async writeConfig(folder) {
      await mkdir(`${folder}/secrets`, { recursive: true, mode: 0o700 });
      const values = { ...secrets, confluence: confluence.credentials.bearer };
      for (const [name, value] of Object.entries(values)) {
        await writeFile(`${folder}/secrets/${name}`, value, { mode: 0o600 });
      }
      const config = `${folder}/drawbridge.yaml`;
      const ref = (name: keyof typeof values): string => `file:${folder}/secrets/${name}`;
      const site = confluence.site("data-center");
      const places = { site, listener: listener.url.href, issuer: identity.issuer, own };
      await writeFile(config, stringify(playgroundConfig({ ...places, ref })), { mode: 0o600 });
      return config;
    },
    meet(url, config) {
      bridge = url;
      const tokenEndpoint = `${identity.issuer}/token`;
      return {
        url: url.origin,
        config,
        tokenEndpoint,
        audience: AUDIENCE,
        clientId: reader.id,
        clientSecret: reader.secret,
      };
    },
    async close() {
      await listener.close();
      await confluence.close();
      await identity.close();
    },
  };
}

const droppedSentence = (sandbox: string, event: string, status: number): string =>
  `The bridge ${status === 0 ? "did not answer" : `answered ${status}`}: the sandbox ${sandbox} dropped ${event}.`;

const newSecret = (): string => randomBytes(24).toString("base64url");

function newSigningKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return String(privateKey.export({ type: "pkcs8", format: "pem" }));
}

function newSecrets() {
  return {
    wiki: newSecret(),
    gitlab: `whsec_${randomBytes(32).toString("base64")}`,
    buildkite: newSecret(),
    cluster: newSecret(),
    origin: newSecret(),
    "bridge-key": newSigningKey(),
    "console-seal": randomBytes(32).toString("base64"),
  };
}

interface ConfigFacts {
  readonly site: string;
  readonly listener: string;
  readonly issuer: string;
  /** The bridge's own address. */
  readonly own: string;
  readonly ref: (secret: keyof ReturnType<typeof newSecrets> | "confluence") => string;
}

/** The playground's `drawbridge.yaml`. */
export function playgroundConfig({ site, listener, issuer, own, ref }: ConfigFacts): object {
  const inNamespace = { path: ["kubernetes.io", "namespace"], equals: NAMESPACE };
  const entry = { issuer, audience: AUDIENCE };
  return {
    identity: { issuer: own, keys: [ref("bridge-key")] },
    issuers: {
      people: { ...entry, claims: [{ path: "sub", equals: "on-call" }], roles: ["on-call"] },
      cluster: { ...entry, claims: [inNamespace] },
      staff: { issuer, audience: CONSOLE, roles: [earned("on-call", "on-call"), earned("approver", "approvers")] },
    },
    roles: {
      "on-call": { call: ["deliveries", "payloads"], replay: ["*"], pause: ["*"] },
      approver: { call: ["deliveries"], approve: ["docs-deploy", "docs-release"] },
      ci: { call: ["status"] },
    },
    orders: {
      "release-docs": {
        description: "Release the documentation",
        roles: ["on-call"],
        inputs: { version: { pattern: "[0-9]+[.][0-9]+" } },
      },
    },
    sources: {
      wiki: {
        provider: "confluence",
        site,
        hubSignature: { current: ref("wiki") },
        people: { [ROBIN.userKey]: { roles: ["on-call"] } },
      },
      gitlab: {
        provider: "gitlab",
        signingToken: { current: ref("gitlab") },
        people: { 58: { roles: [], token: { trust: "staff", subject: "ines" } } },
      },
      buildkite: { provider: "buildkite", signature: { current: ref("buildkite") } },
      cluster: {
        provider: "tekton",
        dashboard: new URL(DASHBOARD, listener).href,
        bearer: { trust: "cluster" },
        basic: { username: "tekton", password: { current: ref("cluster") } },
        namespaces: [NAMESPACE],
      },
    },
    targets: {
      listener: {
        kind: "tekton",
        url: listener,
        runsReportedBy: "cluster",
        namespaces: [NAMESPACE],
        originKey: { current: ref("origin") },
        identity: { bridge: { audience: listener } },
      },
      pages: {
        kind: "confluence",
        product: "data-center",
        site,
        credential: { bearer: ref("confluence") },
        spaces: ["ENG"],
      },
    },
    routes: {
      "docs-build": {
        when: { "detail-type": ["page.updated"], source: ["drawbridge.confluence"] },
        flow: { key: "$.detail.page.id", quiet: "2s", most: "20s", running: 1 },
        do: { tekton: { target: "listener", params: { page: "$.detail.page.id" } } },
      },
      "docs-deploy": {
        when: { "detail-type": ["code.pushed"], source: ["drawbridge.gitlab"] },
        approval: {},
        do: { tekton: { target: "listener", params: { commit: "$.detail.code.commit" } } },
      },
      "docs-release": {
        when: { "detail-type": ["order.placed"], detail: { order: { name: ["release-docs"] } } },
        approval: {},
        do: { tekton: { target: "listener", params: { version: "$.detail.order.inputs.version" } } },
      },
      "docs-status": {
        when: {
          "detail-type": [{ prefix: "build." }, "page.commented"],
          source: ["drawbridge.tekton", "drawbridge.confluence"],
        },
        do: { confluence: { target: "pages" } },
      },
    },
    console: { trust: "staff", clientId: CONSOLE, scope: "openid profile", sealedBy: { current: ref("console-seal") } },
  };
}

const earned = (role: string, group: string) => ({ role, when: [{ path: "groups", equals: group }] });
