import { describe, expect, it } from "vitest";
import { candidatesOf, isUnknownAddress, termsOfCandidate } from "../../../shared/http/lookup.ts";
import { termText } from "../../../shared/model/lookup-terms.ts";

const found = (text: string): readonly string[] =>
  candidatesOf(text).map((one) =>
    one.kind === "delivery" ? "delivery" : termsOfCandidate(one).map(termText).join(" & "),
  );

describe("what an address stands for", () => {
  it.each([
    ["https://gitlab.example.test/Platform/docs/-/merge_requests/12", ["change platform/docs!12", "change !12"]],
    ["https://gitlab.example.test/a/b/-/merge_requests/12/diffs?x=1#note_4", ["change a/b!12", "change !12"]],
    ["https://git.example.test/platform/docs/merge_requests/12", ["change platform/docs!12", "change !12"]],
    ["https://github.com/platform/docs/pull/7/files", ["change platform/docs!7", "change !7"]],
    [
      "https://example.test/gitlab/platform/docs/-/merge_requests/12",
      ["change gitlab/platform/docs!12", "change platform/docs!12", "change !12"],
    ],
    ["https://gitlab.example.test/a/b/-/merge_requests/new", []],
    ["https://tekton.example.test/#/namespaces/ci/pipelineruns/docs-build-x7?pipelineTask=t", ["run docs-build-x7"]],
    ["https://example.test/tekton/#/namespaces/ci/taskruns/docs-build-x7-test", ["run docs-build-x7-test"]],
    ["https://tekton.example.test/#/namespaces/ci/pipelineruns", []],
    ["https://buildkite.com/acme/docs/builds/418", ["run 418 & pipeline acme/docs", "run 418 & pipeline docs"]],
    [
      "https://buildkite.com/acme/docs/builds/418#0191d2c4-1a2b-4c3d-8e4f-5a6b7c8d9e0f",
      ["run 0191d2c4-1a2b-4c3d-8e4f-5a6b7c8d9e0f"],
    ],
    ["https://gitlab.example.test/a/b/-/pipelines/77", ["run 77"]],
  ])("%s", (address, expected) => {
    expect(found(address)).toEqual(expected);
  });

  it("an address in which nothing is found cannot be looked up, and a text that is no address can", () => {
    for (const address of ["https://wiki.example.test/x/y", " http://ci.example.test/", "HTTPS://ci.example.test/a"])
      expect(isUnknownAddress(address)).toBe(true);
    for (const text of ["https://buildkite.com/acme/docs/builds/418", "docs", "x/y"])
      expect(isUnknownAddress(text)).toBe(false);
  });
});

describe("an id that goes with a request", () => {
  it.each(["corr-demo-0001", "job-12-a", "0b54a5a1-6f3c-4f0e-9d5e-3f0f6f0a7c11"])(
    "%s may be one, after all names",
    (id) => {
      expect(found(id).at(-1)).toBe(`correlation ${id}`);
    },
  );

  it.each(["feature-login", "job-12", `glpat-${"a1".repeat(12)}`])("%s is not taken for one", (text) => {
    expect(found(text).filter((one) => one.startsWith("correlation"))).toEqual([]);
  });
});
