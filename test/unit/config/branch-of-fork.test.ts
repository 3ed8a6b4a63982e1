import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret, type Secrets } from "../../../shared/host/secrets.ts";

const everySecret: Secrets = { read: () => Promise.resolve(new Secret("a secret for tests")) };

const config = (when: string) => `sources:
  code: { provider: gitlab, token: { current: env:HOOK } }
  builds: { provider: buildkite, token: { current: env:HOOK } }
  cluster: { provider: tekton, basic: { username: c, password: { current: env:CLUSTER } } }
targets:
  pages: { kind: confluence, product: data-center, site: "https://wiki.example.com", credential: { bearer: env:TOKEN } }
routes:
  main:
    when: ${when}
    do: { confluence: { target: pages } }
`;

async function findings(when: string, text = config(when)): Promise<readonly string[]> {
  const found = await checkLoaded(parseConfig(text, "x.yaml"), "x.yaml", everySecret);
  expect(found.filter(({ level }) => level === "error")).toEqual([]);
  return found.filter(({ id }) => id === "branch-of-fork").map(({ level, message }) => `${level} ${message}`);
}

const JOBS = "{ source: [drawbridge.gitlab], detail-type: [job.failed], detail: { job: { branch: [main] } } }";

describe("a route on a branch", () => {
  it("a route on a branch is a warning if it matches jobs of every project of GitLab, because a fork is one too", async () => {
    expect(await findings(JOBS)).toEqual([
      expect.stringMatching(/job\.branch: a run for a fork may have this branch too: "code" cannot distinguish it/),
    ]);
    expect(await findings(JOBS.replace("main]", "main], pipeline: [{ anything-but: a/b }]"))).toHaveLength(1);
  });

  it.each([
    ["builds of a branch", "{ detail-type: [build.succeeded], detail: { build: { branch: [main] } } }", "build"],
    [
      "jobs of branches",
      "{ detail-type: [job.failed], source: [drawbridge.tekton], detail: { job: { branch: [{ prefix: release/ }] } } }",
      "job",
    ],
    ["all branches but one", "{ detail: { build: { branch: [{ anything-but: main }] } } }", "build"],
    [
      "one of two branches of the pattern",
      "{ $or: [{ detail-type: [code.pushed] }, { detail: { build: { branch: [main] } } }] }",
      "$or[1].detail.build",
    ],
    [
      "pushes, or runs without a source",
      "{ detail: { build: { branch: [main], source: [push, { exists: false }] } } }",
      "build",
    ],
  ])("a route on %s is a warning if Tekton may report them", async (_, when, part) => {
    expect(await findings(when)).toEqual([
      expect.stringContaining(
        `${part}.branch: a run for a fork may have this branch too: "cluster" cannot distinguish it.`,
      ),
    ]);
  });

  it.each([
    ["a branch of GitLab", "{ source: [drawbridge.gitlab], detail: { build: { branch: [main] } } }"],
    ["a branch of one source", "{ detail: { source: [/sources/builds], build: { branch: [main] } } }"],
    ["pushes, which Pipelines-as-Code reports", "{ detail: { build: { branch: [main], source: [push] } } }"],
    ["runs that are known to be for no fork", "{ detail: { build: { branch: [main], change: { fork: [false] } } } }"],
    ["runs without a branch", "{ detail: { build: { branch: [{ exists: false }] } } }"],
    ["a state that Tekton does not report", "{ detail-type: [build.waiting], detail: { build: { branch: [main] } } }"],
    ["jobs of one project of GitLab", JOBS.replace("main]", "main], pipeline: [platform/docs]")],
    ["jobs of projects of GitLab", JOBS.replace("main]", "main], pipeline: [{ prefix: platform/ }]")],
    ["every build", "{ detail-type: [{ prefix: build. }] }"],
    ["pushes to a branch", "{ detail-type: [code.pushed], detail: { code: { name: [main] } } }"],
  ])("a route on %s has no warning", async (_, when) => expect(await findings(when)).toEqual([]));

  const partner = (when: string) =>
    findings(
      when,
      config(when)
        .replace(/ {2}cluster:.*\n/, "")
        .replace(
          "provider: buildkite, token: { current: env:HOOK }",
          "provider: buildkite, partnerEvents: aws.partner/buildkite.com/o/1",
        ),
    );

  it.each([
    ["without a source", "{ detail-type: [build.succeeded], detail: { build: { branch: [main] } } }"],
    ["of webhooks of the repository", "{ detail: { build: { branch: [main], source: [webhook] } } }"],
    ["of jobs", "{ source: [drawbridge.buildkite], detail-type: [job.failed], detail: { job: { branch: [main] } } }"],
  ])("a route on a branch %s is a warning if Buildkite's partner events may report it", async (_, when) => {
    expect(await partner(when)).toEqual([expect.stringContaining('too: "builds" cannot distinguish it.')]);
  });

  it.each([
    ["scheduled builds", "{ detail: { build: { branch: [main], source: [schedule] } } }"],
    ["runs of no fork", "{ detail: { build: { branch: [main], change: { fork: [false] } } } }"],
  ])("a route on %s has no warning with Buildkite's partner events", async (_, when) =>
    expect(await partner(when)).toEqual([]),
  );
});
