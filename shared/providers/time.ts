/**
 * One spelling for all the ways senders write a time: ISO 8601 in UTC with milliseconds, so that times compare as text.
 * Takes ISO 8601 with `Z` or an offset, `2016-08-12 15:23:28 UTC`, `2021-04-28 21:50:00 +0200` and epoch milliseconds;
 * nothing for anything else.
 */
export function isoTime(told: string | number | null | undefined): string | undefined {
  if (told === null || told === undefined) return undefined;
  const time = typeof told === "number" ? told : Date.parse(isoSpelling(told));
  // Beyond ±8.64e15 ms a Date has no ISO form (ECMA-262, "Time Values and Time Range").
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : undefined;
}

function isoSpelling(told: string): string {
  const parts = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2}(?:\.\d+)?) ?(Z|UTC|[+-]\d{2}:?\d{2})$/.exec(told);
  if (!parts) return "";
  const [, day = "", time, zone = ""] = parts;
  if (!exists(day)) return "";
  return `${day}T${time}${zone === "UTC" ? "Z" : zone.replace(/^([+-]\d{2}):?(\d{2})$/, "$1:$2")}`;
}

/** `Date.parse` lets 30 February run into March. */
function exists(day: string): boolean {
  const midnight = Date.parse(day);
  return !Number.isNaN(midnight) && new Date(midnight).toISOString().startsWith(day);
}
