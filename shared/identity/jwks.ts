import type { CryptoKey, LocalJWKSet } from "jose";
import { JWKSMultipleMatchingKeys, JWKSNoMatchingKey } from "jose/errors";
import { createLocalJWKSet } from "jose/jwks/local";
import { type Clock, type Moment, momentOf, msSince } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { TokenHeader } from "./compact-jws.ts";
import type { LoadJwks } from "./load-jwks.ts";

/**
 * The cached JWKS of one trust entry. Never shared between entries: issuers reuse key ids (`RSA_0`), and unrelated
 * clusters have the same issuer text.
 *
 * jose's own remote set is not used, because it requests the keys again for every token while the issuer fails, and
 * drops good keys as soon as they are ten minutes old.
 */
export class Jwks {
  readonly #trustEntry: string;
  readonly #load: LoadJwks;
  readonly #clock: Clock;
  #good: LoadedKeys | undefined;
  #loading: Promise<LoadedKeys> | undefined;
  #failures = 0;
  #pause: { readonly since: Moment; readonly ms: number } | undefined;

  constructor(trustEntry: string, load: LoadJwks, clock: Clock) {
    this.#trustEntry = trustEntry;
    this.#load = load;
    this.#clock = clock;
  }

  /**
   * Returns the only key that matches `header`, whose algorithm must be an allowed one. Throws jose's
   * `JWKSNoMatchingKey` or `JWKSMultipleMatchingKeys` if the set has no such key or several, and a `keys_unavailable`
   * Fault if that is unknown.
   */
  async find(header: KeyName): Promise<CryptoKey> {
    const good = await this.#usable();
    try {
      return await pick(good, header);
    } catch (error) {
      // The issuer may have rotated its keys. Reloads are limited, because every forged key id would cost a call.
      if (!(error instanceof JWKSNoMatchingKey) || this.#ageMs() < UNKNOWN_KEY_COOLDOWN_MS) throw error;
      return pick(await this.#reload(), header);
    }
  }

  /** Whether the last load failed, within ten minutes: later nobody needs the keys any more. */
  get isFailing(): boolean {
    return this.#pause !== undefined && msSince(this.#pause.since, this.#clock) < FAILING_MS;
  }

  async #usable(): Promise<LoadedKeys> {
    const good = this.#good;
    const ageMs = this.#ageMs();
    if (good === undefined || ageMs >= USABLE_MS) return this.#reload();
    // A cached key never waits for the issuer. A failed background load is reported when the keys are too old.
    if (ageMs >= FRESH_MS) void this.#reload().catch(() => undefined);
    return good;
  }

  /** Any number of callers share one load. */
  #reload(): Promise<LoadedKeys> {
    this.#loading ??= this.#loadUnlessFailing().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #loadUnlessFailing(): Promise<LoadedKeys> {
    const waitMs = this.#pause ? this.#pause.ms - msSince(this.#pause.since, this.#clock) : 0;
    if (waitMs > 0) throw this.#unavailable(waitMs);
    try {
      this.#good = { keys: createLocalJWKSet(await this.#load()), found: new Map(), loadedAt: momentOf(this.#clock) };
      this.#failures = 0;
      this.#pause = undefined;
      return this.#good;
    } catch (cause) {
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, LONGEST_PAUSE_MS);
      this.#failures += 1;
      this.#pause = { since: momentOf(this.#clock), ms: pauseMs };
      throw this.#unavailable(pauseMs, cause);
    }
  }

  #ageMs(): number {
    return this.#good ? msSince(this.#good.loadedAt, this.#clock) : Number.POSITIVE_INFINITY;
  }

  #unavailable(waitMs: number, cause?: unknown): Fault {
    const retryAfterSeconds = Math.ceil(waitMs / 1000);
    const message = `the keys of trust entry ${this.#trustEntry} cannot be loaded`;
    return new Fault("keys_unavailable", message, { retryable: true, retryAfterSeconds, cause });
  }
}

/** The header parameters that select a key of a set. */
type KeyName = Pick<TokenHeader, "alg" | "kid">;

interface LoadedKeys {
  readonly keys: LocalJWKSet;
  /** Keys that were found before: this lookup is faster than a search of the set for each token. */
  readonly found: Map<string, CryptoKey>;
  readonly loadedAt: Moment;
}

/**
 * The first token after this time starts a background reload of the keys; after the reload a removed key is rejected.
 */
const FRESH_MS = 10 * 60_000;
/**
 * How long good keys are used while the issuer does not respond. A function that is frozen between requests may not
 * finish a background reload; there, a removed key can be used for this time.
 */
const USABLE_MS = 60 * 60_000;
const UNKNOWN_KEY_COOLDOWN_MS = 30_000;
/** Pauses after a failure: 5, 10, 20, 40, 60, 60 … seconds. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;
/** Much longer than any pause, so that an issuer whose tokens keep arriving stays failing. */
const FAILING_MS = 10 * 60_000;

async function pick({ keys, found }: LoadedKeys, { alg, kid }: KeyName): Promise<CryptoKey> {
  const name = kid === undefined ? alg : `${alg} ${kid}`;
  const cached = found.get(name);
  if (cached) return cached;
  try {
    const key = await keys(kid === undefined ? { alg } : { alg, kid });
    // RFC 7518 §3.3 and §3.5.
    if ("modulusLength" in key.algorithm && Number(key.algorithm.modulusLength) < 2048) throw new Error("too short");
    found.set(name, key);
    return key;
  } catch (error) {
    if (error instanceof JWKSNoMatchingKey || error instanceof JWKSMultipleMatchingKeys) throw error;
    // The algorithm was checked before, so the published key is invalid, not the token.
    throw new Fault("keys_unavailable", "the issuer's key cannot be used", { retryable: true });
  }
}
