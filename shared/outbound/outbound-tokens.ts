import type { CallOut } from "../host/call-out.ts";
import { type Clock, isAhead, type Moment, momentOf, msSince } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Secret, Secrets } from "../host/secrets.ts";
import type { BoundRequest, BridgeIssuer, Cause, OutboundToken } from "./issuer.ts";
import type { TargetIdentity } from "./target-identity.ts";
import { requestToken } from "./token-request.ts";

export interface OutboundDeps {
  readonly secrets: Secrets;
  readonly callOut: CallOut;
  readonly clock: Clock;
  /** Undefined if the configuration has no `identity`. */
  readonly issuer: BridgeIssuer | undefined;
  /** `sts:GetWebIdentityToken`; undefined outside AWS. */
  readonly awsToken: ((audience: string) => Promise<OutboundToken>) | undefined;
}

/** An identity whose tokens are valid for any request to the target. */
type ReusableIdentity = Exclude<TargetIdentity, BridgeIdentity>;
type BridgeIdentity = Extract<TargetIdentity, { bridge: unknown }>;

/** Who needs a token, for which target. Those who differ in any member never get the same token. */
interface Call {
  /** Name of the target. */
  readonly target: string;
  readonly cause: Cause;
}

/** A token is renewed this long before it expires: it must be valid during the whole call, and clocks differ. */
const EXPIRY_MARGIN_MS = 60_000;
const MAX_CACHED = 1_000;

/** The tokens for calls to targets: requested or issued when needed, cached until shortly before they expire. */
export class OutboundTokens {
  readonly #deps: OutboundDeps;
  readonly #cache = new Map<string, CachedToken>();

  constructor(deps: OutboundDeps) {
    this.#deps = deps;
  }

  /**
   * Creates a token of the bridge itself for one request. It is bound to that request, so no other one gets it. Throws
   * `secret_unavailable`, which is retryable, and `configuration_invalid`.
   */
  async boundToken({ bridge }: BridgeIdentity, cause: Cause, request: BoundRequest): Promise<Secret> {
    const { issuer, clock } = this.#deps;
    const content = { audience: bridge.audience, cause, request };
    return (await required(issuer, "identity").mint(content, clock.now())).token;
  }

  /**
   * Returns a token for calls; each target and cause has its own. Throws `token_unavailable` and `secret_unavailable`,
   * which are retryable, and `configuration_invalid`.
   */
  async tokenFor(identity: ReusableIdentity, { target, cause }: Call): Promise<Secret> {
    const key = JSON.stringify([target, cause]);
    const cached = this.#cache.get(key);
    if (cached) {
      const token = await this.#usable(cached);
      if (token !== undefined) return token;
      // A concurrent call may already have requested the next token.
      if (this.#cache.get(key) === cached) this.#cache.delete(key);
      return this.tokenFor(identity, { target, cause });
    }
    const requested = { since: momentOf(this.#deps.clock), token: this.#request(identity, cause) };
    this.#store(key, requested);
    try {
      return (await requested.token).token;
    } catch (error) {
      if (this.#cache.get(key) === requested) this.#cache.delete(key);
      throw error;
    }
  }

  /**
   * The token while it is valid. Its lifetime runs from its request, so a clock that is set back does not lengthen it. A
   * token that was requested in the future is not used: the target would not accept one of the bridge's own.
   */
  async #usable({ since, token: requested }: CachedToken): Promise<Secret | undefined> {
    const { clock } = this.#deps;
    const { token, expiresAt } = await requested;
    const isUsable = msSince(since, clock) < expiresAt - since.at - EXPIRY_MARGIN_MS;
    return isUsable && !isAhead(since.at, clock.now()) ? token : undefined;
  }

  /** Evicts the oldest tokens: a new request for such a token costs one call. */
  #store(key: string, token: CachedToken): void {
    this.#cache.set(key, token);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= MAX_CACHED) return;
      this.#cache.delete(oldest);
    }
  }

  async #request(identity: ReusableIdentity, cause: Cause): Promise<OutboundToken> {
    const { issuer, awsToken, clock } = this.#deps;
    if ("kubernetes" in identity) return requestToken(identity.kubernetes, this.#deps);
    if ("aws" in identity) return required(awsToken, "AWS")(identity.aws.audience);
    // The OAuth library is loaded when a target first needs it.
    const { clientCredentials, exchange } = await import("./oauth.ts");
    if ("clientCredentials" in identity) return clientCredentials(identity.clientCredentials, this.#deps);
    const { tokenExchange } = identity;
    const content = { audience: tokenExchange.subjectAudience, cause };
    const ownToken = await required(issuer, "identity").mint(content, clock.now());
    return exchange(ownToken.token, tokenExchange, this.#deps);
  }
}

interface CachedToken {
  /** When it was requested. */
  readonly since: Moment;
  readonly token: Promise<OutboundToken>;
}

function required<T>(dependency: T | undefined, name: string): T {
  if (dependency !== undefined) return dependency;
  throw new Fault("configuration_invalid", `the identity of a target needs ${name}, which is not configured`, {
    retryable: false,
  });
}
