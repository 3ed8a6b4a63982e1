import { describe, expect, it } from "vitest";
import { OPTIONS, USAGE } from "../../../shared/cli/usage.ts";

const namesIn = (what: RegExp): readonly string[] =>
  [...new Set(Array.from(USAGE.matchAll(what), ([, name = ""]) => name))].sort();
const namesOf = (isWanted: (type: string) => boolean): readonly string[] =>
  Object.entries(OPTIONS)
    .flatMap(([name, { type }]) => (isWanted(type) ? [name] : []))
    .sort();

describe("the help text", () => {
  it("names every option that is taken, and no other", () => {
    expect(namesIn(/--([a-z-]+)/g)).toEqual(namesOf(() => true));
  });

  it("shows a value with every option that has a line of its own and takes one", () => {
    expect(namesIn(/^ {4}--([a-z-]+) {2,}\S/gm)).toEqual(namesOf((type) => type === "boolean"));
  });
});
