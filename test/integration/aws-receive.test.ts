import { SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { startStandalone } from "../../functions/standalone.ts";
import { parseConfig } from "../../shared/config/load.ts";
import { DEFAULT_RETRY } from "../../shared/delivery/backoff.ts";
import { laterBy, systemClock, toIso, toSeconds } from "../../shared/host/clock.ts";
import { queryHash } from "../../shared/providers/confluence/query-hash.ts";
import { providers } from "../../shared/providers/registry.ts";
import { type AwsAccount, loadFunction, startAwsAccount } from "../support/aws-account.ts";
import { type GatewayForm, gatewayEvent, startGateway } from "../support/aws-gateway.ts";
import { storesOf } from "../support/aws-stream.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import {
  connectFixtureSource,
  type Fixture,
  fixtureSourceOf,
  fixturesOf,
  SOURCE,
} from "../support/provider-fixtures.ts";
import { sampleDelivery } from "../support/samples.ts";
import { secretsOf, silentLog } from "../support/test-doubles.ts";

const FORMS: readonly GatewayForm[] = [
  { kind: "http-api", base64: false },
  { kind: "http-api", base64: true },
  { kind: "http-api", base64: true, stage: "prod" },
  { kind: "function-url", base64: false },
  { kind: "function-url", base64: true },
];
const HTTP_API: GatewayForm = { kind: "http-api", base64: false };

let account: AwsAccount;
beforeEach(async () => {
  account = await startAwsAccount();
});
afterEach(() => account.stop());

const receive = (config: object, environment: Readonly<Record<string, string>> = {}) =>
  loadFunction(account, config, async () => (await import("../../functions/receive.ts")).handler, environment);

/** The response as the sender sees it, without the members that differ each time. */
async function seen(answer: Response) {
  const { instance: _, ...body } = (await answer.json()) as Record<string, unknown>;
  const headers = ["content-type", "allow", "www-authenticate", "retry-after"].map((name) => answer.headers.get(name));
  return { status: answer.status, headers, body };
}

/** The same bridge on one machine. */
function oneMachine(config: object, environment: Readonly<Record<string, string>>) {
  const loaded = parseConfig(stringify(config), "test.yaml");
  if (!loaded.ok) throw new Error(loaded.findings.map(({ message }) => message).join("\n"));
  return startStandalone({
    config: loaded.config,
    secrets: secretsOf(environment),
    log: silentLog,
    retry: DEFAULT_RETRY,
    address: { hostname: "127.0.0.1", port: 0 },
  });
}

describe.each(providers.map((provider) => [provider.name, provider] as const))(
  "the receive function, called by %s",
  (name, provider) => {
    const { settings, environment, ...rest } = fixtureSourceOf(name);
    const source = connectFixtureSource(provider, { settings, environment, ...rest }, systemClock);
    const config = { sources: { [SOURCE]: { provider: name, ...settings } } };

    const post = async ({ url, headers, body }: Fixture, base: URL): Promise<Response> => {
      const signed = await source.sign?.({ url, headers: new Headers(headers), body });
      if (signed === undefined) throw new Error("this source does not sign");
      const address = new URL(`/webhooks/${SOURCE}${url.search}`, base);
      return fetch(address, { method: "POST", headers: signed, body: Buffer.from(body) });
    };

    it("every fixture gets the same response as on one machine, with one call to AWS", async () => {
      const handler = await receive(config, environment);
      const machine = await oneMachine(config, environment);
      const gateways = await Promise.all(FORMS.map((form) => startGateway(handler, form)));
      for (const fixture of fixturesOf(name)) {
        const first = await seen(await post(fixture, machine.url));
        const again = await seen(await post(fixture, machine.url));
        expect([first.status, again.status]).toEqual([202, 200]);
        for (const [at, { url }] of gateways.entries()) {
          const title = `${fixture.name} by ${JSON.stringify(FORMS[at])}`;
          expect(await seen(await post(fixture, url)), title).toEqual(at === 0 ? first : again);
          expect(account.calls.splice(0)).toEqual([{ target: "DynamoDB_20120810.PutItem", input: {} }]);
        }
      }
      await Promise.all([machine.stop(), ...gateways.map((gateway) => gateway.close())]);
    });
  },
);

