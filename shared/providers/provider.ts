import type * as v from "valibot";
import type { Clock, EpochMillis } from "../host/clock.ts";
import type { Secret, Secrets } from "../host/secrets.ts";
import type { TokenVerifier } from "../identity/token-verifier.ts";
import type { Authenticate, AuthenticDelivery } from "../model/authentic-delivery.ts";
import type { Reading } from "../model/reading.ts";

/**
 * The adapter for one kind of sender. A provider answers for itself and nothing outside its folder knows its name,
 * except the line in `registry.ts`.
 */
export interface Provider {
  /** As written in `drawbridge.yaml` and in the published `source`: `drawbridge.<name>`. */
  readonly name: string;
  /** Shape of the source's own lines in `drawbridge.yaml`, next to `provider`. Secrets are references. */
  readonly settings: v.GenericSchema<unknown, object>;
  /** Prepares one configured source. Throws a valibot error when `settings` do not fit; touches no network and no secret. */
  connect(source: { readonly name: string; readonly settings: unknown }, deps: ProviderDeps): ConnectedSource;
  /**
   * Where the settings may hold a rotating secret, keys joined by dots, and the `Principal.method` of a sender that it
   * proves: what tells that secret apart from the source's others.
   */
  readonly secrets: Readonly<Record<string, string>>;
  /** Content types taken besides `application/json`. */
  readonly contentTypes?: readonly string[];
}

/** One configured sender, ready to prove and to read. */
export interface ConnectedSource {
  readonly authenticate: Authenticate;
  /** Pure: same delivery, same reading. Never throws, whatever the body holds. */
  readonly read: (delivery: AuthenticDelivery) => Reading;
  /** Keeps what came along with a proved delivery for calls back to its sender. Throws nothing. */
  readonly keep?: (delivery: AuthenticDelivery) => Promise<void>;
  /**
   * Signs a fixture as the sender would, with the source's current secret. For `drawbridge send` and the tests.
   * Absent where only the real sender has the key.
   */
  readonly sign?: (request: UnsignedRequest) => Promise<Headers>;
}

export interface UnsignedRequest {
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** A token that a sender gives the bridge for calls back to it. */
export interface CarriedToken {
  readonly source: string;
  /** Whose token it is, by the id that the source's trust entry has as audience. */
  readonly app: string;
  /** The address that it is good for. */
  readonly base: string;
  readonly token: Secret;
  readonly receivedAt: EpochMillis;
}

export interface ProviderDeps {
  readonly secrets: Secrets;
  readonly tokens: TokenVerifier;
  readonly clock: Clock;
  /** Stores a token, encrypted, if the source is configured so. Throws nothing. */
  readonly keepToken: (carried: CarriedToken) => Promise<void>;
}
