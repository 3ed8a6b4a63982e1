import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isoTime } from "../../../shared/providers/time.ts";

describe("isoTime", () => {
  it.each([
    ["2026-11-02T09:00:00Z", "2026-11-02T09:00:00.000Z"],
    ["2026-11-02T09:00:00.1Z", "2026-11-02T09:00:00.100Z"],
    ["2026-11-02T09:00:00.123456789Z", "2026-11-02T09:00:00.123Z"],
    ["2026-11-02T10:00:00+01:00", "2026-11-02T09:00:00.000Z"],
    ["2026-11-02T03:30:00-0530", "2026-11-02T09:00:00.000Z"],
    ["2016-08-12 15:23:28 UTC", "2016-08-12T15:23:28.000Z"],
    ["2021-04-28 21:50:00 +0200", "2021-04-28T19:50:00.000Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
    ["2026-11-02T24:00:00Z", "2026-11-03T00:00:00.000Z"],
    [1793523600000, "2026-11-01T09:00:00.000Z"],
    [0, "1970-01-01T00:00:00.000Z"],
  ])("isoTime spells %s as %s", (value, expected) => expect(isoTime(value)).toBe(expected));

  it.each([
    undefined,
    null,
    "",
    "yesterday",
    "2026-11-02",
    "2026-11-02T09:00:00",
    "2026-11-02T09:00Z",
    "2026-13-02T09:00:00Z",
    "2026-11-02T25:00:00Z",
    "2026-02-30T09:00:00Z",
    "2026-11-02T09:00:00Z ",
    " 2026-11-02T09:00:00Z",
    "2026-11-02T09:00:00 CET",
    "02 Nov 2026 09:00:00 GMT",
    Number.NaN,
    Number.POSITIVE_INFINITY,
    8.64e15 + 1,
  ])("isoTime returns undefined for %s", (value) => expect(isoTime(value)).toBeUndefined());

  it("isoTime returns every time of JavaScript unchanged", () =>
    fc.assert(
      fc.property(
        fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("9999-12-31T23:59:59.999Z") }),
        (date) => {
          expect(isoTime(date.toISOString())).toBe(date.toISOString());
          expect(isoTime(date.getTime())).toBe(date.toISOString());
        },
      ),
    ));

  it("isoTime never throws", () =>
    fc.assert(fc.property(fc.oneof(fc.string(), fc.double()), (value) => isoTime(value) !== "")));
});
