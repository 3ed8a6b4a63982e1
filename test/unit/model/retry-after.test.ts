import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { epochMillis } from "../../../shared/host/clock.ts";
import { retryAfterSeconds } from "../../../shared/model/retry-after.ts";

const now = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const secondsOf = (value: string) => retryAfterSeconds(new Headers({ "retry-after": value }), now);

describe("retryAfterSeconds", () => {
  it.each([
    ["delay-seconds", "120", 120],
    ["a delay of zero", "0", 0],
    ["a delay of a week, cut to a day", "604800", 86_400],
    ["more digits than a number holds, cut to a day", "9".repeat(400), 86_400],
    ["an HTTP date", "Mon, 02 Nov 2026 09:01:30 GMT", 90],
    ["an HTTP date gone by", "Mon, 02 Nov 2026 08:00:00 GMT", 0],
    ["an HTTP date next year, cut to a day", "Tue, 02 Nov 2027 09:00:00 GMT", 86_400],
  ])("retryAfterSeconds reads %s", (_, value, seconds) => {
    expect(secondsOf(value)).toBe(seconds);
  });

  it.each([
    ["a negative delay", "-5"],
    ["a fraction", "1.5"],
    ["a word", "soon"],
    ["an ISO date", "2026-11-02T09:01:30Z"],
    ["a date that does not exist", "Mon, 02 Foo 2026 09:01:30 GMT"],
    ["two values joined", "1, 2"],
    ["an empty value", ""],
  ])("retryAfterSeconds returns undefined for %s", (_, value) => {
    expect(secondsOf(value)).toBeUndefined();
  });

  it("retryAfterSeconds returns undefined if there is no header", () => {
    expect(retryAfterSeconds(new Headers(), now)).toBeUndefined();
  });

  it("retryAfterSeconds returns whole seconds of at most a day, or undefined, whatever the header holds", () =>
    fc.assert(
      fc.property(fc.stringMatching(/^[ -~]*$/), (value) => {
        const seconds = secondsOf(value);
        return seconds === undefined || (Number.isInteger(seconds) && seconds >= 0 && seconds <= 86_400);
      }),
    ));
});
