import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { promisify } from "node:util";
import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { hmacSha256 } from "../../shared/host/hmac.ts";
import { blocksOf, readText } from "../support/documents.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { serveOnLoopback } from "../support/loopback.ts";
import { type SandboxListener, startSandboxListener } from "../support/sandbox-listener.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const AUDIENCE = "https://el.example.test";
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
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  bridge = await startStandalone({
    config: parseConfigValue(identity.issuer, listener.url.href, issuer),
    secrets: secretsOf({
      WIKI: "wiki-secret-for-tests",
      CLUSTER: "cluster-secret-for-tests",
      CLIENT: client.secret,
      KEY: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    }),
    log: silentLog,
    retry: { baseMs: 20, capMs: 200, maxAttempts: 3 },
    address: { hostname: "127.0.0.1", port: 0 },
  });
  const body = JSON.stringify({ timestamp: 1_793_600_000_000, event: "page_updated", page: { id: 98310 } });
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
  const fires = (name: string) => ({ when: { "detail-type": ["page.updated"] }, do: { tekton: { target: name } } });
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
const bearerOf = (route: string): string => String(sentBy(route)?.headers.get("authorization")).replace("Bearer ", "");

describe("a trigger with the bridge's own token", () => {
  it("the token is verified with the discovery document's keys, and names who caused the run", async () => {
    const discovery = await fetch(new URL("/.well-known/openid-configuration", issuer));
    const metadata = (await discovery.json()) as { issuer: string; jwks_uri: string };
    expect(metadata.issuer).toBe(issuer);
    const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
    const { payload } = await jwtVerify(bearerOf("own"), keys, { issuer, audience: AUDIENCE });
    expect(payload).toMatchObject({ sub: "wiki:wiki", act: { iss: issuer, sub: "drawbridge" } });
    expect(payload["delivery"]).toMatch(/^d-[a-z2-7]{26}$/);
  });

  it("the script of docs/identity/bridge-tokens.md verifies the token as a task would", async () => {
    const [script = ""] = blocksOf(readText("docs/identity/bridge-tokens.md"), "js");
    const env = { BRIDGE: issuer, AUDIENCE, IDENTITY: `Bearer ${bearerOf("own")}` };
    const run = (environment: NodeJS.ProcessEnv) =>
      promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], { env: environment });
    expect((await run(env)).stdout).toMatch(/^caused by wiki:wiki, delivery d-[a-z2-7]{26}\n$/);
    await expect(run({ ...env, AUDIENCE: "https://other.example.test" })).rejects.toThrow("aud");
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
