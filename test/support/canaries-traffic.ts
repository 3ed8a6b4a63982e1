import { createHmac, randomUUID } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import * as fc from "fast-check";
import { connectSources } from "../../shared/config/connect.ts";
import type { Config } from "../../shared/config/schema.ts";
import { systemClock, toSeconds } from "../../shared/host/clock.ts";
import type { Secrets } from "../../shared/host/secrets.ts";
import { queryHash } from "../../shared/providers/confluence/query-hash.ts";
import { providers } from "../../shared/providers/registry.ts";
import { holderKey, proofOf } from "../unit/identity/binding/binding.ts";
import { b64, tokenOf } from "../unit/identity/tokens.ts";
import { type Canaries, canary, type Output } from "./canaries.ts";
import { APP, INSTALLATION, type issuerKeys, PUBLIC_URL } from "./canaries-bridge.ts";
import { fixturesOf } from "./provider-fixtures.ts";
import { providerDeps } from "./test-doubles.ts";

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Headers with a credential. Each part is planted, because even a part of a token must not come out. */
const SHOWN = /^(authorization|dpop|x-hub-signature|webhook-signature|x-buildkite-signature|x-.*-token)$/;

/** Sends requests that `fetch` would not send, plants their credentials, and records the responses. */
export function sender(url: URL, canaries: Canaries, outputs: Output[]) {
  return async ({ method, path, headers, body }: Sent): Promise<number> => {
    for (const [name, value] of Object.entries(headers)) {
      if (!SHOWN.test(name)) continue;
      for (const piece of value.split(/[\s,.;=]+/)) canaries.plant(`the header ${name}`, piece);
    }
    const asked = request(new URL(path, url), { method, headers });
    asked.end(body);
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    const status = answer.statusCode ?? 0;
    const parts = [status, answer.statusMessage, ...answer.rawHeaders, await text(answer)];
    outputs.push({ where: `an answer ${status} to ${method}`, text: parts.join("\n") });
    return status;
  };
}

/** Headers that nothing uses. A bridge that stores or prints its header map would show them. */
export const noise = (): Record<string, string> => ({
  cookie: `session=${canary("cookie")}`,
  "x-forge-oauth-user": canary("oauth-user"),
  "x-forge-oauth-system": canary("oauth-system"),
  "x-api-key": canary("api-key"),
  "user-agent": canary("agent"),
  tracestate: `vendor=${canary("state")}`,
  "x-forwarded-authorization": `Bearer ${canary("forwarded")}`,
});

type Keys = ReturnType<typeof issuerKeys>;

/** A valid token that contains a canary. */
export function liveToken(issuer: string, keys: Keys, claims: object = {}): string {
  const iat = toSeconds(systemClock.now()) - 1;
  const all = { aud: PUBLIC_URL, iat, exp: iat + 240, nonce: canary("nonce"), ...claims };
  return tokenOf(issuer, keys.jobs, { claims: all });
}

function forgeToken(keys: Keys): string {
  const iat = toSeconds(systemClock.now()) - 1;
  const apiBaseUrl = "https://api.atlassian.com/ex/confluence/5d1e";
  const app = { installation: { id: INSTALLATION }, apiBaseUrl };
  const claims = { aud: APP, iat, exp: iat + 25, nonce: canary("nonce"), app, principal: "557058:1" };
  return tokenOf("forge/invocation-token", keys.forge, { claims });
}

function connectToken(secret: string): string {
  const iat = toSeconds(systemClock.now()) - 1;
  const qsh = queryHash("POST", new URL("/webhooks/wiki-cloud", PUBLIC_URL), new URL(PUBLIC_URL)).toString("hex");
  const claims = { iss: "client-key", iat, exp: iat + 180, qsh, nonce: canary("nonce") };
  const input = `${b64('{"alg":"HS256","typ":"JWT"}')}.${b64(JSON.stringify(claims))}`;
  return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
}

const JSON_TYPE = { "content-type": "application/json" };

