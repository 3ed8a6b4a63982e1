import { timingSafeEqual } from "node:crypto";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { providers } from "../../shared/providers/registry.ts";
import { fixtureSourceOf, fixturesOf, secretsChanged } from "../support/provider-fixtures.ts";
import { proofOf } from "../support/provider-proof.ts";

vi.mock("node:crypto", async (original) => {
  const crypto = await original<typeof import("node:crypto")>();
  return { ...crypto, timingSafeEqual: vi.fn((a: Buffer, b: Buffer) => crypto.timingSafeEqual(a, b)) };
});

beforeEach(() => {
  vi.mocked(timingSafeEqual).mockClear();
});

describe.each(providers.map((provider) => [provider.name, provider] as const))("%s", (name, provider) => {
  it("a good and a bad credential are compared in constant time, not with == or !=", async () => {
    const source = fixtureSourceOf(name);
    const [fixture] = fixturesOf(name);
    if (!fixture) throw new Error(`${name} has no fixtures`);
    const proof = proofOf(provider, source);
    expect(await proof.accepts(fixture, await proof.sign(fixture))).toBe(true);
    expect(timingSafeEqual).toHaveBeenCalled();

    vi.mocked(timingSafeEqual).mockClear();
    expect(await proof.accepts(fixture, await proofOf(provider, secretsChanged(source)).sign(fixture))).toBe(false);
    expect(timingSafeEqual).toHaveBeenCalled();
  });

  it("the comparison decides: a credential that compares unequal is rejected, whatever it is", async () => {
    const proof = proofOf(provider, fixtureSourceOf(name));
    const [fixture] = fixturesOf(name);
    if (!fixture) throw new Error(`${name} has no fixtures`);
    const signed = await proof.sign(fixture);
    const compared = vi.mocked(timingSafeEqual).mockReturnValue(false);
    expect(await proof.accepts(fixture, signed)).toBe(false);
    compared.mockReset();
  });
});
