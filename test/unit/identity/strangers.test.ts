import { describe, expect, it } from "vitest";
import { rsaA } from "./attacking.ts";
import { entryOf, keySetOf, NOW, tokenOf } from "./tokens.ts";
import { verify } from "./verifying.ts";

const published = { jwks: { inline: keySetOf(rsaA) } };
const GITLAB = "https://gitlab.com";
const pinned = (namespace: string) =>
  entryOf({ ...published, issuer: GITLAB, preset: "gitlab", claims: [{ path: "namespace_id", equals: namespace }] });
const entries = { first: pinned("72"), second: pinned("73") };
const expired = { iat: NOW - 400, exp: NOW - 100 };

/** The trust entry that a rejected token is attributed to; `nobody's` is not recorded. */
async function whose(
  claims: object,
  issuer = GITLAB,
  trusted: Parameters<typeof verify>[1] = entries,
): Promise<string> {
  const result = await verify(tokenOf(issuer, rsaA, { claims }), trusted);
  if (result.ok) throw new Error("it is accepted");
  return result.by?.trustEntry ?? "nobody's";
}

describe("a rejected token of an issuer that signs for all its customers", () => {
  it.each<[string, object]>([
    ["is for another audience", { namespace_id: "72", aud: "https://another.example.test" }],
    ["is another customer's", { namespace_id: "99" }],
    ["is another customer's, and expired", { namespace_id: "99", ...expired }],
    ["is for another audience, and expired", { namespace_id: "72", aud: "x", ...expired }],
  ])("a rejected token is attributed to nobody if it %s", async (_, claims) => {
    expect(await whose(claims)).toBe("nobody's");
  });

  it("a rejected token is attributed to the entry whose audience and pins hold, in any order of the entries, with that entry's reason", async () => {
    const { first, second } = entries;
    for (const trusted of [
      { first, second },
      { second, first },
    ]) {
      expect(await whose({ namespace_id: "73", ...expired }, GITLAB, trusted)).toBe("second");
      const token = tokenOf(GITLAB, rsaA, { claims: { namespace_id: "73", exp: NOW + 90_000 } });
      expect(await verify(token, trusted)).toMatchObject({ rejection: { reason: "token_lifetime_too_long" } });
    }
  });

  it("a rejected token for another audience is attributed to nobody if nothing else distinguishes the customers", async () => {
    const issuer = "forge/invocation-token";
    for (const preset of ["forge", "oidc"]) {
      const forge = entryOf({ ...published, issuer, preset });
      expect(await whose({ aud: "another app" }, issuer, { forge })).toBe("nobody's");
      expect(await whose(expired, issuer, { forge })).toBe("forge");
    }
  });

  it("a rejected token has the reason of the entry whose key it was signed with, not of another entry", async () => {
    const other = { ...pinned("72"), jwks: { inline: { keys: [] } } };
    for (const trusted of [
      { other, ours: pinned("72") },
      { ours: pinned("72"), other },
    ]) {
      const result = await verify(tokenOf(GITLAB, rsaA, { claims: { namespace_id: "99" } }), trusted);
      expect(result).toMatchObject({ rejection: { reason: "tenant_mismatch" } });
    }
  });
});

it("a rejected token of the operator's own issuer is always attributed to its entry", async () => {
  const issuer = "https://gitlab.example.test";
  const own = { own: entryOf({ ...published, issuer, preset: "gitlab", claims: [{ path: "ref", equals: "main" }] }) };
  expect(await whose({ aud: "x" }, issuer, own)).toBe("own");
  expect(await whose({ ref: "other" }, issuer, own)).toBe("own");
});

it("the audience that a token was made for is reported, cut, only if its signature is good", async () => {
  const issuer = "https://gitlab.example.test";
  const own = { own: entryOf({ ...published, issuer }) };
  const rejectionOf = async (claims: object, header: object = {}) => {
    const result = await verify(tokenOf(issuer, rsaA, { claims, header }), own);
    return result.ok ? undefined : result.rejection;
  };
  expect(await rejectionOf({ aud: ["one", "two", 3] })).toMatchObject({ got: "one, two, number" });
  const long = await rejectionOf({ aud: "a".repeat(5_000) });
  expect(long?.reason === "audience_mismatch" && long.got?.length).toBe(200);
  expect(await rejectionOf({ aud: "x" }, { kid: "another" })).toEqual({ reason: "key_unknown" });
});