/** Secrets in places of a body that the senders' documentation names. The event must not contain them. */
function withSecrets(provider: string, body: Uint8Array): Uint8Array {
  // The body of some events is `null`.
  const parsed: Record<string, object> = JSON.parse(Buffer.from(body).toString("utf8")) ?? {};
  const held = canary("payload");
  if (provider === "tekton") Object.assign(parsed, { headers: { Authorization: [held] }, header: { Cookie: [held] } });
  if (provider === "buildkite") {
    const secrets = { env: { TOKEN: held }, provider: { id: "github", webhook_url: `https://x.example.test/${held}` } };
    for (const part of ["pipeline", "build", "job"]) Object.assign(parsed[part] ?? {}, secrets);
  }
  if (provider === "kong") for (const record of [parsed].flat()) Object.assign(record, secretsOfRecord(record, held));
  return Buffer.from(JSON.stringify(parsed));
}

/** Members of a gateway's record that have what a client sent, each with the secret in all of its parts. */
function secretsOfRecord({ request, response }: Record<string, object>, held: string): object {
  const uri = `/v2/${held}/a;s=${held}?${held}=1&private_token=${held}#${held}`;
  const headers = { authorization: held, "x-consumer-username": [held], "x-correlation-id": held, [held]: held };
  return {
    request: {
      ...request,
      uri,
      url: `https://${held}@${held}.example.test${uri}`,
      querystring: { [held]: held },
      headers,
    },
    response: { ...response, headers: { "x-kong-request-id": held, "set-cookie": [held], location: held } },
    upstream_uri: uri,
    client_ip: held,
  };
}

/** Every fixture of every provider, to each of its sources, with each of its live secrets. */
export async function fixtureRequests(config: Config, secrets: Secrets): Promise<readonly Sent[]> {
  const next: Secrets = { read: (ref) => secrets.read(`${ref}_NEXT`) };
  const sent: Sent[] = [];
  for (const live of [secrets, next]) {
    const sources = connectSources(config, providerDeps({ secrets: live, clock: systemClock }));
    for (const [name, { sign, provider }] of sources) {
      for (const { headers: plain, body: recorded } of fixturesOf(provider)) {
        const body = withSecrets(provider, recorded);
        const url = new URL(`/webhooks/${name}`, PUBLIC_URL);
        const headers = new Headers({ ...plain, ...noise() });
        if (live === next && headers.has("webhook-id")) headers.set("webhook-id", randomUUID());
        const signed = sign === undefined ? headers : await sign({ url, headers, body });
        sent.push({ method: "POST", path: url.pathname, headers: Object.fromEntries(signed), body });
      }
    }
  }
  return sent;
}

const STATUS = Buffer.from('{"state":"running"}');
const PAGE = Buffer.from('{"eventType":"avi:confluence:updated:page","content":{"id":"98310","type":"page"}}');

