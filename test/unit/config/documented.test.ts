import { describe, expect, it } from "vitest";
import { configSchema } from "../../../docs/generate-schema.ts";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret, type Secrets } from "../../../shared/host/secrets.ts";
import { blocksOf, codeIn, readText } from "../../support/documents.ts";

const DOCUMENT = "docs/configuration.md";
const everySecret: Secrets = { read: () => Promise.resolve(new Secret("there")) };

describe("the JSON Schema", () => {
  it("is up to date; `npm run schema` writes it", () => {
    expect(readText("docs/drawbridge.schema.json")).toBe(configSchema());
  });

  it("has no key that docs/configuration.md does not name", () => {
    const prose = readText(DOCUMENT).replace(/^```.*?^```$/gms, "");
    const named = new Set(codeIn(prose).flatMap((code) => code.split(/[^A-Za-z$_]+/)));
    expect([...keysIn(JSON.parse(configSchema()))].filter((key) => !named.has(key))).toEqual([]);
  });
});

describe.each([
  DOCUMENT,
  "docs/approvals.md",
  "docs/status.md",
  "docs/console.md",
  "docs/identity.md",
  "docs/checks.md",
  "README.md",
])("an example in %s", (path) => {
  const examples = blocksOf(readText(path), "yaml").filter((block) => block.startsWith("# drawbridge.yaml\n"));

  it("is there", () => expect(examples).not.toEqual([]));

  it.each(examples.map((text, index) => [index + 1, text] as const))("has no error: %i", async (_, text) => {
    const findings = await checkLoaded(parseConfig(text, "example"), "example", everySecret);
    expect(findings.filter(({ level }) => level === "error")).toEqual([]);
  });

  it.skipIf(path !== DOCUMENT && path !== "README.md")(
    "and the first, a whole file, has not even a warning",
    async () => {
      const text = examples[0] ?? "";
      expect(await checkLoaded(parseConfig(text, "example"), "example", everySecret)).toEqual([]);
    },
  );
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
