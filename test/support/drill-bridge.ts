import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { hmacSha256 } from "../../shared/host/hmac.ts";
import { commandLine, type Ran } from "./command-line.ts";
import { edit, push } from "./console-traffic.ts";
import { signedGitlabHeaders } from "./gitlab-signature.ts";
import { type MachineClient, startIdentityProvider } from "./identity-provider.ts";
import { startSandboxConfluence } from "./sandbox-confluence.ts";
import { type SandboxListenerOptions, startSandboxListener } from "./sandbox-listener.ts";

const AUDIENCE = "https://bridge.example.test";
export const OTHER_AUDIENCE = "https://registry.example.test";
const MINUTE_MS = 60_000;

const person = (group: string): MachineClient => ({
  id: group,
  secret: `${group}-secret-for-tests`,
  claims: { groups: [group] },
  // The clock of the bridge is moved by hours.
  lifetimeSeconds: 36_000,
});
/** People by what they are. */
const PEOPLE = { "on-call": person("on-call"), manager: person("manager"), stranger: person("stranger") };
export type Person = keyof typeof PEOPLE;

const secret = (): string => `whsec_${randomBytes(32).toString("base64")}`;
const SECRETS = {
  GITLAB: secret(),
  NEXT: secret(),
  WIKI: "wiki-secret-for-tests",
  CLUSTER: "cluster-secret-for-tests",
};
/** A secret of yesterday. */
const OLD = secret();

/**
 * A bridge in a process of its own for the drills of on-call: real tokens, five listeners, of which four misbehave, and a
 * page. The branch of a push is the listener at which its run starts.
 */
