/** The parts of a local time that a format has. */
export const PARTS = ["year", "month", "day", "hour", "minute", "second"] as const;

/** Formats are slow to create. There are as many as the configuration names zones. */
const formats = new Map<string, Intl.DateTimeFormat>();

export function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const options = { timeZone: zone, hourCycle: "h23", calendar: "gregory", numberingSystem: "latn" } as const;
  const numeric = Object.fromEntries(PARTS.map((part) => [part, "numeric"]));
  const format = new Intl.DateTimeFormat("en-US", { ...options, ...numeric });
  formats.set(zone, format);
  return format;
}

/** Whether this machine knows a time zone. */
export function isZone(zone: string): boolean {
  try {
    formatOf(zone);
    return true;
  } catch {
    // `RangeError` is how `Intl` answers the question.
    return false;
  }
}

export const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
