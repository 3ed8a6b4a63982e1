import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  AuthorizationResponseError,
  type AuthorizationServer,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  customFetch,
  deviceAuthorizationRequest,
  deviceCodeGrantRequest,
  discoveryRequest,
  generateRandomCodeVerifier,
  generateRandomState,
  None,
  processAuthorizationCodeResponse,
  processDeviceAuthorizationResponse,
  processDeviceCodeResponse,
  processDiscoveryResponse,
  processRefreshTokenResponse,
  ResponseBodyError,
  refreshTokenGrantRequest,
  revocationRequest,
  type TokenEndpointResponse,
  validateAuthResponse,
} from "oauth4webapi";
import { callOut } from "../host/call-out.ts";
import { type Clock, laterBy } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { isSecureUrl } from "../host/secure-url.ts";
import { fetchThrough } from "../outbound/oauth.ts";
import { usageFault } from "./command.ts";
import type { Login } from "./login-file.ts";
import { printable } from "./terminal-text.ts";

/** The client that people log in with, as it is registered at the issuer. It has no secret. */
export type LoginClient = Pick<Login, "issuer" | "clientId" | "audience" | "scope">;
export type Tokens = Pick<Login, "accessToken" | "refreshToken" | "expiresAt">;

export interface LoginDeps {
  readonly print: (text: string) => void;
  readonly clock: Clock;
  readonly wait: (seconds: number) => Promise<void>;
  /** The port of the address that the issuer redirects the browser to; 0 for any. */
  readonly port: number;
}

/** The server of a client, after its discovery. */
export async function discover({ issuer }: Pick<LoginClient, "issuer">): Promise<AuthorizationServer> {
  if (!isSecureUrl(issuer)) throw usageFault(`the issuer must be the address of an OpenID provider with https://`);
  const url = new URL(issuer);
  const response = await discoveryRequest(url, optionsOf(issuer)).catch(unreachable(issuer));
  const server = await processDiscoveryResponse(url, response).catch((cause: unknown) => {
    const message = `${url.host} has no usable discovery document; the issuer must be written as in its tokens`;
    throw new Fault("token_unavailable", message, { retryable: false, cause });
  });
  for (const endpoint of [server.token_endpoint, server.device_authorization_endpoint, server.authorization_endpoint]) {
    const isSafe =
      endpoint === undefined || (isSecureUrl(endpoint) && (endpoint.startsWith("https:") || isLocal(issuer)));
    if (!isSafe)
      throw new Fault("token_unavailable", `${url.host} names an endpoint without https://`, { retryable: false });
  }
  return server;
}

const isLocal = (issuer: string): boolean => issuer.startsWith("http:");

const optionsOf = (issuer: string) => ({
  [customFetch]: fetchThrough(callOut, { onlyPublic: false }),
  // Only an issuer on this machine may have it; see `isSecureUrl`.
  [allowInsecureRequests]: isLocal(issuer),
});

const unreachable = (issuer: string) => (cause: unknown) => {
  throw new Fault("token_unavailable", `${new URL(issuer).host} cannot be reached`, { retryable: true, cause });
};

/** A resource is an absolute URI (RFC 8707 §2). Some issuers name another audience by `audience`. */
const targetOf = ({ audience }: LoginClient): Readonly<Record<string, string>> =>
  URL.canParse(audience) ? { resource: audience } : { audience };

