import * as v from "valibot";
import type { AuditLog } from "../delivery/audit-log.ts";
import { isSelected, outcomesOf, readOutcome } from "../delivery/delivery-outcomes.ts";
import { UPSTREAM_REFUSALS, UPSTREAM_REFUSED_IN_SHADOW } from "../delivery/rejection-audit.ts";
import { type Clock, type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { withoutCredentials } from "../host/url-credentials.ts";
import { type CallerDeps, callerOf } from "../identity/caller.ts";
import type { Policy } from "../identity/policy.ts";
import { type BusEvent, busEventsOf } from "../model/bus-event.ts";
import { DELIVERY_STATES } from "../model/delivery-state.ts";
import { factsOfDelivery } from "../model/event-facts.ts";
import { hasTerms, type ListedDelivery as ListEntry, type Term, termsIn } from "../model/lookup-terms.ts";
import { identityText, type Principal, principalIdOf } from "../model/principal.ts";
import type { DeliverySummary, RecordedDelivery } from "../model/recorded-delivery.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { TimelineEvent } from "../model/timeline.ts";
import type { RoutePattern } from "../routes/route-pattern.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { DeliveryPosition } from "../store/list-pages.ts";
import { isPosted } from "../store/postings.ts";
import type { RefusalStore } from "../store/refusals.ts";
import { type ExpectedRunsDeps, expectedRunsOf, type ShownExpectedRun, silentRuns } from "./expected-runs.ts";
import type { DeliveryExplanation } from "./explain-delivery.ts";
import { type ListByStateDeps, listByState, type PageWithOutcomes } from "./list-by-state.ts";
import {
  type Candidate,
  candidatesOf,
  KNOWN_ADDRESSES,
  LOOKUP_PARAMETERS,
  lookupEntries,
  termsOfCandidate,
  termsOfQuery,
} from "./lookup.ts";
import { parseQuery } from "./query.ts";
import { endOfLookUp, endOfRange, time } from "./query-time.ts";
import { type ShownAbout, shownAbout } from "./shown-about.ts";
import { type ShownOutcome, shownOutcome } from "./shown-outcome.ts";
import type { ShownTimelineEvent } from "./shown-timeline.ts";

export interface DeliveriesApi extends CallerDeps, ExpectedRunsDeps, Pick<ListByStateDeps, "attention"> {
  readonly deliveries: Pick<DeliveryStore, "get" | "timeline" | "list" | "lookUpsReachTo">;
  readonly refusals: Pick<RefusalStore, "repeatOf">;
  readonly policy: Pick<Policy, "rejectCall" | "isConfined">;
  /** The configured sources, and the bridge's own. */
  readonly sourceNames: readonly string[];
  readonly auditLog: Pick<AuditLog, "recordRead">;
  /** The patterns of the configured routes. */
  readonly patterns: () => Promise<readonly RoutePattern[]>;
  readonly clock: Clock;
}

const DAY_MS = 86_400_000;

const position = v.pipe(v.string(), v.regex(/^\d{13}\.[a-z0-9-]{1,64}$/));

const STATE = `(?:${DELIVERY_STATES.join("|")})`;
const STATES = new RegExp(`^${STATE}(?:,${STATE})*$`);

export const query = v.strictObject({
  limit: v.optional(v.pipe(v.string(), v.regex(/^([1-9]\d?|1\d\d|200)$/), v.transform(Number)), "50"),
  cursor: v.optional(position),
  since: v.optional(time),
  until: v.optional(time),
  source: v.optional(v.string()),
  state: v.optional(
    v.pipe(
      v.string(),
      v.regex(STATES),
      v.transform((text) => text.split(",")),
      v.array(v.picklist(DELIVERY_STATES)),
    ),
  ),
  route: v.optional(v.string()),
  target: v.optional(v.string()),
  outcome: v.optional(v.picklist(["event", "ignored", "unusable", "refused", "audit"])),
  shadow: v.optional(v.literal("true")),
  type: v.optional(v.string()),
  principal: v.optional(v.string()),
  text: v.optional(v.string()),
  ...lookupEntries,
});
export type Query = v.InferOutput<typeof query>;

/** What each parameter must be, for the description and for the rejection of an invalid one. */
export const EXPECTED: Readonly<Record<keyof Query, string>> = {
  limit: "a whole number from 1 to 200",
  cursor: 'the "next" of an earlier response',
  since: "a time in ISO 8601, e.g. 2026-11-02T09:00:00Z",
  until: "a time in ISO 8601, e.g. 2026-11-02T09:00:00Z",
  source: "a source's name",
  state: `states with commas between them: ${DELIVERY_STATES.join(", ")}`,
  route: "a route's name",
  target: "a target's name",
  outcome: "event, ignored, unusable, refused or audit",
  shadow: "true: only deliveries that shadow mode let in",
  type: "an event type, or its beginning",
  principal: "a subject, or who vouched for it and the subject: prod-jobs:system:serviceaccount:ci:deployer",
  text: "a text",
  find: `a delivery's id, or anything else that a delivery can be looked up by; an address, if it is one ${KNOWN_ADDRESSES}`,
  ...LOOKUP_PARAMETERS,
};

export const oneQuery = v.strictObject({ explain: v.optional(v.literal("true")) });
export const ONE_EXPECTED = { explain: "true: with an explanation of what it did" };

/** `GET /v1/deliveries`: newest first, of the last seven days unless `since` is given. */
export async function listDeliveries(request: ReceivedRequest, api: DeliveriesApi): Promise<Result<ListedDeliveries>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const filter = parseFilter(Object.fromEntries(request.url.searchParams));
  if (!filter.ok) return filter;
  const { principal: by } = caller.value;
  const { matched, repeatOf, ...page } = await foundPage(filter.value, by, api);
  const { source, cursor } = filter.value;
  // A source that was removed from the configuration still has records.
  const isFound = page.found.length > 0 || cursor !== undefined;
  // A caller who may not read every delivery is not shown which sources there are.
  const isKnownSource =
    api.policy.isConfined(by, "deliveries") || source === undefined || api.sourceNames.includes(source);
  if (!isFound && !isKnownSource)
    return reject({ reason: "query_invalid", parameter: "source", expected: `one of ${api.sourceNames.join(", ")}` });
  const { principal, person = personFound(filter.value, page, matched) } = filter.value;
  for (const object of [principal, person])
    if (object !== undefined) await api.auditLog.recordRead({ act: "person_searched", object, by, request });
  const deliveries = page.found.map(({ delivery }) => delivery);
  const silent = await silentRuns(deliveries, api);
  return ok({
    // Earlier releases recorded URLs with credentials.
    deliveries: withoutCredentials(
      page.found.map(({ delivery, outcome }): ListedDelivery => {
        const noReportSince = silent.get(delivery.id);
        const about = shownAbout(delivery);
        return {
          ...shownSummary(delivery),
          ...(about && { about }),
          ...shownOutcome(outcome),
          ...(noReportSince !== undefined && { noReportSince }),
        };
      }),
    ),
    ...(page.next && { next: `${page.next.receivedAt}.${page.next.id}` }),
    lookedBackTo: toIso(page.next?.receivedAt ?? (await reachOf(filter.value, api))),
    ...(matched && { matched: { kind: matched.kind, value: matched.value } }),
    ...(repeatOf !== undefined && { repeatOf }),
  });
}

