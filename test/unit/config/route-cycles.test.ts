import { describe, expect, it } from "vitest";
import { checkLoaded } from "../../../shared/config/check.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import { Secret, type Secrets } from "../../../shared/host/secrets.ts";

const everySecret: Secrets = { read: () => Promise.resolve(new Secret("a secret for tests")) };

/** Routes by name, each with its `when` and its `do`. */
type Routes = Readonly<Record<string, readonly [when: string, action: string]>>;

const SECTIONS = `issuers:
  lead-login:
    issuer: https://login.example.com
    audience: drawbridge
    roles: [lead]
roles:
  lead: { approve: ["*"] }
sources:
  wiki: { provider: confluence, site: "https://wiki.example.com", hubSignature: { current: env:WIKI } }
  code: { provider: gitlab, token: { current: env:HOOK } }
  builds: { provider: buildkite, token: { current: env:HOOK } }
  cluster: { provider: tekton, basic: { username: c, password: { current: env:CLUSTER } } }
  other-cluster: { provider: tekton, basic: { username: o, password: { current: env:CLUSTER } } }
targets:
  listener: { kind: tekton, url: "https://listener.example.com", runsReportedBy: cluster }
  other: { kind: tekton, url: "https://other.example.com", runsReportedBy: other-cluster }
  commits: { kind: gitlab, url: "https://gitlab.example.com", token: env:TOKEN }
  annotations: { kind: buildkite, organization: example, token: env:TOKEN }
  pages: { kind: confluence, product: data-center, site: "https://wiki.example.com", credential: { bearer: env:TOKEN } }
routes:
`;

const ON_LISTENER = "tekton: { target: listener }";
const ON_OTHER = "tekton: { target: other }";
const STATUS = "gitlab: { target: commits }";
const PAGE = "confluence: { target: pages }";

const withRoutes = (routes: Routes, rest = ""): string =>
  SECTIONS +
  Object.entries(routes)
    .map(([name, [when, action]]) => `  ${name}:\n    when: ${when}\n    do: { ${action} }\n`)
    .join("") +
  rest;

const CYCLES = ["route-cycle", "possible-route-cycle"];

async function findingsIn(text: string): Promise<readonly string[]> {
  const findings = await checkLoaded(parseConfig(text, "x.yaml"), "x.yaml", everySecret);
  const mistakes = findings.filter(({ level, id }) => level === "error" && id !== "route-cycle");
  expect(mistakes).toEqual([]);
  return findings
    .filter(({ id }) => CYCLES.includes(id ?? ""))
    .map(({ level, id, message }) => `${level} ${id} ${message.replace(/^\S+ routes\./, "")}`);
}

const cyclesIn = (routes: Routes) => findingsIn(withRoutes(routes));

