import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { instanceTarget, routeOptions } from "../../../../shared/actions/gitlab/settings.ts";

const target = { url: "https://gitlab.example.test", token: "env:TOKEN" };

describe("a target of kind gitlab", () => {
  it.each([
    ["an address and a token", target],
    ["a path, as where GitLab is one of several things on a host", { ...target, url: `${target.url}/gitlab` }],
    ["this machine", { ...target, url: "http://127.0.0.1:8080" }],
    ["the longest time", { ...target, timeoutSeconds: 20 }],
  ])("may have %s", (_, settings) => expect(v.is(instanceTarget, settings)).toBe(true));

  it.each([
    ["no token", { url: target.url }],
    ["a literal token", { ...target, token: "glpat-abc" }],
    ["a token in the clear", { ...target, url: "http://gitlab.example.test" }],
    ["a slash at its end", { ...target, url: `${target.url}/` }],
    ["a query", { ...target, url: `${target.url}?private_token=1` }],
    ["a password in its address", { ...target, url: "https://user:pass@gitlab.example.test" }],
    ["more time than an attempt has", { ...target, timeoutSeconds: 21 }],
    ["a setting that does not exist", { ...target, project: "platform/docs" }],
  ])("may not have %s", (_, settings) => expect(v.is(instanceTarget, settings)).toBe(false));
});

describe("options of a route to gitlab", () => {
  it("name the status after the pipeline unless told", () => {
    expect(v.parse(routeOptions, {})).toEqual({ name: "$.detail.build.pipeline" });
  });

  it.each(["", "$.detail..build"])("take no name like %j", (name) => {
    expect(v.is(routeOptions, { name })).toBe(false);
  });
});
