import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { statusOf } from "../../../../shared/actions/gitlab/status.ts";
import { BUILD_STATES, type BuildPart } from "../../../../shared/model/event.ts";

const time = fc
  .date({ min: new Date("2020-01-01"), max: new Date("2040-01-01"), noInvalidDate: true })
  .map((date) => date.toISOString());
const anyBuild = fc.record(
  {
    state: fc.constantFrom(...BUILD_STATES),
    number: fc.nat(),
    reason: fc.string({ unit: "binary", maxLength: 400 }),
    url: fc.webUrl(),
    createdAt: time,
    finishedAt: time,
  },
  { requiredKeys: ["state"] },
);

describe("a commit status", () => {
  it("a commit status keeps GitLab's length limits, whatever the build reports", () => {
    fc.assert(
      fc.property(anyBuild, fc.string({ minLength: 1, maxLength: 400 }), (reported, name) => {
        const build: BuildPart = { system: "tekton", id: "run-1", pipeline: "ci/docs", ...reported };
        const status = statusOf(build, { name, linkHosts: undefined });
        for (const text of [status.name, status.description]) expect(text.length).toBeLessThan(256);
      }),
    );
  });

  it.each([
    "https://bot:hunter2@ci.example.test/1",
    "https://ci.example.test/1?sig=hunter2",
    "ftp://ci.example.test/1",
  ])("a commit status does not link to %s", (url) => {
    const build: BuildPart = { system: "tekton", id: "run-1", pipeline: "ci/docs", state: "failed", url };
    expect(statusOf(build, { name: "docs", linkHosts: undefined })).not.toHaveProperty("targetUrl");
  });

  it("a commit status links only to the hosts that the target allows", () => {
    const url = "https://ci.example.test/1";
    const build: BuildPart = { system: "tekton", id: "run-1", pipeline: "ci/docs", state: "failed", url };
    expect(statusOf(build, { name: "docs", linkHosts: ["ci.example.test"] })).toMatchObject({ targetUrl: url });
    expect(statusOf(build, { name: "docs", linkHosts: [] })).not.toHaveProperty("targetUrl");
  });

  it("a hidden character in a name is shown as an escape, so that no two names look the same", () => {
    const build: BuildPart = { system: "tekton", id: "run-1", pipeline: "ci/docs", state: "failed" };
    const names = ["docs", "docs\u200b", "docs\u202e"].map(
      (name) => statusOf(build, { name, linkHosts: undefined }).name,
    );
    expect(names).toEqual(["docs", "docs\\u200b", "docs\\u202e"]);
  });
});
