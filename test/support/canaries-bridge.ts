import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { BUILD_STATES } from "../../shared/model/event.ts";
import { signingKey } from "../unit/identity/tokens.ts";
import { canary } from "./canaries.ts";
import type { IdentityProvider } from "./identity-provider.ts";
import { serveOnLoopback } from "./loopback.ts";

/** The audience of the bridge's tokens and proofs. */
export const PUBLIC_URL = "https://bridge.example.test";
export const APP = "ari:cloud:ecosystem::app/2f1c0d3e-0000-4000-8000-000000000001";

export const INSTALLATION = "ari:cloud:ecosystem::installation/1";

const asSigningToken = (name: string): string => `whsec_${Buffer.from(canary(name).slice(0, 48)).toString("base64")}`;
const pem = (key: KeyObject): string => String(key.export({ type: "pkcs8", format: "pem" }));

/** A secret for every secret of a configuration, by the name of its variable. */
export function canarySecrets() {
  const bridgeKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const pairs = ["WIKI", "CONNECT", "AUTOMATION", "GITLAB_TOKEN", "BUILDKITE", "BUILDKITE_TOKEN", "CLUSTER", "EDGE"];
  const single = ["SEAL", "REFLECTOR", "PAGES_BASIC", "GITLAB_API", "BUILDKITE_API", "CLIENT", "KUBERNETES", "CONSOLE"];
  const names = [...pairs, ...pairs.map((name) => `${name}_NEXT`), ...single];
  return {
    bridgeKey,
    environment: {
      ...Object.fromEntries(names.map((name) => [name, canary(name.toLowerCase())])),
      CLUSTER: canary("cluster"),
      LISTENER: canary("listener"),
      PAGES: canary("pages"),
      GITLAB: asSigningToken("gitlab"),
      GITLAB_NEXT: asSigningToken("gitlab-next"),
      BRIDGE_KEY: pem(bridgeKey),
    },
  };
}

/** Keys of issuers. None of them is the bridge's. */
export const issuerKeys = () => ({ jobs: signingKey("jobs-1"), forge: signingKey("forge-1", "RS256") });

export const CONSOLE_SEAL = "env:CONSOLE";

const pair = (name: string) => ({ current: `env:${name}`, next: `env:${name}_NEXT` });

export interface Surroundings {
  readonly identity: Pick<IdentityProvider, "issuer">;
  readonly keys: ReturnType<typeof issuerKeys>;
  readonly reflector: string;
  readonly listener: string;
  readonly wiki: string;
  /** Reference of the bridge's signing key. */
  readonly bridgeKey: string;
}

/** Every kind of source, target and trust entry, between sandboxes and a target that repeats its requests. */
export const canaryConfig = (around: Surroundings) => ({
  identity: { issuer: PUBLIC_URL, keys: [around.bridgeKey] },
  console: { trust: "people", clientId: PUBLIC_URL, clientSecret: "env:CLIENT", sealedBy: { current: CONSOLE_SEAL } },
  issuers: issuersOf(around),
  sources: sourcesOf(around),
  targets: targetsOf(around),
  routes: ROUTES,
});

function issuersOf({ identity, keys }: Surroundings) {
  const trusted = (name: string, more: object = {}) => {
    const issuer = `https://${name}.example.test`;
    return { issuer, audience: PUBLIC_URL, jwks: { inline: { keys: [keys.jobs.jwk] } }, roles: ["ci"], ...more };
  };
  return {
    people: { issuer: identity.issuer, audience: PUBLIC_URL, roles: ["on-call"] },
    jobs: trusted("jobs"),
    shadowed: trusted("shadowed", { mode: "shadow", claims: [{ path: "team", equals: "docs" }] }),
    once: trusted("once", { singleUse: true }),
    bound: trusted("bound", { proof: "dpop" }),
    down: { issuer: "http://127.0.0.1:9", audience: PUBLIC_URL },
    forge: { preset: "forge", audience: APP, jwks: { inline: { keys: [keys.forge.jwk] } } },
  };
}

const sourcesOf = ({ wiki }: Surroundings) => ({
  "wiki-server": { provider: "confluence", site: wiki, hubSignature: pair("WIKI") },
  "wiki-cloud": {
    provider: "confluence",
    site: "https://wiki.example.test",
    automation: pair("AUTOMATION"),
    forge: { trust: "forge", installations: [INSTALLATION], systemToken: { sealedBy: { current: "env:SEAL" } } },
    connect: { clientKey: "client-key", baseUrl: PUBLIC_URL, secret: pair("CONNECT") },
  },
  gitlab: { provider: "gitlab", signingToken: pair("GITLAB") },
  "gitlab-old": { provider: "gitlab", token: pair("GITLAB_TOKEN") },
  "gitlab-shadow": { provider: "gitlab", token: pair("GITLAB_TOKEN"), mode: "shadow" },
  buildkite: { provider: "buildkite", signature: pair("BUILDKITE") },
  "buildkite-old": { provider: "buildkite", token: pair("BUILDKITE_TOKEN") },
  edge: { provider: "kong", token: pair("EDGE"), keep: { writes: true, sample: "100%" } },
  cluster: {
    provider: "tekton",
    bearer: { trust: ["jobs", "down", "bound"] },
    basic: { username: "tekton", password: pair("CLUSTER") },
  },
});

