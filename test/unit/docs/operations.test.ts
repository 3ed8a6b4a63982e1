import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../../shared/cli/commands.ts";
import { EXIT_CODES } from "../../../shared/cli/exit-codes.ts";
import { parseCommandLine } from "../../../shared/cli/parse.ts";
import { problemOf } from "../../../shared/http/problem.ts";
import type { Rejection } from "../../../shared/model/rejection.ts";
import { HINTS } from "../../../shared/model/rejection-hints.ts";
import { codeIn, readText, rowsOf, sectionOf } from "../../support/documents.ts";

const DOCUMENT = readText("docs/operations.md");
const rowsUnder = (heading: string) => rowsOf(sectionOf(DOCUMENT, heading));
const firstCodes = (heading: string) => rowsUnder(heading).map(([cell = ""]) => codeIn(cell)[0] ?? cell);

const matchesIn = (path: string, what: RegExp): readonly string[] =>
  Array.from(readText(path).matchAll(what), ([, found = ""]) => found);

/** Members of a union of texts, by the name of its type or member. */
function unionIn(path: string, name: string): readonly string[] {
  const [, union = ""] =
    new RegExp(`${name}\\??[:=\\s]+((?:\\s*(?:/\\*\\*.*?\\*/)?\\s*\\|?\\s*"\\w+")+)`).exec(readText(path)) ?? [];
  return Array.from(union.replace(/\/\*\*.*?\*\//g, "").matchAll(/"(\w+)"/g), ([, member = ""]) => member);
}

const sorted = (texts: Iterable<string>): readonly string[] => [...texts].sort();

describe("docs/operations.md", () => {
  it("has one line for every reason of a refusal, and none for another", () => {
    const reasons = matchesIn("shared/model/rejection.ts", /readonly reason: "(\w+)"/g);
    expect(reasons.length).toBeGreaterThan(20);
    expect(sorted(firstCodes("Why a request was refused"))).toEqual(sorted(reasons));
  });

  it("gives each reason the status that callers get", () => {
    for (const [cell = "", status] of rowsUnder("Why a request was refused")) {
      const [reason = ""] = codeIn(cell);
      // Any of the union's members: only the reason decides the status.
      expect(problemOf({ reason } as Rejection).status, reason).toBe(Number(status));
    }
  });

  it("says of each reason what to do next, in the words of the command line", () => {
    const told = rowsUnder("Why a request was refused").map(([cell = "", , , hint]) => [codeIn(cell)[0], hint]);
    expect(Object.fromEntries(told)).toEqual(HINTS);
  });

  it("has one line for every code of a fault, and none for another", () => {
    const codes = unionIn("shared/host/fault.ts", "type FaultCode");
    expect(codes.length).toBeGreaterThan(5);
    expect(sorted(firstCodes("Faults"))).toEqual(sorted(codes));
  });

  it("has one line for every exit code of a command, in the words of the help text", () => {
    const rows = rowsUnder("Exit codes").map(([code = "", meaning]) => [Number(codeIn(code)[0]), meaning]);
    expect(rows).toEqual(EXIT_CODES);
  });

  it("has one line for every outcome of a delivery, and none for another", () => {
    const outcomes = unionIn("shared/store/deliveries.ts", "readonly outcome");
    expect(sorted(firstCodes("What became of a delivery"))).toEqual(sorted(outcomes));
  });

  it("has one line for every entry of a timeline, each outcome and the unknown one, and none for another", () => {
    const path = "shared/model/timeline.ts";
    const outcomes = unionIn(path, "readonly outcome").map((outcome) => `attempt ${outcome}`);
    const kinds = matchesIn(path, /readonly kind: "(\w+)"/g).filter((kind) => kind !== "attempt");
    expect(outcomes).toHaveLength(3);
    const told = rowsUnder("The timeline").map(([cell = ""]) => codeIn(cell).join(" ") || cell);
    expect(sorted(told)).toEqual(sorted([...outcomes, ...kinds, "unknown outcome"]));
  });

  it("names the log's messages as the code writes them, and leaves none out", () => {
    const files = ["shared", "functions"].flatMap((folder) =>
      readdirSync(new URL(`../../../${folder}`, import.meta.url), { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(".ts"))
        .map((path) => `${folder}/${path}`),
    );
    // The last argument of a call of the log, where it is a text and not a summary.
    const messages = files.flatMap((path) =>
      matchesIn(path, /\blog\.(?:info|warn|error)\((?:[^;]*?)"([^"]+)",?\s*\);/g),
    );
    const told = rowsUnder("The log").filter((cells) => /^(info|warn|error)$/.test(cells[1] ?? ""));
    expect(sorted(told.map(([cell = ""]) => codeIn(cell)[0] ?? ""))).toEqual(sorted(new Set(messages)));
  });
});

describe("commands in documents", () => {
  const documents = [
    "README.md",
    "SECURITY.md",
    ...readdirSync(new URL("../../../docs", import.meta.url)).map((name) => `docs/${name}`),
  ];

  it.each(documents.filter((path) => path.endsWith(".md")))("of %s are accepted by the parser", (path) => {
    for (const [, command = ""] of readText(path).matchAll(/npm run (?:-s )?drawbridge -- ([^`\n#|)]+)/g)) {
      const words = command.trim().replace(/…/g, "x").split(/\s+/);
      expect(() => parseCommandLine(words, COMMANDS), command).not.toThrow();
    }
  });
});
