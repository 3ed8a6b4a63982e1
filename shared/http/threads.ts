import * as v from "valibot";
import { outcomesOf } from "../delivery/delivery-outcomes.ts";
import { readThread, type ThreadDeps } from "../delivery/read-thread.ts";
import { UPSTREAM_REFUSALS } from "../delivery/rejection-audit.ts";
import { type EpochMillis, epochMillis, toIso } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { withoutCredentials } from "../host/url-credentials.ts";
import { callerOf } from "../identity/caller.ts";
import { hasTerms, type Term } from "../model/lookup-terms.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { type ThreadSpan, type ThreadTotals, threadOf } from "../model/thread/thread.ts";
import type { DeliveryPage } from "../store/delivery-list.ts";
import { type DeliveriesApi, mayRead } from "./deliveries.ts";
import { LOOKUP_PARAMETERS, lookupEntries, termsOfQuery } from "./lookup.ts";
import { parseQuery } from "./query.ts";
import { endOfLookUp } from "./query-time.ts";

export interface ThreadsApi extends DeliveriesApi, Pick<ThreadDeps, "origins"> {
  readonly actions: DeliveriesApi["actions"] & ThreadDeps["actions"];
}

const { commit, page, run, correlation } = lookupEntries;

export const threadsQuery = v.strictObject({
  delivery: v.optional(v.pipe(v.string(), v.regex(/^d-[a-z0-9-]{1,64}$/))),
  commit,
  page,
  run,
  correlation,
});
type Query = v.InferOutput<typeof threadsQuery>;

export const THREADS_EXPECTED = {
  delivery: "a delivery's id",
  commit: LOOKUP_PARAMETERS.commit,
  page: LOOKUP_PARAMETERS.page,
  run: LOOKUP_PARAMETERS.run,
  correlation: LOOKUP_PARAMETERS.correlation,
} as const satisfies Record<keyof Query, string>;

/** Deliveries that are looked at for what a thread is asked for. */
const MAX_FOUND = 50;
const READ_MS = 3_000;

/** A thread of the same commit, page or run, by the delivery that it was found by. */
interface OtherThread {
  readonly delivery: string;
  readonly what: string;
  readonly subject?: string;
  readonly receivedAt: string;
}

type ShownSpan = Omit<ThreadSpan, "start" | "end"> & { readonly start: string; readonly end?: string };
type ShownTotals = Omit<ThreadTotals, "start" | "end"> & { readonly start: string; readonly end?: string };

export interface ShownThread {
  /** When the bridge answered: steps without an end go on until then. */
  readonly now: string;
  readonly totals: ShownTotals;
  readonly spans: readonly ShownSpan[];
  /** More deliveries belong to the thread, or have what was asked for, than are read. */
  readonly isCut?: true;
  /** The caller may read only some deliveries, so steps may be missing. */
  readonly isConfined?: true;
  /** Newest first. */
  readonly others?: readonly OtherThread[];
}

/**
 * `GET /v1/threads`: everything that followed from one cause. A commit, or an id that goes from system to system, has one
 * thread with all its causes. Else it is the thread of the newest delivery with all that is asked for that had an effect,
 * and the others are named.
 */
export async function getThread(request: ReceivedRequest, api: ThreadsApi): Promise<Result<ShownThread>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  const { principal: by } = caller.value;
  const asked = parseQuery(request, threadsQuery, THREADS_EXPECTED);
  if (!asked.ok) return reject(asked.rejection, by);
  const maySee = (delivery: Pick<RecordedDelivery, "events">): boolean => mayRead(by, delivery, api.policy);
  const found = await seedsOf(asked.value, maySee, api);
  const { deliveries, isCut } = await readThread(found.seeds, api, maySee);
  const isIncomplete = isCut || found.isCut;
  // What was not looked at may be what is asked for.
  if (deliveries.length === 0 && isIncomplete)
    return reject({ reason: "query_invalid", parameter: "delivery", expected: NAMED }, by);
  if (deliveries.length === 0) return reject({ reason: "delivery_unknown" });
  await api.auditLog.recordRead({ act: "thread_opened", object: objectOf(asked.value), by, request });
  const now = api.clock.now();
  const { spans, totals } = threadOf(deliveries, now);
  const known = new Set(deliveries.map(({ delivery }) => delivery.id));
  const others = found.others.filter(({ delivery }) => !known.has(delivery));
  return ok(
    withoutCredentials({
      now: toIso(now),
      totals: withIsoTimes(totals),
      spans: spans.map(withIsoTimes),
      ...(isIncomplete && { isCut: true as const }),
      ...(api.policy.isConfined(by, "deliveries") && { isConfined: true as const }),
      ...(others.length > 0 && { others }),
    }),
  );
}

