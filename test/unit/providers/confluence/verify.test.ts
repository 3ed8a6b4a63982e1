import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { confluenceSettings } from "../../../../shared/providers/confluence/settings.ts";
import {
  ADDRESS,
  allCredentials,
  BODY,
  connectHeader,
  credentials,
  forgeToken,
  hubSignature,
  INSTALLATION,
  NOW,
  outcomeOf,
  requestOf,
  SITE,
  secrets,
  sourceWith,
} from "./sources.ts";

const hub = (value: string, body?: string) =>
  requestOf({ "x-hub-signature": value }, body === undefined ? {} : { body });
const authorized = (authorization: string, changes?: Parameters<typeof requestOf>[1]) =>
  requestOf({ authorization }, changes);

describe("Data Center's signature", () => {
  it("Data Center's signature is accepted with the current and the next secret", async () => {
    for (const [secret, credential] of [
      [secrets.hub, "current"],
      [secrets.hubNext, "next"],
    ] as const) {
      const proof = await sourceWith(credentials.hub).authenticate(hub(hubSignature(BODY, secret)));
      expect(proof).toEqual({
        ok: true,
        value: {
          principal: {
            issuer: "drawbridge:source",
            subject: "wiki",
            method: "hub-signature",
            credential,
            roles: [],
          },
        },
      });
    }
  });

  it.each([
    ["made with another secret", hubSignature(BODY, "other"), BODY, "signature_mismatch"],
    ["of another body", hubSignature("{}"), BODY, "signature_mismatch"],
    [
      "of the same JSON, written again",
      hubSignature(),
      JSON.stringify(JSON.parse(BODY), null, 1),
      "signature_mismatch",
    ],
    ["of the body without its last byte", hubSignature(), BODY.slice(0, -1), "signature_mismatch"],
    ["with a weaker hash", hubSignature().replace("sha256", "sha1"), BODY, "credential_malformed"],
    ["without the name of its hash", hubSignature().slice(7), BODY, "credential_malformed"],
    ["in upper case", `sha256=${hubSignature().slice(7).toUpperCase()}`, BODY, "credential_malformed"],
    ["cut short", hubSignature().slice(0, -2), BODY, "credential_malformed"],
    ["sent twice", `${hubSignature()}, ${hubSignature()}`, BODY, "credential_malformed"],
    ["that is empty", "", BODY, "credential_malformed"],
  ])("Data Center's signature %s is rejected", async (_name, value, body, reason) => {
    expect(await outcomeOf(credentials.hub, hub(value, body))).toBe(reason);
  });
});

describe("Connect's token", () => {
  it("Connect's token is accepted for the address it was made for", async () => {
    expect(await outcomeOf(credentials.connect, authorized(await connectHeader()))).toBe("accepted by connect-jwt");
  });

  it("Connect's token is accepted with the next secret too", async () => {
    const secret = { current: "env:HUB", next: "env:CONNECT" };
    const rotating = { connect: { ...credentials.connect.connect, secret } };
    const proof = await sourceWith(rotating).authenticate(authorized(await connectHeader()));
    expect(proof).toMatchObject({ value: { principal: { method: "connect-jwt", credential: "next" } } });
    expect(await outcomeOf(rotating, authorized(await connectHeader({ exp: NOW - 5 })))).toBe("token_expired");
  });

  it.each<[string, () => Promise<string>, string]>([
    ["made with another secret", () => connectHeader({}, { secret: "other" }), "token_signature_invalid"],
    ["of another installation", () => connectHeader({ iss: "client-2" }), "claim_mismatch"],
    ["with a stronger, unlisted hash", () => connectHeader({}, { alg: "HS512" }), "algorithm_not_allowed"],
    ["of a browser session", () => connectHeader({ aud: ["client-1"] }), "claim_mismatch"],
    ["with the hash of no request", () => connectHeader({ qsh: "context-qsh" }), "query_hash_mismatch"],
    ["without qsh", () => connectHeader({ qsh: undefined }), "claim_missing"],
    ["with qsh as a list", () => connectHeader({ qsh: [] }), "query_hash_mismatch"],
    ["without exp", () => connectHeader({ exp: undefined }), "claim_missing"],
    ["without iat", () => connectHeader({ iat: undefined }), "claim_missing"],
    ["expired", () => connectHeader({ exp: NOW - 5 }), "token_expired"],
    ["from the future", () => connectHeader({ iat: NOW + 6 }), "token_not_yet_valid"],
    ["that lives for days", () => connectHeader({ exp: NOW + 86_400 }), "token_lifetime_too_long"],
    ["with a fourth segment", async () => `${await connectHeader()}.`, "token_malformed"],
    ["with nothing after the scheme", async () => "JWT x", "token_malformed"],
    ["sent twice", async () => `${await connectHeader()}, ${await connectHeader()}`, "token_malformed"],
  ])("Connect's token %s is rejected", async (_name, header, reason) => {
    expect(await outcomeOf(credentials.connect, authorized(await header()))).toBe(reason);
  });

  it.each([
    ["for another event", ADDRESS.replace("page_updated", "page_removed")],
    ["with a second event added", `${ADDRESS}&event=page_removed`],
    ["for another source", ADDRESS.replace("wiki", "intranet")],
  ])("Connect's token is rejected at an address %s", async (_name, address) => {
    expect(await outcomeOf(credentials.connect, authorized(await connectHeader(), { address }))).toBe(
      "query_hash_mismatch",
    );
  });

  it("Connect's token is rejected for another method", async () => {
    const request = authorized(await connectHeader(), { method: "PUT" });
    expect(await outcomeOf(credentials.connect, request)).toBe("query_hash_mismatch");
  });

  it("Connect's token is not read from the query", async () => {
    const address = `${ADDRESS}&jwt=${(await connectHeader()).slice(4)}`;
    expect(await outcomeOf(credentials.connect, requestOf({}, { address }))).toBe("credential_missing");
  });
});

