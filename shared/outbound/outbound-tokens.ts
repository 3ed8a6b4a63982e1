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

/** A token is renewed a tenth of its lifetime before it expires, at most this long: calls take time, and clocks differ. */
const LONGEST_MARGIN_MS = 60_000;
const MARGIN_SHARE = 0.1;
const MAX_KEPT = 1_000;

/**
 * The tokens for calls to targets. A reusable one is requested when a call first needs it and kept until shortly before it
 * expires, and everybody who would send the same request for it gets the same token.
 */
export class OutboundTokens {
  readonly #deps: OutboundDeps;
  readonly #kept = new Map<string, KeptToken>();

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
   * Returns a token for calls. One request is made at a time for each token, and who waited for its response uses the token
   * however soon it expires. Throws `token_unavailable` and `secret_unavailable`, which are retryable, and
   * `configuration_invalid`. Until the time that a server asked for with `Retry-After`, it is not asked again.
   */
  async tokenFor(identity: ReusableIdentity, cause: Cause): Promise<Secret> {
    const key = keyOf(identity, cause);
    const kept = this.#kept.get(key);
    if (kept !== undefined && !this.#isOver(kept)) return await this.#tokenOf(kept);
    const requested: KeptToken = { since: momentOf(this.#deps.clock), token: this.#request(identity, cause) };
    this.#keep(key, requested);
    try {
      const issued = await requested.token;
      requested.issued = issued;
      return issued.token;
    } catch (error) {
      requested.refusedForMs = ((error instanceof Fault && error.retryAfterSeconds) || 0) * 1_000;
      throw error;
    }
  }

  /** Throws as its request did, with the time that is left of the wait that the server asked for. */
  async #tokenOf(kept: KeptToken): Promise<Secret> {
    const { since, token, refusedForMs } = kept;
    try {
      return (await token).token;
    } catch (error) {
      if (!(error instanceof Fault) || !refusedForMs) throw error;
      const left = Math.max(1, Math.ceil((refusedForMs - msSince(since, this.#deps.clock)) / 1_000));
      throw new Fault(error.code, error.message, { retryable: error.retryable, retryAfterSeconds: left });
    }
  }

  /** The target answered 401 to a token of {@link tokenFor}: the next call requests another one. */
  rejected(identity: ReusableIdentity, cause: Cause, token: Secret): void {
    const key = keyOf(identity, cause);
    // A concurrent call may already have requested the next token.
    if (this.#kept.get(key)?.issued?.token === token) this.#kept.delete(key);
  }

  /**
   * Whether another token has to be requested. The lifetime of a token runs from its request, so a clock that is set back
   * does not lengthen it. A token that was requested in the future is not used: the target would not accept one of the
   * bridge's own.
   */
  #isOver({ since, issued, refusedForMs }: KeptToken): boolean {
    const { clock } = this.#deps;
    const age = msSince(since, clock);
    if (refusedForMs !== undefined) return age >= refusedForMs;
    if (issued === undefined) return false;
    const lifetime = issued.expiresAt - since.at;
    const margin = Math.min(LONGEST_MARGIN_MS, lifetime * MARGIN_SHARE);
    return age >= lifetime - margin || isAhead(since.at, clock.now());
  }

  /** Evicts the oldest tokens: a new request for such a token costs one call. */
  #keep(key: string, token: KeptToken): void {
    this.#kept.delete(key);
    this.#kept.set(key, token);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT) return;
      this.#kept.delete(oldest);
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

interface KeptToken {
  /** When it was requested. */
  readonly since: Moment;
  readonly token: Promise<OutboundToken>;
  /** Undefined while the request runs. */
  issued?: OutboundToken;
  /** The request failed: how long the server is not asked again, from `since`. */
  refusedForMs?: number;
}

/**
 * What the request for a token consists of: only a token exchange names who caused the call. Two calls get the same token
 * if, and only if, their requests for one are the same.
 */
const keyOf = (identity: ReusableIdentity, cause: Cause): string =>
  JSON.stringify("tokenExchange" in identity ? [identity, cause] : [identity]);

function required<T>(dependency: T | undefined, name: string): T {
  if (dependency !== undefined) return dependency;
  throw new Fault("configuration_invalid", `the identity of a target needs ${name}, which is not configured`, {
    retryable: false,
  });
}
