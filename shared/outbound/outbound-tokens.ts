import type { CallOut } from "../host/call-out.ts";
import type { Clock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Secret, Secrets } from "../host/secrets.ts";
import type { BridgeIssuer, Cause, OutboundToken } from "./issuer.ts";
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

/** What a token is asked for. */
interface Call {
  /** Name of the target. */
  readonly target: string;
  readonly cause: Cause;
}

/** A token is renewed this long before it ends: it has to last for the call, and clocks differ. */
const SPARE_MS = 60_000;
const MAX_KEPT = 1_000;

/** The tokens that the bridge shows its targets: got or made when needed, kept until shortly before they end. */
export class OutboundTokens {
  readonly #deps: OutboundDeps;
  readonly #kept = new Map<string, Promise<OutboundToken>>();

  constructor(deps: OutboundDeps) {
    this.#deps = deps;
  }

  /**
   * A token for a call, each for its target and principal; one of the bridge's own names the delivery too, and is kept for
   * its repeats only. Throws `token_unavailable` and `secret_unavailable`, which a later attempt may not meet, and
   * `configuration_invalid`.
   */
  async tokenFor(identity: TargetIdentity, { target, cause }: Call): Promise<Secret> {
    const key = JSON.stringify([target, cause.source, cause.principal, "bridge" in identity && cause.delivery]);
    const kept = this.#kept.get(key);
    if (kept) {
      const { token, expiresAt } = await kept;
      if (this.#deps.clock.now() < expiresAt - SPARE_MS) return token;
      // Whoever noticed first has asked for the next one meanwhile.
      if (this.#kept.get(key) === kept) this.#kept.delete(key);
      return this.tokenFor(identity, { target, cause });
    }
    const asked = this.#ask(identity, cause);
    this.#keep(key, asked);
    try {
      return (await asked).token;
    } catch (error) {
      if (this.#kept.get(key) === asked) this.#kept.delete(key);
      throw error;
    }
  }

  /** The oldest give way: a token that is asked for again costs one call. */
  #keep(key: string, token: Promise<OutboundToken>): void {
    this.#kept.set(key, token);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT) return;
      this.#kept.delete(oldest);
    }
  }

  async #ask(identity: TargetIdentity, cause: Cause): Promise<OutboundToken> {
    const { issuer, awsToken, clock } = this.#deps;
    if ("bridge" in identity) return present(issuer, "identity").mint(identity.bridge.audience, cause, clock.now());
    if ("kubernetes" in identity) return requestToken(identity.kubernetes, this.#deps);
    if ("aws" in identity) return present(awsToken, "AWS")(identity.aws.audience);
    // Loaded when a target first needs it.
    const { clientCredentials, exchange } = await import("./oauth.ts");
    if ("clientCredentials" in identity) return clientCredentials(identity.clientCredentials, this.#deps);
    const { tokenExchange } = identity;
    const own = await present(issuer, "identity").mint(tokenExchange.subjectAudience, cause, clock.now());
    return exchange(own.token, tokenExchange, this.#deps);
  }
}

function present<T>(tool: T | undefined, what: string): T {
  if (tool !== undefined) return tool;
  throw new Fault("configuration_invalid", `a target's identity needs ${what}, which is not there`, {
    retryable: false,
  });
}
