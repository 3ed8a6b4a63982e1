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

// Only these two functions create the branded types.
export const epochMillis = (value: number): EpochMillis => value as EpochMillis;
export const epochSeconds = (value: number): EpochSeconds => value as EpochSeconds;

export const toSeconds = (time: EpochMillis): EpochSeconds => epochSeconds(Math.floor(time / 1000));
export const toMillis = (time: EpochSeconds): EpochMillis => epochMillis(time * 1000);
export const laterBy = (time: EpochMillis, addedMs: number): EpochMillis => epochMillis(time + addedMs);

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
