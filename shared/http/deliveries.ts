import * as v from "valibot";
import { type Clock, epochMillis, isDay, toIso } from "../host/clock.ts";
import { withoutCredentials } from "../host/url-credentials.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { TokenRequest } from "../identity/presented-token.ts";
import { type BusEvent, busEventsOf } from "../model/bus-event.ts";
import type { DeliverySummary, RecordedDelivery } from "../model/recorded-delivery.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { TimelineEvent } from "../model/timeline.ts";
import type { DeliveryPosition, DeliveryStore } from "../store/deliveries.ts";

export interface DeliveriesApi extends CallerDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "timeline" | "list">;
  readonly clock: Clock;
}

const DAY_MS = 86_400_000;

const position = v.pipe(v.string(), v.regex(/^\d{13}\.[a-z0-9-]{1,64}$/));
const time = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.check((text) => isDay(text.slice(0, 10)) && !Number.isNaN(Date.parse(text))),
);

const query = v.strictObject({
  limit: v.optional(v.pipe(v.string(), v.regex(/^[1-9]\d{0,2}$/), v.transform(Number), v.maxValue(200)), "50"),
  cursor: v.optional(position),
  since: v.optional(time),
  until: v.optional(time),
  source: v.optional(v.string()),
  outcome: v.optional(v.picklist(["event", "ignored", "unusable", "refused"])),
  shadow: v.optional(v.literal("true")),
  type: v.optional(v.string()),
  principal: v.optional(v.string()),
  text: v.optional(v.string()),
});
type Query = v.InferOutput<typeof query>;

/** What each parameter must be, for the rejection of an invalid one. */
const EXPECTED: Readonly<Record<keyof Query, string>> = {
  limit: "a whole number from 1 to 200",
  cursor: 'the "next" of an earlier response',
  since: "a time in ISO 8601, e.g. 2026-11-02T09:00:00Z",
  until: "a time in ISO 8601, e.g. 2026-11-02T09:00:00Z",
  source: "a source's name",
  outcome: "event, ignored, unusable or refused",
  shadow: "true: only deliveries that shadow mode let in",
  type: "an event type, or its beginning",
  principal: "a subject",
  text: "a text",
};

/** `GET /v1/deliveries`: newest first, of the last seven days unless `since` is given. */
export async function listDeliveries(request: TokenRequest, api: DeliveriesApi): Promise<Result<ListedDeliveries>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const filter = v.safeParse(query, Object.fromEntries(request.url.searchParams));
  if (!filter.success) {
    const parameter = String(filter.issues[0].path?.[0]?.key ?? "");
    return reject({
      reason: "query_invalid",
      parameter,
      expected: isKnown(parameter) ? EXPECTED[parameter] : "left out",
    });
  }
  const page = await api.deliveries.list({
    before: startOf(filter.output, api.clock),
    notBefore: epochMillis(filter.output.since ? Date.parse(filter.output.since) : api.clock.now() - 7 * DAY_MS),
    limit: filter.output.limit,
    scanLimit: SCAN_LIMIT,
    matches: (summary) => isWanted(summary, filter.output),
  });
  return ok({
    // Earlier releases recorded URLs with credentials.
    deliveries: withoutCredentials(page.deliveries.map(shownSummary)),
    ...(page.next && { next: `${page.next.receivedAt}.${page.next.id}` }),
  });
}

/** Maximum number of deliveries that one list request looks at. The `next` of its response continues from there. */
const SCAN_LIMIT = 2_000;

/** `GET /v1/deliveries/{id}`: the delivery, the events published for it, and everything that followed. */
export async function getDelivery(
  request: TokenRequest,
  id: string,
  api: DeliveriesApi,
): Promise<Result<ShownDelivery>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const delivery = await api.deliveries.get(id);
  if (delivery === undefined) return reject({ reason: "delivery_unknown" });
  return ok(shownDelivery(delivery, await api.deliveries.timeline(id)));
}

/** A timeline event with its times in ISO 8601. */
export type ShownTimelineEvent = WithIsoTimes<TimelineEvent>;
type WithIsoTimes<T> = T extends unknown ? { [K in keyof T]: K extends "at" | "nextAt" ? string : T[K] } : never;

