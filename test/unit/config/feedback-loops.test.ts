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

const loops: readonly [string, string][] = [
  ["every build", "{ detail-type: [{ prefix: build. }] }"],
  ["builds of GitLab that succeeded", "{ source: [drawbridge.gitlab], detail: { type: [build.succeeded] } }"],
  ["everything of the source", "{ detail: { source: [/sources/code] } }"],
  ["builds, in one branch", "{ $or: [{ detail-type: [code.pushed] }, { detail-type: [build.failed] }] }"],
];

describe("a route that starts runs, beside one that sets commit statuses", () => {
  it.each(loops)("a route that starts runs may not act on %s", async (_, when) => {
    expect(await errors(config(when))).toEqual([
      expect.stringContaining(
        'routes.start.when: the source "code" reports each status that the target "commits" receives as a build event',
      ),
    ]);
  });

  it.each([
    ["pushes", "{ source: [drawbridge.gitlab], detail-type: [code.pushed] }"],
    ["jobs, because the jobs that statuses create are ignored", "{ detail-type: [job.succeeded] }"],
    ["builds of another system", "{ source: [drawbridge.buildkite], detail-type: [build.succeeded] }"],
    ["builds of another source", "{ detail: { source: [/sources/cluster], type: [build.succeeded] } }"],
  ])("a route that starts runs may act on %s", async (_, when) => expect(await errors(config(when))).toEqual([]));

  const when = "{ detail-type: [build.succeeded] }";
  it.each([
    ["no source reports GitLab's events", { from: "buildkite" }],
    ["it only sets commit statuses", { start: "gitlab: { target: commits }" }],
    [
      "the reports go to Buildkite, which sends no event for an annotation",
      { report: "buildkite: { target: builds }" },
    ],
  ])("a route may act on builds if %s", async (_, changes) => expect(await errors(config(when, changes))).toEqual([]));
});