describe("Forge's token", () => {
  const listed = { forge: { trust: "our-forge-app", installations: ["another", INSTALLATION] } };
  const unlisted = { forge: { trust: "our-forge-app", installations: ["another"] } };

  it("Forge's token is accepted, and its installation is the principal", async () => {
    const proof = await sourceWith(listed).authenticate(authorized(`Bearer ${forgeToken()}`));
    expect(proof).toMatchObject({
      value: {
        principal: { method: "oidc", subject: INSTALLATION, trustEntry: "our-forge-app", credential: "forge-1" },
      },
    });
  });

  it.each<[string, object, string, string]>([
    ["of another app", credentials.forge, forgeToken({ aud: "ari:cloud:ecosystem::app/other" }), "audience_mismatch"],
    [
      "of an app that another source trusts",
      credentials.forge,
      forgeToken({ aud: "ari:cloud:ecosystem::app/11111111-0000-4000-8000-000000000001-other" }),
      "audience_mismatch",
    ],
    ["of another app that names ours inside", credentials.forge, forgeToken({ aud: "x" }), "audience_mismatch"],
    ["of an installation that is not listed", unlisted, forgeToken(), "claim_mismatch"],
    ["without an installation", credentials.forge, forgeToken({ app: {} }), "claim_missing"],
    ["of Isolated Cloud", credentials.forge, forgeToken({ icLabel: "orange" }), "claim_mismatch"],
    ["of Isolated Cloud with a path as label", credentials.forge, forgeToken({ icLabel: "../x" }), "claim_mismatch"],
    ["31 seconds old", credentials.forge, forgeToken({ iat: NOW - 31, nbf: NOW - 31, exp: NOW - 6 }), "token_expired"],
    ["of another issuer", credentials.forge, forgeToken({ iss: "https://id.example.test" }), "issuer_unknown"],
    ["with another key's id", credentials.forge, forgeToken({}, { kid: "forge-2" }), "key_unknown"],
  ])("Forge's token %s is rejected", async (_name, settings, token, reason) => {
    expect(await outcomeOf(settings, authorized(`Bearer ${token}`))).toBe(reason);
  });
});

describe("Automation's token", () => {
  it("Automation's token is accepted as the rule sends it", async () => {
    const request = authorized(`Bearer ${secrets.automation}`);
    expect(await outcomeOf(credentials.automation, request)).toBe("accepted by token");
  });

  it.each([
    ["another token", "Bearer other-token", "secret_mismatch"],
    ["a longer token", `Bearer ${secrets.automation}x`, "secret_mismatch"],
    ["a token of another scheme", `Basic ${secrets.automation}`, "credential_malformed"],
    ["a token without a scheme", secrets.automation, "credential_malformed"],
  ])("Automation rejects %s", async (_name, authorization, reason) => {
    expect(await outcomeOf(credentials.automation, authorized(authorization))).toBe(reason);
  });
});

