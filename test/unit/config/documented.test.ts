import { describe, expect, it } from "vitest";
import { configSchema } from "../../../docs/config-schema.ts";
import {
  commonKeys,
  issuerKeys,
  keysUnder,
  kindsIn,
  roleKeys,
  ruleKeys,
  sections as sectionKeys,
} from "../../../docs/config-tables.ts";
import { pages } from "../../../docs/generated-blocks.ts";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret, type Secrets } from "../../../shared/host/secrets.ts";
import { blocksOf, codeIn, readText } from "../../support/documents.ts";

const REFERENCE = "docs/configuration-reference.md";
const everySecret: Secrets = { read: () => Promise.resolve(new Secret("a secret for tests")) };
const examplesIn = (path: string) => blocksOf(readText(path), "yaml").filter(isWhole);
const isWhole = (block: string): boolean => block.startsWith("# drawbridge.yaml\n");
const findingsIn = (text: string) => checkLoaded(parseConfig(text, "example"), "example", everySecret);

/** Pages that a reader copies a whole file from. */
const WHOLE_FILES = ["README.md", "docs/configuration.md", "docs/first-setup.md"];

describe("the JSON Schema", () => {
  it("the JSON Schema is up to date; `npm run docs` writes it", () => {
    expect(readText("docs/drawbridge.schema.json")).toBe(configSchema());
  });

  it(`the JSON Schema has no key that ${REFERENCE} does not name`, () => {
    const prose = readText(REFERENCE).replace(/^```.*?^```$/gms, "");
    const named = new Set(codeIn(prose).flatMap((code) => code.split(/[^A-Za-z$_]+/)));
    // Operators of patterns have a table of their own.
    named.add("$or");
    expect([...keysIn(JSON.parse(configSchema()))].filter((key) => !named.has(key))).toEqual([]);
  });

  it("the JSON Schema describes every key in a sentence", () => {
    const sections = ["sources", "targets", "routes"] as const;
    const keys = [
      ...[sectionKeys(), issuerKeys(), ruleKeys(), roleKeys()].flat(),
      ...["identity", "console", "limits", "checks"].flatMap(keysUnder),
      ...sections.flatMap((section) => [...commonKeys(section), ...kindsIn(section).flatMap(({ keys }) => keys)]),
    ];
    expect(keys.length).toBeGreaterThan(100);
    expect(keys.filter(({ schema }) => !schema.description?.endsWith(".")).map(({ path }) => path)).toEqual([]);
  });
});

const withExamples = pages().filter((path) => examplesIn(path).length > 0);

describe("an example of a whole drawbridge.yaml", () => {
  it("every page that a reader copies a configuration from has an example of a whole file", () => {
    const expected = [
      ...WHOLE_FILES,
      ...["approvals", "checks", "configuration-examples", "console", "roles", "routes", "status"].map(
        (name) => `docs/${name}.md`,
      ),
      ...["binding", "ci-jobs", "forge", "identity-providers"].map((name) => `docs/identity/${name}.md`),
    ];
    expect(withExamples).toEqual(expect.arrayContaining(expected));
  });

  const examples = withExamples.flatMap((path) =>
    examplesIn(path).map((text, at): [string, number, string] => [path, at + 1, text]),
  );

  it.each(examples)("the example in %s with the number %i has no error", async (_path, _number, text) => {
    const errors = (await findingsIn(text)).filter(({ level }) => level === "error");
    expect(errors).toEqual([]);
  });

  it.each(WHOLE_FILES)("the first example in %s has no warning either", async (path) => {
    expect(await findingsIn(examplesIn(path)[0] ?? "")).toEqual([]);
  });
});

/** The names under each `properties`. */
function keysIn(schema: unknown): ReadonlySet<string> {
  if (typeof schema !== "object" || schema === null) return new Set();
  const below = Object.entries(schema).flatMap(([member, value]) => {
    const isKeys = member === "properties" && typeof value === "object" && value !== null;
    return [...(isKeys ? Object.keys(value) : []), ...keysIn(value)];
  });
  return new Set(below);
}
