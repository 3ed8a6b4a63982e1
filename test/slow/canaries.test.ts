import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { type StandaloneOptions, startStandalone } from "../../functions/standalone.ts";
import { runCommand } from "../../shared/cli/run-command.ts";
import { parseConfig } from "../../shared/config/load.ts";
import type { Config } from "../../shared/config/schema.ts";
import { SessionCookieCipher } from "../../shared/console/session-cookie.ts";
import { laterBy, systemClock, toIso } from "../../shared/host/clock.ts";
import { jsonLog } from "../../shared/host/log.ts";
import type { ListedDeliveries, ShownDelivery } from "../../shared/http/deliveries.ts";
import { Canaries, canary, type Output } from "../support/canaries.ts";
import {
  CONSOLE_SEAL,
  canaryConfig,
  canarySecrets,
  issuerKeys,
  PUBLIC_URL,
  type Surroundings,
  startReflector,
  startWikiDoor,
} from "../support/canaries-bridge.ts";
import { bridgeWithoutStore, faultsOf } from "../support/canaries-faults.ts";
import {
  fixtureRequests,
  liveToken,
  noise,
  type Sent,
  sender,
  strangeRequests,
  tokenRequests,
} from "../support/canaries-traffic.ts";
import { commandHost } from "../support/command-host.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { startSandboxListener } from "../support/sandbox-listener.ts";
import { storedItems } from "../support/stored-items.ts";
import { secretsOf } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const canaries = new Canaries();
const outputs: Output[] = [];
const keys = issuerKeys();
const { environment, bridgeKey } = canarySecrets();
const person = { id: "person", secret: canary("person") };
const log = jsonLog(
  (text) => outputs.push({ where: "the log", text }),
  () => toIso(systemClock.now()),
);

let home: string;
let config: Config;
let identity: IdentityProvider;
let reflector: Awaited<ReturnType<typeof startReflector>>;
let listener: Awaited<ReturnType<typeof startSandboxListener>>;
let confluence: Awaited<ReturnType<typeof startSandboxConfluence>>;
let door: Awaited<ReturnType<typeof startWikiDoor>>;
let bridge: Awaited<ReturnType<typeof startStandalone>>;
let surroundings: Surroundings;
let stopped = false;

