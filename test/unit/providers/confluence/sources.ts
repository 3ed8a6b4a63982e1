import { createHmac } from "node:crypto";
import { SignJWT } from "jose";
import { toSeconds } from "../../../../shared/host/clock.ts";
import { createTokenVerifier } from "../../../../shared/identity/verify-token.ts";
import type { ReceivedRequest } from "../../../../shared/model/request.ts";
import { confluence } from "../../../../shared/providers/confluence/index.ts";
import { queryHash } from "../../../../shared/providers/confluence/query-hash.ts";
import type { ProviderDeps } from "../../../../shared/providers/provider.ts";
import { bindingDeps, providerDeps, secretsOf, testClock } from "../../../support/test-doubles.ts";
import { entryOf, keySetOf, signingKey, tokenOf } from "../../identity/tokens.ts";

const clock = testClock();
const now = toSeconds(clock.now());
export const secrets = { hub: "hub-secret", hubNext: "hub-next", connect: "connect-secret", automation: "rule-token" };

export const SITE = "https://wiki.example.test";
export const ADDRESS = "https://bridge.example.test/webhooks/wiki?event=page_updated";
const BASE_URL = "https://bridge.example.test";
export const OUR_APP = "ari:cloud:ecosystem::app/11111111-0000-4000-8000-000000000001";
export const INSTALLATION = "ari:cloud:ecosystem::installation/22222222-0000-4000-8000-000000000002";
const FORGE = "forge/invocation-token";
const atlassian = signingKey("forge-1", "RS256");

/** The settings of the four credentials, to be combined. */
export const credentials = {
  hub: { hubSignature: { current: "env:HUB", next: "env:HUB_NEXT" } },
  forge: { forge: { trust: "our-forge-app" } },
  connect: { connect: { clientKey: "client-1", secret: { current: "env:CONNECT" }, baseUrl: BASE_URL } },
  automation: { automation: { current: "env:AUTOMATION" } },
};
export const allCredentials = {
  ...credentials.hub,
  ...credentials.forge,
  ...credentials.connect,
  ...credentials.automation,
};

const environment = {
  HUB: secrets.hub,
  HUB_NEXT: secrets.hubNext,
  CONNECT: secrets.connect,
  AUTOMATION: secrets.automation,
};

/** A connected source with these credentials. `keepToken` gets the tokens that arrive with its deliveries. */
export function sourceWith(settings: object, keepToken?: ProviderDeps["keepToken"]) {
  const jwks = { inline: keySetOf(atlassian) };
  const trusted = {
    "our-forge-app": entryOf({ issuer: FORGE, audience: OUR_APP, jwks, algorithms: ["RS256"] }),
    // Trusted by another source, and never by this one.
    "another-app": entryOf({ issuer: FORGE, audience: `${OUR_APP}-other`, jwks, algorithms: ["RS256"] }),
  };
  const tokens = createTokenVerifier(trusted, bindingDeps(clock));
  const deps = providerDeps({ clock, secrets: secretsOf(environment), tokens, ...(keepToken && { keepToken }) });
  return confluence.connect({ name: "wiki", settings: { site: SITE, ...settings } }, deps);
}

export function requestOf(
  headers: Record<string, string>,
  changes: { readonly body?: string; readonly address?: string; readonly method?: string } = {},
): ReceivedRequest {
  const { body = BODY, address = ADDRESS, method = "POST" } = changes;
  return {
    method,
    url: new URL(address),
    headers: new Headers(headers),
    body: Buffer.from(body),
    receivedAt: clock.now(),
    requestId: "request-1",
  };
}

/** The outcome of a request to a source: the reason of its rejection, or the method that proved it. */
export async function outcomeOf(settings: object, request: ReceivedRequest): Promise<string> {
  const proof = await sourceWith(settings).authenticate(request);
  return proof.ok ? `accepted by ${proof.value.principal.method}` : proof.rejection.reason;
}

export const BODY = '{"timestamp":1793523600000,"event":"page_updated","page":{"id":98310}}';

export const hubSignature = (body = BODY, secret = secrets.hub): string =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

export const forgeToken = (changes: object = {}, header: object = {}): string =>
  tokenOf(FORGE, atlassian, {
    claims: {
      sub: undefined,
      aud: OUR_APP,
      nbf: now,
      iat: now,
      exp: now + 25,
      app: { id: OUR_APP, installation: { id: INSTALLATION } },
      ...changes,
    },
    header,
  });

/** `Authorization` of a Connect call for `address`, signed by `secret`. */
export async function connectHeader(
  changes: Record<string, unknown> = {},
  { address = ADDRESS, secret = secrets.connect, alg = "HS256" } = {},
): Promise<string> {
  const qsh = queryHash("POST", new URL(address), new URL(BASE_URL)).toString("hex");
  const claims = { iss: "client-1", iat: now, exp: now + 180, qsh, ...changes };
  return `JWT ${await new SignJWT(claims).setProtectedHeader({ alg, typ: "JWT" }).sign(Buffer.from(secret))}`;
}

export const NOW = now;