describe("a route that starts runs", () => {
  it.each([
    ["every build", "{ detail-type: [{ prefix: build. }] }", "build.queued"],
    ["builds that failed", "{ detail-type: [build.failed] }", "build.failed"],
    ["builds that failed, by their state", "{ detail: { build: { state: [failed] } } }", "build.failed"],
    ["every event of the source", "{ detail: { source: [/sources/cluster] } }", "build.queued"],
    ["jobs", "{ source: [drawbridge.tekton], detail-type: [job.succeeded] }", "job.succeeded"],
    [
      "builds of a branch",
      "{ detail-type: [build.succeeded], detail: { build: { branch: [main] } } }",
      "build.succeeded",
    ],
    [
      "builds of a namespace",
      "{ detail-type: [build.succeeded], detail: { build: { pipeline: [{ prefix: ci/ }] } } }",
      "build.succeeded",
    ],
    [
      "builds, in one branch of the pattern",
      "{ $or: [{ detail-type: [page.updated] }, { detail-type: [build.skipped, build.failed] }] }",
      "build.failed",
    ],
    [
      "runs that the bridge started",
      "{ detail-type: [build.succeeded], detail: { origin: { delivery: [{ exists: true }] } } }",
      "build.succeeded",
    ],
  ])("the route may not act on %s of the cluster that runs them", async (_, when, type) => {
    expect(await cyclesIn({ again: [when, ON_LISTENER] })).toEqual([
      `error route-cycle again.when: "again" leads to ${type} from "cluster", which it matches itself: each run would start the next`,
    ]);
  });

  it.each([
    ["edits of pages", "{ detail-type: [page.updated] }"],
    ["pushes", "{ source: [drawbridge.gitlab], detail-type: [code.pushed] }"],
    ["builds of another system", "{ source: [drawbridge.buildkite], detail-type: [build.succeeded] }"],
    ["builds of another cluster", "{ detail-type: [build.succeeded], detail: { source: [/sources/other-cluster] } }"],
    ["builds of another system, by its name", "{ detail: { build: { system: [buildkite], state: [failed] } } }"],
    ["states that the cluster does not report", "{ source: [drawbridge.tekton], detail-type: [build.skipped] }"],
    [
      "runs that the bridge did not start",
      "{ detail-type: [build.failed], detail: { origin: { delivery: [{ exists: false }] } } }",
    ],
    ["a contradiction", "{ detail-type: [build.failed], detail: { build: { state: [succeeded] } } }"],
    [
      "builds that have a page, which none has",
      "{ detail-type: [{ prefix: build. }], detail: { page: { id: [{ exists: true }] } } }",
    ],
  ])("the route may act on %s", async (_, when) => {
    expect(await cyclesIn({ again: [when, ON_LISTENER] })).toEqual([]);
  });

  it.each([
    ["pipelines", "{ detail-type: [build.succeeded], detail: { build: { pipeline: [ci/test] } } }"],
    [
      "all pipelines but one",
      "{ detail-type: [build.succeeded], detail: { build: { pipeline: [{ anything-but: ci/deploy }] } } }",
    ],
    ["jobs", "{ detail-type: [job.succeeded], detail: { job: { name: [publish] } } }"],
    ["results", "{ detail-type: [build.succeeded], detail: { build: { results: { environment: [staging] } } } }"],
  ])("the route that selects %s of its cluster by name is a warning", async (_, when) => {
    expect(await cyclesIn({ deploy: [when, ON_LISTENER] })).toEqual([
      expect.stringMatching(
        /^warning possible-route-cycle deploy\.when: "deploy" leads to \w+\.succeeded from "cluster", which it matches itself: if these are its own runs, each run would start the next$/,
      ),
    ]);
  });
});

