import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readResponse } from "../../../../shared/actions/tekton/answer.ts";
import { epochMillis } from "../../../../shared/host/clock.ts";

const now = epochMillis(Date.parse("2026-11-02T09:00:00Z"));

function read(status: number, body = "", headers: Record<string, string> = {}) {
  return readResponse({ status, headers: new Headers(headers), body: Buffer.from(body) }, now);
}

const outcome = (told: object) => ({ accepted: false, outcome: told });

describe("a listener's 202", () => {
  it("names the event and the listener", () => {
    const body = { eventListener: "docs", namespace: "ci", eventListenerUID: "u", eventID: "14a6-c3" };
    expect(read(202, JSON.stringify(body))).toEqual({ accepted: true, eventID: "14a6-c3", listener: "ci/docs" });
  });

  it.each([
    ["nothing", ""],
    ["no JSON", "Accepted"],
    ["no object", "[1]"],
    ["null", "null"],
    ["an id that is a number", '{"eventID":7}'],
    ["an id with a line break", '{"eventID":"a\\nb"}'],
    ["an id of any length", JSON.stringify({ eventID: "a".repeat(64) })],
  ])("counts as accepted with %s in it", (_, body) => {
    expect(read(202, body)).toEqual({ accepted: true });
  });
});

describe("other answers", () => {
  it.each([200, 201, 204, 301, 302, 307, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422])(
    "gives up at %i",
    (status) => {
      expect(read(status)).toMatchObject(outcome({ outcome: "give_up" }));
    },
  );

  it.each([408, 425, 429, 500, 502, 503, 599])("tries again after %i, where nothing was done", (status) => {
    const answer = read(status);
    expect(answer).toMatchObject(outcome({ outcome: "retry" }));
    expect(answer).not.toHaveProperty("outcome.unknownOutcome");
  });

  it.each([
    ["the listener's own time-out", 503, "EventListener Timeout!\n"],
    ["a gateway's time-out", 504, ""],
  ])("does not know what was done after %s", (_, status, body) => {
    expect(read(status, body)).toMatchObject(outcome({ outcome: "retry", unknownOutcome: true }));
  });

  it.each([429, 500, 503, 504])("waits as long as %i asks for", (status) => {
    const headers = { "retry-after": "Mon, 02 Nov 2026 09:02:00 GMT" };
    expect(read(status, "", headers)).toMatchObject(outcome({ outcome: "retry", afterSeconds: 120 }));
  });

  it("repeats the listener's own words, cut and on one line", () => {
    const errorMessage = `Invalid event body format : \u001b[31m\n${"x".repeat(5_000)}`;
    const answer = read(400, JSON.stringify({ errorMessage }));
    const summary = answer.accepted ? "" : answer.outcome.summary;
    expect(summary).toContain("Invalid event body format :");
    expect(summary).not.toMatch(/\p{C}/u);
    expect(summary.length).toBeLessThan(300);
  });

  it("are read without a fault, whatever they hold", () =>
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), fc.uint8Array(), fc.jsonValue(), (status, bytes, json) => {
        const headers = new Headers();
        expect(readResponse({ status, headers, body: bytes }, now).accepted).toBe(status === 202);
        const body = Buffer.from(JSON.stringify({ eventID: json, eventListener: json, errorMessage: json }));
        expect(readResponse({ status, headers, body }, now).accepted).toBe(status === 202);
      }),
    ));
});
