import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret, type Secrets } from "../../../shared/host/secrets.ts";

const everySecret: Secrets = { read: () => Promise.resolve(new Secret("there")) };

const config = (when: string, changes: Readonly<Record<string, string>> = {}) => {
  const parts = {
    from: "gitlab",
    start: "tekton: { target: listener }",
    report: "gitlab: { target: commits }",
    ...changes,
  };
  return `sources:
  code: { provider: ${parts.from}, token: { current: env:HOOK } }
  cluster: { provider: tekton, basic: { username: c, password: { current: env:CLUSTER } } }
targets:
  listener: { kind: tekton, url: "https://listener.example.com", runsReportedBy: cluster }
  commits: { kind: gitlab, url: "https://gitlab.example.com", token: env:TOKEN }
  builds: { kind: buildkite, organization: example, token: env:TOKEN }
routes:
  start:
    when: ${when}
    do: { ${parts.start} }
  report:
    when: { source: [drawbridge.tekton] }
    do: { ${parts.report} }
`;
};

async function errors(text: string): Promise<readonly string[]> {
  const findings = await checkLoaded(parseConfig(text, "x.yaml"), "x.yaml", everySecret);
  return findings.filter(({ level }) => level === "error").map(({ message }) => message);
}

const circles: readonly [string, string][] = [
  ["every build", "{ detail-type: [{ prefix: build. }] }"],
  ["builds of GitLab that succeeded", "{ source: [drawbridge.gitlab], detail: { type: [build.succeeded] } }"],
  ["everything of the source", "{ detail: { source: [/sources/code] } }"],
  ["builds, in one branch", "{ $or: [{ detail-type: [code.pushed] }, { detail-type: [build.failed] }] }"],
];

describe("a route that starts runs, beside one that sets commit statuses", () => {
  it.each(circles)("may not act on %s", async (_, when) => {
    expect(await errors(config(when))).toEqual([
      expect.stringContaining(
        'routes.start.when: the source "code" reports each status that the target "commits" receives as a build event',
      ),
    ]);
  });

  it.each([
    ["pushes", "{ source: [drawbridge.gitlab], detail-type: [code.pushed] }"],
    ["jobs, because those that statuses make are left out", "{ detail-type: [job.succeeded] }"],
    ["builds of another system", "{ source: [drawbridge.buildkite], detail-type: [build.succeeded] }"],
    ["builds of another source", "{ detail: { source: [/sources/cluster], type: [build.succeeded] } }"],
  ])("may act on %s", async (_, when) => expect(await errors(config(when))).toEqual([]));

  const when = "{ detail-type: [build.succeeded] }";
  it.each([
    ["no source tells of GitLab", { from: "buildkite" }],
    ["builds are only shown", { start: "gitlab: { target: commits }" }],
    ["reports go to Buildkite, which tells of no annotation", { report: "buildkite: { target: builds }" }],
  ])("may act on builds where %s", async (_, changes) => expect(await errors(config(when, changes))).toEqual([]));
});
