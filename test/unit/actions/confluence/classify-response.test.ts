import { describe, expect, test } from "vitest";
import { rejectedRead, rejectedWrite } from "../../../../shared/actions/confluence/classify-response.ts";
import { testClock } from "../../../support/test-doubles.ts";

const NOW = testClock("2026-11-02T09:00:00Z").now();
const response = (status: number, headers: Readonly<Record<string, string>> = {}, body = "") => ({
  status,
  headers: new Headers(headers),
  body: Buffer.from(body),
});

describe("the wait that Confluence asks for", () => {
  test.each([
    ["the seconds in Retry-After", { "retry-after": "7" }, 7],
    ["the time until the date in Retry-After", { "retry-after": "Mon, 02 Nov 2026 09:01:00 GMT" }, 60],
    ["the time until the reset of the rate limit", { "x-ratelimit-reset": "2026-11-02T09:02:00Z" }, 120],
    ["the time until a reset without seconds", { "x-ratelimit-reset": "2026-11-02T09:02Z" }, 120],
    ["the time until a reset in another zone", { "x-ratelimit-reset": "2026-11-02T10:00:30.500+01:00" }, 31],
    [
      "the seconds in Retry-After rather than the time until a reset",
      { "retry-after": "7", "x-ratelimit-reset": "2026-11-02T09:02Z" },
      7,
    ],
    ["one hour at most, which is how long a quota lasts", { "x-ratelimit-reset": "2026-11-03T09:00Z" }, 3_600],
    ["an unspecified time if the reset has passed", { "x-ratelimit-reset": "2026-11-02T08:59Z" }, undefined],
    ["an unspecified time if the reset is not a date", { "x-ratelimit-reset": "1793610000" }, undefined],
    ["an unspecified time if the response has no such header", {}, undefined],
  ])("a rejected read is retried after %s", (_, headers, expected) => {
    const ending = rejectedRead(response(429, headers), NOW);
    expect(ending).toMatchObject({ outcome: "retry" });
    expect("afterSeconds" in ending ? ending.afterSeconds : undefined).toBe(expected);
  });

  test("a read that met a server error is retried after the time in Retry-After too", () => {
    expect(rejectedRead(response(503, { "retry-after": "9" }), NOW)).toMatchObject({
      outcome: "retry",
      afterSeconds: 9,
    });
  });
});

describe("a rejected write", () => {
  test.each([
    [409, "", "conflict"],
    [409, "content is unreconciled", "draft"],
    [400, "", "content"],
    [429, "", "end"],
    [408, "", "unknown"],
    [500, "", "unknown"],
    [500, "UnexpectedRollbackException: unreconciled", "draft"],
    [502, "", "unknown"],
    [200, "<html>Log in</html>", "unknown"],
  ])("a write answered with %i %j is classified as %s", (status, body, kind) => {
    expect(rejectedWrite(response(status, {}, body), NOW).kind).toBe(kind);
  });
});