describe("several routes", () => {
  it("two routes that start runs on each other's clusters have one error", async () => {
    const routes: Routes = {
      edit: ["{ detail-type: [page.updated] }", ON_LISTENER],
      there: ["{ detail-type: [build.succeeded], detail: { source: [/sources/cluster] } }", ON_OTHER],
      back: ["{ detail-type: [build.succeeded], detail: { source: [/sources/other-cluster] } }", ON_LISTENER],
    };
    expect(await cyclesIn(routes)).toEqual([
      'error route-cycle there.when: "there" leads to build.succeeded from "other-cluster", which "back" matches; "back" leads to build.succeeded from "cluster", which "there" matches: each run would start the next',
    ]);
  });

  it("a chain of clusters without a way back has none", async () => {
    expect(
      await cyclesIn({
        edit: ["{ detail-type: [page.updated] }", ON_LISTENER],
        there: ["{ detail-type: [build.succeeded], detail: { source: [/sources/cluster] } }", ON_OTHER],
      }),
    ).toEqual([]);
  });

  it("a cycle of three has one error, and one with a selected pipeline on the way is a warning", async () => {
    const onCluster = "{ detail-type: [build.succeeded], detail: { source: [/sources/cluster] } }";
    const routes = (onOther: string): Routes => ({
      start: ["{ source: [drawbridge.gitlab], detail-type: [{ prefix: build. }] }", ON_LISTENER],
      there: [onCluster, ON_OTHER],
      report: [onOther, STATUS],
    });
    const whole = "{ detail: { source: [/sources/other-cluster] } }";
    expect(await cyclesIn(routes(whole))).toEqual([
      expect.stringMatching(/^error route-cycle start\.when: .*"there".*"report"/),
    ]);
    const selected = "{ detail: { source: [/sources/other-cluster], build: { pipeline: [ci/a] } } }";
    expect(await cyclesIn(routes(selected))).toEqual([
      expect.stringMatching(/^warning possible-route-cycle start\.when: /),
    ]);
  });

  const REPORT: Routes[string] = ["{ source: [drawbridge.tekton] }", STATUS];
  it.each([
    ["builds of GitLab that succeeded", "{ source: [drawbridge.gitlab], detail: { type: [build.succeeded] } }"],
    ["everything of the source", "{ detail: { source: [/sources/code] } }"],
    [
      "builds, in one branch of the pattern",
      "{ source: [drawbridge.gitlab], $or: [{ detail-type: [code.pushed] }, { detail-type: [build.failed] }] }",
    ],
  ])("beside a route that sets commit statuses no run may start on %s", async (_, when) => {
    expect(await cyclesIn({ start: [when, ON_LISTENER], report: REPORT })).toEqual([
      expect.stringMatching(
        /^error route-cycle start\.when: "start" leads to build\.queued from "cluster", which "report" matches; "report" leads to build\.\w+ from "code", which "start" matches: each run/,
      ),
    ]);
  });

  it.each([
    [
      "jobs, because the jobs that statuses create are ignored",
      "{ source: [drawbridge.gitlab], detail-type: [job.succeeded] }",
    ],
    ["pushes", "{ source: [drawbridge.gitlab], detail-type: [code.pushed] }"],
  ])("beside a route that sets commit statuses a run may start on %s", async (_, when) => {
    expect(await cyclesIn({ start: [when, ON_LISTENER], report: REPORT })).toEqual([]);
  });

  it.each<[string, Routes[string]]>([
    ["sets commit statuses for another cluster only", ["{ detail: { source: [/sources/other-cluster] } }", STATUS]],
    [
      "annotates builds of Buildkite, which sends no event for it",
      ["{ source: [drawbridge.tekton] }", "buildkite: { target: annotations }"],
    ],
    [
      "keeps a comment on merge requests, because own comments are ignored",
      ["{ detail-type: [{ prefix: build. }] }", "gitlab: { target: commits, comment: pages }"],
    ],
    ["writes pages, because own edits are not published", ["{ detail-type: [{ prefix: build. }] }", PAGE]],
  ])("a run may start on builds of GitLab and on edits beside a route that %s", async (_, report) => {
    const when = "{ $or: [{ source: [drawbridge.gitlab] }, { detail-type: [page.updated] }] }";
    expect(await cyclesIn({ start: [when, ON_LISTENER], report })).toEqual([]);
  });

  it("a route that sets commit statuses on every build has no error, because a status causes no run", async () => {
    expect(await cyclesIn({ report: ["{ detail-type: [{ prefix: build. }] }", STATUS] })).toEqual([]);
  });

  it("a run that starts on the request for an approval which its own end causes is an error", async () => {
    const gated = "{ source: [drawbridge.tekton], detail-type: [build.succeeded] }";
    const text = withRoutes({
      ask: ["{ detail-type: [approval.requested] }", ON_LISTENER],
      deploy: [gated, `${ON_OTHER} }\n    approval: { expiresMinutes: 60`],
    });
    expect(await findingsIn(text)).toContainEqual(
      expect.stringMatching(
        /^error route-cycle ask\.when: "ask" leads to build\.succeeded from "cluster", which "deploy" matches; "deploy" leads to approval\.requested from "approvals", which "ask" matches/,
      ),
    );
  });
});

describe("the finding of a cycle", () => {
  const AGAIN: Routes = { again: ["{ detail-type: [build.failed] }", ON_LISTENER] };

  it("the error can be ignored with a reason", async () => {
    const reason = "the listener filters them";
    const ignore = `checks:\n  ignore: [{ id: route-cycle, at: routes.again, reason: ${reason} }]\n`;
    expect(await findingsIn(withRoutes(AGAIN, ignore))).toEqual([
      expect.stringMatching(/^ignored route-cycle again\.when/),
    ]);
  });
});