function parseConfigValue(written: object): Config {
  const loaded = parseConfig(stringify(written), "drawbridge.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  return loaded.config;
}

const started = (options: Pick<StandaloneOptions, "config" | "secrets" | "dataPath">) =>
  startStandalone({
    ...options,
    log,
    retry: { baseMs: 1, capMs: 5, maxAttempts: 3 },
    address: { hostname: "127.0.0.1", port: 0 },
  });

beforeAll(async () => {
  for (const line of environment.BRIDGE_KEY.split("\n").slice(1, -2)) canaries.plant("the bridge's key", line);
  canaries.plant("the bridge's key", Buffer.from(bridgeKey.export({ format: "jwk" }).d ?? "", "base64url"));
  home = await mkdtemp(join(tmpdir(), "drawbridge-canaries-"));
  identity = await startIdentityProvider({ clients: [person] });
  reflector = await startReflector(canary("granted"));
  confluence = await startSandboxConfluence({ product: "data-center" });
  const wiki = { site: confluence.site("data-center"), bearer: confluence.credentials.bearer };
  door = await startWikiDoor(environment.PAGES, wiki);
  const authorization = `Basic ${Buffer.from(`tekton:${environment.CLUSTER}`).toString("base64")}`;
  const sink = () => ({ url: new URL("/webhooks/cluster", bridge.url), headers: { authorization } });
  listener = await startSandboxListener({ sink, token: environment.LISTENER });
  surroundings = {
    identity,
    keys,
    reflector: reflector.url.origin,
    listener: listener.url.href,
    wiki: door.url.origin,
    bridgeKey: "env:BRIDGE_KEY",
  };
  await writeFile(join(home, "drawbridge.yaml"), stringify(canaryConfig(surroundings)));
  config = parseConfigValue(canaryConfig(surroundings));
  bridge = await started({ config, secrets: secretsOf(environment), dataPath: join(home, "data") });
}, 60_000);

afterAll(async () => {
  if (!stopped) await bridge?.stop();
  await Promise.all([listener, reflector, door, confluence, identity].map((one) => one?.close()));
  await rm(home, { recursive: true, force: true });
});

/** The canaries that are found in all output since the last call. */
const found = () => canaries.foundIn(outputs.splice(0));

const send = (asked: Sent, url = bridge.url) => sender(url, canaries, outputs)(asked);

type Get = <T>(path: string) => Promise<T>;

/** Reads the bridge's own interface. Each response is passed to `read`. */
async function reader(url: URL, read: (output: Output) => void): Promise<Get> {
  const headers = { authorization: `Bearer ${await identity.token(person, PUBLIC_URL)}` };
  return async (path) => {
    const text = await (await fetch(new URL(path, url), { headers })).text();
    read({ where: `GET ${path.split("?")[0]?.replace(/d-.*/, "{id}")}`, text });
    return JSON.parse(text);
  };
}

async function idsOf(get: Get): Promise<readonly string[]> {
  const ids: string[] = [];
  let cursor = "";
  do {
    const page = await get<ListedDeliveries>(`/v1/deliveries?limit=200${cursor}`);
    ids.push(...page.deliveries.map(({ id }) => id));
    cursor = page.next === undefined ? "" : `&cursor=${page.next}`;
  } while (cursor !== "");
  return ids;
}

/** Everything that the bridge's own interface returns. */
async function readAll(url = bridge.url): Promise<readonly ShownDelivery[]> {
  const get = await reader(url, (output) => void outputs.push(output));
  const all: ShownDelivery[] = [];
  for (const id of await idsOf(get)) all.push(await get<ShownDelivery>(`/v1/deliveries/${id}`));
  await get("/v1/credentials");
  return all;
}

/** Waits until the bridge is quiet, then reads everything once. Only this last reading is searched. */
async function readWhenQuiet(url = bridge.url): Promise<readonly ShownDelivery[]> {
  const get = await reader(url, () => undefined);
  const seen = new Set<string>();
  const unseen = async () => (await idsOf(get)).filter((id) => !seen.has(id));
  // Waiting for one delivery may bring new ones.
  for (let busy = await unseen(); busy.length > 0; busy = await unseen()) {
    for (const id of busy) seen.add(id);
    const countBusy = async (): Promise<number> => {
      for (; busy[0] !== undefined; busy = busy.slice(1)) {
        if (!isQuiet(await get<ShownDelivery>(`/v1/deliveries/${busy[0]}`))) break;
      }
      return busy.length;
    };
    await until("no delivery with an action that is due", countBusy, (count) => count === 0, { limitMs: 60_000 });
  }
  const all = await readAll(url);
  expect(all.filter((one) => !isQuiet(one))).toEqual([]);
  return all;
}

/** Reads every page of the console with a session that holds the operator's token. */
async function readPages(deliveries: readonly ShownDelivery[]): Promise<void> {
  const token = await identity.token(person, PUBLIC_URL);
  for (const piece of token.split(".").slice(1)) canaries.plant("the operator's token", piece);
  const me = { issuer: identity.issuer, subject: person.id, method: "oidc", credential: "key", roles: ["on-call"] };
  const seal = new SessionCookieCipher({
    secrets: secretsOf(environment),
    sealedBy: { current: CONSOLE_SEAL },
    clock: systemClock,
  });
  const content = { token, me, name: person.id, formToken: "form-token", beganAt: systemClock.now() };
  const sealed = await seal.encrypt("session", content, laterBy(systemClock.now(), 60_000));
  const pages = ["", "/approvals", "/rollbacks", "/credentials", "/sign-in", "/signed-in", "/nothing"];
  for (const path of [...pages, ...deliveries.map(({ delivery }) => `/deliveries/${delivery.id}`)]) {
    const headers = { cookie: `__Host-drawbridge-session=${sealed}` };
    const answer = await fetch(new URL(`/console${path}`, bridge.url), { headers, redirect: "manual" });
    const text = [...answer.headers].map((pair) => pair.join(": ")).join("\n") + (await answer.text());
    outputs.push({ where: `GET /console${path.replace(/d-.*/, "{id}")}`, text });
    expect(text).toContain("default-src 'none'");
    if (path.startsWith("/deliveries")) expect(answer.status).toBe(200);
  }
}

/** Whether the delivery is relayed, and every action that was due is done or given up. */
function isQuiet({ delivery, events, timeline }: ShownDelivery): boolean {
  const isRelayed = events.length === 0 || delivery.relayedAt !== undefined;
  const ended = timeline.flatMap((one) => (one.kind === "attempt" && one.outcome !== "retry" ? [one.route] : []));
  return isRelayed && timeline.every((one) => one.kind !== "scheduled" || ended.includes(one.route));
}

async function command(...args: readonly string[]): Promise<void> {
  const where = `drawbridge ${args.slice(0, 2).join(" ")}`;
  const here = { DRAWBRIDGE_URL: bridge.url.href, DRAWBRIDGE_CONFIG: join(home, "drawbridge.yaml") };
  const DRAWBRIDGE_TOKEN = await identity.token(person, PUBLIC_URL);
  canaries.plant("the operator's token", DRAWBRIDGE_TOKEN);
  const print = (text: string) => void outputs.push({ where, text });
  const host = commandHost({ environment: { ...environment, ...here, DRAWBRIDGE_TOKEN }, print });
  await runCommand(args, host).catch((error: unknown) => {
    outputs.push({ where, text: inspect(error, { depth: 20, showHidden: true }) });
  });
}

describe("tokens, secrets and headers", () => {
  it("no secret comes out of the bridge, whatever is sent to it and whatever its targets answer", async () => {
    const answers: number[] = [];
    for (const one of await fixtureRequests(config, secretsOf(environment))) answers.push(await send(one));
    for (const one of tokenRequests(keys, environment)) answers.push(await send(one));
    const secrets = Object.values(environment).filter((secret) => !secret.includes("\n"));
    const makings = { token: () => liveToken("https://jobs.example.test", keys), secrets };
    await fc.assert(
      fc.asyncProperty(strangeRequests(makings), async (one) => void answers.push(await send(one))),
      { numRuns: 300 },
    );
    const read = await readWhenQuiet();
    // The test is not vacuous: every kind of response came, and every kind of target was called.
    expect(answers).toEqual(expect.arrayContaining([200, 202, 401, 403, 404, 405, 415, 503]));
    expect(listener.runs.size).toBeGreaterThan(0);
    expect(confluence.page("98310").versions.length).toBeGreaterThan(1);
    expect(new Set(reflector.asked.map(({ authorization }) => authorization)).size).toBeGreaterThan(5);
    const shown = [...reflector.asked, ...listener.requests.map(({ headers }) => Object.fromEntries(headers))];
    for (const piece of shown.flatMap(({ authorization = "" }) => authorization.split(/[ .]/).slice(1))) {
      canaries.plant("what a target was shown", piece);
    }
    await readPages(read);
    expect(found()).toEqual([]);
  }, 120_000);

  it("no secret is printed by a command", async () => {
    const file = join(home, "token");
    await writeFile(file, liveToken("https://shadowed.example.test", keys, { team: "wiki" }));
    const [delivery] = (await readAll()).filter(({ timeline }) => timeline.length > 0);
    for (const words of ["events list", `events show ${delivery?.delivery.id}`, "report shadow", "secrets", "check"]) {
      await command(...words.split(" "));
    }
    await command("check", "--live");
    await command("token", "explain", "--file", file);
    await command("token", "explain", canary("argument"));
    await command("send", "gitlab", "push");
    const mistaken = join(home, "mistaken.yaml");
    const literal = { sources: { gitlab: { provider: "gitlab", token: { current: canary("literal") } } } };
    const issuers = { ci: { issuer: `https://u:${canary("user")}@issuer.example.test` } };
    await writeFile(mistaken, stringify({ ...literal, issuers }));
    for (const words of [["check"], ["secrets"]]) await command(...words, "--config", mistaken);
    expect(outputs.filter(({ where }) => where.startsWith("drawbridge")).length).toBeGreaterThan(12);
    expect(found()).toEqual([]);
  }, 60_000);

  it("no secret appears in a fault, however it is printed", async () => {
    outputs.push(...(await faultsOf({ reflector: reflector.url.origin, keys })));
    expect(found()).toEqual([]);
  });

  it("no secret comes out while the store, a signing token or the bridge's key is out of order", async () => {
    const key = join(home, "key.pem");
    await writeFile(key, `-----BEGIN PRIVATE KEY-----\n${canary("pem")}\n-----END PRIVATE KEY-----\n`);
    const written = canaryConfig({ ...surroundings, bridgeKey: `file:${key}` });
    const broken = await started({
      config: parseConfigValue(written),
      secrets: secretsOf({ ...environment, GITLAB: canary("none") }),
    });
    const storeless = await bridgeWithoutStore(config, { secrets: secretsOf(environment), log });
    const requests = [
      ...(await fixtureRequests(config, secretsOf(environment))),
      ...tokenRequests(keys, environment),
      { method: "GET", path: "/.well-known/jwks.json", headers: noise(), body: new Uint8Array() },
      { method: "GET", path: "/readyz", headers: noise(), body: new Uint8Array() },
    ];
    const inTurn = async (): Promise<ReadonlySet<number>> => {
      const answers = new Set<number>();
      for (const one of requests) answers.add(await send(one, broken.url));
      return answers;
    };
    // Without a store the requests are independent.
    const atOnce = async () => new Set(await Promise.all(requests.map((one) => send(one, storeless.url))));
    const [ofBroken, ofStoreless] = await Promise.all([inTurn(), atOnce()]);
    expect([...ofBroken]).toEqual(expect.arrayContaining([200, 202, 401, 503]));
    expect([...ofStoreless]).toEqual(expect.arrayContaining([401, 404, 503]));
    await readWhenQuiet(broken.url);
    await Promise.all([broken.stop(), storeless.close()]);
    expect(found()).toEqual([]);
  }, 120_000);

  it("no secret is on the page, or in what targets are sent beside their own credential", () => {
    for (const { number, message, title, body } of confluence.page("98310").versions) {
      outputs.push({ where: `the page's version ${number}`, text: [message, title, body].join("\n") });
    }
    for (const { path, headers, body } of listener.requests) {
      const { authorization: _, ...others } = Object.fromEntries(headers);
      outputs.push({ where: "a request to a listener", text: JSON.stringify([path, others, body]) });
    }
    expect(found()).toEqual([]);
  });

  it("no secret is stored, except in the body that was received", async () => {
    stopped = true;
    await bridge.stop();
    const items = storedItems(join(home, "data"));
    expect(new Set(items.map(({ where }) => where)).size).toBeGreaterThan(5);
    // The only kind of token that is stored came in a header, which is searched for below.
    expect(items.filter(({ where }) => where === "an item of seal")).toHaveLength(1);
    outputs.push(...items);
    expect(found()).toEqual([]);
  });
});
