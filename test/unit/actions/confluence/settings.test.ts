import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { authorizationFor, routeOptions, targetSettings } from "../../../../shared/actions/confluence/settings.ts";
import { Secret } from "../../../../shared/host/secrets.ts";
import { secretsOf } from "../../../support/tools.ts";

const target = {
  product: "cloud",
  site: "https://example.atlassian.test/wiki",
  credential: { basic: { user: "bot@example.test", token: "env:TOKEN" } },
};

describe("a target's settings", () => {
  test.each([
    ["no more than it needs", {}],
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
    ["a site at the top of its host", { product: "data-center", site: "https://wiki.example.test" }],
  ])("may have %s", (_, changes) => {
    expect(v.safeParse(targetSettings, { ...target, ...changes }).success).toBe(true);
  });

  test.each([
    ["another product", { product: "server" }],
    ["a slash at the end of the site", { site: "https://example.atlassian.test/wiki/" }],
    ["a site in the clear", { site: "http://wiki.example.test" }],
    ["a query in the address", { api: "https://api.example.test/?a=b" }],
    ["a literal token", { credential: { bearer: "abc" } }],
    ["two credentials", { credential: { ...target.credential, bearer: "env:TOKEN" } }],
    ["no credential", { credential: undefined }],
    ["no time to wait", { timeoutSeconds: 0 }],
    ["a misspelt line", { timeoutSecond: 3 }],
  ])("may not have %s", (_, changes) => {
    expect(v.safeParse(targetSettings, { ...target, ...changes }).success).toBe(false);
  });

  test("become the header with a token that is got for them, and none without a way to get one", async () => {
    const client = {
      tokenUrl: "https://auth.example.test/token",
      clientId: "a",
      clientSecret: "env:S",
      scope: "write",
    };
    const { credential } = v.parse(targetSettings, { ...target, credential: { clientCredentials: client } });
    const asked: unknown[] = [];
    const tokenFor = async (...given: unknown[]) => {
      asked.push(...given);
      return new Secret("granted");
    };
    const secrets = secretsOf({});
    await expect(authorizationFor(credential, "wiki", { secrets, outbound: { tokenFor } })).resolves.toBe(
      "Bearer granted",
    );
    expect(asked).toMatchObject([{ clientCredentials: client }, { target: "wiki" }]);
    await expect(authorizationFor(credential, "wiki", { secrets })).rejects.toMatchObject({
      code: "configuration_invalid",
    });
  });

  test("become the header that proves who we are", async () => {
    const secrets = secretsOf({ TOKEN: "tökën" });
    const { credential } = v.parse(targetSettings, target);
    await expect(authorizationFor(credential, "wiki", { secrets })).resolves.toBe(
      "Basic Ym90QGV4YW1wbGUudGVzdDp0w7Zrw6tu",
    );
    await expect(authorizationFor({ bearer: "env:TOKEN" }, "wiki", { secrets })).resolves.toBe("Bearer tökën");
  });
});

describe("a route's options", () => {
  test.each([
    {},
    { page: "98310" },
    { page: "$.detail.build.results.page" },
    { whenMissing: "skip" },
    { documentedBy: "drawbridge-docs_2" },
  ])("may be %j", (options) => {
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
  ])("may not be %j", (options) => {
    expect(v.safeParse(routeOptions, options).success).toBe(false);
  });
});
