import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { html, raw } from "hono/html";
import type { Configuration, Provider } from "oidc-provider";
import { BASE_STYLE } from "../../shared/console/base-style.ts";

/** Somebody who can sign in. */
export interface SandboxPerson {
  readonly id: string;
  /** The person's role at the bridge, as a sentence for the page on which one signs in. */
  readonly is: string;
  readonly groups: readonly string[];
}

/** The registration of an application at which people sign in. */
export interface SignInSite {
  readonly people: readonly SandboxPerson[];
  readonly clientId: string;
  /** Undefined for a public client. */
  readonly clientSecret?: string;
  readonly redirectUri: string;
}

/** The registration of a command line, a client without a secret, for people who confirm a code or use a browser. */
export interface TerminalClient {
  readonly clientId: string;
  /** Seconds that its access tokens are valid. Default 600. */
  readonly lifetimeSeconds?: number;
  /** An issuer without the device grant. */
  readonly hasNoDevice?: true;
}

/** Settings of a provider at which people also log in from a terminal. */
export function terminalSettings(settings: Configuration, client: TerminalClient): Configuration {
  const { clientId, lifetimeSeconds = 600, hasNoDevice = false } = client;
  const device = hasNoDevice ? [] : ["urn:ietf:params:oauth:grant-type:device_code"];
  const { loadExistingGrant } = settings;
  return {
    ...settings,
    clients: [
      ...(settings.clients ?? []),
      {
        client_id: clientId,
        application_type: "native",
        token_endpoint_auth_method: "none",
        grant_types: ["authorization_code", "refresh_token", ...device],
        response_types: ["code"],
        // With any port (RFC 8252 §7.3).
        redirect_uris: ["http://127.0.0.1/callback"],
        id_token_signed_response_alg: "ES256",
      },
    ],
    issueRefreshToken: async (_, { clientId: id }) => id === clientId,
    loadExistingGrant: async (ctx) => {
      if (ctx.oidc.client?.clientId !== clientId) return loadExistingGrant?.(ctx);
      const grant = new ctx.oidc.provider.Grant({ clientId, accountId: ctx.oidc.session?.accountId ?? "" });
      grant.addOIDCScope("openid offline_access");
      await grant.save();
      return grant;
    },
    ttl: { ...settings.ttl, AccessToken: lifetimeSeconds, RefreshToken: 3_600, DeviceCode: 600 },
    features: {
      ...settings.features,
      deviceFlow: { enabled: !hasNoDevice },
      revocation: { enabled: true },
    },
  };
}

/**
 * Settings of a provider at which these people sign in by authorization code with PKCE. Consent is given automatically.
 */
export function signInSettings(settings: Configuration, site: SignInSite): Configuration {
  const { clientId, clientSecret, redirectUri, people } = site;
  return {
    ...settings,
    clients: [
      ...(settings.clients ?? []),
      {
        client_id: clientId,
        ...(clientSecret === undefined
          ? { token_endpoint_auth_method: "none" as const }
          : { client_secret: clientSecret, token_endpoint_auth_method: "client_secret_basic" as const }),
        grant_types: ["authorization_code"],
        response_types: ["code"],
        redirect_uris: [redirectUri],
        id_token_signed_response_alg: "ES256",
      },
    ],
    claims: { openid: ["sub", "groups"], profile: ["preferred_username"] },
    // Many issuers put the claims of the scopes into the ID token.
    conformIdTokenClaims: false,
    ttl: { ...settings.ttl, Interaction: 600, Grant: 3_600, Session: 3_600, AccessToken: 600, IdToken: 3_600 },
    interactions: { url: (_, { uid }) => `/choose/${uid}` },
    findAccount: (_, id) => {
      const person = people.find((one) => one.id === id);
      if (person === undefined) return undefined;
      const claims = { sub: id, preferred_username: id, groups: [...person.groups] };
      return { accountId: id, claims: () => claims };
    },
    loadExistingGrant: async ({ oidc }) => {
      const grant = new oidc.provider.Grant({ clientId, accountId: oidc.session?.accountId ?? "" });
      grant.addOIDCScope("openid profile");
      await grant.save();
      return grant;
    },
  };
}

/** The provider, with a page on which one chooses a person. */
export function answerChoices(provider: Provider, { people, redirectUri }: SignInSite) {
  const others = provider.callback();
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (!request.url?.startsWith("/choose/")) return void others(request, response);
    if (request.method === "POST") {
      const accountId = new URLSearchParams(await text(request)).get("person") ?? "";
      return provider.interactionFinished(request, response, { login: { accountId }, consent: {} }).catch(() => {
        // The page was open for longer than the interaction lives.
        response.writeHead(303, { location: new URL("/console", redirectUri).href }).end();
      });
    }
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(String(await choicePage(people)));
  };
}

const choicePage = (people: readonly SandboxPerson[]) => html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Who are you? · development identity provider</title><link rel="icon" href="data:,"><style>${raw(BASE_STYLE)}</style></head>
<body><header><span class="brand">Development identity provider</span></header>
<main><h1>Who are you?</h1><p>This is a sandbox: nobody here has a password.</p>
<form method="post" class="choices">${people.map(
  ({ id, is }) => html`<button class="plain" name="person" value="${id}"><b>${id}</b>: ${is}</button>`,
)}</form></main></body></html>`;
