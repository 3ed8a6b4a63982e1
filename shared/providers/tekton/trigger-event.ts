import * as v from "valibot";
import { type EpochMillis, toIso } from "../../host/clock.ts";
import { cut, EVENT_LIMITS } from "../../model/event.ts";
import { isProbeRequest, PROBE_KIND, PROBE_ROUTE } from "../../model/probe-run.ts";
import type { Reading } from "../../model/reading.ts";
import { isoTime } from "../time.ts";
import type { Envelope } from "./envelope.ts";
import { TRIGGER_EVENT_ID } from "./run-status.ts";

/**
 * Reads what an EventListener reports about one request (https://tekton.dev/docs/triggers/eventlisteners/). Everything is
 * in the attributes. The body has the headers of that request, including credentials: of these only the name of the trigger
 * is read, because the events of a probe must fire no route. `done`, and most of `failed`, have no body.
 */
export function triggerEventOf(envelope: Envelope, receivedAt: EpochMillis): Reading {
  const { type, id, source, time } = envelope;
  const state = STATES.get(type);
  if (state === undefined) return { outcome: "ignored", kind: cut(type, EVENT_LIMITS.title) };
  const [, namespace, name] = LISTENER.exec(source ?? "") ?? [];
  if (!namespace || !name) return { outcome: "unusable", problem: "the event's source names no EventListener" };
  if (!id || !TRIGGER_EVENT_ID.test(id)) return { outcome: "unusable", problem: "the event has no usable id" };
  const listener = `${namespace}/${name}`;
  const data = envelope.data();
  if ("value" in data && isProbeRequest(data.value)) return ofProbe(state, listener);
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

/**
 * Reads the report of the bridge's interceptor that it refused one request for one trigger. The report is correlated by the
 * listener's `eventID` alone: the bridge knows that only of requests that it sent itself, so a request of somebody else
 * leads to no delivery, whatever it claimed.
 */
export function refusedTriggerOf(envelope: Envelope, receivedAt: EpochMillis): Reading {
  const [, namespace, name] = TRIGGER.exec(envelope.source ?? "") ?? [];
  if (!namespace || !name) return { outcome: "unusable", problem: "the event's source names no trigger" };
  const data = envelope.data();
  if ("problem" in data) return { outcome: "unusable", problem: data.problem };
  const read = v.safeParse(refusal, data.value);
  if (!read.success) return { outcome: "unusable", problem: "the event has no usable eventId or reason" };
  const { eventId, reason } = read.output;
  const trigger = `${namespace}/${name}`;
  if (name === PROBE_ROUTE) return ofProbe("refused", trigger);
  return {
    outcome: "event",
    events: [
      {
        type: "trigger.refused",
        keyParts: ["trigger", trigger, eventId, "refused"],
        time: isoTime(envelope.time) ?? toIso(receivedAt),
        subject: trigger,
        trigger: { system: "tekton", name: trigger, eventId, reason },
        origin: { triggerEventId: eventId, namespace },
      },
    ],
  };
}

const ofProbe = (state: string, subject: string): Reading => ({
  outcome: "ignored",
  kind: `${PROBE_KIND}trigger.${state}`,
  subject,
});

const refusal = v.object({
  eventId: v.pipe(v.string(), v.regex(TRIGGER_EVENT_ID)),
  reason: v.pipe(v.string(), v.regex(/^[a-z_]{1,40}$/)),
});

/** The id of a trigger, as the sink gives it to interceptors. */
const TRIGGER = /^namespaces\/([a-z0-9-]{1,63})\/(?:triggers|triggerGroups)\/([a-z0-9][a-z0-9.-]{0,252})$/;

const STATES: ReadonlyMap<string, "started" | "succeeded" | "failed" | "done"> = new Map([
  ["dev.tekton.event.triggers.started.v1", "started"],
  ["dev.tekton.event.triggers.successful.v1", "succeeded"],
  ["dev.tekton.event.triggers.failed.v1", "failed"],
  ["dev.tekton.event.triggers.done.v1", "done"],
] as const);

/** Group, version and kind are usually empty: `/apis///namespaces/ci//drawbridge`. */
const LISTENER = /\/namespaces\/([a-z0-9-]{1,63})\/(?:EventListener)?\/([a-z0-9][a-z0-9.-]{0,252})(?=$|\s)/;
