import { type Clock, type Moment, momentOf, msSince } from "../../host/clock.ts";
import type { BoardStore } from "../../store/boards.ts";

/**
 * The time during which no page of a target is written, because Confluence answered a call with 429 (too many
 * requests). Its limits apply to an account or an app
 * (https://developer.atlassian.com/cloud/confluence/rate-limiting/), so a call for another page would fail too. One
 * page must not delay the others for long, however: after {@link MAX_SECONDS} another page may be tried, while the page
 * that got the 429 waits for the full time that Confluence asked for.
 */
export class TargetCooldown {
  readonly #clock: Clock;
  #current: { readonly since: Moment; readonly ms: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `seconds`: the wait that Confluence asked for, if it did. */
  begin(seconds = DEFAULT_SECONDS): void {
    const ms = Math.min(seconds, MAX_SECONDS) * 1_000;
    if (ms > this.#msLeft()) this.#current = { since: momentOf(this.#clock), ms };
  }

  /** 0 if calls may be made. */
  secondsLeft(): number {
    return this.#msLeft() / 1_000;
  }

  #msLeft(): number {
    return this.#current ? Math.max(0, this.#current.ms - msSince(this.#current.since, this.#clock)) : 0;
  }
}

const MAX_SECONDS = 60;
const DEFAULT_SECONDS = 10;

/** Returns the cooldown that all routes to one target share in this process. */
export function cooldownOf(
  target: string,
  { boards, clock }: { readonly boards: BoardStore; readonly clock: Clock },
): TargetCooldown {
  const byTarget = COOLDOWNS.get(boards) ?? new Map<string, TargetCooldown>();
  const cooldown = byTarget.get(target) ?? new TargetCooldown(clock);
  COOLDOWNS.set(boards, byTarget.set(target, cooldown));
  return cooldown;
}

const COOLDOWNS = new WeakMap<BoardStore, Map<string, TargetCooldown>>();
