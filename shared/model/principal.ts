import { boundIdentity } from "./idempotency-keys.ts";

/**
 * Issuers of principals without a token: the holder of a source's secret, an unproved sender, and the bridge itself.
 */
export const OWN_ISSUERS = {
  source: "drawbridge:source",
  unproved: "drawbridge:unproved",
  bridge: "drawbridge:bridge",
} as const;

/** A verified identity: who sent the request, how that was proved, and its roles. Safe to record and to show. */
export interface Principal {
  /** The token's issuer; for a shared secret `drawbridge:source`, because the secret proves only the source. */
  readonly issuer: string;
  /** The token's subject, a long one with a digest of the whole at its end; for a shared secret the source's name. */
  readonly subject: string;
  /** How it was proved: `standard-webhooks`, `hub-signature`, `token`, `basic`, `oidc`, … */
  readonly method: string;
  /** Which credential proved it: `current` or `next` for a secret, the key id for a token. Never the value. */
  readonly credential: string;
  /** The trust entry that accepted the token; undefined for a shared secret. */
  readonly trustEntry?: string;
  readonly roles: readonly string[];
  /** Those of the roles that are held for a time, each with the id of the request that gave it. */
  readonly access?: Readonly<Record<string, string>>;
  /**
   * The few claims that identify the sender further, as the issuer's preset lists them. A long one ends in a digest of the
   * whole.
   */
  readonly claims?: Readonly<Record<string, string>>;
}

/**
 * The claims that name who acts for the subject (RFC 8693 §4.1): the last actor first, then those who acted before. A token
 * with more of them is refused.
 */
export const ACTOR_CLAIMS = ["act", "act.act", "act.act.act", "act.act.act.act", "act.act.act.act.act"] as const;

/** Everybody who acts or acted for the principal, the last one first. */
export const actorsOf = ({ claims = {} }: Pick<Principal, "claims">): readonly string[] =>
  ACTOR_CLAIMS.flatMap((claim) => claims[claim] ?? []);

/**
 * A principal as events and tokens name it. Another principal never has the same `id`, whichever issuers and subjects the
 * two have.
 */
export interface NamedPrincipal {
  /** See {@link principalIdOf}. */
  readonly id: string;
  readonly issuer: string;
  readonly subject: string;
  /** As {@link Principal.trustEntry}. */
  readonly trustEntry?: string;
}

/** OpenID Connect Core 1.0 §2: a `sub` has at most 255 characters. */
const MAX_CHARACTERS = 255;

/** A subject or another claim that identifies somebody. A long one ends in a digest of the whole. */
export const identityText = (text: string): string => boundIdentity(text, MAX_CHARACTERS);

/** What vouches for a principal if no trust entry does. No trust entry may have one of these names. */
export const RESERVED_VOUCHERS = ["source", "unproved", "bridge", "issuer"] as const;

/**
 * Returns who vouched for a principal, and its subject: `<trust entry>:<subject>` for a token, `source:<name>` for the
 * secret of a source, `unproved:<source>`, and `bridge:<part>`. A name of a trust entry or source has no colon. Records of
 * earlier releases may have a token's principal without its trust entry: then the issuer takes its place.
 */
export const principalIdOf = (principal: Omit<NamedPrincipal, "id">): string => identityText(fullIdOf(principal));

function fullIdOf({ issuer, subject, trustEntry }: Omit<NamedPrincipal, "id">): string {
  if (trustEntry !== undefined) return `${trustEntry}:${subject}`;
  switch (issuer) {
    case OWN_ISSUERS.source:
      return `source:${subject}`;
    case OWN_ISSUERS.unproved:
      return `unproved:${subject}`;
    case OWN_ISSUERS.bridge:
      return `bridge:${subject}`;
    default:
      return `issuer:${encodeURIComponent(issuer)}:${subject}`;
  }
}

export const namedPrincipal = ({ issuer, subject, trustEntry }: Omit<NamedPrincipal, "id">): NamedPrincipal => {
  const principal = { issuer, subject, ...(trustEntry !== undefined && { trustEntry }) };
  return { id: principalIdOf(principal), ...principal };
};

/** The principal of a source that proves itself with a shared secret. */
export function sourcePrincipal(source: string, method: string, credential: string): Principal {
  return { issuer: OWN_ISSUERS.source, subject: source, method, credential, roles: [] };
}
