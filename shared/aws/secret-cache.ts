import type { Clock } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { within } from "../host/within.ts";

/** Milliseconds for which a value is used without another look. A changed secret needs no deployment. */
const FRESH_MS = 300_000;
/** Longest time before the end of it at which a value is read again in the background. Copies do not do so at once. */
const EARLY_MS = 60_000;
/** Milliseconds for which a value is used while its service cannot answer. */
const STALE_MS = 3_600_000;
/** Longest pause between two tries in that time. */
const PAUSE_MS = 30_000;
/** How long a request waits for a service before it uses a value that is no longer fresh. */
const WAIT_MS = 1_500;

export interface SecretCacheDeps {
  readonly clock: Clock;
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
  readonly log: Log;
}

interface Kept {
  readonly value: string;
  readonly readAt: { readonly now: number; readonly monotonic: number };
  /** The age from which on the service is asked again, in milliseconds. */
  readonly dueAge: number;
}

/**
 * Caches what a service stores under a name. While the service throttles, fails or does not respond, the last value stays in
 * use for an hour: a rotation keeps both values live for longer. If the service says that there is no such secret, or that
 * it may not be read, that holds at once. Concurrent reads of a name share one call.
 */
export class SecretCache {
  readonly #fetch: (name: string) => Promise<string>;
  readonly #deps: SecretCacheDeps;
  readonly #kept = new Map<string, Kept>();
  readonly #calls = new Map<string, Promise<string>>();

  constructor(fetch: (name: string) => Promise<string>, deps: SecretCacheDeps) {
    this.#fetch = fetch;
    this.#deps = deps;
  }

  /** Throws what `fetch` throws if there is no value to use. */
  async read(name: string): Promise<string> {
    const kept = this.#kept.get(name);
    const age = kept === undefined ? STALE_MS : this.#ageOf(kept);
    if (kept === undefined || age >= STALE_MS) return this.#readAgain(name);
    if (age < kept.dueAge) return kept.value;
    const reading = this.#readAgain(name);
    if (age < FRESH_MS) {
      // A failure is logged, and the next read tries again.
      reading.catch(() => undefined);
      return kept.value;
    }
    try {
      return await within(reading, WAIT_MS, kept.value);
    } catch (error) {
      if (!isPassing(error)) throw error;
      return kept.value;
    }
  }

  /** By the clock that says more: one may be set back, and the other one stops while a function is frozen. */
  #ageOf({ readAt }: Kept): number {
    const { clock } = this.#deps;
    return Math.max(clock.now() - readAt.now, clock.monotonic() - readAt.monotonic);
  }

  #readAgain(name: string): Promise<string> {
    const running = this.#calls.get(name);
    if (running !== undefined) return running;
    const call = this.#fetchAndKeep(name).finally(() => this.#calls.delete(name));
    this.#calls.set(name, call);
    return call;
  }

  async #fetchAndKeep(name: string): Promise<string> {
    const { clock, random, log } = this.#deps;
    try {
      // Not after it: a function may be frozen while it waits for the answer.
      const readAt = { now: clock.now(), monotonic: clock.monotonic() };
      const value = await this.#fetch(name);
      this.#kept.set(name, { value, readAt, dueAge: FRESH_MS - random() * EARLY_MS });
      return value;
    } catch (error) {
      const kept = this.#kept.get(name);
      if (kept === undefined) throw error;
      if (isPassing(error)) {
        this.#kept.set(name, { ...kept, dueAge: this.#ageOf(kept) + (PAUSE_MS * (1 + random())) / 2 });
        log.warn({ error: kindOf(error) }, "a secret could not be read again; its last value is used");
      } else this.#kept.delete(name);
      throw error;
    }
  }
}

/**
 * Whether the same call may succeed later. What a service rejects for good has the fault `client`; a call without a response
 * has none. https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 */
function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /throttl|toomanyrequests|limitexceeded/i.test(error.name) || !("$fault" in error) || error.$fault === "server";
}