export interface ListedDeliveries {
  readonly deliveries: readonly ReturnType<typeof shownSummary>[];
  readonly next?: string;
}

export interface ShownDelivery {
  readonly delivery: ReturnType<typeof shownSummary> &
    Pick<RecordedDelivery, "provider" | "requestId" | "bodyDigest" | "bodyBytes" | "redacted" | "unrelayed"> & {
      readonly relayedAt?: string;
    };
  /** Empty if the delivery is not an event. */
  readonly events: readonly BusEvent[];
  readonly timeline: readonly ShownTimelineEvent[];
}

function shownDelivery(delivery: RecordedDelivery, timeline: readonly TimelineEvent[]): ShownDelivery {
  const { provider, requestId, bodyDigest, bodyBytes, redacted, relayedAt, unrelayed } = delivery;
  const relayed = relayedAt === undefined ? {} : { relayedAt: toIso(relayedAt) };
  return withoutCredentials({
    delivery: {
      ...shownSummary(delivery),
      provider,
      requestId,
      bodyDigest,
      bodyBytes,
      ...(redacted && { redacted }),
      ...(unrelayed && { unrelayed }),
      ...relayed,
    },
    events: busEventsOf(delivery),
    timeline: timeline.map(shownTimelineEvent),
  });
}

function shownTimelineEvent(timelineEvent: TimelineEvent): ShownTimelineEvent {
  const at = toIso(timelineEvent.at);
  if (timelineEvent.kind !== "attempt") return { ...timelineEvent, at };
  const { nextAt, ...rest } = timelineEvent;
  return { ...rest, at, ...(nextAt !== undefined && { nextAt: toIso(nextAt) }) };
}

function shownSummary(summary: DeliverySummary) {
  const { id, source, receivedAt, outcome, what, subject, principal, refusal, repeats } = summary;
  const meaning = meaningOf(summary);
  return {
    id,
    source,
    receivedAt: toIso(receivedAt),
    outcome,
    what,
    ...(subject !== undefined && { subject }),
    principal,
    ...(repeats !== undefined && { repeats }),
    ...(refusal && meaning === "refusedFor" && { refusedFor: refusal }),
    ...(refusal && meaning === "excludedFor" && { excludedFor: refusal }),
    ...(refusal && meaning === "shadowRejection" && { shadowRejection: refusal }),
  };
}

/** Why it was refused, why the source's settings exclude it, or what shadow mode did not enforce. */
function meaningOf({
  outcome,
  what,
  refusal,
}: DeliverySummary): "refusedFor" | "excludedFor" | "shadowRejection" | undefined {
  if (refusal === undefined) return undefined;
  if (outcome === "refused") return "refusedFor";
  return outcome === "ignored" && what === refusal.reason ? "excludedFor" : "shadowRejection";
}

function startOf({ cursor, until }: Query, clock: Clock): DeliveryPosition {
  if (cursor !== undefined) return { receivedAt: epochMillis(Number(cursor.slice(0, 13))), id: cursor.slice(14) };
  // "~" sorts after every id, so no delivery of that millisecond is left out.
  return { receivedAt: until === undefined ? clock.now() : epochMillis(Date.parse(until)), id: "~" };
}

function isWanted(summary: DeliverySummary, filter: Query): boolean {
  const { source, outcome, type, principal, text, shadow } = filter;
  if (shadow !== undefined && meaningOf(summary) !== "shadowRejection") return false;
  if (source !== undefined && summary.source !== source) return false;
  if (outcome !== undefined && summary.outcome !== outcome) return false;
  if (type !== undefined && !summary.what.split(", ").some((one) => one.startsWith(type))) return false;
  if (principal !== undefined && summary.principal.subject !== principal) return false;
  const searched = `${summary.id} ${summary.source} ${summary.what} ${summary.subject ?? ""}`.toLowerCase();
  return text === undefined || searched.includes(text.toLowerCase());
}

const isKnown = (parameter: string): parameter is keyof Query => parameter in EXPECTED;