/** Device authorization grant: https://www.rfc-editor.org/rfc/rfc8628 */
export async function logInByDevice(
  client: LoginClient,
  server: AuthorizationServer,
  deps: LoginDeps,
): Promise<Tokens> {
  const own = { client_id: client.clientId };
  const options = optionsOf(client.issuer);
  const parameters = { scope: client.scope, ...targetOf(client) };
  const asked = await deviceAuthorizationRequest(server, own, None(), parameters, options).catch(
    unreachable(client.issuer),
  );
  const begun = await processDeviceAuthorizationResponse(server, own, asked).catch(refused(client));
  deps.print(printable(`Open ${begun.verification_uri} and enter the code ${begun.user_code}`));
  if (begun.verification_uri_complete !== undefined)
    deps.print(printable(`or open ${begun.verification_uri_complete}`));
  const endsAt = laterBy(deps.clock.now(), begun.expires_in * 1_000);
  let interval = Math.max(begun.interval ?? DEFAULT_INTERVAL, MIN_INTERVAL);
  while (deps.clock.now() < endsAt) {
    // A timer of more than 24 days would end at once.
    await deps.wait(Math.min(interval, MAX_INTERVAL));
    const requestedAt = deps.clock.now();
    try {
      const additionalParameters = targetOf(client);
      const response = await deviceCodeGrantRequest(server, own, None(), begun.device_code, {
        ...options,
        additionalParameters,
      });
      return tokensOf(await processDeviceCodeResponse(server, own, response), requestedAt, client);
    } catch (error) {
      const code = error instanceof ResponseBodyError ? error.error : undefined;
      // A connection that timed out: ask less often (§3.5), as after `slow_down`.
      if (code === "slow_down" || (error instanceof Fault && error.retryable)) interval += 5;
      else if (code === "expired_token") break;
      else if (code !== "authorization_pending") return refused(client)(error);
    }
  }
  throw new Fault("not_allowed", "nobody confirmed the code in time: log in again", { retryable: false });
}

/** Seconds (RFC 8628 §3.2). */
const DEFAULT_INTERVAL = 5;
const MIN_INTERVAL = 1;
const MAX_INTERVAL = 300;

/** Authorization code with PKCE, and a redirect to this machine: https://www.rfc-editor.org/rfc/rfc8252#section-7.3 */
export async function logInByBrowser(
  client: LoginClient,
  server: AuthorizationServer,
  deps: LoginDeps,
): Promise<Tokens> {
  const own = { client_id: client.clientId };
  const [state, verifier] = [generateRandomState(), generateRandomCodeVerifier()];
  if (server.authorization_endpoint === undefined)
    throw new Fault("token_unavailable", `${server.issuer} lets nobody log in at a terminal`, { retryable: false });
  const { redirectUri, answered, close } = await listenForAnswer(deps.port, (url) =>
    validateAuthResponse(server, own, url, state),
  );
  try {
    const url = new URL(server.authorization_endpoint);
    const parameters = {
      response_type: "code",
      client_id: client.clientId,
      redirect_uri: redirectUri,
      scope: client.scope,
      state,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      ...targetOf(client),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    deps.print(`Open this address in a browser on this machine:\n${url.href}`);
    const code = await answered.catch(refused(client));
    const options = { ...optionsOf(client.issuer), additionalParameters: targetOf(client) };
    const requestedAt = deps.clock.now();
    const response = await authorizationCodeGrantRequest(server, own, None(), code, redirectUri, verifier, options);
    const tokens = await processAuthorizationCodeResponse(server, own, response).catch(refused(client));
    return tokensOf(tokens, requestedAt, client);
  } finally {
    close();
  }
}

/** Waits for the one redirect that has the state of this login. Other requests get an error and end nothing. */
async function listenForAnswer(port: number, accept: (url: URL) => URLSearchParams) {
  let resolve: (parameters: URLSearchParams) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const answered = new Promise<URLSearchParams>((onAnswer, onRefusal) => {
    resolve = onAnswer;
    reject = onRefusal;
  });
  // It may be refused before somebody waits for it.
  answered.catch(() => undefined);
  const server = createServer((request, response) => {
    const end = (status: number, text: string): void => {
      response.writeHead(status, { "content-type": "text/plain", connection: "close" }).end(`${text}\n`);
    };
    // A page in the browser can send any path, also one that is no URL.
    const [, query] = /^\/callback\?(.*)$/.exec(request.url ?? "") ?? [];
    if (query === undefined) return end(404, "There is no such page.");
    try {
      const parameters = accept(new URL(`?${query}`, "http://127.0.0.1/callback"));
      end(200, "You are logged in. You can close this page.");
      resolve(parameters);
    } catch (error) {
      end(400, "This is not the answer to the login that waits.");
      if (error instanceof AuthorizationResponseError) reject(error);
    }
  });
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(port, "127.0.0.1", listening);
  });
  const timer = setTimeout(
    () => reject(new Fault("not_allowed", "nobody logged in within 5 minutes", { retryable: false })),
    300_000,
  );
  const { port: taken } = server.address() as AddressInfo;
  const close = (): void => {
    clearTimeout(timer);
    server.close();
    server.closeIdleConnections();
  };
  return { redirectUri: `http://127.0.0.1:${taken}/callback`, answered, close };
}

