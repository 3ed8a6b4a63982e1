import { type EpochMillis, epochMillis } from "../host/clock.ts";
import { DAYS, type WeeklyWindow } from "./configured-rules.ts";
import { formatOf, minutesOf, PARTS } from "./local-time.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

/**
 * When the first of these windows opens; undefined if one is open, or if there are none. An hour that the clocks skip is in
 * no window, and an hour that they repeat is in it twice.
 */
export function opensAt(windows: readonly WeeklyWindow[], now: EpochMillis): EpochMillis | undefined {
  if (windows.length === 0 || windows.some((window) => isOpen(window, now))) return undefined;
  const openings = windows.flatMap((window) => openingsOf(window, now).filter((at) => at > now && isOpen(window, at)));
  // A window that lies in a skipped hour opens a week later. Looking again after a week finds it.
  return epochMillis(Math.min(now + 7 * DAY_MS, ...openings));
}

function isOpen({ days, from, to, zone }: WeeklyWindow, at: number): boolean {
  const local = new Date(at + offsetAt(zone, at));
  const minute = local.getUTCHours() * 60 + local.getUTCMinutes();
  const day = DAYS[local.getUTCDay()];
  return day !== undefined && days.includes(day) && minute >= minutesOf(from) && minute < minutesOf(to);
}

/** The moments of the next eight days at which it may open: its start on each day, and each change of the clocks. */
function openingsOf({ from, zone }: WeeklyWindow, now: number): readonly number[] {
  const today = Math.floor((now + offsetAt(zone, now)) / DAY_MS) * DAY_MS;
  return Array.from({ length: 8 }, (_, day) => today + day * DAY_MS).flatMap((midnight) => {
    const local = midnight + minutesOf(from) * MINUTE_MS;
    const [before, after] = [local - DAY_MS, local + DAY_MS];
    const [one, other] = [offsetAt(zone, before), offsetAt(zone, after)];
    return one === other ? [local - one] : [local - one, local - other, changeBetween(before, after, zone)];
  });
}

/** The moment at which the offset changes, by bisection: whole minutes. */
function changeBetween(from: number, to: number, zone: string): number {
  let [early, late] = [Math.floor(from / MINUTE_MS), Math.ceil(to / MINUTE_MS)];
  const first = offsetAt(zone, from);
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2);
    if (offsetAt(zone, middle * MINUTE_MS) === first) early = middle;
    else late = middle;
  }
  return late * MINUTE_MS;
}

/** The milliseconds that the clocks of a zone are ahead of UTC. */
function offsetAt(zone: string, at: number): number {
  const parts = new Map(
    formatOf(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const [year = 0, month = 1, day, hour, minute, second] = PARTS.map((type) => parts.get(type));
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1_000) * 1_000;
}
