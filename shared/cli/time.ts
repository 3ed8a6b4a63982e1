import { type EpochMillis, epochMillis, isDay } from "../host/clock.ts";

/** The forms of a time on the command line, for the message about another one. */
export const TIME_FORMS =
  'a time: "02:00" (the last one), "30m", "2h" or "2d" (ago), "2026-11-02" or "2026-11-02T09:00" (in the zone of this machine), or with a zone, "2026-11-02T09:00:00Z"';

/**
 * Reads a time as people write it; undefined for another text. A time without a zone is in the zone of this machine. A time
 * that the clocks skip in spring is read as if they had not yet been changed, and of a time that comes twice in autumn it is
 * the first, so that a list that begins then leaves nothing out.
 */
export function readTime(text: string, now: EpochMillis): EpochMillis | undefined {
  return readAge(text, now) ?? readTimeOfDay(text, now) ?? readDate(text);
}

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `2h`: a day has 24 hours, also when the clocks are changed. */
function readAge(text: string, now: EpochMillis): EpochMillis | undefined {
  const [, count, unit = ""] = /^(\d{1,5})([smhd])$/.exec(text) ?? [];
  return count === undefined ? undefined : epochMillis(now - Number(count) * (UNITS_MS[unit] ?? 0));
}

const TIME_OF_DAY = String.raw`([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.\d{1,9})?)?`;

/** `02:00`: today, or yesterday if it is still to come. A zone that moves over the date line can skip yesterday. */
function readTimeOfDay(text: string, now: EpochMillis): EpochMillis | undefined {
  const match = new RegExp(`^${TIME_OF_DAY}$`).exec(text);
  if (match === null) return undefined;
  const [hour = 0, minute = 0, second = 0] = match.slice(1).map((part) => Number(part ?? 0));
  const today = new Date(now);
  const times = [0, -1, -2].map((days) =>
    new Date(today.getFullYear(), today.getMonth(), today.getDate() + days, hour, minute, second).getTime(),
  );
  return epochMillis(times.find((time) => time <= now) ?? now);
}

function readDate(text: string): EpochMillis | undefined {
  const form = new RegExp(String.raw`^(\d{4}-\d\d-\d\d)(?:[T ](${TIME_OF_DAY})(Z|[+-]\d\d:?\d\d)?)?$`);
  const [, day, timeOfDay = "00:00", , , , zone = ""] = form.exec(text) ?? [];
  if (day === undefined || !isDay(day)) return undefined;
  // Without a zone it is local time: https://tc39.es/ecma262/#sec-date-time-string-format
  const time = Date.parse(`${day}T${timeOfDay}${zone.replace(/(\d\d):?(\d\d)$/, "$1:$2")}`);
  return Number.isNaN(time) ? undefined : epochMillis(time);
}

/** A recorded time for a person: in the zone of this machine, and short, with the day only if it is another one. */
export function localTime(iso: string, now: EpochMillis): string {
  const time = new Date(iso);
  const [year, month, day, hour, minute, second] = [
    time.getFullYear(),
    time.getMonth() + 1,
    time.getDate(),
    time.getHours(),
    time.getMinutes(),
    time.getSeconds(),
  ].map((part) => String(part).padStart(2, "0"));
  if (time.toDateString() === new Date(now).toDateString()) return `${hour}:${minute}:${second}`;
  if (time.getFullYear() === new Date(now).getFullYear()) return `${month}-${day} ${hour}:${minute}`;
  return `${year}-${month}-${day}`;
}
