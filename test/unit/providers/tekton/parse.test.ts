import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EVENT, ended, read, readBytes, run, STRUCTURED } from "./reading-events.ts";

const delivery = { annotations: { "drawbridge.dev/delivery": "d-abcdefghijklmnopqrstuvwxyz" } };

describe("reading a CloudEvent of Tekton", () => {
  it("the state is read from the condition, whatever the event's type says", async () => {
    const status = ended("2026-11-02T08:50:00Z", "False", "PipelineRunTimeout");
    expect(await read({ pipelineRun: run({ status }) })).toMatchObject({ events: [{ type: "build.timed_out" }] });
  });

  it("an event is read the same from both modes, apart from the delivery key", async () => {
    const data = { pipelineRun: run() };
    const envelope = {
      specversion: "1.0",
      id: "id-1",
      type: `${EVENT}.pipelinerun.successful.v1`,
      source: "/apis",
      data,
    };
    const structured = await readBytes(Buffer.from(JSON.stringify(envelope)), {
      "content-type": `${STRUCTURED}; charset=utf-8`,
    });
    const { deliveryKey: _, ...binary } = await read(data);
    expect(structured).toMatchObject(binary);
  });

  it("a repeated request has the same delivery key, and a second report of the same event has another", async () => {
    const first = await read({ pipelineRun: run() });
    const again = await read({ pipelineRun: run() });
    const resent = await read({ pipelineRun: run() }, { "ce-id": "id-2" });
    expect(again).toEqual(first);
    expect(resent.deliveryKey).not.toEqual(first.deliveryKey);
    expect({ ...resent, deliveryKey: [] }).toEqual({ ...first, deliveryKey: [] });
  });

  it("one id with two bodies gives two delivery keys", async () => {
    const [one, other] = [await read({ pipelineRun: run() }), await read({ pipelineRun: run({ status: {} }), x: 1 })];
    expect(one.deliveryKey).not.toEqual(other.deliveryKey);
  });

  it("a run that is stopping is read differently from one that runs", async () => {
    const running = await read({ pipelineRun: run({ status: ended("2026-11-02T08:50:00Z", "Unknown", "Running") }) });
    const stopping = await read({
      pipelineRun: run({ status: ended("2026-11-02T08:50:00Z", "Unknown", "Cancelled") }),
    });
    expect(running).toMatchObject({ events: [{ type: "build.running", keyParts: ["uid-1", "running"] }] });
    expect(running).not.toHaveProperty("events[0].build.reason");
    expect(stopping).toMatchObject({
      events: [{ type: "build.running", keyParts: ["uid-1", "stopping"], build: { reason: "Cancelled" } }],
    });
  });

  it("a run without a status is read as queued since its creation", async () => {
    const { metadata } = run();
    const reading = await read({ pipelineRun: { metadata } });
    expect(reading).toMatchObject({ events: [{ type: "build.queued", time: "2026-11-02T08:45:00.000Z" }] });
  });

  it.each(["pipelineResults", "results"])("results are read under `%s`", async (member) => {
    const status = { [member]: [{ name: "site", value: "x" }, { name: "list", value: ["a"] }, { name: "none" }] };
    const reading = await read({ pipelineRun: run({ status }) });
    expect(reading).toMatchObject({ events: [{ build: { results: { site: "x", list: '["a"]' } } }] });
  });

  it("a bounded part of many long results is kept", async () => {
    const results = Array.from({ length: 100 }, (_, at) => ({ name: `r${at}`, value: "€".repeat(100_000) }));
    const reading = await read({ pipelineRun: run({ status: { results } }) });
    expect(Buffer.byteLength(JSON.stringify(reading))).toBeLessThan(100_000);
  });

  it.each([
    ["a full hash", "3f9d2c81b7a64e05c1d8f7a2e4b6093d5c7e8f10", "3f9d2c81b7a64e05c1d8f7a2e4b6093d5c7e8f10"],
    ["a branch's name", "main", undefined],
    ["an array", ["3f9d2c81b7a64e05c1d8f7a2e4b6093d5c7e8f10"], undefined],
  ])("a revision that is %s is read as the commit only if it is a hash", async (_, value, commit) => {
    const reading = await read({ pipelineRun: run({ spec: { params: [{ name: "git-revision", value }] } }) });
    expect(reading).toHaveProperty("outcome", "event");
    if (commit) expect(reading).toHaveProperty("events[0].build.commit", commit);
    else expect(reading).not.toHaveProperty("events[0].build.commit");
  });

  it("a task's build is found through its owner if there is no label", async () => {
    const ownerReferences = [
      { kind: "ReplicaSet", uid: "other" },
      { kind: "PipelineRun", uid: "uid-of-build" },
    ];
    const reading = await read(
      { taskRun: run({ metadata: { ownerReferences } }) },
      { "ce-type": `${EVENT}.taskrun.successful.v1` },
    );
    expect(reading).toMatchObject({
      events: [{ type: "job.succeeded", job: { build: "uid-of-build", name: "docs-1" } }],
    });
  });

  it("each try of a retried task is an event of its own", async () => {
    const keyOf = async (status: object) => {
      const reading = await read({ taskRun: run({ status }) }, { "ce-type": `${EVENT}.taskrun.running.v1` });
      return reading.outcome === "event" ? reading.events[0].keyParts : [];
    };
    const conditions = [{ type: "Succeeded", status: "Unknown", reason: "Running" }];
    expect(await keyOf({ conditions, retriesStatus: [] })).toEqual(["uid-1", "running"]);
    expect(await keyOf({ conditions, retriesStatus: [{}] })).toEqual(["uid-1", "running", "1"]);
  });

  it("a failed task is marked if its pipeline goes on after it", async () => {
    const status = ended("2026-11-02T08:50:00Z", "False", "FailureIgnored");
    const reading = await read({ taskRun: run({ status }) }, { "ce-type": `${EVENT}.taskrun.failed.v1` });
    expect(reading).toMatchObject({ events: [{ type: "job.failed", job: { softFailed: true } }] });
  });

  it("an annotation that does not look like a delivery is not read as an origin", async () => {
    const annotations = { "drawbridge.dev/delivery": "<b>https://evil.example</b>" };
    expect(await read({ pipelineRun: run({ metadata: { annotations } }) })).not.toHaveProperty("events[0].origin");
  });
});

