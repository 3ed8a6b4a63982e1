import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { listenerTarget, routeOptions } from "../../../../shared/actions/tekton/settings.ts";

const target = { url: "https://listener.example.test/docs", runsReportedBy: "cluster" };

describe("a target of kind tekton", () => {
  it.each([
    ["an address alone", target],
    ["a Service inside the cluster", { ...target, url: "http://el-docs.ci.svc.cluster.local:8080" }],
    ["a token", { ...target, token: "env:TOKEN" }],
    ["a token to this machine", { ...target, url: "http://127.0.0.1:8080", token: "env:TOKEN" }],
    ["the longest timeout", { ...target, timeoutSeconds: 25 }],
  ])("a Tekton target may have %s", (_, settings) => {
    expect(v.is(listenerTarget, settings)).toBe(true);
  });

  it.each([
    ["no source that reports its runs", { url: target.url }],
    ["a password in its address", { ...target, url: "https://user:pass@listener.example.test" }],
    ["a query", { ...target, url: `${target.url}?key=1` }],
    ["a fragment", { ...target, url: `${target.url}#top` }],
    ["another scheme", { ...target, url: "ftp://listener.example.test" }],
    ["no host in its address", { ...target, url: "https://:8080" }],
    ["a literal token", { ...target, token: "abc" }],
    ["a token sent over plain HTTP", { ...target, url: "http://listener.example.test", token: "env:TOKEN" }],
    ["a longer timeout than an attempt has", { ...target, timeoutSeconds: 26 }],
    ["a setting that does not exist", { ...target, timeout: 5 }],
  ])("a Tekton target is invalid with %s", (_, settings) => {
    expect(v.is(listenerTarget, settings)).toBe(false);
  });
});

describe("options of a route to tekton", () => {
  it("a run has no params unless some are configured", () => {
    expect(v.parse(routeOptions, {})).toEqual({ params: {} });
  });

  it.each(["page", "gitRef2", "P"])("a param may be named %s", (name) => {
    expect(v.is(routeOptions, { params: { [name]: "$.detail.page.id" } })).toBe(true);
  });

  it.each(["", "1page", "page-id", "page.id", "page_id", "page)", "größe"])("a param may not be named %j", (name) => {
    expect(v.is(routeOptions, { params: { [name]: "x" } })).toBe(false);
  });

  it.each(["$(context.pipelineRun.name)", "a $$ b", "US$", "two\nlines"])("a literal may not be %j", (literal) => {
    expect(v.is(routeOptions, { params: { page: literal } })).toBe(false);
  });

  it("the path of a param may not be malformed", () => {
    expect(v.is(routeOptions, { params: { page: "$.detail..id" } })).toBe(false);
  });
});
