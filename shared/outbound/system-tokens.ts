import { type Clock, type EpochMillis, laterBy, toSeconds } from "../host/clock.ts";
import { encryptionKeys } from "../host/encryption-key.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { type RotatingSecret, Secret, type Secrets } from "../host/secrets.ts";
import type { StoredTokenStore } from "../store/stored-tokens.ts";

/** How the tokens that arrive at one source are stored. */
export interface TokenEncryption {
  readonly sealedBy: RotatingSecret;
  /** Ids of the app whose tokens they are. */
  readonly apps: readonly string[];
}

interface SystemTokensDeps {
  /** By source; the tokens of any other source are not stored. */
  readonly encryptions: ReadonlyMap<string, TokenEncryption>;
  readonly storedTokens: StoredTokenStore;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly log: Log;
}

interface CarriedToken {
  readonly source: string;
  readonly app: string;
  readonly base: string;
  readonly token: Secret;
  readonly receivedAt: EpochMillis;
}

/** The documented lifetime (https://developer.atlassian.com/platform/forge/forge-remote-invocation-contract/). */
const LIFETIME_MS = 2 * 3_600_000;
/** Minimum time between two writes of one instance of the bridge. */
export const WRITE_INTERVAL_MS = 30 * 60_000;
/** A token is not used in its last minute: it must be valid during the whole call, and clocks differ. */
const EXPIRY_MARGIN_MS = 60_000;
const PURPOSE = "system token";

/**
 * The system tokens that a Forge app receives with its events, for its own calls. The newest token of each source is
 * stored encrypted until it expires. No other token is stored (docs/adr/0008-a-forge-token-is-kept-sealed.md).
 */
export class SystemTokens {
  readonly #deps: SystemTokensDeps;
  /** The time of the last write, by source. */
  readonly #writtenAt = new Map<string, EpochMillis>();

  constructor(deps: SystemTokensDeps) {
    this.#deps = deps;
  }

  /**
   * Stores a token if that is configured for the source, and this instance has not written one recently.
   * Never throws: the next event contains another token.
   */
  async keep(carried: CarriedToken): Promise<void> {
    const { source, receivedAt } = carried;
    const encryption = this.#deps.encryptions.get(source);
    const writtenAt = this.#writtenAt.get(source);
    if (!encryption || (writtenAt !== undefined && receivedAt < laterBy(writtenAt, WRITE_INTERVAL_MS))) return;
    this.#writtenAt.set(source, receivedAt);
    try {
      await this.#write(carried, encryption);
    } catch (error) {
      this.#writtenAt.delete(source);
      this.#deps.log.warn({ source, error: kindOf(error) }, "a Forge system token could not be stored");
    }
  }

  async #write({ source, app, base, token, receivedAt }: CarriedToken, { sealedBy }: TokenEncryption): Promise<void> {
    const [key] = await encryptionKeys(this.#deps.secrets, sealedBy, PURPOSE);
    const until = toSeconds(laterBy(receivedAt, LIFETIME_MS));
    const { encryptToken } = await import("./encrypted-token.ts");
    await this.#deps.storedTokens.keep(
      source,
      await encryptToken({ token: token.reveal(), base }, { source, app, until }, key),
      until,
    );
  }

  /**
   * Returns the newest token of the source, and the base URL for which it is valid. Throws `token_unavailable` until
   * the app's next event, `store_unavailable`, `secret_unavailable` and `configuration_invalid`.
   */
  async tokenFor(source: string): Promise<{ readonly token: Secret; readonly base: string }> {
    const { encryptions, storedTokens, secrets, clock } = this.#deps;
    const encryption = encryptions.get(source);
    const at = laterBy(clock.now(), EXPIRY_MARGIN_MS);
    const encrypted = encryption && (await storedTokens.find(source, toSeconds(at)));
    if (encryption === undefined || encrypted === undefined) throw noToken(source);
    const keys = await encryptionKeys(secrets, encryption.sealedBy, PURPOSE);
    const { decryptToken } = await import("./encrypted-token.ts");
    const content = await decryptToken(encrypted, { source, apps: encryption.apps, at: new Date(at) }, keys);
    if (content === undefined) throw noToken(source);
    return { token: new Secret(content.token), base: content.base };
  }
}

const noToken = (source: string): Fault =>
  new Fault(
    "token_unavailable",
    `no Forge system token of source "${source}" younger than 2 h: waiting for the app's next event`,
    { retryable: true },
  );
