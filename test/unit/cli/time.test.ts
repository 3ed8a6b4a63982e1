import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { localTime, readTime } from "../../../shared/cli/time.ts";
import { type EpochMillis, epochMillis, toIso } from "../../../shared/host/clock.ts";
import { propertyCases } from "../../support/property-cases.ts";

const zoneOfMachine = process.env["TZ"];
afterEach(() => {
  if (zoneOfMachine === undefined) delete process.env["TZ"];
  else process.env["TZ"] = zoneOfMachine;
});

/** Zones whose clocks are changed by an hour, by half an hour, at midnight, and never; one skipped a whole day. */
const ZONES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/St_Johns",
  "America/Santiago",
  "Australia/Lord_Howe",
  "Asia/Kathmandu",
  "Africa/Casablanca",
  "Pacific/Apia",
] as const;

const at = (iso: string): EpochMillis => epochMillis(Date.parse(iso));

/** What the text means at that time in that zone. */
function meaning(text: string, now: string, zone: string): string | undefined {
  process.env["TZ"] = zone;
  const time = readTime(text, at(now));
  return time === undefined ? undefined : toIso(time);
}

describe("a time on the command line", () => {
  it.each([
    ["02:00", "2026-11-29T12:00:00Z", "UTC", "2026-11-29T02:00:00.000Z"],
    ["13:00", "2026-11-29T12:00:00Z", "UTC", "2026-11-28T13:00:00.000Z"],
    ["12:00", "2026-11-29T12:00:00Z", "UTC", "2026-11-29T12:00:00.000Z"],
    ["02:00", "2026-11-29T00:30:00Z", "Europe/Berlin", "2026-11-28T01:00:00.000Z"],
    ["02:00:30", "2026-11-29T01:30:00Z", "Europe/Berlin", "2026-11-29T01:00:30.000Z"],
    // The clocks skip it: it is read as one hour later.
    ["02:30", "2026-03-29T10:00:00Z", "Europe/Berlin", "2026-03-29T01:30:00.000Z"],
    // It comes twice: the first.
    ["02:30", "2026-10-25T10:00:00Z", "Europe/Berlin", "2026-10-25T00:30:00.000Z"],
    ["2h", "2026-10-25T01:30:00Z", "Europe/Berlin", "2026-10-24T23:30:00.000Z"],
    ["90s", "2026-11-29T12:00:00Z", "UTC", "2026-11-29T11:58:30.000Z"],
    ["30m", "2026-11-29T12:00:00Z", "UTC", "2026-11-29T11:30:00.000Z"],
    ["2d", "2026-11-29T12:00:00Z", "UTC", "2026-11-27T12:00:00.000Z"],
    ["2026-11-02", "2026-11-29T12:00:00Z", "America/New_York", "2026-11-02T05:00:00.000Z"],
    ["2026-11-02T09:00", "2026-11-29T12:00:00Z", "America/New_York", "2026-11-02T14:00:00.000Z"],
    ["2026-11-02 09:00:07.5", "2026-11-29T12:00:00Z", "UTC", "2026-11-02T09:00:07.500Z"],
    ["2026-11-02T09:00Z", "2026-11-29T12:00:00Z", "America/New_York", "2026-11-02T09:00:00.000Z"],
    ["2026-11-02T09:00:00.250+0130", "2026-11-29T12:00:00Z", "America/New_York", "2026-11-02T07:30:00.250Z"],
  ])("%s at %s in %s is %s", (text, now, zone, time) => {
    expect(meaning(text, now, zone)).toBe(time);
  });

  it.each([
    "",
    "yesterday",
    "24:00",
    "2:00",
    "02:60",
    "2 h",
    "-2h",
    "2w",
    "2026-02-30",
    "2026-13-01",
    "2026-11-02T25:00",
    "2026-11-02T09",
    "2026-11-02T09:00+99:00",
    "02:00Z",
    "1793600000000",
  ])("%j is no time", (text) => {
    expect(meaning(text, "2026-11-29T12:00:00Z", "Europe/Berlin")).toBeUndefined();
  });

  const zone = fc.constantFrom(...ZONES);
  const moment = fc.integer({ min: Date.UTC(2010, 0), max: Date.UTC(2036, 0) }).map(epochMillis);
  const pad = (part: number): string => String(part).padStart(2, "0");

  /** The clock of a zone at a time, by the standard library. */
  const clockOf = (time: number, timeZone: string): string =>
    new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(time);

  it("a time of day is the last one in every zone, also when the clocks are changed", () => {
    const minute = fc.integer({ min: 0, max: 1_439 }).map((one) => `${pad(Math.floor(one / 60))}:${pad(one % 60)}`);
    fc.assert(
      fc.property(zone, moment, minute, (timeZone, now, text) => {
        process.env["TZ"] = timeZone;
        const time = readTime(text, now) ?? Number.NaN;
        expect(time).toBeLessThanOrEqual(now);
        // A day has 25 hours at most, and one zone skipped a day.
        expect(now - time).toBeLessThan((timeZone === "Pacific/Apia" ? 50 : 26) * 3_600_000);
        const isSkipped = clockOf(time, timeZone) !== text;
        // What the clocks skip is read as the change later.
        if (isSkipped) expect([30, 60].map((later) => clockOf(time - later * 60_000, timeZone))).not.toContain(text);
        // No later one has passed, except the second of a time that comes twice.
        const later = [24, 24.5, 25].filter((hours) => time + hours * 3_600_000 <= now - 3_600_000);
        expect(later.map((hours) => clockOf(time + hours * 3_600_000, timeZone))).not.toContain(text);
      }),
      propertyCases("time of day"),
    );
  });

  it("a time with a zone is the same in every zone, and a time without one is that of the local clock", () => {
    fc.assert(
      fc.property(zone, moment, (timeZone, time) => {
        process.env["TZ"] = timeZone;
        expect(readTime(toIso(time), epochMillis(0))).toBe(time);
        const local = new Date(time);
        const day = [local.getFullYear(), pad(local.getMonth() + 1), pad(local.getDate())].join("-");
        const read = readTime(`${day}T${clockOf(time, timeZone)}`, epochMillis(0)) ?? Number.NaN;
        expect(clockOf(read, timeZone)).toBe(clockOf(time, timeZone));
        // It differs by the seconds, and by the change if the time comes twice.
        expect([0, 30, 60]).toContain(Math.floor((time - read) / 60_000));
      }),
      propertyCases("local time"),
    );
  });
});

describe("a recorded time on a terminal", () => {
  it.each([
    ["2026-11-29T22:54:40.123Z", "23:54:40"],
    ["2026-11-28T22:54:40.123Z", "11-28 23:54"],
    ["2025-11-28T22:54:40.123Z", "2025-11-28"],
  ])("%s is shown as %s", (iso, text) => {
    process.env["TZ"] = "Europe/Berlin";
    expect(localTime(iso, at("2026-11-29T22:59:00Z"))).toBe(text);
  });
});
