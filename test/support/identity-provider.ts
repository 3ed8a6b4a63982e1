import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import type { Configuration } from "oidc-provider";
import {
  answerChoices,
  type SignInSite,
  signInSettings,
  type TerminalClient,
  terminalSettings,
} from "./identity-provider-people.ts";

type Members = Readonly<Record<string, unknown>>;

/** A client that gets tokens for itself (client credentials). */
export interface MachineClient {
  readonly id: string;
  readonly secret: string;
  /** Claims of its tokens in addition to the standard ones. */
  readonly claims?: Members;
  /**
   * Claims and header members in place of the provider's own, for tokens in the form of other issuers. `undefined`
   * removes one.
   */
  readonly instead?: { readonly claims: Members; readonly header: Members };
  /** Lifetime of its tokens. Default 600. */
  readonly lifetimeSeconds?: number;
}

export interface IdentityProvider {
  readonly issuer: string;
  /**
   * Issues a new access token of `client` for `audience`: a signed JWT (RFC 9068). With a DPoP proof for
   * `{issuer}/token` it is bound to the proof's key (RFC 9449 §5).
   */
  token(client: MachineClient, audience: string, dpop?: string): Promise<string>;
  /** Answers the next requests for a token with these errors, such as the `slow_down` of a provider under load. */
  answerTokenRequestsWith(...errors: readonly string[]): void;
  close(): Promise<void>;
}

/** A real OpenID provider on loopback, with client credentials and audience by resource indicator (RFC 8707). */
export async function startIdentityProvider(options: {
  readonly clients: readonly MachineClient[];
  /** The application at which people sign in, and these people. Nobody is asked for a password. */
  readonly site?: SignInSite;
  /** The client with which these people log in at a terminal. */
  readonly terminal?: TerminalClient;
  /** Default: any free port. */
  readonly port?: number;
}): Promise<IdentityProvider> {
  const { clients, site, terminal, port = 0 } = options;
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const key = { ...(await exportJWK(privateKey)), kid: "development-1", alg: "ES256", use: "sig" };
  const provider = await quietly(async () => {
    const { default: Provider } = await import("oidc-provider");
    const settings = settingsOf(clients, key);
    const withPeople = site === undefined ? settings : signInSettings(settings, site);
    return new Provider(issuer, terminal === undefined ? withPeople : terminalSettings(withPeople, terminal));
  });
  const answer = site === undefined ? provider.callback() : answerChoices(provider, site);
  const errors: string[] = [];
  server.on("request", (request, response) => {
    const error = request.url === "/token" ? errors.shift() : undefined;
    if (error === undefined) return void answer(request, response);
    request.resume();
    response.writeHead(400, { "content-type": "application/json" }).end(JSON.stringify({ error }));
  });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const answerTokenRequestsWith = (...next: readonly string[]): void => void errors.push(...next);
  return { issuer, token: (...asked) => fetchToken(issuer, ...asked), answerTokenRequestsWith, close };
}

function settingsOf(clients: readonly MachineClient[], key: JWK): Configuration {
  const clientOf = (clientId: string | undefined) => clients.find(({ id }) => id === clientId);
  return {
    jwks: { keys: [key] },
    clients: clients.map(({ id, secret }) => ({
      client_id: id,
      client_secret: secret,
      grant_types: ["client_credentials"],
      id_token_signed_response_alg: "ES256",
      redirect_uris: [],
      response_types: [],
    })),
    extraTokenClaims: (_, token) => ({ ...clientOf(token.clientId)?.claims }),
    formats: {
      customizers: {
        jwt: (_, { clientId }, token) => {
          const { instead } = clientOf(clientId) ?? {};
          token.header = { ...token.header, ...instead?.header };
          token.payload = { ...token.payload, ...instead?.claims };
        },
      },
    },
    ttl: {
      ClientCredentials: (_, __, { clientId }) => clientOf(clientId)?.lifetimeSeconds ?? 600,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience) => ({
          scope: "",
          audience,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  };
}

/** OAuth 2.0 client credentials grant (RFC 6749 §4.4) with a resource (RFC 8707 §2). */
async function fetchToken(
  issuer: string,
  { id, secret }: MachineClient,
  audience: string,
  dpop?: string,
): Promise<string> {
  const answer = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: {
      authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}`,
      ...(dpop !== undefined && { dpop }),
    },
    body: new URLSearchParams({ grant_type: "client_credentials", resource: audience }),
  });
  const response = (await answer.json()) as { access_token?: string; error?: string };
  if (response.access_token === undefined)
    throw new Error(`the identity provider answered ${answer.status} ${response.error}`);
  return response.access_token;
}

/** The library warns that it is set up for development, which is intended here. */
async function quietly<T>(setUp: () => Promise<T>): Promise<T> {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return await setUp();
  } finally {
    console.warn = warn;
  }
}
