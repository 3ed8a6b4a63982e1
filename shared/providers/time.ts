import { isDay } from "../host/clock.ts";

/**
 * Converts the formats in which senders write a time into one: ISO 8601 in UTC with milliseconds, so that times compare
 * as text. Accepts ISO 8601 with `Z` or an offset, `2016-08-12 15:23:28 UTC`, `2021-04-28 21:50:00 +0200` and epoch
 * milliseconds. Returns undefined for anything else.
 */
export function isoTime(value: string | number | null | undefined): string | undefined {
  if (value === null || value === undefined) return undefined;
  const time = typeof value === "number" ? value : Date.parse(isoSpelling(value));
  // Beyond ±8.64e15 ms a Date has no ISO form (ECMA-262, "Time Values and Time Range").
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : undefined;
}

function isoSpelling(value: string): string {
  const parts = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2}(?:\.\d+)?) ?(Z|UTC|[+-]\d{2}:?\d{2})$/.exec(value);
  if (!parts) return "";
  const [, day = "", time, zone = ""] = parts;
  if (!isDay(day)) return "";
  return `${day}T${time}${zone === "UTC" ? "Z" : zone.replace(/^([+-]\d{2}):?(\d{2})$/, "$1:$2")}`;
}
