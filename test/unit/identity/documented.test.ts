import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret } from "../../../shared/host/secrets.ts";
import { presetNames } from "../../../shared/identity/presets/registry.ts";
import type { TrustEntry } from "../../../shared/identity/trust-entry.ts";
import { blocksOf, readText } from "../../support/documents.ts";

const DOCUMENT = readText("docs/identity.md");

interface Family {
  readonly heading: string;
  /** What is to be written in `drawbridge.yaml`. */
  readonly ours: string;
  readonly entries: readonly TrustEntry[];
  /** What is to be written at the issuer's side. */
  readonly theirs: readonly { readonly language: string; readonly block: string }[];
}

/** The sections with lines for one family of issuers; those after them are of other things. */
const families: readonly Family[] = DOCUMENT.slice(0, DOCUMENT.indexOf("\n## The bridge as an issuer"))
  .split(/^## /m)
  .slice(1)
  .map((section) => {
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

describe("docs/identity.md", () => {
  it("has lines for every preset, or names the one whose lines serve for it", () => {
    const shown = families.map(({ entries }) => entries[0]?.preset.name);
    expect([...shown, "entra-v1"].sort()).toEqual([...presetNames].sort());
    expect(DOCUMENT).toContain("(`preset: entra-v1`)");
  });
});

describe.each(families)("what docs/identity.md says of $heading", ({ heading, ours, entries, theirs }) => {
  it("is nothing that `drawbridge check` would have otherwise", async () => {
    const secrets = { read: () => Promise.resolve(new Secret("there")) };
    const findings = await checkLoaded(parseConfig(ours, "example"), "example", secrets);
    expect(findings.filter(({ message }) => message.includes("issuers."))).toEqual([]);
  });

  it.skipIf(heading === "Any other issuer")("asks the other side for the audience that the bridge expects", () => {
    // An app client's id is Amazon's to give.
    const asked = theirs.map(({ block }) => block).join("\n");
    for (const { preset, audience } of entries) {
      expect(asked).toContain(preset.name === "cognito" ? "--query UserPoolClient.ClientId" : audience[0]);
    }
  });

  it("can be read on the other side", () => {
    for (const { language, block } of theirs) {
      if (language === "yaml") expect(parse(block)).toBeTypeOf("object");
      if (language === "json") expect(JSON.parse(block)).toBeTypeOf("object");
    }
  });
});
