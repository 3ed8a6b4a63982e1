import { describe, expect, it } from "vitest";
import { Canaries, canary, formsOf } from "../support/canaries.ts";

describe("a canary", () => {
  const value = canary("self");
  const planted = 'Q7$planted/with+odd"marks';
  const odd = new Canaries();
  odd.plant("planted", planted);
  const spellings = [value, planted].flatMap((one) =>
    [...formsOf(one)].flatMap(([form, texts]) => texts.map((text) => [form, text] as const)),
  );

  it.each(spellings)("is found %s, whatever stands beside it", (_, text) => {
    expect(odd.foundIn([{ where: "here", text: `{"a":"x${text}y"}` }])).not.toEqual([]);
  });

  it.each([0, 1, 2])("is found in base64 of what it is part of, behind %i bytes", (length) => {
    const around = Buffer.from(`${"u".repeat(length)}${value}:more`);
    for (const encoding of ["base64", "base64url", "hex"] as const) {
      expect(odd.foundIn([{ where: "here", text: around.toString(encoding) }])).not.toEqual([]);
    }
  });

  it("is not found where there is none", () => {
    const text = ["nothing", "canar y-", Buffer.from("nothing to see here").toString("base64")].join();
    expect(odd.foundIn([{ where: "here", text }])).toEqual([]);
  });
});