const NAMED = "given: the time ended before every delivery was looked at. GET /v1/deliveries goes on from page to page";

const objectOf = (query: Query): string =>
  Object.entries(query)
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]))
    .join(", ") || "newest";

const withIsoTimes = <T extends { readonly start: EpochMillis; readonly end?: EpochMillis }>({
  start,
  end,
  ...rest
}: T) => ({
  ...rest,
  start: toIso(start),
  ...(end !== undefined && { end: toIso(end) }),
});

interface Found {
  readonly seeds: readonly string[];
  readonly others: readonly OtherThread[];
  /** More deliveries have what was asked for than were looked at. */
  readonly isCut: boolean;
}

async function seedsOf(query: Query, maySee: (delivery: RecordedDelivery) => boolean, api: ThreadsApi): Promise<Found> {
  const terms = termsOfQuery(query);
  if (query.delivery !== undefined) {
    const delivery = await readable(query.delivery, api.deliveries);
    return {
      seeds: delivery !== undefined && hasTerms(delivery, terms) ? [delivery.id] : [],
      others: [],
      isCut: false,
    };
  }
  const { deliveries: found, next } = await deliveriesWith(terms, maySee, api);
  const isCut = next !== undefined;
  if (query.correlation !== undefined) {
    const repeated = await api.refusals.repeatOf(query.correlation);
    return { seeds: [...found.map(({ id }) => id), ...(repeated === undefined ? [] : [repeated])], others: [], isCut };
  }
  if (query.commit !== undefined) return { seeds: found.map(({ id }) => id), others: [], isCut };
  const outcomes = await outcomesOf(found, api);
  const hadEffect = outcomes.find(({ outcome }) => outcome !== undefined && !WITHOUT_EFFECT.has(outcome.state));
  const seed = (hadEffect ?? outcomes[0])?.delivery;
  const others = outcomes
    .filter(({ delivery, outcome }) => delivery !== seed && outcome?.state !== "ignored")
    .map(({ delivery: { id, what, subject, receivedAt } }) => ({
      delivery: id,
      what,
      ...(subject !== undefined && { subject }),
      receivedAt: toIso(receivedAt),
    }));
  return { seeds: seed === undefined ? [] : [seed.id], others, isCut };
}

/** The bridge's own edits of a page are among the page's deliveries. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(["ignored", "no_route", "repeat"]);

/** Newest first. */
async function deliveriesWith(
  terms: readonly Term[],
  maySee: (delivery: RecordedDelivery) => boolean,
  { deliveries, clock }: ThreadsApi,
): Promise<DeliveryPage> {
  const end = clock.monotonic() + READ_MS;
  const isOfRequest = terms.some(({ kind }) => kind === "correlation");
  return await deliveries.list({
    terms,
    before: { receivedAt: endOfLookUp(clock.now()), id: "~" },
    notBefore: epochMillis(0),
    limit: MAX_FOUND,
    scanLimit: Number.POSITIVE_INFINITY,
    hasTime: () => clock.monotonic() < end,
    matches: async ({ id, outcome, what }) => {
      // What a gateway refused belongs to the thread of the request, with what came after it.
      const isStep =
        outcome === "event" || (isOfRequest && (outcome === "refused" || UPSTREAM_REFUSALS.includes(what)));
      const delivery = isStep ? await readable(id, deliveries) : undefined;
      return delivery !== undefined && maySee(delivery);
    },
  });
}

/** The list shows a record that cannot be read; a thread leaves it out. */
const readable = (id: string, deliveries: ThreadsApi["deliveries"]): Promise<RecordedDelivery | undefined> =>
  deliveries.get(id).catch((error: unknown) => {
    if (error instanceof Fault && error.code === "record_unreadable") return undefined;
    throw error;
  });