describe("a bad request to the function", () => {
  const { settings, environment } = fixtureSourceOf("gitlab");
  const config = { sources: { wiki: { provider: "gitlab", ...settings } }, limits: { bodyBytes: 2_000 } };
  const json = { "content-type": "application/json" };
  const signature = { "webhook-id": "1", "webhook-timestamp": "1793610000", "webhook-signature": "v1,AAAA" };
  const requests: readonly (readonly [string, string, RequestInit])[] = [
    ["without a credential", "/webhooks/wiki", { method: "POST", headers: json, body: "{}" }],
    ["with a wrong credential", "/webhooks/wiki", { method: "POST", headers: { ...json, ...signature }, body: "{}" }],
    ["with no body", "/webhooks/wiki", { method: "POST", headers: { ...json, ...signature } }],
    ["to an unknown source", "/webhooks/nobody", { method: "POST", headers: json, body: "{}" }],
    ["to a source by a decoded query", "/webhooks/nobody%3Fa=b%23c", { method: "POST", headers: json, body: "{}" }],
    ["to an unknown path", "/etc/passwd", {}],
    ["by GET", "/webhooks/wiki", {}],
    ["by PUT", "/webhooks/wiki", { method: "PUT", body: "{}" }],
    [
      "of another content type",
      "/webhooks/wiki",
      { method: "POST", headers: { "content-type": "text/plain" }, body: "{}" },
    ],
    ["without a content type", "/webhooks/wiki", { method: "POST", body: Buffer.from("{}") }],
    ["compressed", "/webhooks/wiki", { method: "POST", headers: { ...json, "content-encoding": "gzip" }, body: "{}" }],
    ["that is too large", "/webhooks/wiki", { method: "POST", headers: json, body: "x".repeat(2_001) }],
    ["for deliveries without a token", "/v1/deliveries?limit=1", {}],
    ["for one delivery by POST", "/v1/deliveries/d-1", { method: "POST", headers: json, body: "{}" }],
  ];

  /** A name that the caller chose is counted nowhere, and neither is another method of a call. */
  const isCounted = (path: string): boolean => ["/webhooks/wiki", "/v1/deliveries?limit=1"].includes(path);

  it.each(requests)(
    "a request %s gets the same response as on one machine, and of all such requests at most one count is written",
    async (_, path, init) => {
      const machine = await oneMachine(config, environment);
      const handler = await receive(config, environment);
      const expected = await seen(await fetch(new URL(path, machine.url), init));
      expect(expected.status).toBeGreaterThanOrEqual(400);
      for (const form of FORMS) {
        const gateway = await startGateway(handler, form);
        expect(await seen(await fetch(new URL(path, gateway.url), init)), JSON.stringify(form)).toEqual(expected);
        await gateway.close();
      }
      await machine.stop();
      // The count is read before, for the ids of the requests that it keeps.
      expect(account.calls.map(({ target }) => target)).toEqual(
        isCounted(path) ? ["DynamoDB_20120810.GetItem", "DynamoDB_20120810.UpdateItem"] : [],
      );
    },
  );

  it("a request with two signatures is rejected, however the header is joined", async () => {
    const handler = await receive(config, environment);
    for (const separator of [",", ", "]) {
      const doubled = { ...signature, "webhook-signature": `v1,AAAA${separator}v1,AAAA` };
      const headers = { ...json, ...doubled };
      const event = gatewayEvent(HTTP_API, {
        method: "POST",
        path: "/webhooks/wiki",
        headers,
        body: Buffer.from("{}"),
      });
      expect((await handler(event)).statusCode).toBe(401);
    }
  });

  it("a request with invalid bytes in a header, or a body that its method cannot have, gets a response and causes no crash", async () => {
    const handler = await receive(config, environment);
    const odd = { ...json, "x-gitlab-token": "péché \u{1F511}", cookie: "a=1; b=2" };
    const post = gatewayEvent(HTTP_API, {
      method: "POST",
      path: "/webhooks/wiki",
      headers: odd,
      body: Buffer.from("{}"),
    });
    expect((await handler(post)).statusCode).toBe(401);
    const get = gatewayEvent(HTTP_API, { method: "GET", path: "/healthz", body: Buffer.from("{}") });
    expect((await handler(get)).statusCode).toBe(200);
  });
});

