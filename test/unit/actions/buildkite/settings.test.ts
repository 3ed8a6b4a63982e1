import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { organizationTarget, routeOptions } from "../../../../shared/actions/buildkite/settings.ts";

const target = { organization: "example", token: "env:TOKEN" };

describe("a target of kind buildkite", () => {
  it("a Buildkite target calls Buildkite's own address unless another is configured", () => {
    expect(v.parse(organizationTarget, target)).toEqual({
      ...target,
      url: "https://api.buildkite.com",
      timeoutSeconds: 10,
    });
  });

  it.each([
    ["no organization", { token: "env:TOKEN" }],
    ["an organization of several parts", { ...target, organization: "example/docs" }],
    ["a literal token", { ...target, token: "bkua_abc" }],
    ["a token sent over plain HTTP", { ...target, url: "http://api.buildkite.test" }],
    ["a slash at the end of its address", { ...target, url: "https://api.buildkite.test/" }],
    ["an address as a host for links", { ...target, linkHosts: ["https://ci.example.test"] }],
    ["a longer timeout than an attempt has", { ...target, timeoutSeconds: 26 }],
    ["a setting that does not exist", { ...target, pipeline: "docs" }],
  ])("a Buildkite target is invalid with %s", (_, settings) => expect(v.is(organizationTarget, settings)).toBe(false));
});

describe("options of a route to buildkite", () => {
  it("a route names the run after its pipeline unless configured, and never by an empty text", () => {
    expect(v.parse(routeOptions, {})).toEqual({ name: "$.detail.build.pipeline" });
    expect(v.is(routeOptions, { name: "" })).toBe(false);
  });
});
