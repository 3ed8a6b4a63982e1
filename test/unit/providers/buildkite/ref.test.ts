import { describe, expect, it } from "vitest";
import { readDelivery } from "../../../../shared/providers/buildkite/parse.ts";
import { repositoryOf } from "../../../../shared/providers/buildkite/repository.ts";
import { type Body, bodyOf, readingBy } from "../../../support/provider-fixtures.ts";

const { eventOf } = readingBy(readDelivery);

/** The build or job that is read of a fixture with members of its build and pipeline changed. */
async function partOf(name: string, build: Body, pipeline: Body = {}) {
  const body = bodyOf("buildkite", name);
  const changed = {
    build: { ...Object(body["build"]), ...build },
    pipeline: { ...Object(body["pipeline"]), ...pipeline },
  };
  const event = Object(await eventOf({ ...body, ...changed }));
  return event.job ?? event.build;
}

const pullRequest = { id: "77", base: "main", repository: "https://gitlab.example.com/outsider/docs.git" };

describe.each(["build-finished", "job-finished"])("what %s is for", (fixture) => {
  it("a run for a branch has the branch, what started it and the default branch", async () => {
    const part = await partOf(fixture, { branch: "main", source: "schedule" });
    expect(part).toMatchObject({ branch: "main", source: "schedule", defaultBranch: "main" });
    expect(part).not.toHaveProperty("tag");
    expect(part).not.toHaveProperty("change");
  });

  it("a run for a tag has the tag and no branch", async () => {
    const part = await partOf(fixture, { branch: "v1.2.0", tag: "v1.2.0" });
    expect(part).toHaveProperty("tag", "v1.2.0");
    expect(part).not.toHaveProperty("branch");
  });

  it("a run for a pull request has no branch, although its source branch has the name of ours", async () => {
    const part = await partOf(fixture, { branch: "main", pull_request: pullRequest });
    expect(part).not.toHaveProperty("branch");
    expect(part.change).toEqual({
      id: "77",
      sourceProject: "https://gitlab.example.com/outsider/docs.git",
      targetProject: "git@gitlab.example.com:platform/docs.git",
      sourceBranch: "main",
      targetBranch: "main",
      fork: true,
    });
  });

  it.each([
    ["no member that can be read", { id: [], base: 5, repository: {} }],
    ["another kind", "77"],
  ])("a pull request with %s does not make a run one for the branch", async (_, pull_request) => {
    const part = await partOf(fixture, { branch: "main", tag: "main", pull_request });
    for (const member of ["branch", "tag", "change"]) expect(part).not.toHaveProperty(member);
  });

  it.each([[null], [undefined], [{}], [false]])("a pull request %j is none", async (pull_request) => {
    expect(await partOf(fixture, { branch: "main", pull_request })).toHaveProperty("branch", "main");
  });

  it("a pull request with a number as its id has the same id as text", async () => {
    const part = await partOf(fixture, { pull_request: { ...pullRequest, id: 77 } });
    expect(part.change.id).toBe("77");
  });
});

describe("whether a pull request comes from a fork", () => {
  const OURS = "git@gitlab.example.com:platform/docs.git";

  it.each([
    [OURS, "git@gitlab.example.com:platform/docs.git", false],
    [OURS, "https://gitlab.example.com/platform/docs.git", false],
    [OURS, "https://gitlab.example.com/platform/docs", false],
    [OURS, "https://GitLab.Example.COM/platform/docs/", false],
    [OURS, "https://gitlab.example.com/Platform/Docs.git", false],
    [OURS, "git://gitlab.example.com/platform/docs.git", false],
    [OURS, "ssh://git@gitlab.example.com:2222/platform/docs.git", false],
    [OURS, "https://bot:secret@gitlab.example.com/platform/docs.git", false],
    [OURS, "gitlab.example.com:platform/docs.git", false],
    [OURS, "git@gitlab.example.com:/platform/docs.git", false],
    ["https://gitlab.example.com/platform/docs", OURS, false],
    [OURS, "https://gitlab.example.com/outsider/docs.git", true],
    [OURS, "git@gitlab.example.com:outsider/docs.git", true],
    [OURS, "https://gitlab.example.com/platform/docs2.git", true],
    [OURS, "https://gitlab.example.com/outsider/platform/docs.git", true],
    [OURS, "https://elsewhere.example.com/platform/docs.git", true],
    [OURS, "https://gitlab.example.com@elsewhere.example.com/platform/docs.git", true],
    [OURS, "https://elsewhere.example.com/outsider/docs?x=@gitlab.example.com/platform/docs", true],
    [OURS, null, undefined],
    [OURS, "", undefined],
    [OURS, "platform/docs", undefined],
    [OURS, 5, undefined],
    [null, OURS, undefined],
    ["/srv/git/docs", OURS, undefined],
  ])("a pipeline of %s and a pull request from %s give fork %s", async (ours, repository, fork) => {
    const build = { branch: "main", pull_request: { ...pullRequest, repository } };
    const { change } = await partOf("build-finished", build, { repository: ours });
    expect(change.fork).toBe(fork);
  });

  it("a branch that is named with the owner of the fork comes from a fork", async () => {
    const build = { branch: "outsider:main", pull_request: { ...pullRequest, repository: null } };
    expect((await partOf("build-finished", build)).change).toMatchObject({ fork: true, sourceBranch: "outsider:main" });
  });
});

describe("the address of a repository", () => {
  it.each([
    ["https://bot:se/cret@host.example.com/a/b", undefined],
    ["https://bot:secret@host.example.com/a/b", "https://host.example.com/a/b"],
    ["https://token@host.example.com:8443/a/b.git", "https://host.example.com:8443/a/b.git"],
    ["https://bot:sec@ret@host.example.com/a/b", "https://host.example.com/a/b"],
    ["https://host.example.com/a/b?private_token=secret", "https://host.example.com/a/b"],
    ["https://bot:1/secret@host.example.com/a/b", undefined],
    ["bot:secret@host.example.com:a/b", "host.example.com:a/b"],
    ["git@host.example.com:a/b.git", "git@host.example.com:a/b.git"],
    ["ssh://git@host.example.com:22/a/b.git", "ssh://host.example.com:22/a/b.git"],
  ])("the address of %s is read as %s, without credentials", (sent, address) => {
    expect(repositoryOf(sent)?.address).toBe(address);
  });
});

it("two long names of branches stay two, and are bounded", async () => {
  const names = await Promise.all(
    ["A", "B"].map(async (end) => (await partOf("build-finished", { branch: `${"b".repeat(3_000)}${end}` })).branch),
  );
  expect(names[0]).not.toBe(names[1]);
  expect(names[0].length).toBeLessThan(600);
});
