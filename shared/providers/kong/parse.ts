import * as v from "valibot";
import { type EpochMillis, toIso } from "../../host/clock.ts";
import { secretIn } from "../../host/secret-in-text.ts";
import { readJsonObject } from "../../host/strict-json.ts";
import type { AuthenticDelivery } from "../../model/authentic-delivery.ts";
import { isCorrelationId } from "../../model/correlation-id.ts";
import { cut, EVENT_LIMITS, type GatewayEvent } from "../../model/event.ts";
import type { Reading } from "../../model/reading.ts";
import { line, optional, present } from "../payload.ts";
import { isoTime } from "../time.ts";
import { plainPath } from "./plain-path.ts";

/** A later time is not one of this century. */
const LATEST_MS = 4_102_444_800_000;

/**
 * What a record of the plugin http-log says of a request, https://developer.konghq.com/plugins/http-log/, besides what
 * {@link readRecord} reads. Nothing else of a record is kept: its headers, queries and addresses have other people's
 * credentials.
 */
const details = v.object({
  request: optional(v.object({ uri: optional(v.string()) })),
  service: named(),
  route: named(),
  consumer: optional(v.object({ username: name(), custom_id: name(), id: name() })),
  /** Epoch milliseconds, with a fraction in some releases. */
  started_at: optional(v.pipe(v.number(), v.minValue(0), v.maxValue(LATEST_MS))),
  correlation_id: optional(v.string()),
});

function named() {
  return optional(v.object({ name: name(), id: name() }));
}

/** What the gateway's configuration says. A plugin may take it from a request. */
function name() {
  return optional(
    v.pipe(
      line,
      v.check((text) => secretIn(text) === undefined),
    ),
  );
}

/** Kong's own ids of requests and nodes. */
const ID = /^(?:[\da-f]{32}|[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12})$/i;

export interface GatewayRecord {
  /** Identifies the request, also if it is reported again. */
  readonly key: readonly string[];
  readonly verdict: "refused" | "failed" | "passed";
  readonly reason: Reason | undefined;
  readonly method: string | undefined;
  /** Makes the event. Most records are only counted, so it is not made before. */
  readonly toEvent: (receivedAt: EpochMillis) => GatewayEvent;
}

/**
 * Undefined if it is no record of a request. `digest`: of the record, for one without an id. A gateway sends thousands of
 * records in a second, of which nearly all are only counted: so what decides that is read without a schema, and the rest of
 * a record only if it is kept.
 */
export function readRecord(value: unknown, digest: () => string): GatewayRecord | undefined {
  const response = objectIn(value, "response");
  const status = statusOf(response?.["status"]);
  if (response === undefined || status === undefined) return undefined;
  const [request, headers] = [objectIn(value, "request"), objectIn(response, "headers")];
  const id = matching(ID, request?.["id"]) ?? matching(ID, first(headers?.["x-kong-request-id"]));
  // Not of Kong itself: `custom_fields_by_lua` adds it.
  const node = matching(ID, memberOf(value, "node_id"));
  const key = id === undefined ? [digest()] : ["request", node ?? "", id];
  const { verdict, reason } = judge(value, status);
  const method = matching(METHOD, request?.["method"]);
  const decision = matching(ID, first(headers?.["x-drawbridge-request"]));
  const known = { system: "kong", id, node, reason, method, status, decision };
  const toEvent = (receivedAt: EpochMillis): GatewayEvent =>
    eventOf(v.parse(details, value), { key, verdict, known, receivedAt });
  return { key, verdict, reason, method, toEvent };
}

const METHOD = /^[A-Z]{1,20}$/;

type Members = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Members => typeof value === "object" && value !== null;
const memberOf = (value: unknown, name: string): unknown => (isObject(value) ? value[name] : undefined);

/** Undefined if it is of another kind. */
function objectIn(value: unknown, name: string): Members | undefined {
  const member = memberOf(value, name);
  return isObject(member) ? member : undefined;
}

/** A header that is sent twice is a list. */
const first = (header: unknown): unknown => (Array.isArray(header) ? header[0] : header);

/** A number; old releases write some numbers as texts. */
function statusOf(value: unknown): number | undefined {
  const status = typeof value === "string" && /^\d{3}$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(status) && Number(status) >= 100 && Number(status) <= 599 ? Number(status) : undefined;
}

interface Known extends Pick<GatewayRecord, "key" | "verdict"> {
  readonly known: {
    readonly system: string;
    readonly id: string | undefined;
    readonly node: string | undefined;
    readonly reason: Reason | undefined;
    readonly method: string | undefined;
    readonly status: number;
    readonly decision: string | undefined;
  };
  readonly receivedAt: EpochMillis;
}

