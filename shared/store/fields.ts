import { type Clock, type EpochMillis, toSeconds } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Item } from "./table.ts";

/** How long a record is stored after it was written. */
export interface Retention {
  readonly retentionDays: number;
}

export interface StoreOptions extends Retention {
  readonly clock: Clock;
}

/** The `expiresAt` of an item written at `time`, in epoch seconds as DynamoDB's time to live requires. */
export const expiryOf = (time: EpochMillis, { retentionDays }: Retention): number =>
  toSeconds(time) + retentionDays * 86_400;

/**
 * The `expiresAt` of an item written at `written` whose work waits until `at`: nothing to set unless the item would expire
 * before then, or soon after. DynamoDB deletes by this field alone, whatever waits.
 */
export const expiryOfWaiting = (written: EpochMillis, at: EpochMillis, retention: Retention) =>
  expiryOf(written, retention) < toSeconds(at) + LEFT_SECONDS ? { expiresAt: expiryOf(at, retention) } : {};

/** A delivery is received before its action is stored, in AWS by at most a day: the age of the oldest record of a stream. */
const LEFT_SECONDS = 2 * 86_400;

/** Pads the time to 13 digits, so that times compare as text until the year 2286. */
export const padTime = (time: EpochMillis): string => String(time).padStart(13, "0");

export function text(item: Item, name: string): string {
  const value = item[name];
  if (typeof value !== "string") throw unreadable(name);
  return value;
}

export function number(item: Item, name: string): number {
  const value = item[name];
  if (typeof value !== "number") throw unreadable(name);
  return value;
}

const unreadable = (name: string): Fault =>
  new Fault("record_unreadable", `a stored item has no usable "${name}"`, { retryable: false });
