import { describe, expect, it } from "vitest";
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
    "the body of a %s event, which may have the request's credentials, is neither read nor stored",
    async (state) => {
      const reading = await read(state);
      expect(reading.bodyHasSecrets).toBe(true);
      expect(JSON.stringify(reading)).not.toContain(SECRET);
    },
  );

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
