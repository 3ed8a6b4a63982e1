import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { epochSeconds } from "../../../shared/host/clock.ts";
import { readCompactJws } from "../../../shared/identity/compact-jws.ts";
import { rejectToken } from "../../../shared/identity/token-checks.ts";
import { trustEntry, withSignIn } from "../../../shared/identity/trust-entry.ts";
import { keySetOf, NOW, signingKey, signText } from "./tokens.ts";

const good = { issuer: "https://issuer.example.test", audience: "https://bridge.example.test" };
const published = signingKey("k1");
const jwks = { inline: keySetOf(published) };

describe("a trust entry", () => {
  it("a trust entry has safe defaults", () => {
    expect(v.parse(trustEntry, { ...good, claims: [{ path: "sub", equals: "a" }] })).toEqual({
      issuer: "https://issuer.example.test",
      audience: ["https://bridge.example.test"],
      algorithms: ["RS256", "ES256"],
      claims: [{ path: ["sub"], equals: ["a"] }],
      maxLifetimeSeconds: 3600,
      clockSkewSeconds: 5,
      roles: [],
      preset: expect.objectContaining({ name: "oidc" }),
      presetClaims: [],
      audienceClaim: "aud",
      isShared: false,
      mode: "enforce",
      singleUse: false,
      internalOrigins: [],
      acceptsIdTokens: false,
    });
  });

  it.each<[string, object]>([
    ["an issuer that is not a URL, with keys", { issuer: "forge/invocation-token", jwks }],
    ["an issuer with a closing slash", { issuer: "https://oidc.example.test/tenant/" }],
    ["an issuer on this machine", { issuer: "http://127.0.0.1:4001" }],
    ["several audiences", { audience: ["a", "b"] }],
    ["keys at another address", { jwks: { url: "https://keys.example.test/jwks" } }],
    ["keys in a file", { jwks: { file: "cluster-keys.json" } }],
    ["an internal origin", { internalOrigins: ["https://10.0.0.6:6443"] }],
    ["a claim below another", { claims: [{ path: ["kubernetes.io", "namespace"], equals: ["ci", "cd"] }] }],
  ])("a trust entry may have %s", (_name, change) => {
    expect(v.safeParse(trustEntry, { ...good, ...change }).success).toBe(true);
  });

  it.each<[string, object]>([
    ["no audience", { audience: undefined }],
    ["an empty audience", { audience: "" }],
    ["an empty list of audiences", { audience: [] }],
    ["discovery at an issuer that is not a URL", { issuer: "forge/invocation-token" }],
    ["discovery over plain http", { issuer: "http://issuer.example.test" }],
    ["discovery at an issuer with a query", { issuer: "https://issuer.example.test/?a=b" }],
    ["keys over plain http", { jwks: { url: "http://keys.example.test/jwks" } }],
    ["keys behind user info", { jwks: { url: "https://a:b@keys.example.test/jwks" } }],
    ["keys from two places", { jwks: { url: "https://keys.example.test/jwks", file: "keys.json" } }],
    ["an internal origin over plain http", { internalOrigins: ["http://10.0.0.6"] }],
    ["an internal origin with a path", { internalOrigins: ["https://10.0.0.6/keys"] }],
    ["a private key", { jwks: { inline: { keys: [{ ...published.jwk, d: "AQ" }] } } }],
    ["a shared key", { jwks: { inline: { keys: [{ kty: "oct", k: "AQ" }] } } }],
    ["a shared-secret algorithm", { algorithms: ["HS256"] }],
    ["the algorithm none", { algorithms: ["none"] }],
    ["no algorithm", { algorithms: [] }],
    ["a lifetime over a day", { maxLifetimeSeconds: 86_401 }],
    ["a skew over a minute", { clockSkewSeconds: 61 }],
    ["a claim with no value", { claims: [{ path: "sub", equals: [] }] }],
    ["a claim with no path", { claims: [{ path: [], equals: "a" }] }],
    ["a misspelt option", { audiences: ["a"] }],
  ])("a trust entry is invalid with %s", (_name, change) => {
    expect(v.safeParse(trustEntry, { ...good, ...change }).success).toBe(false);
  });

  it("only the entry by which people sign in to the console accepts an ID token of Entra", () => {
    const tenant = "11111111-2222-4333-8444-555555555555";
    const issuer = `https://login.microsoftonline.com/${tenant}/v2.0`;
    const entries = { people: v.parse(trustEntry, { issuer, preset: "entra", audience: "app-1" }) };
    const reasonFor = (signIn: string | undefined, kind: object): string | undefined => {
      const { people } = withSignIn(entries, signIn);
      const claims = { tid: tenant, ver: "2.0", aud: "app-1", iat: NOW, exp: NOW + 600, ...kind };
      const token = readCompactJws(signText('{"alg":"RS256"}', JSON.stringify({ iss: issuer, ...claims }), published));
      if (!token.ok || people === undefined) throw new Error("it is a token");
      return rejectToken(token.value, people, epochSeconds(NOW))?.reason;
    };
    const kinds = {
      idToken: { nonce: "n-1" },
      anyApp: { azp: "app-2" },
      assignedApp: { azp: "app-2", roles: ["Reader"] },
    };
    expect(reasonFor("people", kinds.idToken)).toBeUndefined();
    for (const signIn of [undefined, "others"]) expect(reasonFor(signIn, kinds.idToken)).toBe("token_type_mismatch");
    for (const signIn of ["people", undefined]) {
      expect(reasonFor(signIn, kinds.anyApp)).toBe("token_type_mismatch");
      expect(reasonFor(signIn, kinds.assignedApp)).toBeUndefined();
    }
  });
});