/** Parses the filters of a list. */
export function parseFilter(parameters: Readonly<Record<string, string>>): Result<Query> {
  const filter = v.safeParse(query, parameters);
  if (filter.success) return ok(filter.output);
  const parameter = String(filter.issues[0].path?.[0]?.key ?? "");
  const expected = isKnown(parameter) ? EXPECTED[parameter] : "left out";
  return reject({ reason: "query_invalid", parameter, expected });
}

/** Yields the deliveries that match, newest first, in pages. A page may have none. */
export async function* matchingDeliveries(
  filter: Query,
  by: Principal,
  api: DeliveriesApi,
): AsyncGenerator<PageWithOutcomes["found"]> {
  let cursor = filter.cursor;
  for (;;) {
    const { found, next } = await foundPage(
      { ...filter, limit: PAGE, ...(cursor !== undefined && { cursor }) },
      by,
      api,
    );
    yield found;
    if (next === undefined) return;
    cursor = `${next.receivedAt}.${next.id}`;
  }
}

const PAGE = 100;

/**
 * The text of `find`, if it was searched for as a person: a person was found, or nothing was and it may be the name of one.
 * So a search is audited alike whether it finds something or not.
 */
function personFound({ find }: Query, { found }: PageWithOutcomes, matched: Candidate | undefined): string | undefined {
  if (find === undefined) return undefined;
  const wasSought = found.length === 0 && candidatesOf(find).some(({ kind }) => kind === "person");
  return matched?.kind === "person" || wasSought ? find : undefined;
}