describe("the function, called by Connect", () => {
  const baseUrl = "https://bridge.example.test";
  const config = {
    sources: {
      wiki: {
        provider: "confluence",
        site: "https://wiki.example.test",
        connect: { clientKey: "client-1", secret: { current: "env:CONNECT" }, baseUrl },
      },
    },
  };
  const body = Buffer.from('{"timestamp":1793523600000,"event":"page_updated","page":{"id":98310}}');

  it.each([
    ["with its query as sent", "user_key=a%2Fb%20c&user_id=%C3%A9", 202],
    ["with its query changed on the way", "user_key=a%2Fb%20d&user_id=%C3%A9", 401],
  ])("a request %s is accepted or rejected by the hash of its address", async (_, query, status) => {
    const handler = await receive(config, { CONNECT: "connect-secret-for-tests" });
    const path = "/webhooks/wiki";
    const signed = new URL(`${baseUrl}${path}?user_key=a%2Fb%20c&user_id=%C3%A9`);
    const iat = toSeconds(systemClock.now());
    const qsh = queryHash("POST", signed, new URL(baseUrl)).toString("hex");
    const token = await new SignJWT({ iss: "client-1", iat, exp: iat + 180, qsh })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .sign(Buffer.from("connect-secret-for-tests"));
    const headers = { "content-type": "application/json", authorization: `JWT ${token}` };
    for (const form of FORMS) {
      const answer = await handler(gatewayEvent(form, { method: "POST", path, query, headers, body }));
      expect(answer.statusCode, JSON.stringify(form)).toBe(form === FORMS[0] || status !== 202 ? status : 200);
    }
  });
});

describe("the function, called by on-call", () => {
  const AUDIENCE = "https://bridge.example.test";
  const person = { id: "on-call", secret: "on-call-secret-for-tests" };
  let identity: IdentityProvider;
  beforeAll(async () => {
    identity = await startIdentityProvider({ clients: [person] });
  });
  afterAll(() => identity.close());

  it("deliveries are listed page by page, and one is shown", async () => {
    const people = { issuer: identity.issuer, audience: AUDIENCE, roles: ["on-call"] };
    const rule = { provider: "confluence", site: "https://wiki.example.test", automation: { current: "env:RULE" } };
    const config = { issuers: { people }, sources: { wiki: rule } };
    const handler = await receive(config, { RULE: "rule-token-for-tests" });
    const gateway = await startGateway(handler, HTTP_API);
    for (const body of ['{"n":1}', '{"n":2}']) {
      const headers = { "content-type": "application/json", authorization: "Bearer rule-token-for-tests" };
      const answer = await fetch(new URL("/webhooks/wiki", gateway.url), { method: "POST", headers, body });
      expect(answer.status).toBe(202);
      const { delivery } = (await answer.json()) as { delivery: string };
      // As the relay does with what the stream reports.
      const { deliveries } = storesOf(account);
      await deliveries.addToList([(await deliveries.get(delivery)) ?? sampleDelivery()]);
    }
    const authorization = `Bearer ${await identity.token(person, AUDIENCE)}`;
    const ask = async (path: string) => {
      const answer = await fetch(new URL(path, gateway.url), { headers: { authorization } });
      return (await answer.json()) as { deliveries: { id: string }[]; next?: string; delivery: { id: string } };
    };
    const since = toIso(laterBy(systemClock.now(), -60_000)).replace("Z", "+00:00");
    const first = await ask(`/v1/deliveries?limit=1&since=${encodeURIComponent(since)}`);
    const rest = await ask(`/v1/deliveries?cursor=${first.next}`);
    const ids = [...first.deliveries, ...rest.deliveries].map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
    expect((await ask(`/v1/deliveries/${ids[0]}`)).delivery.id).toBe(ids[0]);
    await gateway.close();
  });
});

describe("the function's readiness", () => {
  it("the function is ready if one read of the table succeeds", async () => {
    const { settings, environment } = fixtureSourceOf("gitlab");
    const handler = await receive({ sources: { gitlab: { provider: "gitlab", ...settings } } }, environment);
    const ready = () => handler(gatewayEvent(HTTP_API, { method: "GET", path: "/readyz" }));
    expect((await ready()).statusCode).toBe(200);
    expect(account.calls).toEqual([{ target: "DynamoDB_20120810.GetItem", input: {} }]);
    await account.stop();
    expect(await ready()).toMatchObject({ statusCode: 503, headers: { "retry-after": "2" } });
  });
});

describe("a function without a configuration", () => {
  it.each([
    ["no configuration was compiled in", undefined],
    ["the compiled value is not a configuration", { sources: 7 }],
  ])("the function does not start: %s", async (_, config) => {
    await expect(receive(config as unknown as object)).rejects.toMatchObject({ code: "configuration_invalid" });
  });
});
