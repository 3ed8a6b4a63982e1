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
 * One record of the plugin http-log: https://developer.konghq.com/plugins/http-log/. Only these members are read, and
 * nothing else of a record is kept: its headers, queries and addresses have other people's credentials. Of the response's
 * headers, two ids that have a strict form.
 */
const record = v.object({
  request: optional(v.object({ id: optional(v.string()), method: optional(v.string()), uri: optional(v.string()) })),
  response: v.object({
    // A number; old releases write some numbers as texts.
    status: v.pipe(
      v.union([v.number(), v.pipe(v.string(), v.regex(/^\d{3}$/), v.transform(Number))]),
      v.safeInteger(),
      v.minValue(100),
      v.maxValue(599),
    ),
    headers: optional(v.object({ "x-kong-request-id": optional(first()), "x-drawbridge-request": optional(first()) })),
  }),
  /** Absent if no route matched; empty, also as `{}`, if a plugin answered. */
  tries: optional(v.array(optional(v.object({ state: optional(v.string()) })))),
  /** Empty if the request was not passed on; one status for each try. */
  upstream_status: optional(v.string()),
  /** Who answered. Since Kong 3.6. */
  source: optional(v.picklist(["kong", "upstream"])),
  service: named(),
  route: named(),
  consumer: optional(v.object({ username: name(), custom_id: name(), id: name() })),
  /** Epoch milliseconds, with a fraction in some releases. */
  started_at: optional(v.pipe(v.number(), v.minValue(0), v.maxValue(LATEST_MS))),
  correlation_id: optional(v.string()),
  /** Not of Kong itself: `custom_fields_by_lua` adds it. */
  node_id: optional(v.string()),
});

/** A header that is sent twice is a list. */
function first() {
  return v.pipe(
    v.union([v.string(), v.array(v.string())]),
    v.transform((value) => (typeof value === "string" ? value : value[0])),
  );
}

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

/** Undefined if it is no record of a request. `digest`: of the record, for one without an id. */
export function readRecord(value: unknown, digest: () => string): GatewayRecord | undefined {
  const parsed = v.safeParse(record, value);
  if (!parsed.success) return undefined;
  const { request, response, node_id } = parsed.output;
  const id = matching(ID, request?.id) ?? matching(ID, response.headers?.["x-kong-request-id"]);
  const node = matching(ID, node_id);
  const key = id === undefined ? [digest()] : ["request", node ?? "", id];
  const { verdict, reason } = judge(parsed.output);
  const method = matching(METHOD, request?.method);
  const known = { system: "kong", id, node, reason, method };
  const toEvent = (receivedAt: EpochMillis): GatewayEvent =>
    eventOf(parsed.output, { key, verdict, known, receivedAt });
  return { key, verdict, reason, method, toEvent };
}

const METHOD = /^[A-Z]{1,20}$/;

interface Known extends Pick<GatewayRecord, "key" | "verdict"> {
  readonly known: {
    readonly system: string;
    readonly id: string | undefined;
    readonly node: string | undefined;
    readonly reason: Reason | undefined;
    readonly method: string | undefined;
  };
  readonly receivedAt: EpochMillis;
}

function eventOf(
  { request, response, service, route, consumer, started_at, correlation_id }: v.InferOutput<typeof record>,
  { key, verdict, known, receivedAt }: Known,
): GatewayEvent {
  const part = present({
    ...known,
    status: response.status,
    path: request?.uri && plainPath(request.uri),
    route: route?.name ?? route?.id,
    service: service?.name ?? service?.id,
    caller: consumer?.username ?? consumer?.custom_id ?? consumer?.id,
    correlation:
      correlation_id && isCorrelationId(correlation_id) && secretIn(correlation_id) === undefined
        ? correlation_id
        : undefined,
    decision: matching(ID, response.headers?.["x-drawbridge-request"]),
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

const matching = (form: RegExp, text: string | null | undefined): string | undefined =>
  text && form.test(text) ? text : undefined;

type Reason = NonNullable<GatewayEvent["gateway"]["reason"]>;
type Verdict = Pick<GatewayRecord, "verdict"> & { readonly reason?: Reason };

function judge({ response: { status }, ...rest }: v.InferOutput<typeof record>): Verdict {
  if (status < 400 || !isAnswerOfGateway(rest)) return { verdict: "passed" };
  if (status >= 500) return { verdict: "failed", reason: FAILURES.get(status) ?? "gateway_error" };
  if (status === 404) return { verdict: "refused", reason: rest.route ? "rejected" : "no_route" };
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

/** Before Kong 3.6 no member says it: then the service answered if the last try of it did not fail. */
function isAnswerOfGateway({
  source,
  tries,
  upstream_status,
}: Pick<v.InferOutput<typeof record>, "source" | "tries" | "upstream_status">): boolean {
  if (source) return source === "kong";
  const last = tries?.at(-1);
  return last ? last.state === "failed" : !upstream_status;
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
