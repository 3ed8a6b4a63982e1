import { execFile } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { promisify } from "node:util";
import { runInNewContext } from "node:vm";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { epochMillis } from "../../shared/host/clock.ts";
import { hmacSha256 } from "../../shared/host/hmac.ts";
import { Secret } from "../../shared/host/secrets.ts";
import { namedPrincipal } from "../../shared/model/principal.ts";
import { BridgeIssuer } from "../../shared/outbound/issuer.ts";
import { localSigningKey } from "../../shared/outbound/signing-key.ts";
import { blocksOf, readText } from "../support/documents.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { serveOnLoopback } from "../support/loopback.ts";
import { type SandboxListener, startSandboxListener } from "../support/sandbox-listener.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const AUDIENCE = "https://el.example.test";
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const KEY = String(privateKey.export({ type: "pkcs8", format: "pem" }));
const client = { id: "bridge", secret: "bridge-secret-for-tests" };

let identity: IdentityProvider;
let listener: SandboxListener;
let bridge: Awaited<ReturnType<typeof startStandalone>>;
/** A proxy in front of the bridge. Its address is known before the bridge runs. */
let front: Awaited<ReturnType<typeof serveOnLoopback>>;
let issuer: string;
beforeAll(async () => {
  const proxy = new Hono<{ Bindings: HttpBindings }>();
  proxy.get("*", (c) => fetch(new URL(c.req.path, bridge.url)));
  front = await serveOnLoopback(proxy, 0);
  issuer = front.url.origin;
  identity = await startIdentityProvider({ clients: [client] });
  listener = await startSandboxListener({ sink: () => ({ url: new URL("http://127.0.0.1:9"), headers: {} }) });
  bridge = await startStandalone({
    config: parseConfigValue(identity.issuer, listener.url.href, issuer),
    secrets: secretsOf({
      WIKI: "wiki-secret-for-tests",
      CLUSTER: "cluster-secret-for-tests",
      CLIENT: client.secret,
      KEY,
    }),
    log: silentLog,
    retry: { baseMs: 20, capMs: 200, maxAttempts: 3 },
    address: { hostname: "127.0.0.1", port: 0 },
  });
  // The account is a value that Tekton would read as code.
  const edit = { timestamp: 1_793_600_000_000, event: "page_updated", userKey: "$(uid)", page: { id: 98310 } };
  const body = JSON.stringify(edit);
  const signature = `sha256=${hmacSha256("wiki-secret-for-tests", [body]).toString("hex")}`;
  await fetch(new URL("/webhooks/wiki", bridge.url), {
    method: "POST",
    headers: { "content-type": "application/json", "x-hub-signature": signature },
    body,
  });
  await until(
    "two requests to the listener",
    () => listener.requests,
    ({ length }) => length === 2,
  );
});
afterAll(async () => {
  await bridge.stop();
  await listener.close();
  await identity.close();
  await front.close();
});

function parseConfigValue(provider: string, url: string, own: string) {
  const target = { kind: "tekton", url, runsReportedBy: "cluster" };
  const clientCredentials = {
    tokenUrl: `${provider}/token`,
    clientId: client.id,
    clientSecret: "env:CLIENT",
    resource: AUDIENCE,
  };
  const fires = (name: string) => ({
    when: { "detail-type": ["page.updated"] },
    do: { tekton: { target: name, params: { page: "$.detail.page.id" } } },
  });
  const loaded = parseConfig(
    stringify({
      identity: { issuer: own, keys: ["env:KEY"] },
      sources: {
        wiki: {
          provider: "confluence",
          site: "https://wiki.example.test",
          hubSignature: { current: "env:WIKI" },
        },
        cluster: { provider: "tekton", basic: { username: "tekton", password: { current: "env:CLUSTER" } } },
      },
      targets: {
        own: { ...target, identity: { bridge: { audience: AUDIENCE } } },
        granted: { ...target, identity: { clientCredentials } },
      },
      routes: { own: fires("own"), granted: fires("granted") },
    }),
    "test.yaml",
  );
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  return loaded.config;
}

const sentBy = (route: string) => listener.requests.find(({ headers }) => headers.get("drawbridge-route") === route);
type Params = Readonly<Record<string, string>>;

/** The values that the documented bindings give a run. */
function paramsOf(body: unknown): Params {
  const { delivery, params, actor, payload } = v.parse(triggerRequest, body);
  return {
    "delivery-id": delivery.id,
    "delivery-key": delivery.key,
    "delivery-source": delivery.source,
    "delivery-event": delivery.event,
    "delivery-attempt": delivery.attempt,
    "approved-ref": delivery.approvedRef,
    "delivery-proof": delivery.proof,
    "started-by": actor.id,
    page: params.page,
    "drawbridge-payload": payload,
  };
}

const text = v.string();
const triggerRequest = v.object({
  delivery: v.object({ id: text, key: text, source: text, event: text, attempt: text, approvedRef: text, proof: text }),
  params: v.object({ page: text }),
  actor: v.object({ id: text }),
  payload: text,
});