export async function startDrillBridge() {
  const home = await mkdtemp(join(tmpdir(), "drawbridge-drills-"));
  const identity = await startIdentityProvider({ clients: Object.values(PEOPLE) });
  const confluence = await startSandboxConfluence({ product: "data-center" });
  let url = new URL("http://127.0.0.1");
  let offMs = 0;
  const listenerWith = (password: string, options: SandboxListenerOptions = {}) => {
    const authorization = `Basic ${Buffer.from(`tekton:${password}`).toString("base64")}`;
    const sink = () => ({ url: new URL("/webhooks/cluster", url), headers: { authorization } });
    return startSandboxListener({ sink, ...options });
  };
  const listeners = {
    main: await listenerWith(SECRETS.CLUSTER),
    strict: await listenerWith(SECRETS.CLUSTER),
    deaf: await listenerWith(SECRETS.CLUSTER, { reportsRuns: false }),
    silent: await listenerWith(SECRETS.CLUSTER, { runMs: 24 * 3_600_000 }),
    docs: await listenerWith("the-password-of-yesterday"),
  };
  // It takes connections and ends them.
  const down = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(down, "listening");
  const config = join(home, "drawbridge.yaml");
  const settings = { issuer: identity.issuer, wiki: confluence.site("data-center") };
  const addresses = Object.entries(listeners).map(([name, listener]) => [name, listener.url.href] as const);
  await writeFile(config, stringify(configOf(settings, [...addresses, ["down", `http://127.0.0.1:${portOf(down)}`]])));

  const clockFile = join(home, "clock");
  const preload = new URL("./set-clock.mjs", import.meta.url).href;
  const environment = {
    ...SECRETS,
    PAGES: "sandbox-bearer-of-the-bridge",
    NODE_OPTIONS: `--import=${preload}`,
    CLOCK_FILE: clockFile,
  };
  const start = async () => {
    await writeFile(clockFile, String(offMs));
    const data = join(home, "data");
    const started = commandLine(["start", "--config", config, "--port", "0", "--data", data], {
      cwd: home,
      environment,
    });
    await started.printed('"message":"started"');
    url = new URL(/"url":"([^"]+)"/.exec(started.ran.out)?.[1] ?? "");
    return started;
  };
  let bridge = await start();
  const stopBridge = async (): Promise<void> => {
    bridge.child.kill("SIGTERM");
    await bridge.ended;
  };
  const now = (): number => Date.now() + offMs;
  const token = (who: Person, audience = AUDIENCE): Promise<string> => identity.token(PEOPLE[who], audience);
  const authorization = async (who: Person, audience?: string) => ({
    authorization: `Bearer ${await token(who, audience)}`,
  });
  const post = async (path: string, body: string, headers: Readonly<Record<string, string>>) => {
    const response = await fetch(new URL(path, url), {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
    return (await response.json()) as { readonly delivery?: string; readonly instance?: string };
  };

  return {
    listeners,
    /** Pushes a new commit to the branch, and returns it. */
    push: async (branch: string, { isOld = false } = {}): Promise<string> => {
      const commit = randomBytes(20).toString("hex");
      const body = JSON.stringify(push(branch, { after: commit, checkout_sha: commit }));
      const signed = { token: isOld ? OLD : SECRETS.GITLAB, id: randomUUID(), at: now() };
      await post("/webhooks/platform-gitlab", body, signedGitlabHeaders(body, signed));
      return commit;
    },
    edit: (version: number) => {
      const body = JSON.stringify(edit(version, "ff80aa01", now()));
      const signature = `sha256=${hmacSha256(SECRETS.WIKI, [body]).toString("hex")}`;
      return post("/webhooks/wiki", body, { "x-hub-signature": signature });
    },
    /** Reports the status of a job with a token for another audience. */
    reportFor: async (audience: string) =>
      post(
        "/v1/status",
        JSON.stringify({ state: "succeeded", pipeline: "docs" }),
        await authorization("on-call", audience),
      ),
    /** Runs a command of `drawbridge`, with its words, as this person. */
    run: async (words: readonly string[], who: Person = "on-call"): Promise<Ran> => {
      const own = {
        DRAWBRIDGE_URL: url.href,
        DRAWBRIDGE_TOKEN: await token(who),
        DRAWBRIDGE_CONFIG: config,
        TZ: "UTC",
      };
      return commandLine(words, { cwd: home, environment: own }).ended;
    },
    /** Calls the API as this person. */
    call: async (
      method: string,
      path: string,
      { who = "on-call" as Person, body }: { who?: Person; body?: object } = {},
    ) => {
      const headers = { ...(await authorization(who)), "content-type": "application/json" };
      const content = body === undefined ? {} : { body: JSON.stringify(body) };
      const response = await fetch(new URL(path, url), { method, headers, ...content });
      return { status: response.status, answer: (await response.json()) as unknown };
    },
    stopBridge,
    /** Starts it again, with a clock that is this many minutes ahead. */
    restartAt: async (minutes: number): Promise<void> => {
      offMs = minutes * MINUTE_MS;
      bridge = await start();
    },
    stop: async (): Promise<void> => {
      bridge.child.kill("SIGKILL");
      await bridge.ended;
      await Promise.all(Object.values(listeners).map((listener) => listener.close()));
      await Promise.all([confluence.close(), identity.close()]);
      down.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a server that listens on TCP has a port");
  return address.port;
}

interface Addresses {
  readonly issuer: string;
  readonly wiki: string;
}

function configOf({ issuer, wiki }: Addresses, listeners: readonly (readonly [string, string])[]) {
  const when = { source: ["drawbridge.gitlab"], "detail-type": ["code.pushed"] };
  const onBranch = (branch: string) => ({ ...when, detail: { code: { name: [branch] } } });
  const targets = listeners.map(([name, address]) => [
    `${name}-listener`,
    { kind: "tekton", url: address, runsReportedBy: "cluster", namespaces: ["ci"] },
  ]);
  const routes = listeners
    .filter(([name]) => name !== "docs")
    .map(([name]) => [`${name}-build`, { when: onBranch(name), do: { tekton: { target: `${name}-listener` } } }]);
  return {
    issuers: {
      people: {
        issuer,
        audience: AUDIENCE,
        maxLifetimeSeconds: 36_000,
        roles: ["on-call", "manager"].map((role) => ({ role, when: [{ path: "groups", equals: role }] })),
      },
    },
    roles: {
      "on-call": { call: ["deliveries", "status"], replay: ["*"], pause: ["*"] },
      manager: { approve: ["release"] },
    },
    sources: {
      "platform-gitlab": { provider: "gitlab", signingToken: { current: "env:GITLAB", next: "env:NEXT" } },
      wiki: { provider: "confluence", site: wiki, hubSignature: { current: "env:WIKI" } },
      cluster: {
        provider: "tekton",
        basic: { username: "tekton", password: { current: "env:CLUSTER" } },
        namespaces: ["ci"],
      },
    },
    targets: {
      ...Object.fromEntries(targets),
      pages: {
        kind: "confluence",
        product: "data-center",
        site: wiki,
        credential: { bearer: "env:PAGES" },
        spaces: ["ENG"],
        progressSeconds: 0,
      },
    },
    routes: {
      ...Object.fromEntries(routes),
      release: { when: onBranch("release"), approval: {}, do: { tekton: { target: "main-listener" } } },
      "docs-build": { when: { "detail-type": ["page.updated"] }, do: { tekton: { target: "docs-listener" } } },
      status: { when: { "detail-type": [{ prefix: "build." }] }, do: { confluence: { target: "pages" } } },
    },
  };
}
