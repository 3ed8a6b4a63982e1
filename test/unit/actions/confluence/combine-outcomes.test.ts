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

describe("one outcome for several pages", () => {
  test.each<[string, readonly ActionOutcome[], object]>([
    ["is that of the only one", [retry(7)], retry(7)],
    ["is done with all of them", [done, done], { outcome: "done", summary: "a; a", facts: { "page 1": "version 2" } }],
    ["comes again for the first, not for one in a long rest", [wait(2), retry(1_800)], { ...wait(2), summary: "b; c" }],
    ["comes again for the first of two failures", [retry(1_800), retry(7)], { ...retry(7), summary: "c; c" }],
    ["leaves the delay to the attempts where one names none", [retry(1_800), retry()], { ...retry(), summary: "c; c" }],
    ["does not leave a failure to another's long wait", [wait(600), retry()], { ...wait(30), summary: "b; c" }],
    [
      "does not call a failing page all the time beside a wait",
      [wait(600), retry(0)],
      { ...wait(30), summary: "b; c" },
    ],
    [
      "counts no attempt while one waits, whatever becomes of others",
      [giveUp, wait(9), done],
      { ...wait(9), summary: "d; b; a" },
    ],
    ["tells of what is given up when nothing else is left", [giveUp, done], { outcome: "give_up", summary: "d; a" }],
    ["is a retry before anything is given up", [giveUp, retry(7)], { ...retry(7), summary: "d; c" }],
  ])("%s", (_, outcomes, expected) => {
    expect(combineOutcomes(outcomes)).toEqual(expected);
  });

  test("keeps that an effect is not known, and that a wait may be long", () => {
    const unknown: ActionOutcome = { outcome: "retry", summary: "c", unknownOutcome: true };
    expect(combineOutcomes([retry(), unknown])).toMatchObject({ outcome: "retry", unknownOutcome: true });
    const long: ActionOutcome = { outcome: "wait", summary: "b", afterSeconds: 300, isLong: true };
    expect(combineOutcomes([long, retry()])).toMatchObject({ outcome: "wait", isLong: true });
  });
});
