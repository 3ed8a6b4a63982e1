import type { Clock, EpochSeconds } from "../host/clock.ts";
import { toMillis } from "../host/clock.ts";

/**
 * The tokens that were used, in the memory of one process. Only tokens that the bridge signed get here, so the bridge's own
 * rate bounds the memory: about 200 bytes for each request of the last ten minutes.
 */
export class UsedTokens {
  readonly #clock: Clock;
  /** By token, the oldest use first. */
  readonly #uses = new Map<string, Use>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Takes a token for one use until it expires. False if another use has taken it; the same use may take it again, because
   * every trigger of a listener asks about the same request.
   */
  take(token: string, use: string, until: EpochSeconds): boolean {
    this.#forgetExpired();
    const taken = this.#uses.get(token);
    if (taken !== undefined) return taken.use === use;
    const lifetimeMs = toMillis(until) - this.#clock.now();
    this.#uses.set(token, { use, until, untilMonotonicMs: this.#clock.monotonic() + lifetimeMs });
    return true;
  }

  /** A use is kept until both clocks say that the token is expired, so that nobody can replay it after setting one. */
  #forgetExpired(): void {
    const [now, monotonicMs] = [this.#clock.now(), this.#clock.monotonic()];
    for (const [token, { until, untilMonotonicMs }] of this.#uses) {
      if (toMillis(until) > now || untilMonotonicMs > monotonicMs) return;
      this.#uses.delete(token);
    }
  }
}

interface Use {
  readonly use: string;
  readonly until: EpochSeconds;
  readonly untilMonotonicMs: number;
}
