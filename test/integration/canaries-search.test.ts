import { describe, expect, it } from "vitest";
import { Canaries, canary, formsOf } from "../support/canaries.ts";

describe("the search for canaries", () => {
  const value = canary("self");
  const planted = 'Q7$planted/with+odd"marks';
  const odd = new Canaries();
  odd.plant("planted", planted);
  const spellings = [value, planted].flatMap((one) =>
    [...formsOf(one)].flatMap(([form, texts]) => texts.map((text) => [form, text] as const)),
  );

  it.each(spellings)("a canary is found in the form %s, whatever surrounds it", (_, text) => {
    expect(odd.foundIn([{ where: "here", text: `{"a":"x${text}y"}` }])).not.toEqual([]);
  });

  it.each([0, 1, 2])("a canary is found in the base64 of a longer text, behind %i bytes", (length) => {
    const around = Buffer.from(`${"u".repeat(length)}${value}:more`);
    for (const encoding of ["base64", "base64url", "hex"] as const) {
      expect(odd.foundIn([{ where: "here", text: around.toString(encoding) }])).not.toEqual([]);
    }
  });

  it("nothing is found in a text without a canary", () => {
    const text = ["nothing", "canar y-", Buffer.from("nothing to see here").toString("base64")].join();
    expect(odd.foundIn([{ where: "here", text }])).toEqual([]);
  });
});
