import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DAYS, type WeeklyWindow } from "../../../shared/approvals/configured-rules.ts";
import { minutesOf } from "../../../shared/approvals/local-time.ts";
import { opensAt } from "../../../shared/approvals/windows.ts";
import { epochMillis, toIso } from "../../../shared/host/clock.ts";

const WORK = ["mon", "tue", "wed", "thu"] as const;
const BERLIN = "Europe/Berlin";
const weekly = (days: WeeklyWindow["days"], from: string, to: string, zone = BERLIN): WeeklyWindow => ({
  days,
  from,
  to,
  zone,
});
const openingAfter = (now: string, ...windows: readonly WeeklyWindow[]): string | undefined => {
  const at = opensAt(windows, epochMillis(Date.parse(now)));
  return at && toIso(at).slice(0, 16);
};

describe("weekly windows", () => {
  it.each([
    ["a minute before it opens", "2026-11-02T07:59:00Z", "2026-11-02T08:00"],
    ["when it opens", "2026-11-02T08:00:00Z", undefined],
    ["just before it closes", "2026-11-02T15:59:59Z", undefined],
    ["when it closes", "2026-11-02T16:00:00Z", "2026-11-03T08:00"],
    ["after the last day of the week", "2026-11-05T20:00:00Z", "2026-11-09T08:00"],
    ["on the Friday before the clocks go forward", "2026-03-27T12:00:00Z", "2026-03-30T07:00"],
    ["on the Friday before the clocks go back", "2026-10-23T12:00:00Z", "2026-10-26T08:00"],
  ])("a window from 9 to 17 in Berlin, %s", (_, now, expected) => {
    expect(openingAfter(now, weekly(WORK, "09:00", "17:00"))).toBe(expected);
  });

  it.each([
    ["opens after the skipped hour that it begins in", "2026-03-29T00:30:00Z", "02:30", "05:00", "2026-03-29T01:00"],
    ["opens after it for however short", "2026-03-29T00:30:00Z", "02:30", "03:01", "2026-03-29T01:00"],
    ["does not open if it lies in the skipped hour", "2026-03-29T00:30:00Z", "02:15", "02:45", "2026-04-05T00:15"],
    ["opens in the repeated hour the first time", "2026-10-25T00:00:00Z", "02:30", "02:45", "2026-10-25T00:30"],
    ["opens in the repeated hour the second time", "2026-10-25T00:50:00Z", "02:30", "02:45", "2026-10-25T01:30"],
  ])("a window on a Sunday %s", (_, now, from, to, expected) => {
    expect(openingAfter(now, weekly(["sun"], from, to))).toBe(expected);
  });

  it("the first of several windows counts, and the end of the day can be the end of one", () => {
    const windows = [weekly(["fri"], "09:00", "10:00", "UTC"), weekly(["mon"], "22:00", "24:00", "Asia/Kolkata")];
    expect(openingAfter("2026-11-02T12:00:00Z", ...windows)).toBe("2026-11-02T16:30");
    expect(openingAfter("2026-11-02T18:29:59Z", ...windows)).toBeUndefined();
    expect(openingAfter("2026-11-02T18:30:00Z", ...windows)).toBe("2026-11-06T09:00");
    expect(openingAfter("2026-11-02T12:00:00Z")).toBeUndefined();
  });

  it("it opens at the first minute whose local time is in a window, around changes of the clocks in any zone", () => {
    // Lord Howe changes by half an hour.
    const zone = fc.constantFrom(BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kathmandu");
    const around = fc.constantFrom(
      ...["2026-03-08", "2026-03-29", "2026-04-05", "2026-10-04", "2026-10-25", "2026-11-01"],
    );
    const minute = fc.integer({ min: 0, max: 1_439 });
    fc.assert(
      fc.property(zone, around, minute, minute, fc.integer({ min: 1, max: 200 }), (at, day, offset, start, length) => {
        const now = Date.parse(`${day}T00:00:00Z`) + (offset - 720) * 60_000;
        const end = Math.min(start + length, 1_440);
        const window = weekly(DAYS, clockTime(start), clockTime(end), at);
        const found = opensAt([window], epochMillis(now)) ?? now;
        const local = (time: number) =>
          minutesOf(new Date(time).toLocaleTimeString("en-GB", { timeZone: at, hour: "2-digit", minute: "2-digit" }));
        const isIn = (time: number) => local(time) >= start && local(time) < end;
        expect(isIn(found)).toBe(true);
        // Half a minute before is outside, and so is every fourth minute in between.
        if (found > now) for (let t = found - 30_000; t >= now; t -= 4 * 60_000) expect(isIn(t)).toBe(false);
      }),
      { numRuns: 40 },
    );
  });
});

const clockTime = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
