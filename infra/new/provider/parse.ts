import * as v from "valibot";
import { readJsonObject } from "../../../shared/host/strict-json.ts";
import type { AuthenticDelivery } from "../../../shared/model/authentic-delivery.ts";
import { type BuildEvent, cut, EVENT_LIMITS } from "../../../shared/model/event.ts";
import type { Reading } from "../../../shared/model/reading.ts";
import {
  identifier,
  identity,
  link,
  optional,
  present,
  type Reader,
  readerOf,
  requiredMoment,
} from "../../../shared/providers/payload.ts";

// FILL IN: the members that the sender documents, and of these only what the event uses.
const runFinishedBody = v.object({
  run: v.object({
    id: identifier,
    pipeline: identity,
    passed: v.boolean(),
    finishedAt: requiredMoment,
    url: optional(link),
  }),
});

const runFinished = readerOf(runFinishedBody, ({ run }): Reading => {
  const state = run.passed ? "succeeded" : "failed";
  const event: BuildEvent = {
    type: `build.${state}`,
    // FILL IN: the values that make two reports the same event. With the time, a run that is run again is another event.
    keyParts: [run.id, state, run.finishedAt],
    time: run.finishedAt,
    subject: run.pipeline,
    build: present({
      system: "acme",
      id: run.id,
      pipeline: run.pipeline,
      state,
      url: run.url,
      finishedAt: run.finishedAt,
    }),
  };
  return { outcome: "event", events: [event] };
});

// FILL IN: a reader for each event that the bridge shall publish, by the sender's name for it.
const READERS: ReadonlyMap<string, Reader> = new Map([["run.finished", runFinished]]);

/** Reads a delivery. An event without a reader is ignored, with its name. */
export function readDelivery({ body, receivedAt }: AuthenticDelivery): Reading {
  const json = readJsonObject(body);
  if (!json.ok) return { outcome: "unusable", problem: json.problem };
  const { event } = json.value;
  if (typeof event !== "string") return { outcome: "unusable", problem: "event is missing or not a text" };
  const read = READERS.get(event);
  return read ? read(event, json.value, receivedAt) : { outcome: "ignored", kind: cut(event, EVENT_LIMITS.title) };
}
