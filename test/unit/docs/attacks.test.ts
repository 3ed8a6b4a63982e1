import { existsSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { codeIn, readText, rowsOf } from "../../support/documents.ts";

const ROOT = new URL("../../../", import.meta.url);
const ROWS = rowsOf(readText("docs/attacks.md"));

const TESTS = readdirSync(new URL("test", ROOT), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && !path.endsWith("docs/attacks.test.ts"))
  .map((path) => readText(`test/${path}`))
  .join("\n");

describe("docs/attacks.md", () => {
  it("each attack is in one row, with the file that stops it and a test that exists", () => {
    const attacks = ROWS.map(([attack]) => attack);
    expect(attacks.length).toBeGreaterThan(30);
    expect(new Set(attacks).size).toBe(attacks.length);
    const wrong = ROWS.flatMap(([attack, place = "", title = ""]) => {
      const [file = ""] = codeIn(place);
      const [, test = ""] = /^"(.+)"$/.exec(title) ?? [];
      const isThere = [file, `shared/${file}`].some((path) => existsSync(new URL(path, ROOT)));
      return file !== "" && isThere && test !== "" && TESTS.includes(`"${test}"`) ? [] : [attack];
    });
    expect(wrong).toEqual([]);
  });
});
