/** Who vouches where no issuer of tokens does: who holds a source's secret, nobody, and the bridge for its own part. */
export const OWN_ISSUERS = {
  source: "drawbridge:source",
  unproved: "drawbridge:unproved",
  bridge: "drawbridge:bridge",
} as const;

/** A verified identity: who sent this, how it was proved, and what it earns. Safe to record and to show. */
export interface Principal {
  /** The token's issuer; for a shared secret `drawbridge:source`, because the secret proves only that. */
  readonly issuer: string;
  /** The token's subject; for a shared secret the source's name. */
  readonly subject: string;
  /** How it was proved: `standard-webhooks`, `hub-signature`, `token`, `basic`, `oidc`, … */
  readonly method: string;
  /** Which credential proved it: `current` or `next` for a secret, the key id for a token. Never the value. */
  readonly credential: string;
  /** The trust entry that accepted the token; absent for a shared secret. */
  readonly trustEntry?: string;
  readonly roles: readonly string[];
  /** The few claims that say more of who it is, as the issuer's preset names them; texts cut to a short length. */
  readonly claims?: Readonly<Record<string, string>>;
}

/** The principal of a source that proves itself with a shared secret. */
export function sourcePrincipal(source: string, method: string, credential: string): Principal {
  return { issuer: OWN_ISSUERS.source, subject: source, method, credential, roles: [] };
}
