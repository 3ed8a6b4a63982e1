import { describe, expect, test } from "vitest";
import { rejectedRead, rejectedWrite } from "../../../../shared/actions/confluence/classify-response.ts";
import { testClock } from "../../../support/test-doubles.ts";

const NOW = testClock("2026-11-02T09:00:00Z").now();
const answer = (status: number, headers: Readonly<Record<string, string>> = {}, body = "") => ({
  status,
  headers: new Headers(headers),
  body: Buffer.from(body),
});

describe("the wait that Confluence asks for", () => {
  test.each([
    ["seconds", { "retry-after": "7" }, 7],
    ["a date", { "retry-after": "Mon, 02 Nov 2026 09:01:00 GMT" }, 60],
    ["a reset", { "x-ratelimit-reset": "2026-11-02T09:02:00Z" }, 120],
    ["a reset without seconds", { "x-ratelimit-reset": "2026-11-02T09:02Z" }, 120],
    ["a reset in another zone", { "x-ratelimit-reset": "2026-11-02T10:00:30.500+01:00" }, 31],
    ["seconds beside a reset", { "retry-after": "7", "x-ratelimit-reset": "2026-11-02T09:02Z" }, 7],
    ["a reset beyond the hour that a quota lasts", { "x-ratelimit-reset": "2026-11-03T09:00Z" }, 3_600],
    ["a reset that is over", { "x-ratelimit-reset": "2026-11-02T08:59Z" }, undefined],
    ["a reset that is none", { "x-ratelimit-reset": "1793610000" }, undefined],
    ["nothing", {}, undefined],
  ])("is told by %s", (_, headers, expected) => {
    const ending = rejectedRead(answer(429, headers), NOW);
    expect(ending).toMatchObject({ outcome: "retry" });
    expect("afterSeconds" in ending ? ending.afterSeconds : undefined).toBe(expected);
  });

  test("counts for a server error too", () => {
    expect(rejectedRead(answer(503, { "retry-after": "9" }), NOW)).toMatchObject({ outcome: "retry", afterSeconds: 9 });
  });
});

describe("a write that was refused", () => {
  test.each([
    [409, "", "conflict"],
    [409, "content is unreconciled", "draft"],
    [400, "", "end"],
    [429, "", "end"],
    [408, "", "unknown"],
    [500, "", "unknown"],
    [500, "UnexpectedRollbackException: unreconciled", "draft"],
    [502, "", "unknown"],
    [200, "<html>Log in</html>", "unknown"],
  ])("with %i %j is known as %s", (status, body, kind) => {
    expect(rejectedWrite(answer(status, {}, body), NOW).kind).toBe(kind);
  });
});
