declare const millis: unique symbol;
declare const seconds: unique symbol;

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMillis = number & { readonly [millis]: true };
/** Whole seconds since 1970-01-01T00:00:00Z. */
export type EpochSeconds = number & { readonly [seconds]: true };

/** It is passed in wherever time matters, so that a test can use a fixed time. */
export interface Clock {
  /** The time of day. Somebody may set it, so two readings do not give a duration. */
  now(): EpochMillis;
  /** Whole milliseconds since an arbitrary moment, for durations. Nobody can set it; it may stop while a machine sleeps. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => epochMillis(Date.now()),
  monotonic: () => Math.round(performance.now()),
};

// Only these two functions create the branded types.
export const epochMillis = (value: number): EpochMillis => value as EpochMillis;
export const epochSeconds = (value: number): EpochSeconds => value as EpochSeconds;

export const toSeconds = (time: EpochMillis): EpochSeconds => epochSeconds(Math.floor(time / 1000));
export const toMillis = (time: EpochSeconds): EpochMillis => epochMillis(time * 1000);
export const laterBy = (time: EpochMillis, addedMs: number): EpochMillis => epochMillis(time + addedMs);

/** Returns whether a day such as `2026-02-28` exists: `Date.parse` turns 30 February into a day in March. */
export function isDay(day: string): boolean {
  const midnight = Date.parse(day);
  return !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(day);
}

/** How far the clocks of two processes may differ, and how far a clock may be set back without any effect. */
export const CLOCK_SKEW_MS = 10_000;

/**
 * Whether a time that was the present when it was stored lies in the future. The clock was then ahead and has been set
 * back, so what was stored with this time would last longer than it may: by as much as the clock was ahead.
 */
export const isAhead = (stored: EpochMillis, now: EpochMillis): boolean => stored > now + CLOCK_SKEW_MS;

/** The present of both clocks, to measure from. */
export interface Moment {
  readonly at: EpochMillis;
  readonly monotonicMs: number;
}

export const momentOf = (clock: Clock): Moment => ({ at: clock.now(), monotonicMs: clock.monotonic() });

/**
 * Milliseconds since the moment, by the clock that says more. What may last for a limited time therefore never lasts longer,
 * whether the time of day was set back or the monotonic clock stood still.
 */
export const msSince = ({ at, monotonicMs }: Moment, clock: Clock): number =>
  Math.max(clock.now() - at, clock.monotonic() - monotonicMs);

/** ISO 8601 in UTC with milliseconds. One request writes its own time several times, so the last text is kept. */
export function toIso(time: EpochMillis): string {
  if (time !== lastTime) {
    lastText = new Date(time).toISOString();
    lastTime = time;
  }
  return lastText;
}

let lastTime: EpochMillis | undefined;
let lastText = "";
