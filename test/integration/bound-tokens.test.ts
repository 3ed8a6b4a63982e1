import { createHash } from "node:crypto";
import { request as httpsRequest } from "node:https";
import { afterEach, describe, expect, it } from "vitest";
import { systemClock, toSeconds } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import { Secret } from "../../shared/host/secrets.ts";
import type { TlsSettings } from "../../shared/http/tls.ts";
import { policyOf } from "../../shared/identity/policy.ts";
import { createTokenVerifier } from "../../shared/identity/verify-token.ts";
import { statusSource } from "../../shared/providers/status/index.ts";
import type { ReplayCache } from "../../shared/store/replay-cache.ts";
import { testAuthority } from "../support/certificates.ts";
import { httpBridge } from "../support/http-bridge.ts";
import { startIdentityProvider } from "../support/identity-provider.ts";
import { memoryReplayCache, withMethods } from "../support/memory-stores.ts";
import { bindingDeps, testClock } from "../support/test-doubles.ts";
import { holderKey, proofOf, requestOf } from "../unit/identity/binding/binding.ts";
import { AUDIENCE, entryOf, keySetOf, NOW, signingKey, tokenOf } from "../unit/identity/tokens.ts";

const ISSUER = "https://issuer.example.test";
const key = signingKey("k1");
const RUNNING = '{"state":"running"}';
const FAILED = '{"state":"failed"}';

let bridge: Awaited<ReturnType<typeof httpBridge>>;
afterEach(() => bridge?.close());

interface Given {
  readonly entry: object;
  readonly replayCache?: ReplayCache;
  readonly tls?: TlsSettings;
}

/** A bridge that accepts the status of CI jobs, whose tokens must be bound as `entry` says. */
async function start({ entry, replayCache = memoryReplayCache(), tls }: Given): Promise<URL> {
  const issuers = { ci: entryOf({ issuer: ISSUER, jwks: { inline: keySetOf(key) }, roles: ["ci"], ...entry }) };
  const policy = policyOf({
    ci: { call: ["status"], fire: [], replay: [], approve: [], promote: [], summarise: [], pause: [] },
  });
  const tokens = createTokenVerifier(issuers, { ...bindingDeps(testClock()), replayCache });
  const status = statusSource({ tokens, policy, issuers, trustEntries: ["ci"], clusters: [], jobs: [] });
  bridge = await httpBridge({ calls: { tokens, policy, trustEntries: ["ci"] }, status }, tls);
  return new URL("/v1/status", bridge.url);
}

const headersWith = (authorization: string, more: Record<string, string> = {}): Record<string, string> => ({
  "content-type": "application/json",
  authorization,
  ...more,
});

async function post(url: URL, body: string, headers: Record<string, string>): Promise<number> {
  return (await fetch(url, { method: "POST", body, headers })).status;
}

/** The reason of the last rejection, from the log: the response does not contain it. */
const lastReason = (): unknown => JSON.parse(bridge.lines.at(-1) ?? "{}").reason;

describe("POST /v1/status with a token for one use", () => {
  const headers = headersWith(`Bearer ${tokenOf(ISSUER, key)}`);

  it("the first use is accepted, the same request again is a duplicate, and any other use is rejected", async () => {
    const url = await start({ entry: { singleUse: true } });
    expect(await post(url, RUNNING, headers)).toBe(202);
    expect(await post(url, RUNNING, headers)).toBe(200);
    expect(await post(url, FAILED, headers)).toBe(401);
    expect(lastReason()).toBe("token_replayed");
    expect(await post(url, RUNNING, { ...headers, "x-more": "1" })).toBe(401);
    expect(bridge.records.size).toBe(1);
  });

  it("the response is 503 while the replay cache is unavailable, and the token is accepted afterwards", async () => {
    const seen = memoryReplayCache();
    let fails = true;
    const take: ReplayCache["take"] = (...given) => {
      if (!fails) return seen.take(...given);
      return Promise.reject(new Fault("store_unavailable", "no answer", { retryable: true }));
    };
    const url = await start({ entry: { singleUse: true }, replayCache: withMethods(seen, { take }) });
    expect(await post(url, RUNNING, headers)).toBe(503);
    expect(bridge.records.size).toBe(0);
    fails = false;
    expect(await post(url, RUNNING, headers)).toBe(202);
  });
});