function eventOf(
  { request, service, route, consumer, started_at, correlation_id }: v.InferOutput<typeof details>,
  { key, verdict, known, receivedAt }: Known,
): GatewayEvent {
  const part = present({
    ...known,
    path: request?.uri && plainPath(request.uri),
    route: route?.name ?? route?.id,
    service: service?.name ?? service?.id,
    caller: consumer?.username ?? consumer?.custom_id ?? consumer?.id,
    correlation:
      correlation_id && isCorrelationId(correlation_id) && secretIn(correlation_id) === undefined
        ? correlation_id
        : undefined,
  });
  const subject = [part.method, part.path ?? part.route ?? part.service ?? "a request"].filter(Boolean).join(" ");
  return {
    type: `gateway.${verdict}`,
    keyParts: key,
    time: isoTime(started_at) ?? toIso(receivedAt),
    subject: cut(subject, EVENT_LIMITS.title),
    gateway: part,
  };
}

const matching = (form: RegExp, text: unknown): string | undefined =>
  typeof text === "string" && form.test(text) ? text : undefined;

type Reason = NonNullable<GatewayEvent["gateway"]["reason"]>;
type Verdict = Pick<GatewayRecord, "verdict"> & { readonly reason?: Reason };

function judge(value: unknown, status: number): Verdict {
  if (status < 400 || !isAnswerOfGateway(value)) return { verdict: "passed" };
  if (status >= 500) return { verdict: "failed", reason: FAILURES.get(status) ?? "gateway_error" };
  if (status === 404) return { verdict: "refused", reason: objectIn(value, "route") ? "rejected" : "no_route" };
  return { verdict: "refused", reason: REFUSALS.get(status) ?? "rejected" };
}

const REFUSALS: ReadonlyMap<number, Reason> = new Map([
  [401, "unauthenticated"],
  [403, "forbidden"],
  [429, "rate_limited"],
]);
const FAILURES: ReadonlyMap<number, Reason> = new Map([
  [502, "upstream_invalid"],
  [503, "upstream_unavailable"],
  [504, "upstream_timeout"],
]);

/**
 * `source` says who answered, since Kong 3.6. Before it, the service did if the last try of it did not fail. `tries` is
 * absent if no route matched, and empty, also as `{}`, if a plugin answered. `upstream_status` has one status for each try.
 */
function isAnswerOfGateway(value: unknown): boolean {
  const source = memberOf(value, "source");
  if (source === "kong" || source === "upstream") return source === "kong";
  const tries = memberOf(value, "tries");
  const last: unknown = Array.isArray(tries) ? tries.at(-1) : undefined;
  if (isObject(last)) return last["state"] === "failed";
  const status = memberOf(value, "upstream_status");
  return typeof status !== "string" || status === "";
}

/** A record of a TCP or TLS connection, which has no request. */
const streamRecord = v.object({ session: v.object({}) });

/** Reads a body with one record. The body is never stored, whatever it is. */
export function readDelivery({ body, bodyDigest, receivedAt }: AuthenticDelivery): Reading {
  return { ...readBody(body, { bodyDigest, receivedAt }), bodyHasSecrets: true };
}

function readBody(
  body: Uint8Array,
  { bodyDigest, receivedAt }: Pick<AuthenticDelivery, "bodyDigest" | "receivedAt">,
): Reading {
  const json = readJsonObject(body);
  if (!json.ok) return { outcome: "unusable", problem: json.problem };
  const found = readRecord(json.value, () => bodyDigest);
  if (found !== undefined) return { deliveryKey: found.key, outcome: "event", events: [found.toEvent(receivedAt)] };
  return isOfStream(json.value)
    ? { outcome: "ignored", kind: "stream" }
    : { outcome: "unusable", problem: "response.status is missing or not as documented" };
}

export const isOfStream = (value: unknown): boolean => v.is(streamRecord, value);

/** What a counted group of records is. `reason` is undefined for requests that passed. */
export interface MoreRecords {
  readonly verdict: GatewayRecord["verdict"] | "unusable";
  readonly reason: Reason | undefined;
  readonly more: number;
  /** The minute in which they were received. */
  readonly minute: EpochMillis;
  /** Distinguishes it from what other processes counted in that minute. */
  readonly counted: string;
}

/** The one record of many that were counted only. */
export function readingOfMore({ verdict, reason, more, minute, counted }: MoreRecords): Reading {
  const key = ["more", verdict, reason ?? "", counted];
  const facts = { deliveryKey: key, bodyHasSecrets: true } as const;
  const what = `${more} more record${more === 1 ? "" : "s"} of one minute`;
  if (verdict === "unusable") return { ...facts, outcome: "unusable", problem: `${what} could not be read` };
  const event: GatewayEvent = {
    type: `gateway.${verdict}`,
    keyParts: key,
    time: toIso(minute),
    subject: what,
    gateway: present({ system: "kong", reason, more }),
  };
  return { ...facts, outcome: "event", events: [event] };
}
