import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJsonInSteps } from "../../../shared/host/json-in-steps.ts";

const outcomeOf = async (parse: () => unknown): Promise<unknown> => {
  try {
    return { value: await parse() };
  } catch (error) {
    return { error: (error as Error).name };
  }
};

async function expectSame(text: string): Promise<void> {
  expect(await outcomeOf(() => parseJsonInSteps(text))).toEqual(await outcomeOf(() => JSON.parse(text)));
}

describe("JSON that is parsed in steps", () => {
  it.each([
    "",
    " ",
    "[]",
    " [ ] ",
    "[1]",
    "[1,]",
    "[,]",
    "[1}",
    "[{]",
    "[1] 2",
    "[1],",
    "[",
    "[1",
    '["',
    '["a]"]',
    '["\\"]"]',
    '["\\\\"]',
    '["\\\\\\""]',
    "[[1,2],[3]]",
    '[{"a":[1,{"b":2}]},null]',
    '{"a":[1]}',
    "\u00a0[1]",
    "[\u00a01]",
    "\ufeff[1]",
    "[1 2]",
    "[[1}]",
    "]",
    '[{"a":1],2]',
  ])("gives what JSON.parse gives: %j", expectSame);

  it("of any value, and of a text with a character more, less or changed", async () => {
    const text = fc.oneof(
      fc.json(),
      fc.array(fc.jsonValue(), { maxLength: 8 }).map((value) => JSON.stringify(value)),
    );
    const changed = fc
      .tuple(text, fc.nat(), fc.constantFrom("", "[", "]", "{", "}", ",", '"', "\\", ":", "0", " "), fc.boolean())
      .map(([whole, at, character, isInstead]) => {
        const index = at % (whole.length + 1);
        return whole.slice(0, index) + character + whole.slice(index + (isInstead ? 1 : 0));
      });
    await fc.assert(fc.asyncProperty(text, expectSame));
    await fc.assert(fc.asyncProperty(changed, expectSame), { numRuns: 1_000 });
  });

  it("lets the event loop go on while it parses a long array, and gives the same", async () => {
    const value = Array.from({ length: 400 }, (_, at) => ({ at, text: 'a ] } , \\ " text'.repeat(100) }));
    const text = JSON.stringify(value);
    let [turns, isDone] = [0, false];
    const counting = (async () => {
      for (; !isDone; turns++) await nextTurn();
    })();
    expect(await parseJsonInSteps(text)).toEqual(value);
    isDone = true;
    await counting;
    expect(turns).toBeGreaterThanOrEqual(8);
  });
});
