import { type EpochMillis, laterBy, toSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { Secret } from "../host/secrets.ts";
import type { SigningKey } from "./signing-key.ts";

/** The proved identity that caused an outbound call. */
export interface Cause {
  /** Name of the source. The operator chooses it, so no sender can use that of another. */
  readonly source: string;
  readonly principal: { readonly issuer: string; readonly subject: string };
  readonly delivery: string;
}

/** A token for an outbound call, and its expiry. */
export interface OutboundToken {
  readonly token: Secret;
  readonly expiresAt: EpochMillis;
}

/** Lifetime of the bridge's own tokens: just long enough for a task that waits to start. */
const TOKEN_SECONDS = 600;

interface IssuerOptions {
  readonly issuer: string;
  /** Openers of the keys, the signing key first. Each is called once; a failure is not cached. */
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
   * Returns the part of the discovery document that verification needs (OpenID Connect Discovery 1.0 §3):
   * there is no token endpoint.
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
   * Returns the JWK set (RFC 7517 §5). A key other than the signing key is omitted if it cannot be opened now, so that
   * a retired key does not prevent the verification of new tokens. Throws if the signing key cannot be opened.
   */
  async keySet(): Promise<object> {
    const [first = noKey(), ...others] = this.#options.keys.map((open) => this.#key(open));
    const [signingKey, otherKeys] = await Promise.all([first, Promise.allSettled(others)]);
    const keys = [signingKey, ...otherKeys.flatMap((one) => (one.status === "fulfilled" ? one.value : []))];
    return { keys: [...new Map(keys.map(({ kid, publicJwk }) => [kid, publicJwk])).values()] };
  }

  /**
   * Creates a token for one call: the audience is the target, `sub` is the source and subject that caused the call, and
   * `act` is the bridge, which acts on behalf of it (RFC 8693 §4.1). Throws like {@link SigningKey.sign}.
   */
  async mint(audience: string, { source, principal, delivery }: Cause, now: EpochMillis): Promise<OutboundToken> {
    const { issuer, newTokenId, keys } = this.#options;
    const [first] = keys;
    const key = await (first ? this.#key(first) : noKey());
    const iat = toSeconds(now);
    const claims = {
      iss: issuer,
      sub: `${source}:${principal.subject}`,
      aud: audience,
      iat,
      nbf: iat,
      exp: iat + TOKEN_SECONDS,
      jti: newTokenId(),
      act: { iss: issuer, sub: "drawbridge" },
      principal: { iss: principal.issuer, sub: principal.subject },
      delivery,
    };
    const input = `${encode({ alg: "ES256", typ: "JWT", kid: key.kid })}.${encode(claims)}`;
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

const encode = (value: object): string => Buffer.from(JSON.stringify(value), "utf8").toString("base64url");