/** The step of the Task in docs/identity/bridge-tokens.md: its script, and its environment for params and constants. */
function documentedTask() {
  const [, yaml = ""] = blocksOf(readText("docs/identity/bridge-tokens.md"), "yaml");
  const { spec } = v.parse(task, parse(yaml));
  const [step] = spec.steps;
  const environment = (params: Params, constants: Params): Params =>
    Object.fromEntries(
      step.env.map(({ name, value }) => [
        name,
        constants[name] ?? value.replace(/^\$\(params\.(.+)\)$/, (_, param: string) => params[param] ?? "missing"),
      ]),
    );
  return { script: step.args[0], environment };
}

const task = v.object({
  spec: v.object({
    steps: v.tuple([v.object({ env: v.array(v.object({ name: text, value: text })), args: v.tuple([text]) })]),
  }),
});

/** Runs the script in this process, because a process for each case is slow. */
async function runScript(script: string, env: Params): Promise<void> {
  const body = script.replaceAll(/^import .*$/gm, "");
  const globals = { createHash, createRemoteJWKSet, jwtVerify, process: { env }, console: { log: () => undefined } };
  await runInNewContext(`(async () => {${body}})()`, { ...globals, fetch, URL, Error });
}

const bearerOf = (route: string): string => String(sentBy(route)?.headers.get("authorization")).replace("Bearer ", "");

describe("a trigger with the bridge's own token", () => {
  it("the token is verified with the discovery document's keys, and names who caused the run", async () => {
    const discovery = await fetch(new URL("/.well-known/openid-configuration", issuer));
    const metadata = (await discovery.json()) as { issuer: string; jwks_uri: string };
    expect(metadata.issuer).toBe(issuer);
    const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
    const { payload } = await jwtVerify(bearerOf("own"), keys, { issuer, audience: AUDIENCE });
    expect(payload).toMatchObject({ sub: "source:wiki", act: { iss: issuer, sub: "drawbridge" }, route: "own" });
    expect(payload["delivery"]).toMatch(/^d-[a-z2-7]{26}$/);
    const sent = createHash("sha256").update(sentBy("own")?.text ?? "");
    expect(payload["body_sha256"]).toBe(sent.digest("base64url"));
  });

  it("the task of the documentation accepts the token of its own route and body, and no other one", async () => {
    expect(paramsOf(sentBy("own")?.body)["started-by"]).toBe("");
    const run = { ...paramsOf(sentBy("own")?.body), identity: `Bearer ${bearerOf("own")}` };
    const constants = { BRIDGE: issuer, AUDIENCE, ROUTE: "own" };
    const { script, environment } = documentedTask();
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], {
      env: environment(run, constants),
    });
    expect(stdout).toMatch(/^caused by source:wiki, delivery d-[a-z2-7]{26}\n$/);

    const verify = (params: Params, changed: Params = {}) =>
      runScript(script, environment({ ...run, ...params }, { ...constants, ...changed }));
    await expect(verify({})).resolves.toBeUndefined();
    await expect(verify({}, { ROUTE: "granted" })).rejects.toThrow("for the route own");
    for (const name of Object.keys(constants))
      await expect(verify({}, { [name]: "" }), name).rejects.toThrow("have to be set");
    await expect(verify({}, { AUDIENCE: "https://other.example.test" })).rejects.toMatchObject({ claim: "aud" });
    await expect(verify({ identity: `${run.identity.slice(0, -4)}AAAA` })).rejects.toThrow("signature");
    for (const name of Object.keys(paramsOf(sentBy("own")?.body)))
      await expect(verify({ [name]: "changed" }), name).rejects.toThrow("for another body");
    const { delivery } = decodeJwt(bearerOf("own"));
    const request = { route: "own", delivery: String(delivery), body: sentBy("own")?.text ?? "" };
    const minted = async (ageMs: number) => {
      const own = new BridgeIssuer({
        issuer,
        keys: [() => localSigningKey(new Secret(KEY))],
        newTokenId: () => "1",
        hasTokenEndpoint: false,
      });
      const cause = { principal: namedPrincipal({ issuer: "drawbridge:source", subject: "wiki" }) };
      return (await own.mint({ audience: AUDIENCE, cause, request }, epochMillis(Date.now() - ageMs))).token.reveal();
    };
    await expect(verify({ identity: await minted(0) })).resolves.toBeUndefined();
    await expect(verify({ identity: await minted(601_000) })).rejects.toMatchObject({ claim: "exp" });
  });

  it("the token is sent only to its target: no response of the bridge contains it", async () => {
    const keys = await fetch(new URL("/.well-known/jwks.json", bridge.url));
    expect(keys.headers.get("cache-control")).toBe("public, max-age=300");
    expect(await keys.text()).not.toContain('"d"');
  });
});

describe("a trigger with a token by client credentials", () => {
  it("the token is one that a real authorization server issued for the target", async () => {
    const keys = createRemoteJWKSet(new URL("/jwks", identity.issuer));
    const { payload } = await jwtVerify(bearerOf("granted"), keys, { issuer: identity.issuer, audience: AUDIENCE });
    expect(payload["client_id"]).toBe("bridge");
  });
});
