import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { gitlab } from "../../shared/actions/gitlab/index.ts";
import { Fault } from "../../shared/host/fault.ts";
import { memoryStores } from "../support/memory-stores.ts";
import { reportBench } from "../support/report-bench.ts";
import { type InjectedAnswer, type SandboxGitlab, startSandboxGitlab } from "../support/sandbox-gitlab.ts";
import { pushTo, statusBench, writesTo } from "../support/sandbox-gitlab-action.ts";

let sandbox: SandboxGitlab;
beforeEach(async () => {
  sandbox = await startSandboxGitlab();
});
afterEach(() => sandbox.close());

const bench = () => statusBench(sandbox);
const push = () => pushTo(sandbox);
const writes = () => writesTo(sandbox);

describe("GitLab's responses", () => {
  const answer = (status: number, more: object = {}): InjectedAnswer => ({ kind: "answer", status, ...more });
  const message = (text: unknown) => ({ body: JSON.stringify({ message: text }) });
  const later = { headers: { "retry-after": "17" } };

  const toRead: readonly [string, InjectedAnswer, object][] = [
    ["a 401", answer(401), { outcome: "retry", summary: expect.stringContaining("token") }],
    [
      "a 404",
      answer(404),
      { outcome: "give_up", summary: expect.stringContaining("no such project, commit or pipeline") },
    ],
    ["a 429", answer(429, later), { outcome: "retry", afterSeconds: 17 }],
    ["a 503", answer(503), { outcome: "retry" }],
    ["a login page", answer(200, { body: "<html>" }), { outcome: "retry" }],
    ["a redirect", answer(302, { headers: { location: "/users/sign_in" } }), { outcome: "give_up" }],
  ];
  it.each(toRead)("%s to the read is classified correctly", async (_, injected, outcome) => {
    sandbox.answerNext("GET", injected);
    expect(await bench().report(push())).toMatchObject(outcome);
    expect(writes()).toBe(0);
  });

  const toWrite: readonly [string, InjectedAnswer, object][] = [
    ["a 403", answer(403), { outcome: "give_up", summary: expect.stringContaining("scope api") }],
    ["a 404", answer(404, message("404 Commit Not Found")), { outcome: "give_up" }],
    [
      "a 400",
      answer(400, message({ name: ["is bad"] })),
      { outcome: "give_up", summary: expect.stringContaining("is bad") },
    ],
    ["a 409", answer(409, later), { outcome: "retry", afterSeconds: 17 }],
    ["a 422", answer(422), { outcome: "give_up" }],
    ["a 500", answer(500), { outcome: "retry" }],
  ];
  it.each(toWrite)("%s to the write is classified correctly", async (_, injected, outcome) => {
    sandbox.answerNext("POST", injected);
    expect(await bench().report(push())).toMatchObject(outcome);
    expect(writes()).toBe(1);
  });

  it("the next attempt looks up a status whose response was lost, and sets nothing twice", async () => {
    sandbox.answerNext("POST", { kind: "landed" });
    expect(await bench().report(push())).toMatchObject({ outcome: "retry", unknownOutcome: true });
    expect(await bench().report(push())).toMatchObject({ outcome: "done" });
    expect(writes()).toBe(1);
  });

  it("a state that cannot follow the current one is given up, and the summary names both", async () => {
    await bench().report(push(), { state: "running" });
    expect(await bench().report(push(), { state: "skipped" })).toEqual({
      outcome: "give_up",
      summary: "GitLab does not let the status go from running to skipped",
    });
  });

  it("a rejection because the state is set already counts as done", async () => {
    const transition = message("Cannot transition status via :run from :running (Reason(s): …)");
    const list = (state: string) => ({ body: JSON.stringify([{ id: 1, name: "ci/docs", status: state }]) });
    sandbox.answerNext("GET", answer(200, { body: "[]" }), answer(200, list("running")));
    sandbox.answerNext("POST", answer(400, transition));
    expect(await bench().report(push(), { state: "running" })).toMatchObject({ outcome: "done" });
  });

  it("a state that was rejected without a reason that the list shows is given up", async () => {
    sandbox.answerNext("POST", answer(400, message("Cannot transition status via :run from :running")));
    sandbox.answerNext("GET", answer(200, { body: "[]" }), answer(200, { body: "[]" }));
    expect(await bench().report(push(), { state: "running" })).toEqual({
      outcome: "give_up",
      summary: "GitLab does not let the status go from nothing to running",
    });
  });

  it("a link that GitLab refuses costs the link and not the status, and is sent once", async () => {
    sandbox.repository.refusesLink = () => true;
    for (const state of ["running", "succeeded"] as const) {
      expect(await bench().report(push(), { state })).toMatchObject({
        outcome: "done",
        summary: expect.stringContaining("without its link, which GitLab refuses"),
      });
    }
    expect(writes()).toBe(3);
    expect(sandbox.shown()).toMatchObject([{ state: "success", targetUrl: undefined }]);
  });

  it("a project that was renamed is found by its old path, before and between two states", async () => {
    sandbox.rename("platform/handbook");
    expect(await bench().report(push(), { state: "queued" })).toMatchObject({ outcome: "done" });
    expect(await bench().report(push(), { state: "running" })).toMatchObject({ outcome: "done" });
    sandbox.rename("platform/manual");
    expect(await bench().report(push(), { state: "succeeded" })).toMatchObject({ outcome: "done" });
    expect(sandbox.shown()).toMatchObject([{ state: "success" }]);
  });

  it("a project that is renamed before its id is known is found as well", async () => {
    const unmoved = push();
    sandbox.answerNext("GET", answer(200, { body: "[]" }));
    sandbox.rename("platform/handbook");
    expect(await bench().report(unmoved)).toMatchObject({ outcome: "done" });
    expect(sandbox.shown()).toMatchObject([{ state: "success" }]);
  });

  it("a missing response is retried, and a fault that is not the target's is thrown", async () => {
    const gone = sandbox.url;
    await sandbox.close();
    const settings = { target: { url: gone }, token: "t", deps: { commitStatuses: memoryStores().commitStatuses } };
    expect(await reportBench(gitlab, settings).report(push())).toMatchObject({ outcome: "retry" });
    const failing = async () => {
      throw new Fault("store_unavailable", "as the test wants it", { retryable: true });
    };
    await expect(reportBench(gitlab, { ...settings, callOut: failing }).report(push())).rejects.toThrow(Fault);
  });

  it("no outcome contains a token, whatever GitLab responds", async () => {
    sandbox.answerNext("POST", answer(400, message(`your token is ${"x".repeat(500)}`)));
    const outcome = await bench().report(push());
    expect(JSON.stringify(outcome)).not.toContain(sandbox.token);
    expect(outcome.outcome === "give_up" && outcome.summary.length).toBeLessThan(250);
  });
});