describe("the one credential of a request", () => {
  const bearer = `Bearer ${secrets.automation}`;

  it.each<[string, Record<string, string>, string]>([
    ["nothing at all", {}, "credential_missing"],
    [
      "a signature and a token, both good",
      { "x-hub-signature": hubSignature(), authorization: bearer },
      "credential_malformed",
    ],
    [
      "a wrong signature and a good token",
      { "x-hub-signature": hubSignature("{}"), authorization: bearer },
      "credential_malformed",
    ],
    ["a wrong signature alone", { "x-hub-signature": hubSignature("{}") }, "signature_mismatch"],
    [
      "a Forge token for another audience",
      { authorization: `Bearer ${forgeToken({ aud: "x" })}` },
      "audience_mismatch",
    ],
    ["a rule's token as Connect's", { authorization: `JWT ${secrets.automation}` }, "token_malformed"],
    ["a Forge token as Connect's", { authorization: `JWT ${forgeToken()}` }, "algorithm_not_allowed"],
    ["two tokens", { authorization: `${bearer}, ${bearer}` }, "credential_malformed"],
  ])("a request does not fall back to another credential: %s", async (_name, headers, reason) => {
    expect(await outcomeOf(allCredentials, requestOf(headers))).toBe(reason);
  });

  it("each of the four credentials is checked by its own method", async () => {
    expect(await outcomeOf(allCredentials, hub(hubSignature()))).toBe("accepted by hub-signature");
    expect(await outcomeOf(allCredentials, authorized(await connectHeader()))).toBe("accepted by connect-jwt");
    expect(await outcomeOf(allCredentials, authorized(`Bearer ${forgeToken()}`))).toBe("accepted by oidc");
    expect(await outcomeOf(allCredentials, authorized(bearer))).toBe("accepted by token");
  });

  it("a credential that is not configured does not count", async () => {
    expect(await outcomeOf(credentials.automation, hub(hubSignature()))).toBe("credential_missing");
    expect(await outcomeOf(credentials.hub, authorized(await connectHeader()))).toBe("credential_missing");
    expect(await outcomeOf(credentials.hub, authorized(bearer))).toBe("credential_missing");
    expect(await outcomeOf(credentials.forge, authorized(bearer))).toBe("credential_missing");
    expect(await outcomeOf(credentials.automation, authorized(`Bearer ${forgeToken()}`))).toBe("secret_mismatch");
  });

  it("the test button's request has no credential and is rejected like any unsigned request", async () => {
    expect(await outcomeOf(credentials.hub, requestOf({}, { body: '{"test":true}' }))).toBe("credential_missing");
  });
});

describe("settings", () => {
  it.each<[string, object]>([
    ["no credential", {}],
    ["a site with a trailing slash", { site: `${SITE}/`, ...credentials.hub }],
    ["a site on plain http", { site: "http://wiki.example.test", ...credentials.hub }],
    ["a site that is not an address", { site: "wiki", ...credentials.hub }],
    ["a literal secret", { hubSignature: { current: "hunter2" } }],
    ["an empty list of installations", { forge: { trust: "a", installations: [] } }],
    ["Connect without a secret", { connect: { clientKey: "a", baseUrl: SITE } }],
    ["a misspelt credential", { hubSecret: { current: "env:A" } }],
  ])("settings are rejected with %s", (_name, settings) => {
    expect(v.safeParse(confluenceSettings, { site: SITE, ...settings }).success).toBe(false);
  });

  it("a site on this machine is valid, and its source signs as Data Center does", async () => {
    const source = sourceWith({ site: "http://127.0.0.1:8090", ...credentials.hub });
    const headers = await source.sign?.({ url: new URL(ADDRESS), headers: new Headers(), body: Buffer.from(BODY) });
    expect(headers?.get("x-hub-signature")).toBe(hubSignature());
  });

  it("a source whose key only Atlassian has offers no signing", () => {
    expect(sourceWith(credentials.forge).sign).toBeUndefined();
  });
});
