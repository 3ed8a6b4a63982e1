import { type Clock, type EpochMillis, laterBy, toSeconds } from "../host/clock.ts";
import { encryptionKeys } from "../host/encryption-key.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { type RotatingSecret, Secret, type Secrets } from "../host/secrets.ts";
import type { StoredTokenStore } from "../store/stored-tokens.ts";

/** How the tokens that come to one source are kept. */
export interface TokenEncryption {
  readonly sealedBy: RotatingSecret;
  /** Ids of the app that they are tokens of. */
  readonly apps: readonly string[];
}

interface SystemTokensDeps {
  /** By source; what comes to any other is not kept. */
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

/** What Atlassian promises (https://developer.atlassian.com/platform/forge/forge-remote-invocation-contract/). */
const LIVES_MS = 2 * 3_600_000;
/** How often each copy of the bridge writes one, at most. */
export const KEPT_EVERY_MS = 30 * 60_000;
/** A token is not used in its last minute: it has to last for the call, and clocks differ. */
const SPARE_MS = 60_000;
const PURPOSE = "system token";

/**
 * The tokens that a Forge app is sent along with its events, for its own calls: the newest of each source, sealed, for as
 * long as it lives. It is the one kind of token that is kept (docs/adr/0008-a-forge-token-is-kept-sealed.md).
 */
export class SystemTokens {
  readonly #deps: SystemTokensDeps;
  readonly #kept = new Map<string, EpochMillis>();

  constructor(deps: SystemTokensDeps) {
    this.#deps = deps;
  }

  /**
   * Keeps it if the source is configured so, and none was kept here lately.
   * Throws nothing: the next event brings another.
   */
  async keep(carried: CarriedToken): Promise<void> {
    const { source, receivedAt } = carried;
    const sealing = this.#deps.encryptions.get(source);
    const kept = this.#kept.get(source);
    if (!sealing || (kept !== undefined && receivedAt < laterBy(kept, KEPT_EVERY_MS))) return;
    this.#kept.set(source, receivedAt);
    try {
      await this.#write(carried, sealing);
    } catch (error) {
      this.#kept.delete(source);
      this.#deps.log.warn({ source, error: kindOf(error) }, "a Forge system token could not be kept");
    }
  }

  async #write({ source, app, base, token, receivedAt }: CarriedToken, { sealedBy }: TokenEncryption): Promise<void> {
    const [key] = await encryptionKeys(this.#deps.secrets, sealedBy, PURPOSE);
    const until = toSeconds(laterBy(receivedAt, LIVES_MS));
    const { encryptToken } = await import("./encrypted-token.ts");
    await this.#deps.storedTokens.keep(
      source,
      await encryptToken({ token: token.reveal(), base }, { source, app, until }, key),
      until,
    );
  }

  /**
   * The token that came to the source last, and the address that it is good for. Throws `token_unavailable`, which the
   * app's next event mends, `store_unavailable`, `secret_unavailable` and `configuration_invalid`.
   */
  async tokenFor(source: string): Promise<{ readonly token: Secret; readonly base: string }> {
    const { encryptions, storedTokens, secrets, clock } = this.#deps;
    const sealing = encryptions.get(source);
    const at = laterBy(clock.now(), SPARE_MS);
    const sealed = sealing && (await storedTokens.find(source, toSeconds(at)));
    if (sealing === undefined || sealed === undefined) throw noToken(source);
    const keys = await encryptionKeys(secrets, sealing.sealedBy, PURPOSE);
    const { decryptToken } = await import("./encrypted-token.ts");
    const opened = await decryptToken(sealed, { source, apps: sealing.apps, at: new Date(at) }, keys);
    if (opened === undefined) throw noToken(source);
    return { token: new Secret(opened.token), base: opened.base };
  }
}

const noToken = (source: string): Fault =>
  new Fault(
    "token_unavailable",
    `no Forge system token of source "${source}" younger than 2 h: waiting for the app's next event`,
    { retryable: true },
  );
