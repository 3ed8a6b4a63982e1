import {
  AuthorizationResponseError,
  type AuthorizationServer,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  ClientSecretBasic,
  calculatePKCECodeChallenge,
  customFetch,
  discoveryRequest,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
  None,
  processAuthorizationCodeResponse,
  processDiscoveryResponse,
  ResponseBodyError,
  validateAuthResponse,
} from "oauth4webapi";
import type { CallOut } from "../host/call-out.ts";
import { type Clock, type EpochMillis, laterBy } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { type RemoteAddress, remoteAddress } from "../host/remote-address.ts";
import { Secret, type Secrets } from "../host/secrets.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { fetchThrough } from "../outbound/oauth.ts";
import type { ConsoleSettings } from "./settings.ts";

export interface SignInDeps {
  readonly settings: Pick<ConsoleSettings, "clientId" | "clientSecret" | "scope">;
  /** Issuer of the console's trust entry. */
  readonly issuer: string;
  /** Of the trust entry: addresses in private networks that the issuer's discovery document may name. */
  readonly internalOrigins: readonly string[];
  /** URL that the issuer redirects to after the sign-in. It must be registered there. */
  readonly redirectUri: string;
  readonly secrets: Secrets;
  readonly callOut: CallOut;
  readonly clock: Clock;
}

/**
 * How long the issuer's discovery document is cached. Unauthenticated sign-in requests cause no call to the issuer within
 * this time.
 */
const DISCOVERED_MS = 10 * 60_000;

/** Data that the browser stores from the begin of a sign-in to its end. No other browser can complete it (RFC 9700 §2.1). */
export interface BegunSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** Path of the page to show after the sign-in. */
  readonly to: string;
}

/**
 * OpenID Connect by authorization code with PKCE, state and nonce
 * (https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth, RFC 7636).
 */
export class SignIn {
  readonly #deps: SignInDeps;
  #discovered: { readonly server: Promise<SignInServer>; readonly until: EpochMillis } | undefined;

  constructor(deps: SignInDeps) {
    this.#deps = deps;
  }

  /**
   * Returns the URL to redirect the browser to, and the data that it must store. `forceLogin`: the issuer must
   * authenticate the person even if it has a session. Throws `token_unavailable`, and what an outbound call throws.
   */
  async begin(to: string, { forceLogin = false } = {}): Promise<{ readonly url: URL; readonly begun: BegunSignIn }> {
    const { settings, redirectUri } = this.#deps;
    const state = generateRandomState();
    const nonce = generateRandomNonce();
    const verifier = generateRandomCodeVerifier();
    const { authorization } = await this.#server();
    const url = new URL(authorization.url);
    const parameters = {
      response_type: "code",
      client_id: settings.clientId,
      redirect_uri: redirectUri,
      scope: settings.scope,
      state,
      nonce,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      // OpenID Connect Core §3.1.2.1.
      ...(forceLogin && { prompt: "login" }),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return { url, begun: { state, nonce, verifier, to } };
  }

  /**
   * Returns the ID token that the issuer issues for the code in `callback`, the URL that the browser was redirected to.
   * Issuer, audience and nonce are checked here; the trust entry checks the signature and everything else. Throws as
   * {@link begin} does.
   */
  async finish(callback: URL, { state, nonce, verifier }: BegunSignIn): Promise<Result<Secret>> {
    const { settings, redirectUri, secrets } = this.#deps;
    const { metadata, token: tokenEndpoint } = await this.#server();
    const client = { client_id: settings.clientId };
    const secret = settings.clientSecret && (await secrets.read(settings.clientSecret));
    const authentication = secret ? ClientSecretBasic(secret.reveal()) : None();
    try {
      const code = validateAuthResponse(metadata, client, callback, state);
      const response = await authorizationCodeGrantRequest(
        metadata,
        client,
        authentication,
        code,
        redirectUri,
        verifier,
        this.#options(tokenEndpoint),
      );
      const expected = { expectedNonce: nonce, requireIdToken: true };
      const { id_token: token } = await processAuthorizationCodeResponse(metadata, client, response, expected);
      return token === undefined ? failed("the issuer issued no ID token") : ok(new Secret(token));
    } catch (error) {
      if (error instanceof Fault) throw error;
      return failed(problemOf(error));
    }
  }

  async #server(): Promise<SignInServer> {
    const now = this.#deps.clock.now();
    if (this.#discovered === undefined || this.#discovered.until <= now) {
      this.#discovered = { server: this.#discover(), until: laterBy(now, DISCOVERED_MS) };
    }
    const cached = this.#discovered;
    try {
      return await cached.server;
    } catch (error) {
      if (this.#discovered === cached) this.#discovered = undefined;
      throw error;
    }
  }

  async #discover(): Promise<SignInServer> {
    const issuer = new URL(this.#deps.issuer);
    const response = await discoveryRequest(issuer, this.#options({ onlyPublic: false }));
    const metadata = await processDiscoveryResponse(issuer, response).catch((cause: unknown) => {
      throw unavailable(this.#deps.issuer, "its discovery document cannot be used", cause);
    });
    const origins = [issuer.origin, ...this.#deps.internalOrigins];
    const endpoint = (name: "authorization_endpoint" | "token_endpoint"): RemoteAddress => {
      const address = remoteAddress(metadata[name] ?? "", origins);
      if (address !== undefined) return address;
      throw unavailable(this.#deps.issuer, `its ${name} is missing, is not https, or is an internal address`);
    };
    return { metadata, authorization: endpoint("authorization_endpoint"), token: endpoint("token_endpoint") };
  }

  /** The configuration accepts `http` for loopback only; see `secureUrl`. */
  #options(address: Pick<RemoteAddress, "onlyPublic">) {
    const { callOut, issuer } = this.#deps;
    return { [customFetch]: fetchThrough(callOut, address), [allowInsecureRequests]: issuer.startsWith("http:") };
  }
}

/** An issuer's metadata, with the addresses that {@link remoteAddress} allows. */
interface SignInServer {
  readonly metadata: AuthorizationServer;
  readonly authorization: RemoteAddress;
  readonly token: RemoteAddress;
}

/** Never the library's messages: they may quote the code or the token. Only the issuer's error code is passed on. */
function problemOf(error: unknown): string {
  const isIssuerError = error instanceof AuthorizationResponseError || error instanceof ResponseBodyError;
  if (!isIssuerError) return "the answer does not belong to this sign-in";
  return `the issuer answered ${/^[a-z_]{1,40}$/.test(error.error) ? error.error : "with an error"}`;
}

const failed = (problem: string): Result<never> => reject({ reason: "sign_in_failed", problem });

const unavailable = (issuer: string, why: string, cause?: unknown): Fault =>
  new Fault("token_unavailable", `${new URL(issuer).host} cannot sign people in: ${why}`, { retryable: true, cause });