describe("an old report", () => {
  it.each([
    ["an end of a day and a second ago", ended("2026-11-01T08:59:59Z"), {}, "ignored"],
    ["an end of a day ago", ended("2026-11-01T09:00:00Z"), {}, "event"],
    ["an old end of a run that a delivery started", ended("2026-01-01T00:00:00Z"), delivery, "event"],
    ["an old run that still runs", ended("2026-01-01T00:00:00Z", "Unknown", "Running"), {}, "event"],
  ])("the outcome of %s is %s", async (_, status, metadata, outcome) => {
    expect(await read({ pipelineRun: run({ status, metadata }) })).toHaveProperty("outcome", outcome);
  });
});

describe("a delivery without a run", () => {
  it.each([
    `${EVENT}.run.failed.v1`,
    `${EVENT}.pipelinerun.successful.v2`,
    "dev.cdevents.pipelinerun.finished.0.3.0",
    "constructor",
  ])("an event of type %s is ignored, and its body is not read", async (type) => {
    expect(await readBytes(Buffer.from("null"), { "ce-type": type })).toMatchObject({ outcome: "ignored", kind: type });
  });

  it.each([
    ["an event without a type", Buffer.from("{}"), {}],
    ["a body that is not JSON", Buffer.from("{"), { "ce-type": `${EVENT}.taskrun.failed.v1` }],
    ["a structured event that is not JSON", Buffer.from("{"), { "content-type": STRUCTURED }],
    ["a structured event without a type", Buffer.from('{"data":{}}'), { "content-type": STRUCTURED }],
    [
      "an event without a run of its kind",
      Buffer.from('{"pipelineRun":{}}'),
      { "ce-type": `${EVENT}.taskrun.failed.v1` },
    ],
    [
      "a name that Kubernetes does not allow",
      Buffer.from(JSON.stringify({ pipelineRun: run({ metadata: { name: "\ud800" } }) })),
      { "ce-type": `${EVENT}.pipelinerun.failed.v1` },
    ],
    [
      "a run without a uid",
      Buffer.from(JSON.stringify({ pipelineRun: run({ metadata: { uid: "" } }) })),
      {
        "ce-type": `${EVENT}.pipelinerun.failed.v1`,
      },
    ],
  ])("%s is unusable", async (_, body, headers) => {
    expect(await readBytes(body, headers)).toHaveProperty("outcome", "unusable");
  });

  it("a payload that is unusable is not quoted", async () => {
    const reading = await read({ pipelineRun: run({ metadata: { uid: { password: "hunter2" } } }) });
    expect(reading).toMatchObject({ outcome: "unusable" });
    expect(JSON.stringify(reading)).not.toContain("hunter2");
  });
});

describe("any body", () => {
  const type = fc.constantFrom(`${EVENT}.pipelinerun.failed.v1`, `${EVENT}.customrun.started.v1`, "other");
  const contentType = fc.constantFrom("application/json", STRUCTURED);
  const kind = fc.constantFrom("pipelineRun", "customRun", "data");

  it("any body is read without a fault, and the same each time", () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array(), type, contentType, async (bytes, ceType, mime) => {
        const headers = { "ce-type": ceType, "content-type": mime };
        expect(await readBytes(bytes, headers)).toEqual(await readBytes(bytes, headers));
      }),
    ));

  it("any JSON in a run's place is read without a fault", () =>
    fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.jsonValue(), kind, type, async (metadata, status, member, ceType) => {
        const data = { [member]: { ...run(), metadata, status } };
        const reading = await read(data, { "ce-type": ceType });
        expect(["event", "ignored", "unusable"]).toContain(reading.outcome);
      }),
    ));
});

/** Events captured from real clusters, kept outside this repository. */
const captures = process.env["PEER_DATA"] ? join(process.env["PEER_DATA"], "tekton", "cloudevents") : undefined;

describe.skipIf(!captures)("captured events (needs PEER_DATA)", () => {
  const files = captures ? readdirSync(captures).filter((file) => /^(pipeline|task)run\..*\.json$/.test(file)) : [];
  it.each(files)("the captured event %s is read in both modes", async (file) => {
    const bytes = readFileSync(join(captures ?? "", file));
    const { type, id, data } = JSON.parse(bytes.toString("utf8"));
    const structured = await readBytes(bytes, { "content-type": STRUCTURED });
    const binary = await read(data, { "ce-type": type, "ce-id": id });
    const expected = type.includes(".successful.") || type.includes(".failed.") ? "ignored" : "event";
    expect([structured.outcome, binary.outcome]).toEqual([expected, expected]);
  });
});
