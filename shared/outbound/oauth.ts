import {
  type AuthorizationServer,
  allowInsecureRequests,
  ClientSecretBasic,
  clientCredentialsGrantRequest,
  customFetch,
  genericTokenEndpointRequest,
  processClientCredentialsResponse,
  processGenericTokenEndpointResponse,
  ResponseBodyError,
  type TokenEndpointResponse,
} from "oauth4webapi";
import type { CallOut } from "../host/call-out.ts";
import { type Clock, laterBy } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { Secret, type Secrets } from "../host/secrets.ts";
import type { OutboundToken } from "./issuer.ts";
import type { OAuthClient } from "./target-identity.ts";

export interface OAuthDeps {
  readonly secrets: Secrets;
  readonly callOut: CallOut;
  readonly clock: Clock;
}

/** OAuth 2.0 client credentials grant (RFC 6749 §4.4). Throws `token_unavailable`, or what reading the secret throws. */
export const clientCredentials = (client: OAuthClient, deps: OAuthDeps): Promise<OutboundToken> =>
  granted(client, deps, async (server, authentication, options) =>
    processClientCredentialsResponse(
      server,
      { client_id: client.clientId },
      await clientCredentialsGrantRequest(
        server,
        { client_id: client.clientId },
        authentication,
        wishes(client),
        options,
      ),
    ),
  );

/** Token exchange (RFC 8693 §2.1) of a JWT. Throws as {@link clientCredentials} does. */
export const exchange = (subject: Secret, client: OAuthClient, deps: OAuthDeps): Promise<OutboundToken> =>
  granted(client, deps, async (server, authentication, options) => {
    const parameters = {
      ...wishes(client),
      subject_token: subject.reveal(),
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    };
    const answer = await genericTokenEndpointRequest(
      server,
      { client_id: client.clientId },
      authentication,
      "urn:ietf:params:oauth:grant-type:token-exchange",
      parameters,
      options,
    );
    return processGenericTokenEndpointResponse(server, { client_id: client.clientId }, answer);
  });

const wishes = ({ scope, audience, resource }: OAuthClient): Record<string, string> => ({
  ...(scope !== undefined && { scope }),
  ...(audience !== undefined && { audience }),
  ...(resource !== undefined && { resource }),
});

type Ask = (
  server: AuthorizationServer,
  authentication: ReturnType<typeof ClientSecretBasic>,
  options: object,
) => Promise<TokenEndpointResponse>;

async function granted(client: OAuthClient, deps: OAuthDeps, ask: Ask): Promise<OutboundToken> {
  const { tokenUrl, clientSecret } = client;
  const secret = await deps.secrets.read(clientSecret);
  const askedAt = deps.clock.now();
  // The library wants to know the issuer, and uses it for nothing in these grants.
  const server = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
  try {
    const answer = await ask(server, ClientSecretBasic(secret.reveal()), {
      [customFetch]: fetchThrough(deps.callOut),
      // `http` is in the configuration for this machine only; see `secureUrl`.
      [allowInsecureRequests]: true,
    });
    const seconds = answer.expires_in ?? UNTOLD_SECONDS;
    return { token: new Secret(answer.access_token), expiresAt: laterBy(askedAt, seconds * 1000) };
  } catch (error) {
    if (error instanceof Fault) throw error;
    // Only a registered error code goes further: all other texts may quote the request.
    const told = error instanceof ResponseBodyError ? error.error : "";
    const why = ERROR_CODES.has(told) ? told : "no usable answer";
    throw new Fault("token_unavailable", `${new URL(tokenUrl).host} gave no token: ${why}`, { retryable: true });
  }
}

/** RFC 6749 §4.1.2.1 and §5.2, RFC 8707 §2. */
const ERROR_CODES: ReadonlySet<string> = new Set([
  ...["invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"],
  ...["invalid_scope", "invalid_target", "access_denied", "server_error", "temporarily_unavailable"],
]);

/** RFC 6749 §5.1: where the server does not say, it should be known otherwise; this is short enough for any. */
const UNTOLD_SECONDS = 60;
const TIMEOUT_MS = 5_000;
const MAX_ANSWER_BYTES = 65_536;

interface OAuthRequest {
  readonly method: "GET" | "POST";
  readonly headers: Record<string, string>;
  readonly body?: URLSearchParams | undefined;
}

/** The library's requests by the one way out. */
export const fetchThrough =
  (callOut: CallOut) =>
  async (url: string, { method, headers, body }: OAuthRequest): Promise<Response> => {
    const limits = { timeoutMs: TIMEOUT_MS, maxResponseBytes: MAX_ANSWER_BYTES };
    const sent = body === undefined ? {} : { body: body.toString() };
    const answer = await callOut({ method, url: new URL(url), headers, ...sent, ...limits });
    // A Uint8Array of bytes that were read whole, which is what a Response takes.
    return new Response(new Uint8Array(answer.body), { status: answer.status, headers: answer.headers });
  };
