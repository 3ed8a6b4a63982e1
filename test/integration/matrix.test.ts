import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock as clock, toSeconds } from "../../shared/host/clock.ts";
import { createTokenVerifier } from "../../shared/identity/verify-token.ts";
import { type IdentityProvider, type MachineClient, startIdentityProvider } from "../support/identity-provider.ts";
import { mistakesOf } from "../support/issuers/mistakes.ts";
import type { IssuerShape } from "../support/issuers/shape.ts";
import { ISSUER_SHAPES } from "../support/issuers/shapes.ts";
import { bindingDeps } from "../support/test-doubles.ts";
import { entryOf } from "../unit/identity/tokens.ts";
import { presented } from "../unit/identity/verifying.ts";

interface Case {
  readonly shape: IssuerShape;
  readonly what: string;
  readonly client: MachineClient;
  readonly expected: string;
}

/** The provider issues no token without `aud`. */
const isMade = (changes: object): boolean => !("aud" in changes && changes.aud === undefined);

/** `margin`: the times are wrong by more than the verifier tolerates. */
const times = { now: toSeconds(clock.now()), margin: 120 };

const CASES: readonly Case[] = ISSUER_SHAPES.flatMap((shape) =>
  [
    ["in its documented form", {}, "accepted"] as const,
    ...shape.accepted.map(([what, changes]) => [what, changes, "accepted"] as const),
    ...shape.refused,
    ...mistakesOf(shape, times),
  ]
    .filter(([, changes]) => isMade(changes))
    .map(([what, changes, expected], index) => {
      const claims = { iss: shape.issuer, sub: undefined, aud: shape.audience, ...shape.claims, ...changes };
      const client = {
        id: `${shape.preset}-${index}`,
        secret: `${shape.preset}-secret-for-tests`,
        instead: { claims, header: { typ: "JWT", ...shape.header } },
        lifetimeSeconds: shape.lifetime,
      };
      return { shape, what, client, expected };
    }),
);

let provider: IdentityProvider;
beforeAll(async () => {
  provider = await startIdentityProvider({ clients: CASES.map(({ client }) => client) });
});
afterAll(() => provider.close());

describe("tokens that a real identity provider signed", () => {
  it.each(CASES.map((one) => [one.shape.preset, one.what, one] as const))(
    "a token of %s has the expected result: %s",
    async (_, __, one) => {
      const { shape, client, expected } = one;
      const { preset, issuer, audience, entry } = shape;
      const jwks = { url: `${provider.issuer}/jwks` };
      const rules = { preset, issuer, audience, jwks, algorithms: ["ES256"], ...entry };
      const verifier = createTokenVerifier({ ours: entryOf(rules) }, bindingDeps(clock));
      const token = await provider.token(client, "https://bridge.example.test");
      const result = await verifier.verify(presented(token), ["ours"]);
      expect(result.ok ? "accepted" : result.rejection.reason).toBe(expected);
    },
  );
});
