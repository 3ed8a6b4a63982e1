import { describe, expect, it } from "vitest";
import { sentencesOf } from "../../../shared/cli/log-sentences.ts";
import { factLine, table } from "../../../shared/cli/terminal-text.ts";
import { toIso } from "../../../shared/host/clock.ts";
import { streamLog } from "../../../shared/host/log.ts";
import { testClock } from "../../support/test-doubles.ts";

const ROWS = [
  ["09:00", "route docs-build: tekton due, and some words more"],
  ["09:01:30", "one"],
];

describe("a table", () => {
  it("a table is not wrapped if there is no terminal", () => {
    expect(table(["TIME", "WHAT"], ROWS).split("\n")).toEqual([
      "TIME      WHAT",
      "09:00     route docs-build: tekton due, and some words more",
      "09:01:30  one",
    ]);
  });

  it("the last column of a table is wrapped at the terminal's width, under itself", () => {
    expect(table(["TIME", "WHAT"], ROWS, { columns: 34 }).split("\n")).toEqual([
      "TIME      WHAT",
      "09:00     route docs-build: tekton",
      "          due, and some words more",
      "09:01:30  one",
    ]);
  });

  it("a word that is too long stays whole, and a terminal that is too narrow gets no wrapping", () => {
    const word = "d-".padEnd(40, "a");
    const rows = [["09:00", `as ${word}, for docs`]];
    expect(table(["TIME", "WHAT"], rows, { columns: 30 })).toBe(
      `TIME   WHAT\n09:00  as\n       ${word},\n       for docs`,
    );
    expect(table(["TIME", "WHAT"], rows, { columns: 12 })).toBe(`TIME   WHAT\n09:00  as ${word}, for docs`);
  });

  it("a control character is shown as a question mark", () => {
    expect(table(["A"], [["\u001b[2J\n\u0085"]])).toBe("A\n?[2J??");
  });
});

describe("a name and a text beside it", () => {
  it("the text is wrapped below its beginning, and a blank follows a long name", () => {
    const display = { indent: 10, columns: 36 };
    expect(factLine("route", "docs at ci: given up, refused (400)", display)).toBe(
      "route     docs at ci: given up,\n          refused (400)",
    );
    expect(factLine("trust entry", "cluster", display)).toBe("trust entry cluster");
  });
});

describe("the log on a terminal", () => {
  it("each line is a sentence with its facts, one that was cut is whole, and nothing is a control character", () => {
    const clock = testClock();
    const sentences = sentencesOf(() => clock.now());
    const log = streamLog(sentences, () => toIso(clock.now()));
    log.info({ url: "http://127.0.0.1:8080" }, "started");
    log.warn({ source: "wiki\u001b[31m" }, "refused");
    sentences.write("cut off\n");
    const lines = String(sentences.read()).trimEnd().split("\n");
    expect(lines.map((line) => line.replace(/^[\d:. -]*\d\d:\d\d:\d\d\S* /, ""))).toEqual([
      "started (url http://127.0.0.1:8080)",
      "warn: refused (source wiki?[31m)",
      "cut off",
    ]);
  });
});
