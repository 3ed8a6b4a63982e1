import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock as clock } from "../../shared/host/clock.ts";
import { createTokenVerifier } from "../../shared/identity/verify-token.ts";
import { type IdentityProvider, type MachineClient, startIdentityProvider } from "../support/identity-provider.ts";
import { ISSUER_SHAPES, type IssuerShape } from "../support/issuers/shapes.ts";
import { entryOf } from "../unit/identity/tokens.ts";
import { presented } from "../unit/identity/verifying.ts";

/** What the provider decides itself and no client can ask for. */
const OWN = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "scope", "client_id"];
const isAskable = (changes: object): boolean => !Object.keys(changes).some((claim) => OWN.includes(claim));

/** Presets whose issuer may be at any address: those of the others have a form. */
const SHAPES = ISSUER_SHAPES.filter(({ preset }) => ["gitlab", "buildkite", "kubernetes", "oidc"].includes(preset));

interface Case {
  readonly shape: IssuerShape;
  readonly what: string;
  readonly client: MachineClient;
  readonly expected: string;
}

const CASES: readonly Case[] = SHAPES.flatMap((shape) => {
  const own = Object.fromEntries(Object.entries(shape.claims).filter(([claim]) => !OWN.includes(claim)));
  const told = [
    ["in its documented form", {}, "accepted"] as const,
    ...shape.accepted.map(([what, changes]) => [what, changes, "accepted"] as const),
    // A self-managed server's tenant is not shared, so a mismatch is one of a plain claim.
    ...shape.refused.map(([what, changes, reason]) => [what, changes, reason] as const),
  ];
  return told
    .filter(([, changes]) => isAskable(changes))
    .map(([what, changes, expected], index) => {
      const client = {
        id: `${shape.preset}-${index}`,
        secret: `${shape.preset}-secret-for-tests`,
        claims: { ...own, ...changes },
      };
      return { shape, what, client, expected };
    });
});

let provider: IdentityProvider;
beforeAll(async () => {
  provider = await startIdentityProvider({ clients: CASES.map(({ client }) => client) });
});
afterAll(() => provider.close());

describe("a token made by a real identity provider, with the claims of", () => {
  it.each(CASES.map((one) => [one.shape.preset, one.what, one] as const))("%s, %s", async (_, __, one) => {
    const { shape, client, expected } = one;
    const { preset, audience, entry } = shape;
    const jwks = { url: `${provider.issuer}/jwks` };
    const rules = { preset, issuer: provider.issuer, audience, jwks, algorithms: ["ES256"], ...entry };
    const verifier = createTokenVerifier({ ours: entryOf(rules) }, { clock });
    const token = await provider.token(client, audience);
    const result = await verifier.verify(presented(token), ["ours"]);
    const reason = result.ok ? "accepted" : result.rejection.reason;
    const isShared = shape.preset === "buildkite";
    expect(reason).toBe(isShared ? expected : expected.replace("tenant_", "claim_"));
  });
});
