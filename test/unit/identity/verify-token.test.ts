import fc from "fast-check";
import { createLocalJWKSet, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { createTokenVerifier } from "../../../shared/identity/verify-token.ts";
import { propertyCases } from "../../support/property-cases.ts";
import { bindingDeps, testClock, unexpected } from "../../support/test-doubles.ts";
import { A, good, keyA, withClaims, withHeader } from "./attacking.ts";
import { AUDIENCE, entryOf, keySetOf, NOW, type SigningKey, signingKey, tokenOf } from "./tokens.ts";
import { presented, reasonOf, verify } from "./verifying.ts";

const DAY_MS = 86_400_000;

const rsa = signingKey("k2", "RS256");
const published = (...keys: SigningKey[]) => ({ jwks: { inline: keySetOf(...keys) } });
const ci = entryOf({ issuer: A, roles: ["status"], ...published(keyA, rsa) });
const shadowed = entryOf({ issuer: A, roles: ["status"], mode: "shadow", ...published(keyA) });
const expired = withClaims({ exp: NOW - 26 });

/** The principal that a good signature proves. */
const someone = { issuer: A, subject: "someone", method: "oidc", credential: "k1", trustEntry: "ci", roles: [] };

describe("a verified token", () => {
  it("a verified token becomes a principal of its trust entry", async () => {
    expect(await verify(withClaims({ sub: "job:7" }), { ci })).toMatchObject({
      ok: true,
      value: {
        principal: { ...someone, subject: "job:7", roles: ["status"] },
        claims: { sub: "job:7", aud: AUDIENCE },
      },
    });
  });

  it("a verified token may lack a key id and a subject", async () => {
    const one = { a: entryOf({ issuer: A, ...published(keyA) }) };
    const token = tokenOf(A, keyA, { header: { kid: undefined }, claims: { sub: undefined } });
    expect(await verify(token, one)).toMatchObject({
      value: { principal: { credential: "unnamed key", subject: "no subject" } },
    });
  });
});

describe("a token while somebody sets the clock", () => {
  it("a token is rejected while the clock is ahead, and accepted after its end only while the clock is behind", async () => {
    const clock = testClock();
    const deps = { ...bindingDeps(clock), callOut: unexpected("an outbound call") };
    const verifier = createTokenVerifier({ ci }, deps);
    const token = withClaims({ iat: NOW - 600, nbf: NOW - 600, exp: NOW + 600 });
    const reason = async (of: string) => {
      const result = await verifier.verify(presented(of), ["ci"]);
      return result.ok ? "accepted" : result.rejection.reason;
    };
    expect(await reason(token)).toBe("accepted");
    clock.set(DAY_MS);
    expect(await reason(token)).toBe("token_expired");
    clock.set(-DAY_MS);
    clock.advance(900_000);
    expect(await reason(token)).toBe("token_expired");
    clock.set(-600_000);
    expect(await reason(token)).toBe("accepted");
    expect(await reason(withClaims({ iat: NOW + 850, nbf: NOW + 850, exp: NOW + 1_500 }))).toBe("token_not_yet_valid");
    clock.set(600_000);
    expect(await reason(token)).toBe("token_expired");
  });
});

describe("a rejected token", () => {
  it("a rejected token with a good signature is attributed to its principal, with the reason and without a role", async () => {
    expect(await verify(expired, { ci })).toEqual({
      ok: false,
      rejection: { reason: "token_expired", expiredBySeconds: 26 },
      by: someone,
    });
  });

  it.each([
    ["malformed", `${good}\n`],
    ["of an unknown issuer", withClaims({ iss: `${A}/` })],
    ["signed by an unknown key", withHeader({ kid: "k9" })],
    ["of another algorithm", withHeader({ alg: "ES384" })],
    ["forged", tokenOf(A, signingKey("k1"))],
  ])("a rejected token is attributed to nobody if it is %s", async (_name, token) => {
    const result = await verify(token, { ci, shadowed });
    expect(result).toMatchObject({ ok: false });
    expect(result).not.toHaveProperty("by");
  });

  it("a token with any single character changed is rejected", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(..."ABCxyz019-_. \n"), async (at, character) => {
        fc.pre(good[at] !== character);
        expect(await reasonOf(good.slice(0, at) + character + good.slice(at + 1), { ci })).not.toBe("accepted");
      }),
    );
  });
});