function targetsOf({ reflector, listener, wiki }: Surroundings) {
  const tekton = (more: object, url = reflector) => ({ kind: "tekton", url, runsReportedBy: "cluster", ...more });
  const client = (path: string) => ({
    tokenUrl: `${reflector}${path}`,
    clientId: "bridge",
    clientSecret: "env:CLIENT",
  });
  const cloud = { kind: "confluence", product: "cloud", progressSeconds: 0, onlyChanges: false };
  return {
    listener: tekton({ token: "env:LISTENER" }, listener),
    reflector: tekton({ token: "env:REFLECTOR" }),
    granted: tekton({ identity: { clientCredentials: client("/token/granted") } }),
    ungranted: tekton({ identity: { clientCredentials: client("/token/rejected") } }),
    exchanged: tekton({ identity: { tokenExchange: { ...client("/token/rejected"), subjectAudience: reflector } } }),
    kubernetes: tekton({
      identity: {
        kubernetes: {
          api: reflector,
          token: "env:KUBERNETES",
          namespace: "ci",
          serviceAccount: "bridge",
          audience: "el",
        },
      },
    }),
    vouched: tekton({ identity: { bridge: { audience: "el" } } }),
    pages: {
      kind: "confluence",
      product: "data-center",
      site: wiki,
      progressSeconds: 0,
      credential: { bearer: "env:PAGES" },
    },
    "reflector-pages": {
      ...cloud,
      site: `${reflector}/wiki`,
      credential: { basic: { user: "u", token: "env:PAGES_BASIC" } },
    },
    "gitlab-api": { kind: "gitlab", url: `${reflector}/gitlab`, token: "env:GITLAB_API" },
    "buildkite-api": { kind: "buildkite", organization: "harbour-works", url: reflector, token: "env:BUILDKITE_API" },
  };
}

const LISTENERS = ["listener", "reflector", "granted", "ungranted", "exchanged", "kubernetes", "vouched"];

const fires = (name: string, event: string) => ({
  when: { "detail-type": [{ prefix: event }] },
  do: { tekton: { target: name } },
});

const ROUTES = {
  ...Object.fromEntries(LISTENERS.map((name) => [name, fires(name, "page.")])),
  "code-build": fires("reflector", "code."),
  status: { when: { "detail-type": [{ prefix: "build." }] }, do: { confluence: { target: "pages" } } },
  // A page for each state, because writers of one page wait for each other for seconds.
  ...Object.fromEntries(
    BUILD_STATES.map((state, at) => [
      `reflector-status-${at}`,
      {
        when: { "detail-type": [`build.${state}`] },
        do: { confluence: { target: "reflector-pages", page: String(98310 + at) } },
      },
    ]),
  ),
  "gitlab-status": { when: { "detail-type": [{ prefix: "build." }] }, do: { gitlab: { target: "gitlab-api" } } },
  "buildkite-annotation": {
    when: { "detail-type": [{ prefix: "build." }] },
    do: { buildkite: { target: "buildkite-api", name: "run" } },
  },
};

/** Statuses that the reflector returns in turn, for each path separately. */
const STATUSES = [400, 202, 401, 403, 404, 409, 422, 429, 500, 503, 302, 418] as const;

/** A target, API and token endpoint in one, which repeats each request in every member that clients may print. */
export async function startReflector(granted: string) {
  const asked: Readonly<Record<string, string>>[] = [];
  const turns = new Map<string, number>();
  const app = new Hono<{ Bindings: HttpBindings }>();
  const answer = async (c: Context, statuses: readonly (typeof STATUSES)[number][]) => {
    const headers = Object.fromEntries(c.req.raw.headers);
    asked.push(headers);
    const turn = turns.get(c.req.path) ?? 0;
    turns.set(c.req.path, turn + 1);
    // Without a Retry-After, each 429 would stop all writes to the target for ten seconds.
    return c.json(reflected(headers, await c.req.text()), statuses[turn % statuses.length] ?? 400, {
      "retry-after": "0",
    });
  };
  app.post("/token/granted", (c) => c.json({ access_token: granted, token_type: "Bearer", expires_in: 300 }));
  app.post("/token/rejected", (c) => answer(c, [400, 401]));
  app.all("*", (c) => answer(c, STATUSES));
  return { ...(await serveOnLoopback(app, 0)), asked };
}

function reflected(headers: Readonly<Record<string, string>>, body: string): object {
  const { authorization = "" } = headers;
  const credential = authorization.replace(/^\w+ /, "");
  const words = `${credential} ${Buffer.from(credential, "base64").toString("latin1")} ${JSON.stringify(headers)} ${body}`;
  return {
    errorMessage: words,
    message: words,
    error: credential,
    error_description: words,
    title: words,
    eventID: credential.slice(0, 63),
    eventListener: words,
    namespace: credential,
    errors: [{ code: credential, title: words, message: words }],
    data: { errors: [{ message: { key: words } }] },
    headers,
  };
}

/** A proxy that accepts the bridge's canary, in front of a sandbox that accepts only its own token. */
export async function startWikiDoor(token: string, wiki: { readonly site: string; readonly bearer: string }) {
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.all("*", async (c) => {
    if (c.req.header("authorization") !== `Bearer ${token}`) return c.text("no", 401);
    const { pathname, search } = new URL(c.req.url);
    const headers = { authorization: `Bearer ${wiki.bearer}`, "content-type": "application/json" };
    const body = c.req.method === "GET" ? null : await c.req.text();
    return fetch(new URL(`${pathname}${search}`, wiki.site), { method: c.req.method, headers, body });
  });
  return serveOnLoopback(app, 0);
}