interface FoundPage extends PageWithOutcomes {
  /** What the text of `find` turned out to be. */
  readonly matched?: Candidate;
  /** See {@link ListedDeliveries}. */
  readonly repeatOf?: string;
}

/**
 * The page of what the query asks for. A text to find is taken as the first thing of that name that a delivery has, also on
 * the pages that follow; if there is none, as the first thing that it may be.
 */
async function foundPage(filter: Query, by: Principal, api: DeliveriesApi): Promise<FoundPage> {
  const terms = termsOfQuery(filter);
  if (filter.find === undefined) return pageOf(filter, terms, by, api);
  const { cursor: _, ...whole } = filter;
  for (const matched of candidatesOf(filter.find)) {
    if (matched.kind === "delivery") {
      const page = await pageOfDelivery(matched.value, filter, by, api);
      return { ...page, ...(page.found.length > 0 && { matched }) };
    }
    const wanted = [...termsOfCandidate(matched), ...terms];
    // Reading the list may take several requests.
    const first = isPosted(matched) ? await pageOf({ ...whole, limit: 1 }, wanted, by, api) : undefined;
    // If it ended before it had read every delivery of that name, the pages that follow may have what is wanted.
    if (first !== undefined && first.found.length === 0 && first.next === undefined) continue;
    const page = await pageOf(filter, wanted, by, api);
    if (page.found.length > 0) return { ...page, matched };
    if (page.next !== undefined || isPosted(matched)) return page;
  }
  return { found: [] };
}

/** The page with the record that stands for a refused request with this id, which has none of its own. */
async function withRepeat(
  page: PageWithOutcomes,
  { terms, filter }: { readonly terms: readonly Term[]; readonly filter: Query },
  by: Principal,
  api: DeliveriesApi,
): Promise<FoundPage> {
  const correlation = terms.find(({ kind }) => kind === "correlation");
  const id = correlation && filter.cursor === undefined ? await api.refusals.repeatOf(correlation.value) : undefined;
  if (id === undefined || page.found.some(({ delivery }) => delivery.id === id)) return page;
  const { correlation: _, find: __, ...rest } = filter;
  const { found } = await pageOfDelivery(id, rest, by, api);
  const all = [...page.found, ...found].toSorted((a, b) => b.delivery.receivedAt - a.delivery.receivedAt);
  return { ...page, found: all.slice(0, filter.limit), ...(found.length > 0 && { repeatOf: id }) };
}

async function pageOfDelivery(id: string, filter: Query, by: Principal, api: DeliveriesApi): Promise<PageWithOutcomes> {
  const delivery = filter.cursor === undefined ? await api.deliveries.get(id) : undefined;
  if (delivery === undefined || !mayRead(by, delivery, api.policy)) return { found: [] };
  const { state: states, route, target, until, outcome = delivery.outcome } = filter;
  // The other filters may say that it is not the one that is looked for.
  const isInRange = delivery.receivedAt >= notBeforeOf(filter, api) && !(delivery.receivedAt > Date.parse(until ?? ""));
  const terms = termsOfQuery(filter);
  if (!isInRange || !isWanted(delivery, { ...filter, outcome }) || !hasTerms(delivery, terms)) return { found: [] };
  const found = await outcomesOf([delivery], api);
  return { found: found.filter((one) => isSelected(one.outcome, { states, route, target })) };
}

/** A look-up goes back as far as records are kept, because it reads only what it finds. */
function notBeforeOf(filter: Query, { clock }: DeliveriesApi): EpochMillis {
  if (filter.since !== undefined) return epochMillis(Date.parse(filter.since));
  return isLookedUp(filter) ? epochMillis(0) : laterBy(clock.now(), -7 * DAY_MS);
}

const isLookedUp = (filter: Query): boolean => filter.find !== undefined || termsOfQuery(filter).some(isPosted);

