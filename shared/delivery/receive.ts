import { kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { Secrets } from "../host/secrets.ts";
import { redactBody, redactText, withoutCredentials } from "../host/url-credentials.ts";
import { type AuthenticDelivery, authenticate, type ProvingSource } from "../model/authentic-delivery.ts";
import type { BridgeEvent, BridgeEvents } from "../model/event.ts";
import { deliveryIdOf, sha256Hex } from "../model/idempotency-keys.ts";
import type { Principal } from "../model/principal.ts";
import type { Reading } from "../model/reading.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { OriginStore } from "../store/origins.ts";
import { keptHeaders } from "./kept-headers.ts";
import { checkOriginProof, isFirstRun, type ProvingRoute } from "./origin-proof.ts";

/** A configured sender: the part of it that receiving needs. */
export interface Source extends ProvingSource {
  readonly provider: string;
  readonly contentTypes: readonly string[];
  readonly read: (delivery: AuthenticDelivery) => Reading;
  /** Stores data that a proved delivery carries besides its event. Never throws. */
  readonly keep?: (delivery: AuthenticDelivery) => Promise<void>;
}

export interface Receipt {
  readonly delivery: string;
  readonly status: "accepted" | "duplicate" | "ignored" | "unusable";
}

export interface ReceiveDeps {
  /** The rejection of a proved principal that is over its rate limit; undefined if it is not. */
  readonly rejectOverRate: (principal: Principal) => Promise<Rejection | undefined>;
  readonly deliveries: Pick<DeliveryStore, "record">;
  /** All configured routes, whose keys prove that the bridge asked for a run. */
  readonly runReporters: readonly ProvingRoute[];
  readonly secrets: Secrets;
  readonly origins: Pick<OriginStore, "provedRun" | "firstProvedRun">;
  /** Called after each commit of a new record. It nudges the relay on one machine; in AWS the table's stream does. */
  readonly recorded: (delivery: RecordedDelivery) => void;
  readonly log: Log;
}

/**
 * Receives one request: authenticate, read, record. One conditional write is idempotency record, audit record and
 * outbox entry at once. Nothing else is called unless a role of the sender has a rate limit, or the event is of a run that
 * proves its origin. A rejected request costs no write of its own. Throws `store_unavailable`, `keys_unavailable` and
 * `secret_unavailable`: the sender should then retry. After `store_unavailable` it is unknown whether the delivery was
 * recorded.
 */
export async function receive(request: ReceivedRequest, source: Source, deps: ReceiveDeps): Promise<Result<Receipt>> {
  const authentic = await authenticate(request, source);
  if (!authentic.ok) return authentic;
  const { principal } = authentic.value;
  const overRate = await deps.rejectOverRate(principal);
  if (overRate) return reject(overRate, principal);
  const redacted = redactBody(authentic.value.body);
  const reading = redacted
    ? readRedacted(authentic.value, redacted, source, deps.log)
    : readSafely(authentic.value, source, deps.log);
  const proved = await withProvedOrigin(reading, authentic.value, deps);
  const delivery = recordOf(authentic.value, proved, { source, request, redacted });
  const keeping = authentic.value.shadowRejection ? undefined : source.keep?.(authentic.value);
  const [recorded] = await Promise.all([deps.deliveries.record(delivery), keeping]);
  if (recorded === "duplicate") {
    return ok({ delivery: delivery.id, status: "duplicate" });
  }
  deps.recorded(delivery);
  return ok({ delivery: delivery.id, status: reading.outcome === "event" ? "accepted" : reading.outcome });
}

/** The reading, whose events say what their run proved of its origin. What holds at receipt is true after a rotation. */
async function withProvedOrigin(
  reading: Reading,
  { source, shadowRejection }: AuthenticDelivery,
  deps: ReceiveDeps,
): Promise<Reading> {
  if (reading.outcome !== "event" || reading.originProof === undefined) return reading;
  const { originProof } = reading;
  const proved = await checkOriginProof(originProof, source, deps);
  // An unproved delivery of shadow mode must not decide which run is the first.
  if (proved === undefined || shadowRejection || !(await isFirstRun(originProof, source, deps))) return reading;
  const [first, ...others] = reading.events;
  const withProof = <Event extends BridgeEvent>(event: Event): Event =>
    "origin" in event && event.origin?.delivery === originProof.delivery
      ? { ...event, origin: { ...event.origin, proved } }
      : event;
  return { ...reading, events: [withProof(first), ...others.map(withProof)] };
}

/**
 * A reader that throws is a defect of ours. The delivery is then recorded as unusable, with its bytes, so nothing is
 * lost.
 */
function readSafely(delivery: AuthenticDelivery, source: Source, log: Log): Reading {
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
function readRedacted(delivery: AuthenticDelivery, body: Uint8Array, source: Source, log: Log): Reading {
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

interface RecordFacts {
  readonly source: Source;
  readonly request: Pick<ReceivedRequest, "headers" | "traceparent" | "callerSpan">;
  /** The body without its credentials; undefined if it has none. */
  readonly redacted: Uint8Array | undefined;
}

function recordOf(
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
