import { type Clock, type EpochMillis, epochMillis, laterBy } from "../../host/clock.ts";
import type { BoardStore } from "../../store/boards.ts";

/**
 * The time in which no page of a target is written, because Confluence refused a call for having had too many (429). Its
 * limits are those of an account or an app (https://developer.atlassian.com/cloud/confluence/rate-limiting/), so another
 * page would only be refused too. One page's trouble is not to hold the others up for long, though: after
 * {@link MAX_SECONDS} another may ask again, while the page that was refused waits for as long as it was told.
 */
export class TargetCooldown {
  readonly #clock: Clock;
  #until: EpochMillis = epochMillis(0);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `asked`: the seconds that Confluence named, if it did. */
  begin(asked = UNTOLD_SECONDS): void {
    const until = laterBy(this.#clock.now(), Math.min(asked, MAX_SECONDS) * 1_000);
    if (until > this.#until) this.#until = until;
  }

  /** 0 when calls may be made. */
  secondsLeft(): number {
    return Math.max(0, this.#until - this.#clock.now()) / 1_000;
  }
}

const MAX_SECONDS = 60;
const UNTOLD_SECONDS = 10;

/** The same for all routes to one target in this process, which share their boards. */
export function cooldownOf(
  target: string,
  { boards, clock }: { readonly boards: BoardStore; readonly clock: Clock },
): TargetCooldown {
  const ofBoards = RESTS.get(boards) ?? new Map<string, TargetCooldown>();
  const rest = ofBoards.get(target) ?? new TargetCooldown(clock);
  RESTS.set(boards, ofBoards.set(target, rest));
  return rest;
}

const RESTS = new WeakMap<BoardStore, Map<string, TargetCooldown>>();