describe("a trust entry in shadow mode", () => {
  it("shadow mode lets in what it would reject, with the reason and without a role", async () => {
    expect(await verify(expired, { ci: shadowed })).toMatchObject({
      ok: true,
      value: { principal: someone, shadowRejection: { reason: "token_expired", expiredBySeconds: 26 } },
    });
  });

  it("shadow mode gives a token that it accepts its roles, and no reason", async () => {
    const result = await verify(good, { shadowed });
    expect(result).toMatchObject({ ok: true, value: { principal: { roles: ["status"] } } });
    expect(result).not.toHaveProperty("value.shadowRejection");
  });

  it("shadow mode yields to another entry that accepts, and takes precedence over one that rejects, in any order", async () => {
    const strict = entryOf({ issuer: A, audience: "other", ...published(keyA) });
    for (const names of [
      ["shadowed", "strict", "ci"],
      ["ci", "strict", "shadowed"],
      ["strict", "shadowed", "ci"],
    ]) {
      const entries = { shadowed: { ...shadowed, audience: ["yet another"] }, strict, ci };
      expect(await verify(good, entries, names)).toMatchObject({ value: { principal: { trustEntry: "ci" } } });
      const withoutCi = names.filter((name) => name !== "ci");
      expect(await verify(good, entries, withoutCi)).toMatchObject({
        value: { principal: { trustEntry: "shadowed", roles: [] }, shadowRejection: { reason: "audience_mismatch" } },
      });
    }
  });

  it("shadow mode lets nothing in while another entry of the issuer cannot decide", async () => {
    const unreachable = entryOf({ issuer: A, jwks: { url: "https://keys.example.test/jwks" } });
    await expect(verify(expired, { shadowed, unreachable })).rejects.toMatchObject({ code: "keys_unavailable" });
  });
});

describe("jose's jwtVerify with every strict option", () => {
  const time = fc.oneof(
    fc.integer({ min: NOW - 20, max: NOW + 20 }),
    fc.constantFrom(NOW - 5, NOW + 5, NOW + 3_590, NOW + 3_591, NOW - 3_600, 0.5, -1, "1", null, true, undefined),
  );
  const audience = fc.constantFrom(AUDIENCE, "other", `${AUDIENCE}/`, "", null, 1, {}, undefined);
  const claims = fc.oneof(
    fc.record({ iss: fc.constantFrom(A, `${A}/`, "", null, [A], undefined) }),
    fc.record({ aud: fc.oneof(audience, fc.array(audience, { maxLength: 3 })) }),
    fc.record({ exp: time, iat: time, nbf: time }, { requiredKeys: [] }),
  );
  const header = fc.oneof(
    fc.constant({}),
    fc.record({ alg: fc.constantFrom("ES256", "RS256", "ES384", "none", "HS256") }),
    fc.record({ kid: fc.constantFrom("k1", "k2", "k3", "", undefined) }),
    fc.record({ typ: fc.constantFrom("JWT", "at+jwt", "application/jwt", "dpop+jwt", "", undefined) }),
    fc.record({ crit: fc.constantFrom([], ["exp"]) }),
  );
  const key = fc.constantFrom(keyA, rsa);
  const changed = fc.record({ key, header, claims }).map(({ key, ...changes }) => tokenOf(A, key, changes));
  // Unchanged tokens are among them, so that the comparison always covers accepted ones.
  const token = fc.oneof(
    { weight: 4, arbitrary: changed },
    { weight: 1, arbitrary: key.map((one) => tokenOf(A, one)) },
  );

  it("jose has the same verdict as the bridge on any header and claims", async () => {
    const chosen = propertyCases("headers and claims", { weight: 2 });
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(token, async (token) => {
        const [ours, joses] = [(await reasonOf(token, { ci })) === "accepted", await verifiedByJose(token)];
        if (ours) accepted += 1;
        expect(ours).toBe(joses);
      }),
      chosen,
    );
    expect(accepted).toBeGreaterThan(chosen.numRuns / 20);
  }, 300_000);

  const findKey = createLocalJWKSet(keySetOf(keyA, rsa));

  /** Sets every option of jose, and checks by hand what the options leave open. */
  async function verifiedByJose(token: string): Promise<boolean> {
    const options = {
      issuer: A,
      audience: AUDIENCE,
      algorithms: ["ES256", "RS256"],
      requiredClaims: ["exp"],
      clockTolerance: 5,
      currentDate: new Date(NOW * 1_000),
    };
    try {
      const { payload, protectedHeader } = await jwtVerify(token, findKey, options);
      const { exp = 0, iat = NOW } = payload;
      const type = protectedHeader.typ?.toLowerCase().replace("application/", "") ?? "jwt";
      return (
        ["jwt", "at+jwt"].includes(type) &&
        iat <= NOW + 5 &&
        (payload.iat === undefined || exp >= iat) &&
        exp - iat <= 3_600
      );
    } catch {
      return false;
    }
  }
});
