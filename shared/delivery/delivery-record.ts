import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import { redactBody, redactText, withoutCredentials } from "../host/url-credentials.ts";
import type { AuthenticDelivery } from "../model/authentic-delivery.ts";
import type { BridgeEvent, BridgeEvents } from "../model/event.ts";
import { deliveryIdOf, sha256Hex } from "../model/idempotency-keys.ts";
import type { Reading } from "../model/reading.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { keptHeaders } from "./kept-headers.ts";

/** The part of a source that reading and recording need. */
export interface ReadingSource {
  readonly name: string;
  readonly provider: string;
  readonly read: (delivery: AuthenticDelivery) => Reading;
}

/** What a delivery means, without the credentials of its URLs. `redacted`: its body without them, if it had any. */
export function readDelivery(
  delivery: AuthenticDelivery,
  source: ReadingSource,
  log: Log,
): { readonly reading: Reading; readonly redacted: Uint8Array | undefined } {
  const redacted = redactBody(delivery.body);
  const reading = redacted ? readRedacted(delivery, redacted, source, log) : readSafely(delivery, source, log);
  return { reading, redacted };
}

/**
 * A reader that throws is a defect of ours. The delivery is then recorded as unusable, with its bytes, so nothing is
 * lost.
 */
function readSafely(delivery: AuthenticDelivery, source: ReadingSource, log: Log): Reading {
  try {
    return source.read(delivery);
  } catch (error) {
    log.error(
      { source: source.name, request: delivery.requestId, error: kindOf(error) },
      "the provider failed to read a delivery",
    );
    return { outcome: "unusable", problem: "the provider failed to read it" };
  }
}

/**
 * Reads a body that has a credential in a URL. All texts are those of the redacted body. The keys are those of the body
 * as it arrived, so that what was one delivery or one event before stays one.
 */
function readRedacted(delivery: AuthenticDelivery, body: Uint8Array, source: ReadingSource, log: Log): Reading {
  const original = readSafely(delivery, source, log);
  const { deliveryKey } = original;
  if (original.outcome !== "event") return { ...withoutCredentials(original), ...(deliveryKey && { deliveryKey }) };
  const { events, ...reading } = original;
  const again = readSafely({ ...delivery, body }, source, log);
  if (again.outcome !== "event" || again.events.length !== events.length) {
    const { outcome: _, ...facts } = reading;
    return { ...facts, outcome: "unusable", problem: "it has a credential in a URL, and cannot be read without it" };
  }
  const [first, ...others] = again.events;
  return {
    ...reading,
    events: [withKeyOf(first, events[0]), ...others.map((one, at) => withKeyOf(one, events[at + 1]))],
  };
}

/** A part of the key that has a credential is replaced by its digest. */
const withKeyOf = <Event extends BridgeEvent>(event: Event, original: BridgeEvent | undefined): Event => ({
  ...event,
  keyParts: (original ?? event).keyParts.map((part) => (redactText(part) === part ? part : sha256Hex(part))),
});

export interface RecordFacts {
  readonly source: ReadingSource;
  readonly request: Pick<ReceivedRequest, "headers" | "traceparent" | "callerSpan">;
  /** The body without its credentials; undefined if it has none. */
  readonly redacted: Uint8Array | undefined;
}

export function recordOf(
  authentic: AuthenticDelivery,
  reading: Reading,
  { source, request, redacted }: RecordFacts,
): RecordedDelivery {
  const { shadowRejection } = authentic;
  const { headers, traceparent, callerSpan } = request;
  const key = reading.deliveryKey ?? [authentic.bodyDigest];
  return {
    // An unproved delivery of shadow mode has its own id. Otherwise the proved one would be a duplicate of it.
    id: deliveryIdOf(source.name, shadowRejection ? [...key, "unproved"] : key),
    source: source.name,
    provider: source.provider,
    principal: authentic.principal,
    receivedAt: authentic.receivedAt,
    requestId: authentic.requestId,
    headers: keptHeaders(headers),
    bodyDigest: authentic.bodyDigest,
    bodyBytes: authentic.body.length,
    ...(redacted && { redacted: true }),
    ...(!reading.bodyHasSecrets && { body: redacted ?? authentic.body }),
    ...outcomeFields(reading),
    ...(shadowRejection && { refusal: shadowRejection }),
    ...(traceparent && { traceparent }),
    ...(callerSpan && { callerSpan }),
  };
}

/** Several events are listed by their types and the first subject. */
function summaryOf(events: BridgeEvents): Pick<RecordedDelivery, "what"> & { readonly subject: string } {
  const [{ subject }, ...others] = events;
  return {
    what: [...new Set(events.map(({ type }) => type))].join(", "),
    subject: others.length === 0 ? subject : `${subject} and ${others.length} more`,
  };
}

function ignoredFields(reading: Extract<Reading, { readonly outcome: "ignored" }>): OutcomeFields {
  if ("kind" in reading) {
    const { kind, subject } = reading;
    return { outcome: "ignored", what: kind, ...(subject !== undefined && { subject }) };
  }
  const { excludedFor, subject } = reading;
  return { outcome: "ignored", what: excludedFor.reason, subject, refusal: excludedFor };
}

type OutcomeFields = Pick<RecordedDelivery, "outcome" | "what" | "subject" | "events" | "refusal">;

function outcomeFields(reading: Reading): OutcomeFields {
  switch (reading.outcome) {
    case "ignored":
      return ignoredFields(reading);
    case "unusable":
      return { outcome: "unusable", what: reading.problem };
    case "event": {
      const { events } = reading;
      return { outcome: "event", ...summaryOf(events), events };
    }
  }
}
