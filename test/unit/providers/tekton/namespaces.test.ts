import { describe, expect, it } from "vitest";
import { EVENT, readBytes, run } from "./reading-events.ts";

const LISTED = ["ci", "docs-*"];

const readFrom = (namespace: string, namespaces: readonly string[] | undefined = LISTED) =>
  readBytes(
    Buffer.from(JSON.stringify({ pipelineRun: run({ metadata: { namespace } }) })),
    { "ce-type": `${EVENT}.pipelinerun.successful.v1` },
    undefined,
    namespaces,
  );

const readListener = (namespace: string) =>
  readBytes(
    Buffer.from("{}"),
    { "ce-type": `${EVENT}.triggers.successful.v1`, "ce-source": `/apis///namespaces/${namespace}//drawbridge` },
    undefined,
    LISTED,
  );

const PROBE = `drawbridge-probe-e-${"a2".repeat(13)}`;

describe("the namespaces of a Tekton source", () => {
  it.each(["ci", "docs-prod", "docs-"])("an event of the listed namespace %s is read", async (namespace) => {
    expect(await readFrom(namespace)).toMatchObject({ outcome: "event" });
  });

  it.each(["intruder", "ci-2", "ci.docs-prod", "docs"])("an event of namespace %s is excluded", async (namespace) => {
    expect(await readFrom(namespace)).toMatchObject({
      outcome: "ignored",
      excludedFor: { reason: "namespace_not_listed", namespace, source: "cluster" },
      subject: `${namespace}/docs-1`,
    });
  });

  it("a source without a list reads every namespace", async () => {
    expect(
      await readBytes(Buffer.from(JSON.stringify({ pipelineRun: run({ metadata: { namespace: "any" } }) })), {
        "ce-type": `${EVENT}.pipelinerun.successful.v1`,
      }),
    ).toMatchObject({ outcome: "event" });
  });

  it("an excluded run that carries a delivery's annotation stays excluded, however old it is", async () => {
    const annotations = { "drawbridge.dev/delivery": "d-m4qx7c2tzv5kpw3nh6ybe2jalr" };
    const body = { pipelineRun: run({ metadata: { namespace: "intruder", annotations } }) };
    const headers = { "ce-type": `${EVENT}.pipelinerun.successful.v1` };
    expect(await readBytes(Buffer.from(JSON.stringify(body)), headers, undefined, LISTED)).toMatchObject({
      outcome: "ignored",
      subject: "intruder/docs-1",
    });
  });

  it("an excluded run of a probe is known as excluded", async () => {
    const body = { pipelineRun: run({ metadata: { namespace: "intruder", name: PROBE } }) };
    const headers = { "ce-type": `${EVENT}.pipelinerun.successful.v1` };
    expect(await readBytes(Buffer.from(JSON.stringify(body)), headers, undefined, LISTED)).toMatchObject({
      outcome: "ignored",
      excludedFor: { reason: "namespace_not_listed" },
      subject: `intruder/${PROBE}`,
    });
  });

  it("an event of a listener is excluded by the listener's namespace, and its body is not kept", async () => {
    expect(await readListener("intruder")).toMatchObject({
      outcome: "ignored",
      subject: "intruder/drawbridge",
      bodyHasSecrets: true,
    });
    expect(await readListener("ci")).toMatchObject({ outcome: "event", bodyHasSecrets: true });
  });
});

describe("the run of a probe", () => {
  const readRun = (kind: "pipelineRun" | "taskRun", metadata: object) =>
    readBytes(Buffer.from(JSON.stringify({ [kind]: run({ metadata }) })), {
      "ce-type": `${EVENT}.${kind.toLowerCase()}.successful.v1`,
    });

  it("the events of the run and of its tasks are ignored, with their state and the name of the run", async () => {
    expect(await readRun("pipelineRun", { name: PROBE })).toMatchObject({
      outcome: "ignored",
      kind: "probe.build.succeeded",
      subject: `ci/${PROBE}`,
    });
    const labels = { "tekton.dev/pipelineRun": PROBE };
    expect(await readRun("taskRun", { name: `${PROBE}-skipped`, labels })).toMatchObject({
      outcome: "ignored",
      kind: "probe.job.succeeded",
    });
  });

  it("no run that claims a delivery, and no other run, is hidden by its name", async () => {
    const annotations = { "drawbridge.dev/delivery": "d-m4qx7c2tzv5kpw3nh6ybe2jalr" };
    expect(await readRun("pipelineRun", { name: PROBE, annotations })).toMatchObject({ outcome: "event" });
    for (const name of ["drawbridge-probe", "drawbridge-probe-1", `${PROBE}-b`, `x-${PROBE}`]) {
      expect(await readRun("pipelineRun", { name })).toMatchObject({ outcome: "event" });
    }
  });
});
