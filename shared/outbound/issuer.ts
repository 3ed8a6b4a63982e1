import { type EpochMillis, laterBy, toSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { Secret } from "../host/secrets.ts";
import type { SigningKey } from "./signing-key.ts";

/** Who caused a call of ours, as far as it was proved. */
export interface Cause {
  /** Name of the source: chosen by the operator, so no sender can take another's. */
  readonly source: string;
  readonly principal: { readonly issuer: string; readonly subject: string };
  readonly delivery: string;
}

/** A token for a call, until when it may be used. */
export interface OutboundToken {
  readonly token: Secret;
  readonly expiresAt: EpochMillis;
}

/** Longest life of a token of ours: long enough for a task that waits to start, and no longer. */
const TOKEN_SECONDS = 600;

interface IssuerOptions {
  readonly issuer: string;
  /** The keys, the one that signs first. Each is asked for once; a failure is not remembered. */
  readonly keys: readonly (() => Promise<SigningKey>)[];
  readonly newTokenId: () => string;
}

/** The bridge as an issuer of tokens that any OpenID Connect library can verify. */
export class BridgeIssuer {
  readonly #options: IssuerOptions;
  readonly #opened = new Map<() => Promise<SigningKey>, Promise<SigningKey>>();

  constructor(options: IssuerOptions) {
    this.#options = options;
  }

  /**
   * OpenID Connect Discovery 1.0 §3, as far as verifying takes it:
   * there is no endpoint that anyone could ask for a token.
   */
  discovery(): object {
    const { issuer } = this.#options;
    return {
      issuer,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["ES256"],
      claims_supported: ["iss", "sub", "aud", "iat", "nbf", "exp", "jti", "act", "principal", "delivery"],
    };
  }

  /**
   * RFC 7517 §5. A key that does not sign, and cannot be had now, is left out: one that was retired keeps nobody from
   * verifying what the first signs. Throws when the first cannot be had.
   */
  async keySet(): Promise<object> {
    const [first = noKey(), ...others] = this.#options.keys.map((open) => this.#key(open));
    const [signing, more] = await Promise.all([first, Promise.allSettled(others)]);
    const keys = [signing, ...more.flatMap((one) => (one.status === "fulfilled" ? one.value : []))];
    return { keys: [...new Map(keys.map(({ kid, publicJwk }) => [kid, publicJwk])).values()] };
  }

  /**
   * A token for one call: audience is the target, `sub` the source and subject that caused it, and `act` the bridge, which
   * acts for it (RFC 8693 §4.1). Throws as {@link SigningKey.sign} does.
   */
  async mint(audience: string, { source, principal, delivery }: Cause, now: EpochMillis): Promise<OutboundToken> {
    const { issuer, newTokenId, keys } = this.#options;
    const [first] = keys;
    const key = await (first ? this.#key(first) : noKey());
    const iat = toSeconds(now);
    const claims = {
      ...{ iss: issuer, sub: `${source}:${principal.subject}`, aud: audience },
      ...{ iat, nbf: iat, exp: iat + TOKEN_SECONDS, jti: newTokenId() },
      act: { iss: issuer, sub: "drawbridge" },
      principal: { iss: principal.issuer, sub: principal.subject },
      delivery,
    };
    const input = `${encoded({ alg: "ES256", typ: "JWT", kid: key.kid })}.${encoded(claims)}`;
    const signature = await key.sign(Buffer.from(input, "ascii"));
    const token = new Secret(`${input}.${Buffer.from(signature).toString("base64url")}`);
    return { token, expiresAt: laterBy(now, TOKEN_SECONDS * 1000) };
  }

  #key(open: () => Promise<SigningKey>): Promise<SigningKey> {
    const opened = this.#opened.get(open);
    if (opened) return opened;
    const opening = open().catch((error: unknown) => {
      this.#opened.delete(open);
      throw error;
    });
    this.#opened.set(open, opening);
    return opening;
  }
}

const noKey = (): Promise<never> =>
  Promise.reject(new Fault("secret_unavailable", "there is no signing key", { retryable: true }));

const encoded = (value: object): string => Buffer.from(JSON.stringify(value), "utf8").toString("base64url");
