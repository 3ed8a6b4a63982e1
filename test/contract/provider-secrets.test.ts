import { describe, expect, it } from "vitest";
import { rotatingSecret } from "../../shared/host/secrets.ts";
import { providers } from "../../shared/providers/registry.ts";
import { fixtureSourceOf, fixturesOf } from "../support/provider-fixtures.ts";
import { proofOf } from "../support/provider-proof.ts";

/** Paths at which a settings schema accepts a rotating secret, keys joined by dots. */
function secretsIn(schema: unknown, path: readonly string[] = []): readonly string[] {
  if (schema === rotatingSecret) return [path.join(".")];
  if (typeof schema !== "object" || schema === null) return [];
  if ("pipe" in schema && Array.isArray(schema.pipe) && schema.pipe[0] === rotatingSecret) return [path.join(".")];
  if ("wrapped" in schema) return secretsIn(schema.wrapped, path);
  // A schema with a description is a pipe that begins with the schema.
  if ("pipe" in schema && Array.isArray(schema.pipe)) return secretsIn(schema.pipe[0], path);
  if ("options" in schema && Array.isArray(schema.options))
    return schema.options.flatMap((option) => secretsIn(option, path));
  if (!("entries" in schema) || typeof schema.entries !== "object" || schema.entries === null) return [];
  return Object.entries(schema.entries).flatMap(([key, below]) => secretsIn(below, [...path, key]));
}

describe.each(providers)("the secrets of $name", (provider) => {
  it("all secrets that the settings accept are named, and no others, each with its own method", () => {
    expect(Object.keys(provider.secrets).sort()).toEqual([...secretsIn(provider.settings)].sort());
    expect(new Set(Object.values(provider.secrets)).size).toBe(Object.keys(provider.secrets).length);
  });

  it("each secret is named with the sender's method that it proves", async () => {
    const source = fixtureSourceOf(provider.name);
    const { sign, check } = proofOf(provider, source);
    const [fixture] = fixturesOf(provider.name);
    if (fixture === undefined) throw new Error("every provider has a fixture");
    const proved = await check(fixture, await sign(fixture));
    const methods = Object.entries(provider.secrets)
      .filter(([path]) => (path.split(".")[0] ?? "") in source.settings)
      .map(([, method]) => method);
    expect(proved.ok && methods.includes(proved.value.principal.method)).toBe(true);
  });
});
