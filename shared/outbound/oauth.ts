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
import type { RemoteAddress } from "../host/remote-address.ts";
import { Secret, type Secrets } from "../host/secrets.ts";
import type { OutboundToken } from "./issuer.ts";
import { noToken } from "./no-token.ts";
import type { OAuthClient } from "./target-identity.ts";

export interface OAuthDeps {
  readonly secrets: Secrets;
  readonly callOut: CallOut;
  readonly clock: Clock;
}

/**
 * Requests a token with the OAuth 2.0 client credentials grant (RFC 6749 §4.4). Throws `token_unavailable`, or a fault
 * of reading the secret.
 */
export const clientCredentials = (client: OAuthClient, deps: OAuthDeps): Promise<OutboundToken> =>
  requestGrant(client, deps, async (server, authentication, options) =>
    processClientCredentialsResponse(
      server,
      { client_id: client.clientId },
      await clientCredentialsGrantRequest(
        server,
        { client_id: client.clientId },
        authentication,
        optionalParameters(client),
        options,
      ),
    ),
  );

/** Exchanges a JWT for a token (RFC 8693 §2.1). Throws like {@link clientCredentials}. */
export const exchange = (subject: Secret, client: OAuthClient, deps: OAuthDeps): Promise<OutboundToken> =>
  requestGrant(client, deps, async (server, authentication, options) => {
    const parameters = {
      ...optionalParameters(client),
      subject_token: subject.reveal(),
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    };
    const response = await genericTokenEndpointRequest(
      server,
      { client_id: client.clientId },
      authentication,
      "urn:ietf:params:oauth:grant-type:token-exchange",
      parameters,
      options,
    );
    return processGenericTokenEndpointResponse(server, { client_id: client.clientId }, response);
  });

const optionalParameters = ({ scope, audience, resource }: OAuthClient): Record<string, string> => ({
  ...(scope !== undefined && { scope }),
  ...(audience !== undefined && { audience }),
  ...(resource !== undefined && { resource }),
});

type SendRequest = (
  server: AuthorizationServer,
  authentication: ReturnType<typeof ClientSecretBasic>,
  options: object,
) => Promise<TokenEndpointResponse>;

async function requestGrant(client: OAuthClient, deps: OAuthDeps, send: SendRequest): Promise<OutboundToken> {
  const { tokenUrl, clientSecret } = client;
  const secret = await deps.secrets.read(clientSecret);
  const requestedAt = deps.clock.now();
  const host = new URL(tokenUrl).host;
  // The library requires an issuer, but does not use it in these grants.
  const server = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
  const fetchToken = fetchThrough(deps.callOut, { onlyPublic: false });
  let answer: Response | undefined;
  try {
    const response = await send(server, ClientSecretBasic(secret.reveal()), {
      [customFetch]: async (url: string, request: OAuthRequest) => {
        const { status, headers: given, body } = await fetchToken(url, request);
        const headers = new Headers(given);
        // A server has to send it with `invalid_client` (RFC 6749 §5.2), and the library would read no body then.
        headers.delete("www-authenticate");
        answer = new Response(body, { status, headers });
        return answer;
      },
      // The configuration allows `http` only for this machine; see `secureUrl`.
      [allowInsecureRequests]: true,
    });
    const problem = problemWith(response);
    if (problem !== undefined) throw noToken(host, problem);
    const seconds = response.expires_in ?? DEFAULT_LIFETIME_SECONDS;
    return { token: new Secret(response.access_token), expiresAt: laterBy(requestedAt, seconds * 1000) };
  } catch (error) {
    if (error instanceof Fault) throw error;
    const answered = answer && { headers: answer.headers, now: deps.clock.now() };
    throw noToken(host, reasonOf(error, answer), answered);
  }
}

/** Only a registered error code is reported: every other text may quote the request. */
function reasonOf(error: unknown, answer: Response | undefined): string {
  if (error instanceof ResponseBodyError && ERROR_CODES.has(error.error)) return error.error;
  if (answer?.status === 401) return "invalid_client, its client id or secret is wrong (401)";
  return answer === undefined || answer.ok ? "no usable response" : `it responded ${answer.status}`;
}

/** Why a token cannot be sent as a Bearer token (RFC 6750 §2.1); undefined if it can. */
function problemWith({ token_type, access_token }: TokenEndpointResponse): string | undefined {
  // A DPoP token is bound to a key (RFC 9449 §5), and worth nothing as a Bearer token.
  if (token_type !== "bearer") return "its token is no Bearer token";
  return B64TOKEN.test(access_token) ? undefined : "its token has characters that no header can have";
}

const B64TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

/** RFC 6749 §4.1.2.1 and §5.2, RFC 8707 §2. */
const ERROR_CODES: ReadonlySet<string> = new Set([
  "invalid_request",
  "invalid_client",
  "invalid_grant",
  "unauthorized_client",
  "unsupported_grant_type",
  "invalid_scope",
  "invalid_target",
  "access_denied",
  "server_error",
  "temporarily_unavailable",
]);

/**
 * Lifetime of a token without `expires_in`, which RFC 6749 §5.1 only recommends. A token that ends before is replaced when
 * its target answers 401.
 */
const DEFAULT_LIFETIME_SECONDS = 300;
const TIMEOUT_MS = 5_000;
const MAX_RESPONSE_BYTES = 65_536;

interface OAuthRequest {
  readonly method: "GET" | "POST";
  readonly headers: Record<string, string>;
  readonly body?: URLSearchParams | undefined;
}

/** Sends the requests of the OAuth library through `callOut`. */
export const fetchThrough =
  (callOut: CallOut, { onlyPublic }: Pick<RemoteAddress, "onlyPublic">) =>
  async (url: string, { method, headers, body }: OAuthRequest): Promise<Response> => {
    const response = await callOut({
      method,
      url: new URL(url),
      headers,
      ...(body !== undefined && { body: body.toString() }),
      onlyPublic,
      timeoutMs: TIMEOUT_MS,
      maxResponseBytes: MAX_RESPONSE_BYTES,
    });
    // The constructor of Response requires a Uint8Array with its own buffer.
    return new Response(new Uint8Array(response.body), { status: response.status, headers: response.headers });
  };
