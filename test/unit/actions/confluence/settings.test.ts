import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { confluence } from "../../../../shared/actions/confluence/index.ts";
import { paceOf } from "../../../../shared/actions/confluence/pace.ts";
import { accessTo, routeOptions, targetSettings } from "../../../../shared/actions/confluence/settings.ts";
import type { CallOut } from "../../../../shared/host/call-out.ts";
import { Fault } from "../../../../shared/host/fault.ts";
import { Secret } from "../../../../shared/host/secrets.ts";
import { actionDeps, secretsOf } from "../../../support/test-doubles.ts";

const target = {
  product: "cloud",
  site: "https://example.atlassian.test/wiki",
  credential: { basic: { user: "bot@example.test", token: "env:TOKEN" } },
};

const noTokens = new Fault("configuration_invalid", "there are no tokens", { retryable: false });

describe("a target's settings", () => {
  test.each([
    ["only the required keys", {}],
    ["a gateway to call", { api: "https://api.example.test/ex/confluence/1/wiki" }],
    ["a bearer token", { credential: { bearer: "file:/run/secrets/pat" } }],
    [
      "OAuth 2.0 of a service account",
      {
        credential: {
          clientCredentials: { tokenUrl: "https://auth.example.test/token", clientId: "a", clientSecret: "env:S" },
        },
      },
    ],
    ["the app's own token", { credential: { forge: "wiki" } }],
    ["hosts for links", { linkHosts: ["ci.example.test", "localhost", "10.0.4.17", "[fd00::1]"] }],
    ["no host for links", { linkHosts: [] }],
    ["a site at the top of its host", { product: "data-center", site: "https://wiki.example.test" }],
  ])("a Confluence target may have %s", (_, changes) => {
    expect(v.safeParse(targetSettings, { ...target, ...changes }).success).toBe(true);
  });

  test.each([
    ["another product", { product: "server" }],
    ["a slash at the end of the site", { site: "https://example.atlassian.test/wiki/" }],
    ["a site over plain HTTP", { site: "http://wiki.example.test" }],
    ["a query in the address", { api: "https://api.example.test/?a=b" }],
    ["a literal token", { credential: { bearer: "abc" } }],
    ["two credentials", { credential: { ...target.credential, bearer: "env:TOKEN" } }],
    ["no credential", { credential: undefined }],
    ["a Forge token without a source's name", { credential: { forge: "" } }],
    ["an app's token for a Data Center", { product: "data-center", credential: { forge: "wiki" } }],
    [
      "an app's token for another address",
      { api: "https://api.example.test/ex/confluence/1/wiki", credential: { forge: "wiki" } },
    ],
    ["a timeout of zero", { timeoutSeconds: 0 }],
    ["an address as a host for links", { linkHosts: ["https://ci.example.test"] }],
    ["a host with a port", { linkHosts: ["ci.example.test:8080"] }],
    ["a host in capitals, which no parsed URL has", { linkHosts: ["CI.example.test"] }],
    ["a pattern for hosts", { linkHosts: ["*.example.test"] }],
    ["a misspelt key", { timeoutSecond: 3 }],
  ])("a Confluence target is invalid with %s", (_, changes) => {
    expect(v.safeParse(targetSettings, { ...target, ...changes }).success).toBe(false);
  });

  test("client credentials become a header with the granted token, and fail if no token can be granted", async () => {
    const client = {
      tokenUrl: "https://auth.example.test/token",
      clientId: "a",
      clientSecret: "env:S",
      scope: "write",
    };
    const settings = v.parse(targetSettings, { ...target, credential: { clientCredentials: client } });
    const asked: unknown[] = [];
    const rejected: string[] = [];
    const refuse = () => Promise.reject(noTokens);
    const outbound = {
      tokenFor: async (...args: unknown[]) => {
        asked.push(...args);
        return new Secret("granted");
      },
      rejected: (_: unknown, __: unknown, token: Secret) => void rejected.push(token.reveal()),
      boundToken: refuse,
    };
    const answers = [200, 403, 401];
    const callOut: CallOut = async () => ({
      status: answers.shift() ?? 500,
      headers: new Headers(),
      body: new Uint8Array(),
    });
    const access = await accessTo(settings, actionDeps({ outbound, callOut }));
    expect(access).toMatchObject({ base: target.site, authorization: "Bearer granted" });
    expect(asked).toMatchObject([{ clientCredentials: client }, { principal: { subject: "pages" } }]);
    // The site does not accept it any more: the next attempt asks for another one.
    const request = {
      method: "GET",
      url: new URL(target.site),
      headers: {},
      timeoutMs: 1,
      maxResponseBytes: 1,
    } as const;
    for (const count of [0, 0, 1]) {
      await access.callOut(request);
      expect(rejected).toHaveLength(count);
    }
    const without = actionDeps({ outbound: { ...outbound, tokenFor: refuse } });
    await expect(accessTo(settings, without)).rejects.toMatchObject({ code: "configuration_invalid" });
  });

  test("a Forge credential becomes a header with the app's token for the address that it is valid for, and fails if there is none", async () => {
    const settings = v.parse(targetSettings, { ...target, credential: { forge: "cloud-wiki" } });
    const base = "https://api.atlassian.com/ex/confluence/5d1e";
    const asked: string[] = [];
    const tokenFor = async (source: string) => {
      asked.push(source);
      return { token: new Secret("given"), base };
    };
    await expect(accessTo(settings, actionDeps({ systemTokens: { tokenFor } }))).resolves.toMatchObject({
      base: `${base}/wiki`,
      authorization: "Bearer given",
    });
    expect(asked).toEqual(["cloud-wiki"]);
    const without = actionDeps({ systemTokens: { tokenFor: () => Promise.reject(noTokens) } });
    await expect(accessTo(settings, without)).rejects.toMatchObject({ code: "configuration_invalid" });
  });

  test("a user's token or a bearer token becomes the authorization header", async () => {
    const secrets = secretsOf({ TOKEN: "tökën" });
    const headerOf = async (changes: object) =>
      (await accessTo(v.parse(targetSettings, { ...target, ...changes }), actionDeps({ secrets }))).authorization;
    await expect(headerOf({})).resolves.toBe("Basic Ym90QGV4YW1wbGUudGVzdDp0w7Zrw6tu");
    await expect(headerOf({ credential: { bearer: "env:TOKEN" } })).resolves.toBe("Bearer tökën");
  });
});

