import { describe, expect, it } from "vitest";
import { PROBE_ROUTE } from "../../../../shared/model/probe-run.ts";
import { EVENT, readBytes, STRUCTURED } from "./reading-events.ts";

const SECRET = "Bearer a-value-that-nobody-reads";
const BODY = JSON.stringify({ Authorization: [SECRET] });
const headers = (state: string, changes: Readonly<Record<string, string>> = {}) => ({
  "ce-type": `${EVENT}.triggers.${state}.v1`,
  "ce-id": "0b7c3f6e-2c1a-4f0e-9a55-6d1f0c9e4b21",
  "ce-source": "/apis///namespaces/ci//drawbridge",
  "ce-time": "2026-11-02T08:50:00.055310284Z",
  ...changes,
});
const read = (state: string, changes: Readonly<Record<string, string>> = {}, body = BODY) =>
  readBytes(Buffer.from(body), headers(state, changes));

describe("an event of an EventListener", () => {
  it.each([
    ["started", "trigger.started"],
    ["successful", "trigger.succeeded"],
    ["failed", "trigger.failed"],
    ["done", "trigger.done"],
  ])("%s is read as %s, with its listener and the id of the request", async (state, type) => {
    const eventId = "0b7c3f6e-2c1a-4f0e-9a55-6d1f0c9e4b21";
    expect(await read(state)).toMatchObject({
      outcome: "event",
      events: [
        {
          type,
          time: "2026-11-02T08:50:00.055Z",
          subject: "ci/drawbridge",
          trigger: { system: "tekton", listener: "ci/drawbridge", eventId },
          origin: { triggerEventId: eventId },
        },
      ],
    });
  });

  it("the events of one request have one id, and each has its own key and is its own delivery", async () => {
    const readings = [await read("started"), await read("successful"), await read("done", {}, "null")];
    const keys = readings.map((reading) => reading.outcome === "event" && reading.events[0].keyParts.join());
    expect(new Set(keys).size).toBe(3);
    expect(new Set(readings.map(({ deliveryKey }) => deliveryKey?.join())).size).toBe(3);
    expect((await read("started")).deliveryKey).toEqual(readings[0]?.deliveryKey);
  });

  it("the listener is read from a source with or without version and kind", async () => {
    const early = await read("started", { "ce-source": "/apis//v1beta1/namespaces/ci/EventListener/drawbridge" });
    expect(early).toMatchObject({ events: [{ trigger: { listener: "ci/drawbridge" } }] });
  });

  it("a structured event is read the same", async () => {
    const { "ce-type": type, "ce-id": id, "ce-source": source, "ce-time": time } = headers("failed");
    const body = JSON.stringify({ specversion: "1.0", type, id, source, time, data: JSON.parse(BODY) });
    const structured = await readBytes(Buffer.from(body), { "content-type": STRUCTURED });
    const { deliveryKey: _, ...binary } = await read("failed");
    expect(structured).toMatchObject(binary);
  });

  it.each(["started", "successful", "done", "failed", "accepted", "never-seen-before"])(
    "the body of a %s event, which may have the request's credentials, is not stored",
    async (state) => {
      const reading = await read(state);
      expect(reading.bodyHasSecrets).toBe(true);
      expect(JSON.stringify(reading)).not.toContain(SECRET);
    },
  );

  it.each([
    ["started", "started"],
    ["successful", "succeeded"],
    ["failed", "failed"],
  ])("%s is ignored if the request was a probe, so that it fires no route", async (state, shown) => {
    const body = JSON.stringify({ Authorization: [SECRET], "Drawbridge-Route": [PROBE_ROUTE] });
    const probed = {
      outcome: "ignored",
      kind: `probe.trigger.${shown}`,
      subject: "ci/drawbridge",
      bodyHasSecrets: true,
    };
    expect(await read(state, {}, body)).toMatchObject(probed);
    const structured = { type: `${EVENT}.triggers.${state}.v1`, id: "0b7c3f6e", source: headers(state)["ce-source"] };
    const whole = JSON.stringify({ specversion: "1.0", ...structured, data: JSON.parse(body) });
    expect(await readBytes(Buffer.from(whole), { "content-type": STRUCTURED })).toMatchObject(probed);
  });

  it.each([
    ["another route", { "Drawbridge-Route": ["docs-build"] }],
    ["the routes of a probe and of another request", { "Drawbridge-Route": [PROBE_ROUTE, "docs-build"] }],
    ["a text in place of a list", { "Drawbridge-Route": PROBE_ROUTE }],
    ["the name in another header", { "X-Route": [PROBE_ROUTE] }],
    ["no headers", null],
    ["a list", [PROBE_ROUTE]],
  ])("a request with %s is no probe", async (_, body) => {
    expect(await read("started", {}, JSON.stringify(body))).toHaveProperty("outcome", "event");
  });

  it("the response to a CloudEvent and types of later versions are ignored with their names", async () => {
    expect(await read("accepted")).toMatchObject({ outcome: "ignored", kind: `${EVENT}.triggers.accepted.v1` });
    expect(await read("renamed")).toMatchObject({ outcome: "ignored", kind: `${EVENT}.triggers.renamed.v1` });
  });

  it.each([
    ["an id that no listener makes", { "ce-id": "a b" }],
    ["no id", { "ce-id": "" }],
    ["a source without a listener", { "ce-source": "/apis" }],
  ])("an event with %s is unusable", async (_, changes) => {
    expect(await read("failed", changes)).toHaveProperty("outcome", "unusable");
  });
});

describe("a report of the bridge's interceptor that it refused a request", () => {
  const EVENT_ID = "9c1d7f42-3b6e-4a0d-8e57-0d5a6b7c8f19";
  const refused = (
    changes: object = {},
    source = "namespaces/ci/triggers/docs-build",
    namespaces?: readonly string[],
  ) =>
    readBytes(
      Buffer.from(JSON.stringify({ eventId: EVENT_ID, reason: "token_expired", ...changes })),
      { "ce-type": "dev.drawbridge.trigger.refused", "ce-source": source },
      undefined,
      namespaces,
    );

  it("the report is read with its trigger, the id of the request and the reason, and claims no delivery", async () => {
    const reading = await refused({ delivery: "d-of-somebody-else" });
    expect(reading).toMatchObject({
      events: [
        {
          type: "trigger.refused",
          subject: "ci/docs-build",
          trigger: { name: "ci/docs-build", eventId: EVENT_ID, reason: "token_expired" },
          origin: { triggerEventId: EVENT_ID, namespace: "ci" },
        },
      ],
    });
    expect(JSON.stringify(reading)).not.toContain("d-of-somebody-else");
  });

  it.each([
    ["a reason with other characters", refused({ reason: "$(tasks.x.results.y)" })],
    ["an id that no listener makes", refused({ eventId: "a b" })],
    ["a source that is no trigger", refused({}, "/apis///namespaces/ci//drawbridge")],
  ])("a report with %s is unusable", async (_, reading) => {
    expect(await reading).toHaveProperty("outcome", "unusable");
  });

  it("a report that the trigger of a probe was refused is ignored, so that it fires no route", async () => {
    expect(await refused({}, `namespaces/ci/triggers/${PROBE_ROUTE}`)).toMatchObject({
      outcome: "ignored",
      kind: "probe.trigger.refused",
      subject: `ci/${PROBE_ROUTE}`,
    });
  });

  it("a report about a trigger in a namespace that is not listed is ignored", async () => {
    expect(await refused({}, undefined, ["docs"])).toMatchObject({
      outcome: "ignored",
      excludedFor: { namespace: "ci" },
    });
  });
});
