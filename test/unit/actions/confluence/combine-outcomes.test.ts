import { describe, expect, test } from "vitest";
import { combineOutcomes } from "../../../../shared/actions/confluence/combine-outcomes.ts";
import type { ActionOutcome } from "../../../../shared/model/action-outcome.ts";

const done: ActionOutcome = { outcome: "done", summary: "a", facts: { "page 1": "version 2" } };
const wait = (afterSeconds: number): ActionOutcome => ({ outcome: "wait", summary: "b", afterSeconds });
const retry = (afterSeconds?: number): ActionOutcome => ({
  outcome: "retry",
  summary: "c",
  ...(afterSeconds !== undefined && { afterSeconds }),
});
const giveUp: ActionOutcome = { outcome: "give_up", summary: "d" };

describe("the combined outcome of several pages", () => {
  test.each<[string, readonly ActionOutcome[], object]>([
    ["is that of the only page", [retry(7)], retry(7)],
    [
      "is done if every page is done",
      [done, done],
      { outcome: "done", summary: "a; a", facts: { "page 1": "version 2" } },
    ],
    [
      "waits for the first page that is due, not for one in a long cooldown",
      [wait(2), retry(1_800)],
      { ...wait(2), summary: "b; c" },
    ],
    ["retries when the first of two failed pages is due", [retry(1_800), retry(7)], { ...retry(7), summary: "c; c" }],
    [
      "leaves the delay to the backoff if one retry names no delay",
      [retry(1_800), retry()],
      { ...retry(), summary: "c; c" },
    ],
    [
      "does not delay a failed page by the long wait of another",
      [wait(600), retry()],
      { ...wait(30), summary: "b; c" },
    ],
    [
      "does not retry a failing page constantly while another waits",
      [wait(600), retry(0)],
      { ...wait(30), summary: "b; c" },
    ],
    [
      "counts no attempt while one page waits, whatever the outcome of the others",
      [giveUp, wait(9), done],
      { ...wait(9), summary: "d; b; a" },
    ],
    ["is give_up if every other page is done", [giveUp, done], { outcome: "give_up", summary: "d; a" }],
    [
      "is retry as long as one page can be retried",
      [giveUp, retry(7)],
      { ...retry(7), summary: "d; c", targetAnswered: true },
    ],
  ])("the combined outcome %s", (_, outcomes, expected) => {
    expect(combineOutcomes(outcomes)).toEqual(expected);
  });

  test("the combined outcome keeps that an effect is unknown, and that a wait is long", () => {
    const unknown: ActionOutcome = { outcome: "retry", summary: "c", unknownOutcome: true };
    expect(combineOutcomes([retry(), unknown])).toMatchObject({ outcome: "retry", unknownOutcome: true });
    const long: ActionOutcome = { outcome: "wait", summary: "b", afterSeconds: 300, isLong: true };
    expect(combineOutcomes([long, retry()])).toMatchObject({ outcome: "wait", isLong: true });
  });
});
