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
  /** The token's subject; for a shared secret the source's name. */
  readonly subject: string;
  /** How it was proved: `standard-webhooks`, `hub-signature`, `token`, `basic`, `oidc`, … */
  readonly method: string;
  /** Which credential proved it: `current` or `next` for a secret, the key id for a token. Never the value. */
  readonly credential: string;
  /** The trust entry that accepted the token; undefined for a shared secret. */
  readonly trustEntry?: string;
  readonly roles: readonly string[];
  /**
   * The few claims that identify the sender further, as the issuer's preset lists them; texts are cut to a short
   * length.
   */
  readonly claims?: Readonly<Record<string, string>>;
}

/** The principal of a source that proves itself with a shared secret. */
export function sourcePrincipal(source: string, method: string, credential: string): Principal {
  return { issuer: OWN_ISSUERS.source, subject: source, method, credential, roles: [] };
}
