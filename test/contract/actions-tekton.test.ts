import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Fault, type FaultCode } from "../../shared/host/fault.ts";
import { type SandboxListener, startSandboxListener } from "../support/sandbox-listener.ts";
import { pageEntry, type TriggerBenchOptions, triggerBenchFor } from "../support/sandbox-tekton-action.ts";
import type { InjectedAnswer } from "../support/sandbox-tekton-answers.ts";

describe("a Tekton trigger", () => {
  let sandbox: SandboxListener;
  const bench = (changes?: TriggerBenchOptions) => triggerBenchFor(sandbox.url, changes);
  const runNames = () => [...sandbox.runs.keys()];

  beforeEach(async () => {
    sandbox = await startSandboxListener();
  });
  afterEach(() => sandbox.close());

  it("one run is started, and the outcome says only that the listener accepted the request", async () => {
    const busEvent = pageEntry();
    const { run, origins } = bench();
    const outcome = await run(busEvent);

    expect(outcome).toMatchObject({ outcome: "expect_run", summary: "accepted by the listener, run expected" });
    expect(outcome).toHaveProperty("facts.listener", "ci/drawbridge");
    const eventID = outcome.outcome === "expect_run" ? outcome.facts?.["eventID"] : undefined;
    expect(origins.get(`cluster ${eventID}`)).toBe(busEvent.detail.delivery);
    expect(runNames()).toEqual([`docs-build-${busEvent.detail.eventKey}`]);
    expect([...sandbox.runs.values()][0]).toMatchObject({
      params: { page: "98310", "drawbridge-payload": expect.any(String) },
      labels: { "triggers.tekton.dev/triggers-eventid": eventID },
      annotations: { "drawbridge.dev/delivery": busEvent.detail.delivery, "drawbridge.dev/started-by": "ff80aa01" },
    });
  });

  it("the request has the approved reference, if the run needed an approval", async () => {
    await bench().run(pageEntry(), { approvedRef: "c4a1e7d2" });
    expect(sandbox.requests.at(-1)?.body).toMatchObject({ delivery: { approvedRef: "c4a1e7d2" } });
  });

  it("the request is one object of strings, with every param in it", async () => {
    const busEvent = pageEntry();
    const params = {
      page: "$.detail.page.id",
      version: "$.detail.page.version",
      title: "$.detail.page.title",
      ref: "main",
    };
    await bench({ options: { params } }).run(busEvent, { attempt: 3 });
    const [request] = sandbox.requests;
    expect(request).toMatchObject({ method: "POST", path: "/confluence/page.updated" });
    expect(request?.headers.get("content-type")).toBe("application/json");
    expect(request?.headers.get("drawbridge-route")).toBe("docs-build");
    expect(request?.headers.has("authorization")).toBe(false);
    expect(request?.body).toEqual({
      delivery: {
        id: busEvent.detail.delivery,
        key: busEvent.detail.eventKey,
        source: "confluence",
        event: "page.updated",
        attempt: "3",
        approvedRef: "",
        proof: "",
      },
      params: { page: "98310", version: "1", title: "", ref: "main" },
      actor: { id: "ff80aa01" },
      payload: expect.stringMatching(/^[\w-]+$/),
    });
  });

  it("a value that Tekton would read as code is left out, and the outcome says so", async () => {
    const busEvent = pageEntry();
    const titled = (title: string) => ({ ...busEvent, detail: { ...busEvent.detail, subject: title } });
    const { run } = bench({ options: { params: { title: "$.detail.subject" } } });
    expect(await run(titled("$(tasks.build.results.digest)"))).toMatchObject({
      outcome: "expect_run",
      summary:
        "accepted by the listener, run expected; param title was left empty: it contains `$(`; the value travels in drawbridge-payload",
    });
    expect([...sandbox.runs.values()][0]?.params["title"]).toBe("");
  });

  it("an event whose values no run can hold is given up before a request is sent", async () => {
    const busEvent = pageEntry();
    const long = { ...busEvent, detail: { ...busEvent.detail, subject: "a".repeat(100_000) } };
    const outcome = await bench({ options: { params: { title: "$.detail.subject" } } }).run(long);
    expect(outcome).toMatchObject({ outcome: "give_up", summary: expect.stringMatching(/^not sent: .* 32768: /) });
    expect(sandbox.requests).toEqual([]);
  });

  it("a repeat starts no second run, and each route and each event starts its own", async () => {
    await bench().run();
    await bench().run();
    expect(runNames()).toHaveLength(1);
    expect(sandbox.rejections).toEqual([expect.stringContaining("already exists")]);
    await bench({ route: "site-check" }).run();
    await bench().run(pageEntry(2));
    expect(runNames()).toHaveLength(3);
  });

  it("the path of the target's address is kept", async () => {
    await bench({ target: { url: `${sandbox.url.href}listeners/docs/` } }).run();
    expect(sandbox.requests[0]?.path).toBe("/listeners/docs/confluence/page.updated");
  });

  it("the token is sent to the proxy in front of the listener", async () => {
    await sandbox.close();
    sandbox = await startSandboxListener({ token: "a-token-for-the-proxy" });
    expect(await bench({ target: { token: "env:LISTENER_TOKEN" } }).run()).toMatchObject({ outcome: "expect_run" });
    const rejected = await bench().run();
    expect(rejected).toMatchObject({ outcome: "retry", summary: expect.stringContaining("401") });
  });

  const answers: readonly [string, InjectedAnswer, object, number][] = [
    ["a rejected body", { kind: "bad_request", errorMessage: "no object" }, { outcome: "give_up" }, 0],
    ["a 401", { kind: "unauthorized" }, { outcome: "retry" }, 0],
    ["a body too large", { kind: "too_large" }, { outcome: "give_up" }, 0],
    ["a redirect to a login page", { kind: "login_redirect" }, { outcome: "give_up" }, 0],
    ["a 200 of something else", { kind: "not_a_listener" }, { outcome: "give_up" }, 0],
    ["an empty 500", { kind: "server_error" }, { outcome: "retry" }, 0],
    ["a 429", { kind: "too_many_requests", retryAfter: "7" }, { outcome: "retry", afterSeconds: 7 }, 0],
    ["a broken connection", { kind: "reset" }, { outcome: "retry", unknownOutcome: true }, 0],
    ["the listener's own time-out", { kind: "handler_timeout" }, { outcome: "retry", unknownOutcome: true }, 1],
    ["a 202 without a body", { kind: "bare_accepted" }, { outcome: "expect_run" }, 1],
  ];
  it.each(answers)("%s is classified correctly", async (_, answer, outcome, runs) => {
    sandbox.answerNext(answer);
    expect(await bench().run()).toMatchObject(outcome);
    expect(sandbox.requests).toHaveLength(1);
    expect(runNames()).toHaveLength(runs);
  });

  it("a request with an unknown outcome and its repeat make one run", async () => {
    sandbox.answerNext({ kind: "handler_timeout" });
    const { run } = bench();
    expect(await run()).toMatchObject({ outcome: "retry", unknownOutcome: true });
    expect(await run(pageEntry(), { attempt: 2 })).toMatchObject({ outcome: "expect_run" });
    expect(runNames()).toHaveLength(1);
  });

  it("a fault that is not the listener's is thrown", async () => {
    await expect(bench({ callOut: failingWith("store_unavailable") }).run()).rejects.toThrow(Fault);
  });
});

const failingWith = (code: FaultCode) => async () => {
  throw new Fault(code, "as the test wants it", { retryable: code === "store_unavailable" });
};