/** The time since which every delivery that matches is found. */
async function reachOf(filter: Query, api: DeliveriesApi): Promise<EpochMillis> {
  const notBefore = notBeforeOf(filter, api);
  if (!isLookedUp(filter)) return notBefore;
  return epochMillis(Math.max(notBefore, await api.deliveries.lookUpsReachTo(api.clock.now())));
}

/** Newest first. What became of each delivery is read at the end, unless the caller or the filter depends on it. */
async function pageOf(filter: Query, terms: readonly Term[], by: Principal, api: DeliveriesApi): Promise<FoundPage> {
  const { state: states, route, target, until, limit } = filter;
  const window = { before: startOf(filter, api.clock), notBefore: notBeforeOf(filter, api), limit, terms };
  // Who asks for the whole name of an act sees the audit's records of it. Who looks for a request, job or person sees what
  // a gateway was to refuse, too.
  const isOfRequest = terms.some(({ kind }) => kind === "correlation");
  const isShown = (one: Listed): boolean => {
    const isAuditShown =
      isOfRequest ||
      filter.type === one.what ||
      filter.shadow !== undefined ||
      (terms.length > 0 && UPSTREAM_REFUSALS.includes(one.what));
    return isWanted(one, { ...filter, isAuditShown }) && hasTerms(one, terms);
  };
  const isConfined = api.policy.isConfined(by, "deliveries");
  if (!isConfined && states === undefined && route === undefined && target === undefined) {
    const { deliveries, next } = await api.deliveries.list({
      ...window,
      scanLimit: Number.POSITIVE_INFINITY,
      hasTime: timeBudget(api.clock),
      matches: isShown,
    });
    const page = { found: await outcomesOf(deliveries, api), ...(next && { next }) };
    return withRepeat(page, { terms, filter }, by, api);
  }
  const notAfter = epochMillis(until ? Date.parse(until) : Number.MAX_SAFE_INTEGER);
  const isReadable = isConfined ? (one: Pick<RecordedDelivery, "events">) => mayRead(by, one, api.policy) : undefined;
  return listByState({ ...window, notAfter, filter: { states, route, target }, isShown, isReadable }, api);
}

/** How long one list request reads deliveries, in milliseconds. The `next` of its response continues from there. */
const READ_MS = 2_000;

function timeBudget(clock: Clock): () => boolean {
  const end = clock.monotonic() + READ_MS;
  return () => clock.monotonic() < end;
}

/** Whether a caller who may read deliveries may read this one. */
export const mayRead = (
  caller: Principal,
  delivery: Pick<RecordedDelivery, "events">,
  policy: Pick<Policy, "rejectCall">,
): boolean => policy.rejectCall(caller, "deliveries", factsOfDelivery(delivery)) === undefined;

/**
 * `GET /v1/deliveries/{id}`: the delivery, the events published for it, and everything that followed. With `explain=true`
 * also why it did that, or nothing.
 */
export async function getDelivery(
  request: ReceivedRequest,
  id: string,
  api: DeliveriesApi,
): Promise<Result<ShownDelivery>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const asked = parseQuery(request, oneQuery, ONE_EXPECTED);
  if (!asked.ok) return reject(asked.rejection, by);
  const delivery = await api.deliveries.get(id);
  if (delivery === undefined || !mayRead(by, delivery, api.policy)) return reject({ reason: "delivery_unknown" });
  await api.auditLog.recordRead({ act: "delivery_opened", object: id, by, request });
  const timeline = await api.deliveries.timeline(id);
  const [runs, outcome] = await Promise.all([
    expectedRunsOf(delivery, timeline, api),
    readOutcome(delivery, timeline, api),
  ]);
  const shown = shownDelivery(delivery, timeline, { runs, outcome: shownOutcome(outcome) });
  if (asked.value.explain === undefined) return ok(shown);
  const [{ explainDelivery }, patterns] = await Promise.all([import("./explain-delivery.ts"), api.patterns()]);
  const isConfined = api.policy.isConfined(by, "deliveries");
  return ok({ ...shown, explanation: explainDelivery(shown, { patterns, isConfined }) });
}

type ListedDelivery = ReturnType<typeof shownSummary> &
  Partial<ShownOutcome> & {
    readonly about?: ShownAbout;
    /** The last report of its run, if that has not ended and is without a report for longer than its target allows. */
    readonly noReportSince?: string;
  };

