import { describe, expect, it } from "vitest";
import measured from "../../../infra/cost/measured.json" with { type: "json" };
import { LOOKED_UP } from "../../../infra/cost/prices.ts";
import { costTables, withTables } from "../../../infra/cost/tables.ts";
import { readText } from "../../support/documents.ts";

const DOCUMENT = readText("docs/cost.md");

describe("docs/cost.md", () => {
  it("has every table as the script computes it: `npm run cost -- --write` writes them", () => {
    expect(withTables(DOCUMENT, costTables(measured))).toBe(DOCUMENT);
  });

  it("has no markers but those of its tables", () => {
    const names = Array.from(DOCUMENT.matchAll(/^<!-- ([\w-]+) -->$/gm), ([, name = ""]) => name);
    expect(names.sort()).toEqual([...costTables(measured).keys()].sort());
  });

  it("tells the days on which prices were looked up and bodies measured", () => {
    expect(DOCUMENT).toContain(`looked up on ${LOOKED_UP}`);
    expect(DOCUMENT).toContain(`measured on ${measured.recorded.date}`);
  });

  it("is not written where a marker is missing", () => {
    const tables = new Map([["parts", "| table |"]]);
    expect(() => withTables("<!-- parts -->\nno end", tables)).toThrow();
    expect(withTables("a\n<!-- parts -->\nold\n<!-- /parts -->\nb", tables)).toBe(
      "a\n<!-- parts -->\n\n| table |\n\n<!-- /parts -->\nb",
    );
  });
});
