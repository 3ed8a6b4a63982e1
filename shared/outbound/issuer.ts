import { hash } from "node:crypto";
import { type EpochMillis, type EpochSeconds, laterBy, toSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { Secret } from "../host/secrets.ts";
import type { NamedPrincipal } from "../model/principal.ts";
import type { Replay } from "../model/recorded-delivery.ts";
import type { RunKey } from "../model/run-key.ts";
import type { SigningKey } from "./signing-key.ts";

/** The identity that caused an outbound call. */
export interface Cause {
  /** Of a replay: who asked for it. */
  readonly principal: NamedPrincipal;
  readonly replay?: Replay;
}

/** The one request for which a token is made. */
export interface BoundRequest {
  /** The delivery that the request is about. */
  readonly delivery: string;
  readonly route: string;
  /** The body, as it is sent. */
  readonly body: string;
}

interface TokenContent {
  readonly audience: string;
  readonly cause: Cause;
  /** Undefined for a token that is exchanged for another one. */
  readonly request?: BoundRequest;
}

/** A token for an outbound call, and its expiry. */
export interface OutboundToken {
  readonly token: Secret;
  readonly expiresAt: EpochMillis;
}

/** A token that lets the holder of another one call an upstream. */
export interface AccessTokenContent {
  readonly audience: string;
  readonly scopes: readonly string[];
  readonly lifetimeSeconds: number;
  /** The principal of the token that it was exchanged for. */
  readonly principal: NamedPrincipal;
  /** The roles of that principal that count here. */
  readonly roles: readonly string[];
  /** The run that the token ends with, and since when ends of it count; undefined if it belongs to none. */
  readonly run?: { readonly keys: readonly RunKey[]; readonly since: EpochSeconds } | undefined;
  readonly initiator?: Initiator | undefined;
  /** The delivery that the run was started for. */
  readonly delivery?: string | undefined;
}

/** The person or account because of whom a run was started. */
export interface Initiator {
  readonly id: string;
  readonly name?: string;
  /** Who vouches for it: the trust entry of the run's token, or the source that reported the event. */
  readonly proof: string;
}

/** Lifetime of the bridge's own tokens: just long enough for a task that waits to start. */
const TOKEN_SECONDS = 600;

/**
 * `nbf` is this long before `iat`. A token is presented within milliseconds, and a verifier whose clock is behind would
 * refuse one that is valid from now on only. `iat` is the true time: the interceptor recognises tokens of before its start.
 */
const NOT_BEFORE_SECONDS = 30;

interface IssuerOptions {
  readonly issuer: string;
  /** Openers of the keys, the signing key first. Each is called once; a failure is not cached. */
  readonly keys: readonly (() => Promise<SigningKey>)[];
  readonly newTokenId: () => string;
  /** Whether it exchanges tokens, so that clients find the endpoint. */
  readonly hasTokenEndpoint: boolean;
}

/** The bridge as an issuer of tokens that any OpenID Connect library can verify. */
export class BridgeIssuer {
  readonly #options: IssuerOptions;
  readonly #opened = new Map<() => Promise<SigningKey>, Promise<SigningKey>>();

  constructor(options: IssuerOptions) {
    this.#options = options;
  }

  /** Its address, which `iss` of its tokens has. */
  get issuer(): string {
    return this.#options.issuer;
  }

  /**
   * Returns the discovery document (OpenID Connect Discovery 1.0 §3, RFC 8414 §2). Nobody signs in at the bridge, so it has
   * no authorization endpoint.
   */
  discovery(): object {
    const { issuer, hasTokenEndpoint } = this.#options;
    return {
      issuer,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["ES256"],
      claims_supported: CLAIMS,
      ...(hasTokenEndpoint && {
        token_endpoint: `${issuer}/oauth/token`,
        token_endpoint_auth_methods_supported: ["none"],
        grant_types_supported: [TOKEN_EXCHANGE],
        introspection_endpoint: `${issuer}/oauth/introspect`,
      }),
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
   * Creates a token for one call: the audience is the target, `sub` is who caused the call with the trust entry or source
   * that proved it, and `act` is the bridge, which acts on behalf of it (RFC 8693 §4.1). It is bound to the request by its
   * delivery, its route and the SHA-256 of its body. Signs once. Throws like {@link SigningKey.sign}.
   */
  mint({ audience, cause, request }: TokenContent, now: EpochMillis): Promise<OutboundToken> {
    const claims = {
      ...identityClaims(cause.principal),
      aud: audience,
      act: { iss: this.#options.issuer, sub: "drawbridge" },
      ...(cause.replay && { replay: replayClaim(cause.replay) }),
      ...(request && requestClaims(request)),
    } satisfies Claims;
    return this.#signed("JWT", claims, TOKEN_SECONDS, now);
  }

  /**
   * Creates an access token (RFC 9068) for an upstream: `sub` is who asked for it, with the trust entry that proved it, and
   * `client_id` is that entry. Signs once. Throws like {@link SigningKey.sign}.
   */
  mintAccessToken(content: AccessTokenContent, now: EpochMillis): Promise<OutboundToken> {
    const { audience, scopes, lifetimeSeconds, principal, roles, run, initiator, delivery } = content;
    const claims = {
      ...identityClaims(principal),
      aud: audience,
      client_id: principal.trustEntry ?? principal.id,
      scope: scopes.join(" "),
      roles,
      ...(run !== undefined && { run }),
      ...(initiator && { initiator }),
      ...(delivery !== undefined && { delivery }),
    } satisfies Claims;
    return this.#signed(ACCESS_TOKEN_TYPE, claims, lifetimeSeconds, now);
  }

  async #signed(typ: string, about: Claims, lifetimeSeconds: number, now: EpochMillis): Promise<OutboundToken> {
    const { issuer, newTokenId, keys } = this.#options;
    const [first] = keys;
    const key = await (first ? this.#key(first) : noKey());
    const iat = toSeconds(now);
    const times = { iat, nbf: iat - NOT_BEFORE_SECONDS, exp: iat + lifetimeSeconds };
    const claims = { iss: issuer, ...about, ...times, jti: newTokenId() };
    const input = `${encode({ alg: "ES256", typ, kid: key.kid })}.${encode(claims satisfies Claims)}`;
    const signature = await key.sign(Buffer.from(input, "ascii"));
    const token = new Secret(`${input}.${Buffer.from(signature).toString("base64url")}`);
    return { token, expiresAt: laterBy(now, lifetimeSeconds * 1000) };
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

/** The grant of RFC 8693 §2.1. */
export const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";

/** Every claim of a token. */
const CLAIMS = [
  "iss",
  "sub",
  "aud",
  "iat",
  "nbf",
  "exp",
  "jti",
  "act",
  "principal",
  "trust_entry",
  "replay",
  "delivery",
  "route",
  "body_sha256",
  // Of access tokens.
  "client_id",
  "scope",
  "roles",
  "run",
  "initiator",
] as const;
type Claims = Partial<Record<(typeof CLAIMS)[number], unknown>>;

/** `typ` of an access token (RFC 9068 §2.1). A token for a listener has another one, so neither passes for the other. */
export const ACCESS_TOKEN_TYPE = "at+jwt";

const identityClaims = ({ id, issuer, subject, trustEntry }: NamedPrincipal) => ({
  sub: id,
  principal: { iss: issuer, sub: subject },
  ...(trustEntry !== undefined && { trust_entry: trustEntry }),
});

/** `sub`, `principal` and `trust_entry` are those of the original's sender; the token's own are those of who replayed it. */
const replayClaim = ({ of, isRollback, actor, principal }: Replay) => ({
  of,
  ...(principal && identityClaims(principal)),
  ...(actor !== undefined && { actor }),
  rollback: isRollback,
});

const requestClaims = ({ delivery, route, body }: BoundRequest) => ({
  delivery,
  route,
  body_sha256: hash("sha256", body, "base64url"),
});

const noKey = (): Promise<never> =>
  Promise.reject(new Fault("secret_unavailable", "there is no signing key", { retryable: true }));

const encode = (value: object): string => Buffer.from(JSON.stringify(value), "utf8").toString("base64url");
