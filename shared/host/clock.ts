declare const millis: unique symbol;
declare const seconds: unique symbol;

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMillis = number & { readonly [millis]: true };
/** Whole seconds since 1970-01-01T00:00:00Z. */
export type EpochSeconds = number & { readonly [seconds]: true };

/** The time of day. It is passed in wherever it matters, so that a test can use a fixed time. */
export interface Clock {
  now(): EpochMillis;
}

export const systemClock: Clock = { now: () => epochMillis(Date.now()) };

/** Milliseconds since some moment, for durations: steps of the time of day do not change it. */
export const monotonicMs = (): number => performance.now();

// Only these two functions create the branded types.
export const epochMillis = (value: number): EpochMillis => value as EpochMillis;
export const epochSeconds = (value: number): EpochSeconds => value as EpochSeconds;

export const toSeconds = (time: EpochMillis): EpochSeconds => epochSeconds(Math.floor(time / 1000));
export const toMillis = (time: EpochSeconds): EpochMillis => epochMillis(time * 1000);
export const toIso = (time: EpochMillis): string => new Date(time).toISOString();
export const laterBy = (time: EpochMillis, addedMs: number): EpochMillis => epochMillis(time + addedMs);

/** Returns whether a day such as `2026-02-28` exists: `Date.parse` turns 30 February into a day in March. */
export function isDay(day: string): boolean {
  const midnight = Date.parse(day);
  return !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(day);
}
