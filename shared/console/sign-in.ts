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
import { Secret, type Secrets } from "../host/secrets.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { fetchThrough } from "../outbound/oauth.ts";
import type { ConsoleSettings } from "./settings.ts";

export interface SignInDeps {
  readonly settings: Pick<ConsoleSettings, "clientId" | "clientSecret" | "scope">;
  /** Of the console's trust entry. */
  readonly issuer: string;
  /** Where the issuer sends people back to; registered there. */
  readonly redirectUri: string;
  readonly secrets: Secrets;
  readonly callOut: CallOut;
  readonly clock: Clock;
}

/**
 * How long what the issuer tells of itself is used: whoever asks to sign in, proved or not, makes no call meanwhile.
 */
const DISCOVERED_MS = 10 * 60_000;

/** What the browser that began a sign-in keeps until it ends: no other browser can end it (RFC 9700 §2.1). */
export interface BegunSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  /** The page to go on with. */
  readonly to: string;
}

/**
 * OpenID Connect by authorization code with PKCE, state and nonce
 * (https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth, RFC 7636).
 */
export class SignIn {
  readonly #deps: SignInDeps;
  #discovered: { readonly server: Promise<AuthorizationServer>; readonly until: EpochMillis } | undefined;

  constructor(deps: SignInDeps) {
    this.#deps = deps;
  }

  /**
   * Where to send the browser, and what it is to keep. `anew`: the issuer is to ask who it is, whatever it remembers.
   * Throws `token_unavailable`, and what a call out throws.
   */
  async begin(to: string, { anew = false } = {}): Promise<{ readonly url: URL; readonly begun: BegunSignIn }> {
    const { settings, redirectUri } = this.#deps;
    const [state, nonce, verifier] = [generateRandomState(), generateRandomNonce(), generateRandomCodeVerifier()];
    const { authorization_endpoint: endpoint } = await this.#server();
    if (endpoint === undefined) throw unavailable(this.#deps.issuer, "it has no authorization endpoint");
    const url = new URL(endpoint);
    const parameters = {
      ...{ response_type: "code", client_id: settings.clientId, redirect_uri: redirectUri, scope: settings.scope },
      ...{ state, nonce, code_challenge: await calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" },
      // OpenID Connect Core §3.1.2.1.
      ...(anew && { prompt: "login" }),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return { url, begun: { state, nonce, verifier, to } };
  }

  /**
   * The ID token that the issuer gives for the code in `answered`, the address that the browser came back to. Its issuer,
   * audience and nonce are checked here; its signature and all else is left to the trust entry. Throws as {@link begin}.
   */
  async finish(answered: URL, { state, nonce, verifier }: BegunSignIn): Promise<Result<Secret>> {
    const { settings, redirectUri, secrets } = this.#deps;
    const server = await this.#server();
    const client = { client_id: settings.clientId };
    const secret = settings.clientSecret && (await secrets.read(settings.clientSecret));
    const authentication = secret ? ClientSecretBasic(secret.reveal()) : None();
    try {
      const code = validateAuthResponse(server, client, answered, state);
      const given = await authorizationCodeGrantRequest(
        ...([server, client, authentication, code, redirectUri, verifier, this.#options()] as const),
      );
      const expected = { expectedNonce: nonce, requireIdToken: true };
      const { id_token: token } = await processAuthorizationCodeResponse(server, client, given, expected);
      return token === undefined ? failed("the issuer gave no ID token") : ok(new Secret(token));
    } catch (error) {
      if (error instanceof Fault) throw error;
      return failed(problemOf(error));
    }
  }

  async #server(): Promise<AuthorizationServer> {
    const now = this.#deps.clock.now();
    if (this.#discovered === undefined || this.#discovered.until <= now) {
      this.#discovered = { server: this.#discover(), until: laterBy(now, DISCOVERED_MS) };
    }
    const kept = this.#discovered;
    try {
      return await kept.server;
    } catch (error) {
      if (this.#discovered === kept) this.#discovered = undefined;
      throw error;
    }
  }

  async #discover(): Promise<AuthorizationServer> {
    const issuer = new URL(this.#deps.issuer);
    const answer = await discoveryRequest(issuer, this.#options());
    return processDiscoveryResponse(issuer, answer).catch((cause: unknown) => {
      throw unavailable(this.#deps.issuer, "its discovery document cannot be used", cause);
    });
  }

  /** `http` is in the configuration for this machine only; see `secureUrl`. */
  #options() {
    return { [customFetch]: fetchThrough(this.#deps.callOut), [allowInsecureRequests]: true };
  }
}

/**
 * Of the library's words none goes further: they may quote the code or the token. Of the issuer's its error code does.
 */
function problemOf(error: unknown): string {
  const isTold = error instanceof AuthorizationResponseError || error instanceof ResponseBodyError;
  if (!isTold) return "the answer does not belong to this sign-in";
  return `the issuer answered ${/^[a-z_]{1,40}$/.test(error.error) ? error.error : "with an error"}`;
}

const failed = (problem: string): Result<never> => reject({ reason: "sign_in_failed", problem });

const unavailable = (issuer: string, why: string, cause?: unknown): Fault =>
  new Fault("token_unavailable", `${new URL(issuer).host} cannot sign people in: ${why}`, { retryable: true, cause });
