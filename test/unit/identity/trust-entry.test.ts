import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { trustEntry } from "../../../shared/identity/trust-entry.ts";
import { keySetOf, signingKey } from "./tokens.ts";

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
    });
  });

  it.each<[string, object]>([
    ["an issuer that is not a URL, with keys", { issuer: "forge/invocation-token", jwks }],
    ["an issuer with a closing slash", { issuer: "https://oidc.example.test/tenant/" }],
    ["an issuer on this machine", { issuer: "http://127.0.0.1:4001" }],
    ["several audiences", { audience: ["a", "b"] }],
    ["keys at another address", { jwks: { url: "https://keys.example.test/jwks" } }],
    ["keys in a file", { jwks: { file: "cluster-keys.json" } }],
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
});
