import { describe, expect, it } from "vitest";
import { blocksIn } from "../../../docs/generated-blocks.ts";
import measured from "../../../infra/cost/measured.json" with { type: "json" };
import { LOOKED_UP } from "../../../infra/cost/prices.ts";
import { costTables } from "../../../infra/cost/tables.ts";
import { readText } from "../../support/documents.ts";

const DOCUMENT = readText("docs/cost.md");

describe("docs/cost.md", () => {
  it("has every table of the script, and no other generated block", () => {
    const tables = Array.from(costTables(measured).keys(), (name) => `cost-${name}`);
    expect([...blocksIn(DOCUMENT)].sort()).toEqual(tables.sort());
  });

  it("gives the days on which prices were looked up and bodies measured", () => {
    expect(DOCUMENT).toContain(`looked up on ${LOOKED_UP}`);
    expect(DOCUMENT).toContain(`measured on ${measured.recorded.date}`);
  });
});