describe("POST /v1/status with DPoP", () => {
  const holder = holderKey();
  const token = tokenOf(ISSUER, key, { claims: { cnf: { jkt: holder.thumbprint } } });
  const withProof = (url: URL, jti: string) =>
    headersWith(`DPoP ${token}`, { dpop: proofOf(token, holder, { claims: { htu: url.href, jti } }) });

  it("a proof for this address is accepted once, and the token is never accepted without one", async () => {
    const url = await start({ entry: { proof: "dpop" } });
    expect(await post(url, RUNNING, withProof(url, "1"))).toBe(202);
    expect(await post(url, RUNNING, withProof(url, "1"))).toBe(401);
    expect(lastReason()).toBe("token_replayed");
    expect(await post(url, RUNNING, withProof(url, "2"))).toBe(200);
    expect(await post(url, RUNNING, headersWith(`Bearer ${token}`))).toBe(401);
    expect(lastReason()).toBe("proof_missing");
    expect(await post(url, RUNNING, withProof(new URL("/v1/other", url), "3"))).toBe(401);
    expect(lastReason()).toBe("proof_invalid");
  });

  it("two DPoP headers are rejected, although both are valid", async () => {
    const url = await start({ entry: {} });
    const headers = new Headers(withProof(url, "1"));
    headers.append("dpop", withProof(url, "2")["dpop"] ?? "");
    expect((await fetch(url, { method: "POST", body: RUNNING, headers })).status).toBe(401);
    expect(lastReason()).toBe("proof_invalid");
  });
});

describe("a token that a real provider bound to the key of a proof", () => {
  it("the token is accepted with a proof of the same client, which the provider accepted too", async () => {
    const client = { id: "ci", secret: "an invented client secret of this test" };
    const provider = await startIdentityProvider({ clients: [client] });
    try {
      const { issuer } = provider;
      const iat = toSeconds(systemClock.now());
      const holder = holderKey();
      const asking = { claims: { htu: `${issuer}/token`, iat, jti: "1", ath: undefined } };
      const token = await provider.token(client, AUDIENCE, proofOf("", holder, asking));
      const given = { ...bindingDeps(systemClock), replayCache: memoryReplayCache() };
      const entries = { ci: entryOf({ issuer, algorithms: ["ES256"], proof: "dpop" }) };
      const verifier = createTokenVerifier(entries, given);
      const verify = (scheme: "bearer" | "dpop", dpop: string) =>
        verifier.verify({ scheme, token, request: requestOf({ header: { dpop } }) }, ["ci"]);
      const proof = proofOf(token, holder, { claims: { iat, jti: "2" } });
      expect(await verify("bearer", proof)).toMatchObject({ rejection: { reason: "proof_missing" } });
      expect(await verify("dpop", proofOf(token, holderKey(), { claims: { iat } }))).toMatchObject({
        rejection: { reason: "proof_invalid" },
      });
      expect(await verify("dpop", proof)).toMatchObject({ ok: true });
    } finally {
      await provider.close();
    }
  });
});

describe("POST /v1/status with a token that is bound to a certificate", () => {
  const authority = testAuthority("Invented test authority");
  const server = authority.issue("invented test server");
  const [holder, other] = [authority.issue("invented holder"), authority.issue("invented other")];
  const thumbprint = createHash("sha256").update(holder.der).digest("base64url");
  const token = tokenOf(ISSUER, key, { claims: { cnf: { "x5t#S256": thumbprint }, iat: NOW - 1 } });
  const tls = { certificate: server.certificate, key: new Secret(server.key), clientCa: authority.certificate };

  const postWith = (url: URL, own: typeof holder, headers: Record<string, string> = {}): Promise<number> =>
    new Promise((resolve, reject) => {
      const request = httpsRequest(url, {
        method: "POST",
        ca: authority.certificate,
        cert: own.certificate,
        key: own.key,
        agent: false,
        headers: headersWith(`Bearer ${token}`, headers),
      });
      request.on("response", (answer) => resolve(answer.resume().statusCode ?? 0));
      request.on("error", reject);
      request.end(RUNNING);
    });

  it("the token is accepted only over a connection with its certificate", async () => {
    const url = await start({ entry: { proof: "certificate" }, tls });
    expect(await postWith(url, holder)).toBe(202);
    const claimed = { "x-amzn-mtls-clientcert": encodeURIComponent(holder.certificate) };
    expect(await postWith(url, other, claimed)).toBe(401);
    expect(lastReason()).toBe("proof_invalid");
  });

  it("the token is rejected without TLS, whatever a header claims", async () => {
    const url = await start({ entry: {} });
    const claimed = { "x-client-cert": Buffer.from(holder.der).toString("base64") };
    expect(await post(url, RUNNING, headersWith(`Bearer ${token}`, claimed))).toBe(401);
    expect(lastReason()).toBe("proof_missing");
  });
});
