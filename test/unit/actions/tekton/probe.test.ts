import { describe, expect, it } from "vitest";
import { probeOf } from "../../../../shared/actions/tekton/probe.ts";
import { Fault } from "../../../../shared/host/fault.ts";
import { secretsOf, testClock, unexpected } from "../../../support/test-doubles.ts";

const failing = async () => {
  throw new Fault("target_unreachable", "the connection failed", { retryable: true });
};

function probe(settings: object, answer?: { readonly status: number; readonly body: object }) {
  const callOut = async () =>
    answer === undefined
      ? failing()
      : { status: answer.status, headers: new Headers(), body: Buffer.from(JSON.stringify(answer.body)) };
  const outbound = {
    tokenFor: unexpected("tokenFor"),
    boundToken: unexpected("boundToken"),
    rejected: unexpected("rejected"),
  };
  const systemTokens = { tokenFor: unexpected("tokenFor") };
  const target = { url: "https://el.example.test", runsReportedBy: "cluster", ...settings };
  const deps = { secrets: secretsOf({ TOKEN: "a".repeat(32) }), clock: testClock(), callOut, outbound, systemTokens };
  return probeOf({ name: "listener", settings: target }, deps);
}

const signal = new AbortController().signal;

describe("the probe of a listener", () => {
  it("no answer is distinguished from a refusal", async () => {
    expect(await probe({}).send(signal)).toEqual({ result: "unreached", summary: "the connection failed" });
    expect(await probe({}, { status: 401, body: {} }).send(signal)).toMatchObject({ result: "refused" });
  });

  it("the plan names the audience of the bridge's own token", () => {
    const { plan } = probe({ identity: { bridge: { audience: "https://el.example.test" } } });
    expect(plan["credential"]).toBe("the bridge's own token for the audience https://el.example.test");
  });

  it.each([
    [{}, { namespace: "ci", eventListener: "docs" }, ["--namespace ci logs deployment/el-docs "]],
    [{ namespaces: ["builds"], listener: { name: "docs" } }, {}, ["--namespace builds logs deployment/el-docs "]],
    [{ namespaces: ["builds-*"] }, {}, ["--namespace NAMESPACE logs deployment/el-listener "]],
    [{}, { namespace: "ci", eventListener: "docs;id" }, ["--namespace NAMESPACE logs deployment/el-listener "]],
    [
      { token: "env:TOKEN", namespaces: ["ci"], listener: { secret: "listener-token" } },
      {},
      ["kubectl --namespace ci get secret listener-token"],
    ],
  ])("without a run, the commands for %j and the answer %j have its names", async (settings, body, texts) => {
    const prepared = probe(settings, { status: 202, body });
    const causes = prepared.withoutRun(await prepared.send(signal)).join("\n");
    for (const text of texts) expect(causes).toContain(text);
  });
});
