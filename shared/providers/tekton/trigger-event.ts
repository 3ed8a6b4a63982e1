import { type EpochMillis, toIso } from "../../host/clock.ts";
import { cut, EVENT_LIMITS } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { isoTime } from "../time.ts";
import type { Envelope } from "./envelope.ts";
import { TRIGGER_EVENT_ID } from "./run-status.ts";

/**
 * Reads what an EventListener reports about one request (https://tekton.dev/docs/triggers/eventlisteners/). Everything is
 * in the attributes. The body is not read: it has the headers of that request, including credentials.
 */
export function triggerEventOf({ type, id, source, time }: Envelope, receivedAt: EpochMillis): Reading {
  const state = STATES.get(type);
  if (state === undefined) return { outcome: "ignored", kind: cut(type, EVENT_LIMITS.title) };
  const [, namespace, name] = LISTENER.exec(source ?? "") ?? [];
  if (!namespace || !name) return { outcome: "unusable", problem: "the event's source names no EventListener" };
  if (!id || !TRIGGER_EVENT_ID.test(id)) return { outcome: "unusable", problem: "the event has no usable id" };
  const listener = `${namespace}/${name}`;
  return {
    outcome: "event",
    events: [
      {
        type: `trigger.${state}`,
        // The id is the listener's `eventID`, which all its events about one request have. Several triggers of one
        // request succeed under one id, so they are one event.
        keyParts: ["trigger", listener, id, state],
        time: isoTime(time) ?? toIso(receivedAt),
        subject: listener,
        trigger: { system: "tekton", listener, eventId: id },
        origin: { triggerEventId: id, namespace },
      },
    ],
  };
}

const STATES: ReadonlyMap<string, "started" | "succeeded" | "failed" | "done"> = new Map([
  ["dev.tekton.event.triggers.started.v1", "started"],
  ["dev.tekton.event.triggers.successful.v1", "succeeded"],
  ["dev.tekton.event.triggers.failed.v1", "failed"],
  ["dev.tekton.event.triggers.done.v1", "done"],
] as const);

/** Group, version and kind are usually empty: `/apis///namespaces/ci//drawbridge`. */
const LISTENER = /\/namespaces\/([a-z0-9-]{1,63})\/(?:EventListener)?\/([a-z0-9][a-z0-9.-]{0,252})(?=$|\s)/;
