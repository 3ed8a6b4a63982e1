import { afterAll, describe, expect, it } from "vitest";
import { presets } from "../../../shared/identity/presets/registry.ts";
import { mistakesOf } from "../../support/issuers/mistakes.ts";
import type { IssuerShape } from "../../support/issuers/shape.ts";
import { ISSUER_SHAPES } from "../../support/issuers/shapes.ts";
import { entryOf, keySetOf, NOW, signingKey, tokenOf } from "./tokens.ts";
import { reasonOf, verify } from "./verifying.ts";

type Claims = Readonly<Record<string, unknown>>;

const key = signingKey("issuer-key", "RS256");
const stranger = signingKey("issuer-key", "RS256");

const entriesOf = ({ preset, issuer, audience, entry }: IssuerShape) => ({
  ours: entryOf({ preset, issuer, audience, jwks: { inline: keySetOf(key) }, ...entry }),
});

/** A good token of an issuer, changed; `undefined` leaves a claim out. */
const tokenFor = (shape: IssuerShape, changes: Claims = {}, header: Claims = {}, by = key): string =>
  tokenOf(shape.issuer, by, {
    claims: {
      sub: undefined,
      aud: undefined,
      iat: NOW - 1,
      nbf: NOW - 1,
      exp: NOW - 1 + shape.lifetime,
      ...shape.claims,
      ...changes,
    },
    header: { ...shape.header, ...header },
  });

/** For each preset, the number of tokens that were accepted, and that were rejected for each reason. */
const tried = new Map<string, Map<string, number>>();

async function outcomeOf(shape: IssuerShape, token: string): Promise<string> {
  const outcome = await reasonOf(token, entriesOf(shape));
  const counts = tried.get(shape.preset) ?? new Map<string, number>();
  tried.set(shape.preset, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
  return outcome;
}

afterAll(() => {
  const lines = [...tried].map(([preset, counts]) => {
    const parts = [...counts].map(([outcome, count]) => `${count} ${outcome}`);
    return `tokens of ${preset}: ${parts.join(", ")}`;
  });
  process.stdout.write(`${lines.join("\n")}\n`);
});

describe("the matrix of presets", () => {
  it("every preset has a row in the matrix", () => {
    expect(ISSUER_SHAPES.map(({ preset }) => preset).sort()).toEqual(presets.map(({ name }) => name).sort());
  });
});

describe.each(ISSUER_SHAPES.map((shape) => [shape.preset, shape] as const))("a token of %s", (_, shape) => {
  it("a token in its documented form is accepted, with its subject", async () => {
    expect(await outcomeOf(shape, tokenFor(shape))).toBe("accepted");
    const result = await verify(tokenFor(shape), entriesOf(shape));
    expect(result).toMatchObject({
      ok: true,
      value: { principal: { issuer: shape.issuer, subject: shape.subject, trustEntry: "ours", credential: key.kid } },
    });
  });

  it.each(shape.accepted)("a token is accepted: %s", async (_what, changes) => {
    expect(await outcomeOf(shape, tokenFor(shape, changes))).toBe("accepted");
  });

  it.each(mistakesOf(shape, { now: NOW, margin: 6 }))("a token is rejected with %s", async (_what, changes, reason) => {
    expect(await outcomeOf(shape, tokenFor(shape, changes))).toBe(reason);
  });

  it.each(shape.refused)("a token is rejected: %s", async (_what, changes, reason) => {
    expect(await outcomeOf(shape, tokenFor(shape, changes))).toBe(reason);
  });

  it.each([
    ["by another key of the same id", {}, stranger, "token_signature_invalid"],
    ["by a key that is not published", { kid: "other" }, key, "key_unknown"],
    ["with another algorithm", { alg: "RS512" }, key, /^(algorithm_not_allowed|token_signature_invalid)$/],
    ["as a proof of possession", { typ: "dpop+jwt" }, key, "token_type_mismatch"],
    ["as a logout token", { typ: "logout+jwt" }, key, "token_type_mismatch"],
  ] as const)("a token is rejected if it is signed %s", async (_what, header, by, reason) => {
    expect(await outcomeOf(shape, tokenFor(shape, {}, header, by))).toMatch(reason);
  });
});

describe("the subjects of all presets", () => {
  it("no preset accepts a good token of another", async () => {
    const entries = Object.fromEntries(ISSUER_SHAPES.map((shape) => [shape.preset, entriesOf(shape).ours]));
    for (const shape of ISSUER_SHAPES) {
      const others = Object.keys(entries).filter((name) => name !== shape.preset);
      expect(await reasonOf(tokenFor(shape), entries, others), shape.preset).toBe("issuer_unknown");
    }
  });
});
