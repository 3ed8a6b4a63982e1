import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TokenVerifier } from "../../../../shared/identity/token-verifier.ts";
import { sourcePrincipal } from "../../../../shared/model/principal.ts";
import { ok, reject } from "../../../../shared/model/result.ts";
import { tekton } from "../../../../shared/providers/tekton/index.ts";
import { providerDeps, secretsOf, testClock } from "../../../support/test-doubles.ts";

const basic = { username: "prod-cluster", password: { current: "env:NOW", next: "env:SOON" } };
const bearer = { trust: "accounts" };
const secrets = secretsOf({ NOW: "today:pässword", SOON: "tomorrow" });

/** Accepts one token, for one trust entry, and nothing else. */
const tokens: TokenVerifier = {
  verify: async ({ token }, trust) =>
    token === "good.token.here" && trust.includes("accounts")
      ? ok({ principal: { ...sourcePrincipal("x", "oidc", "key-1"), trustEntry: "accounts" }, claims: { sub: "x" } })
      : reject({ reason: "issuer_unknown" }),
};

function connect(settings: object) {
  return tekton.connect({ name: "cluster", settings }, providerDeps({ secrets, tokens }));
}

function prove(settings: object, authorization?: string) {
  const clock = testClock();
  return connect(settings).authenticate({
    method: "POST",
    url: new URL("https://bridge.example.test/webhooks/cluster"),
    headers: new Headers(authorization === undefined ? {} : { authorization }),
    body: Buffer.from("{}"),
    receivedAt: clock.now(),
    requestId: "request-1",
  });
}

const encoded = (text: string) => Buffer.from(text, "utf8").toString("base64");

describe("proof of a Tekton cluster", () => {
  it.each([
    ["the current password", "Basic", "prod-cluster:today:pässword", "current"],
    ["the next password", "Basic", "prod-cluster:tomorrow", "next"],
    ["the scheme in another case", "bAsIc", "prod-cluster:tomorrow", "next"],
  ])("a source accepts %s", async (_, scheme, pair, credential) => {
    const proof = await prove({ basic, bearer }, `${scheme} ${encoded(pair)}`);
    expect(proof).toEqual(ok({ principal: sourcePrincipal("cluster", "basic", credential) }));
  });

  it.each([
    ["one trust entry", "accounts"],
    ["one of several trust entries", ["others", "accounts"]],
  ])("a source accepts a token that %s accepts, with its claims", async (_, trust) => {
    const proof = await prove({ bearer: { trust } }, "Bearer good.token.here");
    expect(proof).toMatchObject({ ok: true, value: { principal: { trustEntry: "accounts" }, claims: { sub: "x" } } });
  });

  const good = encoded("prod-cluster:tomorrow");
  it.each([
    ["a request without a credential", { basic, bearer }, undefined, "credential_missing"],
    ["a request without a credential if only a password is configured", { basic }, undefined, "credential_missing"],
    ["another password", { basic }, `Basic ${encoded("prod-cluster:yesterday")}`, "secret_mismatch"],
    ["another user name", { basic }, `Basic ${encoded("Prod-cluster:tomorrow")}`, "secret_mismatch"],
    ["a part of the password", { basic }, `Basic ${encoded("prod-cluster:tomorro")}`, "secret_mismatch"],
    ["a pair without a colon", { basic }, `Basic ${encoded("prod-clustertomorrow")}`, "secret_mismatch"],
    ["an empty pair", { basic }, "Basic ", "credential_malformed"],
    [
      "base64 without its padding",
      { basic },
      `Basic ${encoded("prod-cluster:today:pässword").replace(/=+$/, "")}`,
      "secret_mismatch",
    ],
    ["base64 with a stray character", { basic }, `Basic ${good.slice(0, 4)}!${good.slice(4)}`, "secret_mismatch"],
    ["two credentials in one header", { basic, bearer }, `Basic ${good}, Basic ${good}`, "secret_mismatch"],
    ["a token behind the password", { basic, bearer }, `Basic ${good}, Bearer good.token.here`, "secret_mismatch"],
    ["a password behind the token", { basic, bearer }, `Bearer good.token.here, Basic ${good}`, "credential_malformed"],
    ["a password if only tokens are accepted", { bearer }, `Basic ${good}`, "credential_malformed"],
    ["a token if only a password is accepted", { basic }, "Bearer good.token.here", "credential_malformed"],
    ["a token that the trust entry rejects", { bearer }, "Bearer other.token.here", "issuer_unknown"],
    ["another scheme", { basic, bearer }, `Digest ${good}`, "credential_malformed"],
  ])("a source rejects %s", async (_, settings, authorization, reason) => {
    expect(await prove(settings, authorization)).toMatchObject({ ok: false, rejection: { reason } });
  });

  it("a source rejects every value that is not the pair, whatever it is", () =>
    fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[!-~]*$/), async (value) => {
        fc.pre(value !== good);
        return !(await prove({ basic }, `Basic ${value}`)).ok;
      }),
    ));

  it("`sign` signs as Tekton would with the current password", async () => {
    const url = new URL("https://bridge.example.test/webhooks/cluster");
    const headers = new Headers({ "ce-type": "x" });
    const signed = await connect({ basic }).sign?.({ url, headers, body: Buffer.from("{}") });
    expect(signed?.get("ce-type")).toBe("x");
    expect(await prove({ basic }, signed?.get("authorization") ?? "")).toMatchObject({ ok: true });
  });

  it("a source whose key only the cluster has offers no signing", () => {
    expect(connect({ bearer }).sign).toBeUndefined();
  });
});

describe("settings of a Tekton source", () => {
  it.each([
    ["no credential at all", {}],
    ["a user name with a colon", { basic: { ...basic, username: "a:b" } }],
    ["a literal password", { basic: { ...basic, password: { current: "hunter2" } } }],
    ["a dashboard that is not an address", { bearer, dashboard: "tekton" }],
    ["an age below an hour", { bearer, maxAgeHours: 0 }],
    ["a setting that does not exist", { bearer, maxAge: 24 }],
  ])("settings are rejected with %s", (_, settings) => {
    expect(() => connect(settings)).toThrow();
  });
});
