import * as v from "valibot";
import { type EpochMillis, epochMillis, isDay, laterBy } from "../host/clock.ts";

/** A time in the query of a list. */
export const time = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.check((text) => isDay(text.slice(0, 10)) && !Number.isNaN(Date.parse(text))),
);

const DAY_MS = 86_400_000;

/**
 * The end of a list's range. It is at most one day ahead: nothing is recorded later, even by a clock that is ahead, and a
 * list reads as many days before its end as records are kept.
 */
export const endOfRange = (until: string | undefined, now: EpochMillis): EpochMillis =>
  until === undefined ? now : epochMillis(Math.min(Date.parse(until), endOfLookUp(now)));

/** A look-up also finds what was recorded while the clock was ahead, before it was set back. */
export const endOfLookUp = (now: EpochMillis): EpochMillis => laterBy(now, DAY_MS);
