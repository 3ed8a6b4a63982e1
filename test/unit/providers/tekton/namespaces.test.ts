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

  it("an event of a listener is excluded by the listener's namespace, and its body is not kept", async () => {
    expect(await readListener("intruder")).toMatchObject({
      outcome: "ignored",
      subject: "intruder/drawbridge",
      bodyHasSecrets: true,
    });
    expect(await readListener("ci")).toMatchObject({ outcome: "event", bodyHasSecrets: true });
  });
});