describe("when a target's pages are written", () => {
  const paceOfTarget = (given: object) => paceOf(v.parse(targetSettings, { ...target, ...given }));

  test.each<[string, object, object]>([
    ["on Cloud", {}, { progressSeconds: 60, endSeconds: 60, onlyChanges: true }],
    ["on Data Center", { product: "data-center" }, { progressSeconds: 30, endSeconds: 2, onlyChanges: false }],
    ["with a shorter pause than that after an end", { progressSeconds: 10 }, { progressSeconds: 10, endSeconds: 10 }],
    ["with all three set", { progressSeconds: 900, endSeconds: 600, onlyChanges: false }, { endSeconds: 600 }],
  ])("the settings of a target %s are complete", (_, given, expected) => {
    expect(paceOfTarget(given)).toMatchObject(expected);
  });

  test("the end of a run may not wait longer than anything else", () => {
    expect(v.safeParse(targetSettings, { ...target, progressSeconds: 10, endSeconds: 11 }).success).toBe(false);
    expect(v.safeParse(targetSettings, { ...target, endSeconds: 61 }).success).toBe(false);
  });

  test("`check` states the rate, the versions of a day, and the settings that bound them", () => {
    expect(confluence.expects?.(target)).toBe(
      "at 120 runs a day of 6 pipelines, of which one in 10 fails, a page gets at most 36 versions a day, each of which may mail everyone who watches it (onlyChanges: true, endSeconds: 60)",
    );
    expect(confluence.expects?.({ ...target, product: "data-center", endSeconds: 30 })).toContain(
      "at most 360 versions",
    );
    expect(confluence.expects?.({ ...target, progressSeconds: 3_600, endSeconds: 3_600 })).toContain(
      "at most 24 versions",
    );
  });
});

describe("a target's region", () => {
  test.each(["drawbridge", "staging-2", "summary-off-2"])("a region may be named %s", (region) => {
    expect(v.parse(targetSettings, { ...target, region }).region).toBe(region);
  });

  test.each(["", "Drawbridge", "a:1", "a b", "2", "a&b", "x".repeat(41), "a-summary", "a-off"])(
    "a region may not be named %j",
    (region) => {
      expect(v.safeParse(targetSettings, { ...target, region }).success).toBe(false);
    },
  );
});

describe("a route's options", () => {
  test.each([
    {},
    { page: "98310" },
    { page: "$.detail.build.results.page" },
    { whenMissing: "skip" },
    { documentedBy: "drawbridge-docs_2" },
  ])("a route may have the options %j", (options) => {
    expect(v.safeParse(routeOptions, options).success).toBe(true);
  });

  test.each([
    { page: "Release 4" },
    { page: "$.detail..page" },
    { page: "$.source" },
    { page: 98310 },
    { whenMissing: "ask" },
    { documentedBy: "" },
    { documentedBy: 'docs" or space = "HR' },
    { documentedBy: "Docs" },
    { documentedBy: true },
  ])("a route may not have the options %j", (options) => {
    expect(v.safeParse(routeOptions, options).success).toBe(false);
  });
});
