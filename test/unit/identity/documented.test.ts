import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret } from "../../../shared/host/secrets.ts";
import { presetNames } from "../../../shared/identity/presets/registry.ts";
import type { TrustEntry } from "../../../shared/identity/trust-entry.ts";
import { blocksOf, readText } from "../../support/documents.ts";

/** The pages with lines for families of issuers, one family a section. */
const PAGES = ["ci-jobs", "identity-providers", "forge"].map((name) => `docs/identity/${name}.md`);

interface Family {
  readonly heading: string;
  /** The lines for `drawbridge.yaml`. */
  readonly ours: string;
  readonly entries: readonly TrustEntry[];
  /** The lines for the issuer's side. */
  readonly theirs: readonly { readonly language: string; readonly block: string }[];
}

const families: readonly Family[] = PAGES.flatMap((path) => readText(path).split(/^## /m).slice(1)).map((section) => {
  const blocks = ["yaml", "json", "sh", ""].flatMap((language) =>
    blocksOf(section, language).map((block) => ({ language, block })),
  );
  const [ours = "", ...others] = blocks.filter(({ block }) => isOurs(block)).map(({ block }) => block);
  expect(others).toEqual([]);
  const loaded = parseConfig(ours, "example");
  return {
    heading: section.slice(0, section.indexOf("\n")),
    ours,
    entries: loaded.ok ? Object.values(loaded.config.issuers) : [],
    theirs: blocks.filter(({ block }) => !isOurs(block)),
  };
});

function isOurs(block: string): boolean {
  return block.startsWith("# drawbridge.yaml\n");
}

describe("the pages on issuers", () => {
  it("the pages on issuers have lines for every preset, or name the preset whose lines serve for it", () => {
    const shown = families.map(({ entries }) => entries[0]?.preset.name);
    expect([...shown, "entra-v1"].sort()).toEqual([...presetNames].sort());
    expect(readText("docs/identity/identity-providers.md")).toContain("(`preset: entra-v1`)");
  });
});

describe.each(families)("the documented lines for $heading", ({ heading, ours, entries, theirs }) => {
  it("the documented lines cause no finding of `drawbridge check` about the issuers", async () => {
    const secrets = { read: () => Promise.resolve(new Secret("a secret for tests")) };
    const findings = await checkLoaded(parseConfig(ours, "example"), "example", secrets);
    expect(findings.filter(({ message }) => message.includes("issuers."))).toEqual([]);
  });

  it.skipIf(heading === "Any other issuer")("the documented lines request the audience that the bridge expects", () => {
    // An app client's id is Amazon's to give.
    const asked = theirs.map(({ block }) => block).join("\n");
    for (const { preset, audience } of entries) {
      expect(asked).toContain(preset.name === "cognito" ? "--query UserPoolClient.ClientId" : audience[0]);
    }
  });

  it("the documented lines for the issuer's side are valid YAML and JSON", () => {
    for (const { language, block } of theirs) {
      if (language === "yaml") expect(parse(block)).toBeTypeOf("object");
      if (language === "json") expect(JSON.parse(block)).toBeTypeOf("object");
    }
  });
});
