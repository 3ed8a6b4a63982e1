import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import type { Configuration } from "oidc-provider";
import { answerChoices, type SignInSite, signInSettings } from "./identity-provider-people.ts";

type Members = Readonly<Record<string, unknown>>;

/** A client that gets tokens for itself. */
export interface MachineClient {
  readonly id: string;
  readonly secret: string;
  /** Claims its tokens carry besides the standard ones. */
  readonly claims?: Members;
  /**
   * Claims and header members in place of the provider's own, for tokens as other issuers make them; `undefined` is
   * none.
   */
  readonly instead?: { readonly claims: Members; readonly header: Members };
  /** How long its tokens live. Default 600. */
  readonly lifetimeSeconds?: number;
}

export interface IdentityProvider {
  readonly issuer: string;
  /**
   * A fresh access token of `client` for `audience`: a signed JWT (RFC 9068). With a DPoP proof for `{issuer}/token` it is
   * bound to the proof's key (RFC 9449 §5).
   */
  token(client: MachineClient, audience: string, dpop?: string): Promise<string>;
  close(): Promise<void>;
}

/** A real OpenID provider on loopback, with client credentials and audience by resource indicator (RFC 8707). */
export async function startIdentityProvider(options: {
  readonly clients: readonly MachineClient[];
  /** Where people sign in, and who they are. Nobody is asked for a password. */
  readonly site?: SignInSite;
  /** Any free one unless told. */
  readonly port?: number;
}): Promise<IdentityProvider> {
  const { clients, site, port = 0 } = options;
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
    return new Provider(issuer, site === undefined ? settings : signInSettings(settings, site));
  });
  server.on("request", site === undefined ? provider.callback() : answerChoices(provider, site));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { issuer, token: (...asked) => fetchToken(issuer, ...asked), close };
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
  const told = (await answer.json()) as { access_token?: string; error?: string };
  if (told.access_token === undefined) throw new Error(`the identity provider answered ${answer.status} ${told.error}`);
  return told.access_token;
}

/** The library warns of development use when it is loaded and set up, which is just what this is. */
async function quietly<T>(setUp: () => Promise<T>): Promise<T> {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return await setUp();
  } finally {
    console.warn = warn;
  }
}
