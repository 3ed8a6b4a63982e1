import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { instanceTarget, routeOptions } from "../../../../shared/actions/gitlab/settings.ts";

const target = { url: "https://gitlab.example.test", token: "env:TOKEN" };

describe("a target of kind gitlab", () => {
  it.each([
    ["an address and a token", target],
    ["a path, if GitLab shares its host with others", { ...target, url: `${target.url}/gitlab` }],
    ["an http:// address on this machine", { ...target, url: "http://127.0.0.1:8080" }],
    ["another address of its API", { ...target, api: "https://gitlab.internal.example.test/code" }],
    ["projects", { ...target, projects: ["platform/docs", "platform/*", "a.b/c-d"] }],
    ["the longest timeout", { ...target, timeoutSeconds: 20 }],
  ])("a GitLab target may have %s", (_, settings) => expect(v.is(instanceTarget, settings)).toBe(true));

  it.each([
    ["no token", { url: target.url }],
    ["a literal token", { ...target, token: "glpat-abc" }],
    ["a token sent over plain HTTP", { ...target, url: "http://gitlab.example.test" }],
    ["an API over plain HTTP", { ...target, api: "http://gitlab.internal.example.test" }],
    ["a slash at the end of its address", { ...target, url: `${target.url}/` }],
    ["a query", { ...target, url: `${target.url}?private_token=1` }],
    ["a password in its address", { ...target, url: "https://user:pass@gitlab.example.test" }],
    ["an empty list of projects", { ...target, projects: [] }],
    ["a pattern within a path", { ...target, projects: ["platform/doc*"] }],
    ["all projects by a pattern", { ...target, projects: ["*"] }],
    ["a path with dots for a folder", { ...target, projects: ["platform/../admin"] }],
    ["a longer timeout than an attempt has", { ...target, timeoutSeconds: 21 }],
    ["a setting that does not exist", { ...target, project: "platform/docs" }],
  ])("a GitLab target is invalid with %s", (_, settings) => expect(v.is(instanceTarget, settings)).toBe(false));
});

describe("options of a route to gitlab", () => {
  it("the status is named after the pipeline unless a name is configured", () => {
    expect(v.parse(routeOptions, {})).toEqual({ name: "$.detail.build.pipeline" });
  });

  it.each(["", "$.detail..build"])("the status may not be named %j", (name) => {
    expect(v.is(routeOptions, { name })).toBe(false);
  });
});
