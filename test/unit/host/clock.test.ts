import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { epochMillis, toIso } from "../../../shared/host/clock.ts";

describe("toIso", () => {
  it("a time is written as ISO 8601 in UTC, in whatever order times are written", () => {
    const time = fc.oneof(fc.constantFrom(0, 1, 1_793_610_000_000), fc.integer({ min: -8.64e15, max: 8.64e15 }));
    fc.assert(
      fc.property(fc.array(time), (times) => {
        for (const one of times) expect(toIso(epochMillis(one))).toBe(new Date(one).toISOString());
      }),
    );
  });

  it("a time that does not exist is an error each time, and does not change the next text", () => {
    for (const _ of [1, 2]) expect(() => toIso(epochMillis(Number.NaN))).toThrow(RangeError);
    expect(toIso(epochMillis(0))).toBe("1970-01-01T00:00:00.000Z");
  });
});
