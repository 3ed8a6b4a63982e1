import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildkite } from "../../shared/actions/buildkite/index.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { causeOf, reportBench } from "../support/report-bench.ts";
import { type SandboxBuildkite, startSandboxBuildkite } from "../support/sandbox-buildkite.ts";
import { buildOf } from "../support/sandbox-confluence-action.ts";

let sandbox: SandboxBuildkite;
beforeEach(async () => {
  sandbox = await startSandboxBuildkite();
});
afterEach(() => sandbox.close());

const bench = (options: object = {}, target: object = {}) =>
  reportBench(buildkite, {
    token: sandbox.token,
    options,
    target: { organization: "example", url: sandbox.url, ...target },
  });

const build = (changes: object = {}): BusEvent =>
  causeOf("buildkite", {
    type: "build.running",
    build: { ...buildOf({ number: 12, state: "running" }), system: "buildkite", pipeline: "example/docs", ...changes },
  });

const shown = () => [...sandbox.annotations.values()].map(({ style, body }) => `${style}: ${body}`);
const linked = '<a href="https://ci.example.test/runs/512"><strong>ci/docs</strong></a>';

describe("Buildkite annotations", () => {
  it("the start and the end of a run are annotated once each", async () => {
    for (const state of ["queued", "running", "waiting", "succeeded", "succeeded"] as const) {
      expect(await bench().report(build(), { state })).toMatchObject({ outcome: "done" });
    }
    expect(shown()).toEqual([`info: <p>${linked} was started</p>`, `success: <p>${linked} has succeeded</p>`]);
    expect(sandbox.requests[0]?.headers.get("authorization")).toBe(`Bearer ${sandbox.token}`);
  });

  it("a late start never replaces the end of a run", async () => {
    await bench().report(build(), { state: "failed" });
    await bench().report(build(), { state: "running" });
    expect(shown()).toContain(`error: <p>${linked} has failed</p>`);
  });

  it.each([
    ["timed_out", "error", "ran out of time"],
    ["cancelled", "warning", "was cancelled"],
    ["skipped", "info", "was skipped"],
  ] as const)('the state %s is annotated in the style %s with the words "%s"', async (state, style, text) => {
    await bench().report(build(), { state });
    expect(shown()).toEqual([`${style}: <p>${linked} ${text}</p>`]);
  });

  it("two runs get separate annotations", async () => {
    await bench().report(build());
    await bench().report(build(), { number: 513, state: "failed" });
    expect(sandbox.annotations.size).toBe(2);
  });

  it("the annotation shows the route's name for the run, and the action gives up if the name is empty", async () => {
    await bench({ name: "Documentation" }).report(build());
    expect(shown()[0]).toContain("<strong>Documentation</strong>");
    expect(await bench({ name: "$.detail.build.branch" }).report(build())).toMatchObject({ outcome: "give_up" });
  });

  it.each([
    ["another host than those of the target", "http://10.0.4.17:9097/#/runs/1", ["ci.example.test"]],
    ["a credential", "https://bot:hunter2@ci.example.test/runs/1", undefined],
    ["a token", "https://ci.example.test/runs/1?token=hunter2", undefined],
    ["another scheme", "javascript:alert(1)", undefined],
  ])("a run whose URL has %s is shown without it", async (_, url, linkHosts) => {
    await bench({}, { linkHosts }).report(build(), { url });
    expect(shown()).toEqual(["success: <p><strong>ci/docs</strong> has succeeded</p>"]);
  });

  it("a run at a host of the target is linked", async () => {
    await bench({}, { linkHosts: ["ci.example.test"] }).report(build());
    expect(shown()[0]).toContain(linked);
  });

  it("no text of the event becomes markup", async () => {
    const pipeline = "</strong><script>alert(1)</script>\n\n# heading";
    await bench().report(build(), { pipeline, url: 'https://x.test/"onclick=', state: "failed", reason: "`a` & <b>" });
    const [text = ""] = shown();
    expect(text.replace(/<\/?(p|strong)>|<a href="[^"]*">|<\/a>/g, "")).not.toMatch(/[<>"`\n]/);
    expect(text).toContain("&#60;script&#62;");
  });
});

describe("the build that is annotated", () => {
  it.each([
    [
      "a job",
      "job.failed",
      { job: { id: "j", pipeline: "example/docs", url: "https://buildkite.com/example/docs/builds/12#j" } },
    ],
    [
      "an approved step",
      "approval.granted",
      { approval: { pipeline: "example/docs", url: "https://buildkite.com/example/docs/builds/12" } },
    ],
  ])("a run that was caused by %s is annotated on its build", async (_, type, detail) => {
    expect(await bench().report(causeOf("buildkite", { type, ...detail }))).toHaveProperty(
      "facts.build",
      "example/docs#12",
    );
    expect(sandbox.annotations.size).toBe(1);
  });

  const others: readonly [string, () => BusEvent][] = [
    ["another system", () => ({ ...build(), source: "drawbridge.tekton" })],
    ["another organization", () => build({ pipeline: "other/docs" })],
    ["a build of an unknown organization", () => build({ pipeline: "docs" })],
    ["a build without a number", () => build({ number: undefined })],
    ["a pipeline of another form", () => build({ pipeline: "example/../admin" })],
  ];
  it.each(others)("nothing is annotated if the run was caused by %s", async (_, origin) => {
    const none = { outcome: "done", summary: expect.stringMatching(/^no annotation: /) };
    expect(await bench().report(origin())).toMatchObject(none);
    expect(await bench().run(build(), build())).toMatchObject(none);
    expect(sandbox.requests).toEqual([]);
  });

  it("the action gives up an event that is not a build without looking for its cause", async () => {
    const job = causeOf("buildkite", { type: "job.running", job: {} });
    expect(await bench().run(job, build())).toMatchObject({ outcome: "give_up" });
  });
});

describe("Buildkite's responses", () => {
  it.each([
    [401, {}, { outcome: "retry", summary: expect.stringContaining("token") }],
    [403, {}, { outcome: "give_up", summary: expect.stringContaining("write_builds") }],
    [404, {}, { outcome: "give_up", summary: expect.stringContaining("no such build") }],
    [422, {}, { outcome: "give_up", summary: "Buildkite answered 422: as injected" }],
    [302, {}, { outcome: "give_up" }],
    [429, { "ratelimit-reset": "42" }, { outcome: "retry", afterSeconds: 42 }],
    [429, { "retry-after": "7", "ratelimit-reset": "42" }, { outcome: "retry", afterSeconds: 7 }],
    [503, {}, { outcome: "retry" }],
  ] as const)("the response %i with the headers %o is classified correctly", async (status, headers, outcome) => {
    sandbox.answerNext({ status, headers, body: JSON.stringify({ message: "as injected" }) });
    expect(await bench().report(build())).toMatchObject(outcome);
    expect(sandbox.annotations.size).toBe(0);
  });

  it("the action is tried again if the token is not the organization's own", async () => {
    const target = { organization: "example", url: sandbox.url };
    expect(await reportBench(buildkite, { token: "another", target }).report(build())).toMatchObject({
      outcome: "retry",
    });
  });
});