export interface ListedDeliveries {
  readonly deliveries: readonly ListedDelivery[];
  readonly next?: string;
  /** Everything since then was looked at. If there is a `next`, older deliveries may match too. */
  readonly lookedBackTo: string;
  /** What the text of `find` is. Absent if nothing was found, and without `find`. */
  readonly matched?: { readonly kind: Candidate["kind"]; readonly value: string };
  /** The delivery that records an earlier refusal: the request that was looked up repeated it, so it has no record. */
  readonly repeatOf?: string;
}

export interface ShownDelivery {
  readonly delivery: ReturnType<typeof shownSummary> &
    Partial<ShownOutcome> &
    Pick<RecordedDelivery, "provider" | "requestId" | "bodyDigest" | "bodyBytes" | "redacted" | "unrelayed"> & {
      readonly about?: ShownAbout;
      readonly relayedAt?: string;
    };
  /** Empty if the delivery is not an event. */
  readonly events: readonly BusEvent[];
  readonly timeline: readonly ShownTimelineEvent[];
  /** The run of each route whose target accepted a request; absent if there is none. */
  readonly runs?: readonly ShownExpectedRun[];
  /** Present if the request asks for it. */
  readonly explanation?: DeliveryExplanation;
}

function shownDelivery(
  delivery: RecordedDelivery,
  timeline: readonly TimelineEvent[],
  { runs, outcome }: { readonly runs: readonly ShownExpectedRun[]; readonly outcome: Partial<ShownOutcome> },
): ShownDelivery {
  const { provider, requestId, bodyDigest, bodyBytes, redacted, relayedAt, unrelayed } = delivery;
  // A delivery that is no event is only listed by the relay.
  const isEvent = delivery.outcome === "event";
  const relayed = relayedAt === undefined || !isEvent ? {} : { relayedAt: toIso(relayedAt) };
  const about = shownAbout(delivery);
  return withoutCredentials({
    delivery: {
      ...shownSummary(delivery),
      ...(about && { about }),
      ...outcome,
      provider,
      requestId,
      bodyDigest,
      bodyBytes,
      ...(redacted && { redacted }),
      ...(unrelayed && isEvent && { unrelayed }),
      ...relayed,
    },
    events: busEventsOf(delivery),
    timeline: timeline.map(shownTimelineEvent),
    ...(runs.length > 0 && { runs }),
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
  if (outcome === "audit" && what === UPSTREAM_REFUSED_IN_SHADOW) return "shadowRejection";
  if (outcome === "refused" || outcome === "audit") return "refusedFor";
  return outcome === "ignored" && what === refusal.reason ? "excludedFor" : "shadowRejection";
}

function startOf(filter: Query, clock: Clock): DeliveryPosition {
  const { cursor, until } = filter;
  if (cursor !== undefined) return { receivedAt: epochMillis(Number(cursor.slice(0, 13))), id: cursor.slice(14) };
  // "~" sorts after every id, so no delivery of that millisecond is left out.
  const now = clock.now();
  const isOpen = until === undefined && isLookedUp(filter);
  return { receivedAt: isOpen ? endOfLookUp(now) : endOfRange(until, now), id: "~" };
}

type Listed = ListEntry | RecordedDelivery;

function isWanted(summary: Listed, filter: Query & { readonly isAuditShown?: boolean }): boolean {
  const { isAuditShown = false, source, outcome, type, principal, text, shadow } = filter;
  if (shadow !== undefined && meaningOf(summary) !== "shadowRejection") return false;
  // A read of the list must not fill it.
  if (outcome === undefined && summary.outcome === "audit" && !isAuditShown) return false;
  if (source !== undefined && summary.source !== source) return false;
  if (outcome !== undefined && summary.outcome !== outcome) return false;
  if (type !== undefined && !summary.what.split(", ").some((one) => one.startsWith(type))) return false;
  if (principal !== undefined && !isNamed(summary, principal)) return false;
  if (text === undefined) return true;
  const { id, source: name, what, subject = "" } = summary;
  return [id, name, what, subject, ...termsIn(summary)].join(" ").toLowerCase().includes(text.toLowerCase());
}

const isNamed = ({ principal }: DeliverySummary, name: string): boolean =>
  principal.subject === name || principal.subject === identityText(name) || principalIdOf(principal) === name;

const isKnown = (parameter: string): parameter is keyof Query => Object.hasOwn(EXPECTED, parameter);
