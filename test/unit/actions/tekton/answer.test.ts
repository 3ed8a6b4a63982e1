import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readResponse } from "../../../../shared/actions/tekton/answer.ts";
import { epochMillis } from "../../../../shared/host/clock.ts";

const now = epochMillis(Date.parse("2026-11-02T09:00:00Z"));

function read(status: number, body = "", headers: Record<string, string> = {}) {
  return readResponse({ status, headers: new Headers(headers), body: Buffer.from(body) }, now);
}

const outcome = (expected: object) => ({ accepted: false, outcome: expected });

describe("a listener's 202", () => {
  it("a 202 names the event and the listener", () => {
    const body = { eventListener: "docs", namespace: "ci", eventListenerUID: "u", eventID: "14a6-c3" };
    expect(read(202, JSON.stringify(body))).toEqual({
      accepted: true,
      eventID: "14a6-c3",
      listener: "ci/docs",
      namespace: "ci",
    });
  });

  it.each([
    ["nothing", ""],
    ["text that is not JSON", "Accepted"],
    ["JSON that is not an object", "[1]"],
    ["null", "null"],
    ["an id that is a number", '{"eventID":7}'],
    ["an id with a line break", '{"eventID":"a\\nb"}'],
    ["an id that is too long", JSON.stringify({ eventID: "a".repeat(64) })],
  ])("a 202 counts as accepted with %s in its body", (_, body) => {
    expect(read(202, body)).toEqual({ accepted: true });
  });
});

describe("other responses", () => {
  it.each([200, 201, 204, 301, 302, 307, 400, 403, 404, 405, 409, 410, 413, 415, 422])(
    "status %i is given up",
    (status) => {
      expect(read(status)).toMatchObject(outcome({ outcome: "give_up" }));
    },
  );

  it.each([401, 408, 425, 429, 500, 502, 503, 599])("status %i is retried, and nothing was started", (status) => {
    const response = read(status);
    expect(response).toMatchObject(outcome({ outcome: "retry" }));
    expect(response).not.toHaveProperty("outcome.unknownOutcome");
  });

  it.each([
    ["the listener's own time-out", 503, "EventListener Timeout!\n"],
    ["a gateway's time-out", 504, ""],
  ])("the outcome is unknown after %s", (_, status, body) => {
    expect(read(status, body)).toMatchObject(outcome({ outcome: "retry", unknownOutcome: true }));
  });

  it.each([429, 500, 503, 504])("the retry after status %i waits as long as Retry-After asks for", (status) => {
    const headers = { "retry-after": "Mon, 02 Nov 2026 09:02:00 GMT" };
    expect(read(status, "", headers)).toMatchObject(outcome({ outcome: "retry", afterSeconds: 120 }));
  });

  it("the summary repeats the listener's message, cut and on one line", () => {
    const errorMessage = `Invalid event body format : \u001b[31m\n${"x".repeat(5_000)}`;
    const response = read(400, JSON.stringify({ errorMessage }));
    const summary = response.accepted ? "" : response.outcome.summary;
    expect(summary).toContain("Invalid event body format :");
    expect(summary).not.toMatch(/\p{C}/u);
    expect(summary.length).toBeLessThan(300);
  });

  it("any response is read without a fault, whatever it holds", () =>
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), fc.uint8Array(), fc.jsonValue(), (status, bytes, json) => {
        const headers = new Headers();
        expect(readResponse({ status, headers, body: bytes }, now).accepted).toBe(status === 202);
        const body = Buffer.from(JSON.stringify({ eventID: json, eventListener: json, errorMessage: json }));
        expect(readResponse({ status, headers, body }, now).accepted).toBe(status === 202);
      }),
    ));
});