/** Tokens and proofs that no source signs with, valid and invalid, in their proper places. */
export function tokenRequests(keys: Keys, environment: Readonly<Record<string, string>>): readonly Sent[] {
  const status = (authorization: string, more: object = {}) => ({
    method: "POST",
    path: "/v1/status",
    body: STATUS,
    headers: { ...JSON_TYPE, ...noise(), authorization, ...more },
  });
  const webhook = (source: string, authorization: string) => ({
    method: "POST",
    path: `/webhooks/${source}`,
    body: PAGE,
    headers: { ...JSON_TYPE, ...noise(), authorization },
  });
  const jobs = (claims?: object) => liveToken("https://jobs.example.test", keys, claims);
  const holder = holderKey();
  const bound = liveToken("https://bound.example.test", keys, { cnf: { jkt: holder.thumbprint } });
  const proof = (htu: string) =>
    proofOf(bound, holder, { claims: { htu, iat: toSeconds(systemClock.now()), jti: canary("proof") } });
  const once = liveToken("https://once.example.test", keys);
  const wrong = [{ aud: "another audience" }, { exp: 1 }, { nbf: 9_999_999_999 }, { iat: undefined }, { sub: 7 }];
  return [
    status(`Bearer ${jobs()}`),
    status(`bearer  ${jobs()}`),
    status(`Bearer ${jobs()}x`),
    status(`Basic ${jobs()}`),
    ...wrong.map((claims) => status(`Bearer ${jobs(claims)}`)),
    ...["shadowed", "down", canary("issuer")].map((name) =>
      status(`Bearer ${liveToken(name === "down" ? "http://127.0.0.1:9" : `https://${name}.example.test`, keys)}`),
    ),
    status(`Bearer ${once}`),
    status(`Bearer ${once}`),
    status(`Bearer ${once}`, { "x-other": canary("other") }),
    status(`DPoP ${bound}`, { dpop: proof(`${PUBLIC_URL}/v1/status`) }),
    status(`Bearer ${bound}`),
    status(`DPoP ${bound}`, { dpop: proof("https://elsewhere.example.test") }),
    status(`DPoP ${bound}`, { dpop: canary("proof") }),
    webhook("cluster", `Bearer ${jobs()}`),
    webhook("cluster", `Bearer ${liveToken("http://127.0.0.1:9", keys)}`),
    webhook("wiki-cloud", `Bearer ${forgeToken(keys)}`),
    webhook("wiki-cloud", `Bearer ${environment["AUTOMATION"]}`),
    webhook("wiki-cloud", `JWT ${connectToken(environment["CONNECT"] ?? "")}`),
    webhook("cluster", `Basic ${Buffer.from(`tekton:${canary("password")}`).toString("base64")}`),
    // Requests with valid credentials and another mistake: 403, 405, 415 and 404.
    { ...status(`Bearer ${jobs()}`), method: "GET", path: "/v1/deliveries", body: new Uint8Array() },
    { ...status(`Bearer ${jobs()}`), path: "/v1/deliveries" },
    status(`Bearer ${jobs()}`, { "content-type": `text/${canary("type")}` }),
    webhook(canary("source"), `Bearer ${jobs()}`),
  ];
}

const path = fc.oneof(
  fc.constantFrom(
    "/v1/status",
    "/v1/deliveries",
    "/v1/credentials",
    "/v1/approvals",
    "/readyz",
    "/.well-known/jwks.json",
    "/openapi.json",
  ),
  fc.constantFrom("/webhooks/gitlab", "/webhooks/gitlab-old", "/webhooks/gitlab-shadow", "/webhooks/wiki-server"),
  fc.constantFrom("/webhooks/wiki-cloud", "/webhooks/buildkite", "/webhooks/buildkite-old", "/webhooks/cluster"),
  fc.constantFrom("/webhooks/", "/v1/deliveries/", "/").map((start) => `${start}${canary("path")}`),
);
const headerName = fc.oneof(
  fc.constantFrom("authorization", "dpop", "webhook-signature", "webhook-id", "webhook-timestamp", "x-gitlab-token"),
  fc.constantFrom(
    "x-hub-signature",
    "x-buildkite-signature",
    "x-buildkite-token",
    "cookie",
    "content-encoding",
    "content-type",
  ),
  fc.constantFrom("traceparent", "x-request-id", "if-none-match", "origin", "x-forwarded-for", "proxy-authorization"),
  fc.stringMatching(/^x-[a-z]{1,12}$/),
);

const parameter = fc.constantFrom("jwt", "access_token", "token", "source", "limit", "since");

const asText = (part: string | Record<string, string>): string =>
  typeof part === "string" ? part : new URLSearchParams(part).toString();

interface Makings {
  readonly token: () => string;
  readonly secrets: readonly string[];
}

/**
 * Requests of strangers, scanners and misconfigured senders: anything anywhere, and credentials in the wrong places.
 */
export function strangeRequests({ token, secrets }: Makings): fc.Arbitrary<Sent> {
  const value = fc.oneof(
    fc
      .constantFrom("", "Bearer ", "DPoP ", "Basic ", "JWT ", "sha256=", "v1,", "timestamp=1,signature=", "00-")
      .chain((start) =>
        fc.oneof(
          fc.constant(start).map((before) => `${before}${canary("header")}`),
          fc.constant(start).map((before) => `${before}${token()}`),
          fc.constantFrom(...secrets).map((secret) => `${start}${secret}`),
          fc.constantFrom(...secrets).map((secret) => `${start}${Buffer.from(`:${secret}`).toString("base64")}`),
        ),
      ),
    fc.constantFrom("application/json", "gzip", "1793610000"),
  );
  const bodies = providers.flatMap(({ name }) => fixturesOf(name).map(({ body }) => body));
  return fc.record({
    method: fc.constantFrom("POST", "POST", "POST", "GET", "PUT", "DELETE"),
    path: fc.tuple(path, fc.dictionary(parameter, value, { maxKeys: 2 })).map((parts) => parts.map(asText).join("?")),
    headers: fc.dictionary(headerName, value, { maxKeys: 5 }).map((given) => ({ ...JSON_TYPE, ...given })),
    body: fc.oneof(
      fc.constantFrom(...bodies),
      fc.json().map((text) => new Uint8Array(Buffer.from(text))),
      fc.uint8Array({ maxLength: 200 }),
    ),
  });
}
