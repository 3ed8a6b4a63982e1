import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { digestOf } from "../../../shared/config/digest.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { membersOf, stringsIn } from "../../../shared/config/references.ts";
import type { Path } from "../../../shared/config/yaml-file.ts";

const EVERYTHING = readFileSync(new URL("../../infra/everything.yaml", import.meta.url), "utf8");

/** The digest of a file; undefined if it is invalid. */
function digestIn(text: string): string | undefined {
  const loaded = parseConfig(text, "test.yaml");
  return loaded.ok ? digestOf(loaded.config) : undefined;
}

/** Returns `value` with a longer text at `path`. */
function lengthened(value: unknown, [member, ...below]: Path): unknown {
  if (member === undefined) return `${String(value)}x`;
  if (typeof value !== "object" || value === null) return value;
  const members = membersOf(value).map(([name, part]) => [name, name === member ? lengthened(part, below) : part]);
  return Array.isArray(value) ? members.map(([, part]) => part) : Object.fromEntries(members);
}

describe("the digest of a configuration", () => {
  it("the digest has twelve characters and does not depend on comments, quotes and defaults that are written out", () => {
    const digest = digestIn(EVERYTHING);
    expect(digest).toMatch(/^[0-9a-f]{12}$/);
    expect(digestIn(stringify(parse(EVERYTHING)))).toBe(digest);
    expect(digestIn(`${EVERYTHING}\nlimits: { retentionDays: 90 }\n`)).toBe(digest);
  });

  it("every text in a configuration changes the digest", () => {
    const value: unknown = parse(EVERYTHING);
    const changed = stringsIn(value, []).flatMap(([path]) => {
      const digest = digestIn(stringify(lengthened(value, path)));
      return digest === undefined ? [] : [digest];
    });
    expect(changed.length).toBeGreaterThan(20);
    expect(new Set([digestIn(EVERYTHING), ...changed]).size).toBe(changed.length + 1);
  });

  it("a number and a name change the digest", () => {
    const digests = ["", "limits: { retentionDays: 30 }", "limits: { bodyBytes: 2000 }"].map((more) =>
      digestIn(`${EVERYTHING}\n${more}\n`),
    );
    expect(new Set([...digests, digestIn(EVERYTHING.replaceAll("prod-cluster", "other-cluster"))]).size).toBe(4);
  });
});