/** Throws `not_allowed` if the login has ended, and `token_unavailable` if the issuer cannot be reached. */
export async function refresh(login: Login, clock: Clock): Promise<Tokens> {
  const server = await discover(login);
  const own = { client_id: login.clientId };
  const options = { ...optionsOf(login.issuer), additionalParameters: targetOf(login) };
  const requestedAt = clock.now();
  const response = await refreshTokenGrantRequest(server, own, None(), login.refreshToken ?? "", options).catch(
    unreachable(login.issuer),
  );
  const tokens = await processRefreshTokenResponse(server, own, response).catch(refused(login));
  // An issuer that does not rotate refresh tokens issues none with the access token (RFC 6749 §6).
  const { refreshToken = login.refreshToken, ...rest } = tokensOf(tokens, requestedAt, login);
  return { ...rest, ...(refreshToken !== undefined && { refreshToken }) };
}

/** Ends the login at the issuer, if it can do that (RFC 7009). Without an answer the tokens expire by themselves. */
export async function revoke(login: Login): Promise<boolean> {
  const server = await discover(login).catch(() => undefined);
  if (server?.revocation_endpoint === undefined) return false;
  const token = login.refreshToken ?? login.accessToken;
  const response = await revocationRequest(
    server,
    { client_id: login.clientId },
    None(),
    token,
    optionsOf(login.issuer),
  ).catch(() => undefined);
  return response?.ok === true;
}

/** Only the issuer's error code is shown: every other text may quote a token. */
const refused =
  ({ issuer }: Pick<LoginClient, "issuer">) =>
  (error: unknown): never => {
    if (error instanceof Fault) throw error;
    const isError = error instanceof ResponseBodyError || error instanceof AuthorizationResponseError;
    const code = isError && /^[a-z_]{1,40}$/.test(error.error) ? error.error : "no usable response";
    const { host } = new URL(issuer);
    const message = HINTS[code] ?? `${host} refused the login: ${code}`;
    throw new Fault("not_allowed", message, { retryable: false });
  };

const HINTS: Readonly<Record<string, string>> = {
  access_denied: "the login was denied at the issuer",
  invalid_grant: "the login has ended: log in again with drawbridge login",
  invalid_client:
    "the issuer does not know this client as one without a secret: check --client-id, and its registration",
  unauthorized_client: "the client may not log in this way: allow it the device grant, or the code grant with PKCE",
  invalid_target:
    "the issuer issues no tokens for this audience: register the bridge there as an API, or check --audience",
  invalid_scope: "the issuer does not know the scope: check --scope",
};

function tokensOf(
  { access_token, refresh_token, expires_in = 60 }: TokenEndpointResponse,
  requestedAt: number,
  client: LoginClient,
): Tokens {
  checkClaims(access_token, client);
  return {
    accessToken: access_token,
    // An issuer may write any number. The bridge verifies the time that the token itself has.
    expiresAt: requestedAt + Math.min(expires_in, MAX_LIFETIME) * 1_000,
    ...(refresh_token !== undefined && { refreshToken: refresh_token }),
  };
}

/** Seconds: a year. */
const MAX_LIFETIME = 31_536_000;

/** The bridge verifies a token. This explains beforehand why it would refuse it. */
function checkClaims(token: string, { issuer, audience }: LoginClient): void {
  const { iss, aud } = claimsOf(token) ?? {};
  const fault = (message: string): Fault => new Fault("not_allowed", printable(message), { retryable: false });
  if (iss === undefined) {
    throw fault(
      `the access token of ${issuer} is no JWT, so no bridge can verify it: register the bridge there as an API with the audience ${audience}, or check --audience`,
    );
  }
  if (iss !== issuer) throw fault(`the token's issuer is ${iss}, and not ${issuer}: check --issuer`);
  const audiences = [aud].flat();
  if (audiences.includes(audience)) return;
  throw fault(
    `the token's audience is ${audiences.join(", ")}, and the bridge wants ${audience}: check --audience and --scope, and the API at the issuer`,
  );
}

/** Claims that nothing proves, for a message. */
export function claimsOf(token: string): { readonly [name: string]: unknown } | undefined {
  const [, payload = "", signature] = token.split(".");
  if (signature === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    return typeof claims === "object" && claims !== null ? { ...claims } : undefined;
  } catch {
    return undefined;
  }
}
