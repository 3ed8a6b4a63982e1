import * as v from "valibot";
import type { RefusalCounts } from "../delivery/refusal-counts.ts";
import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { callerOf } from "../identity/caller.ts";
import { ROUTE_ATTENTION } from "../model/attention.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { COUNTED, type Counts, noCounts } from "../store/counters.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { SLOT_MS, slotOf } from "../store/postings.ts";
import type { RefusalStore } from "../store/refusals.ts";
import type { DeliveriesApi } from "./deliveries.ts";
import { parseQuery } from "./query.ts";
import { endOfRange, time } from "./query-time.ts";
import type { TargetsApi } from "./targets.ts";

export interface DeliveryCountsApi extends Omit<DeliveriesApi, "deliveries">, Pick<TargetsApi, "targetNames"> {
  readonly deliveries: Pick<DeliveryStore, "counts">;
  readonly refusals: Pick<RefusalStore, "list" | "repeatOf">;
  readonly refusalCounts: Pick<RefusalCounts, "flush">;
  /** The configured routes. */
  readonly runReporters: readonly { readonly name: string }[];
}

type RouteAttention = (typeof ROUTE_ATTENTION)[number];

export const countsQuery = v.strictObject({
  since: v.optional(time),
  until: v.optional(time),
  by: v.optional(v.literal("source")),
  route: v.optional(v.string()),
  target: v.optional(v.string()),
});
type CountsQuery = v.InferOutput<typeof countsQuery>;
export const COUNTS_EXPECTED = {
  since: "a time in ISO 8601, e.g. 2026-11-02T09:00:00Z",
  until: "a time in ISO 8601, e.g. 2026-11-02T09:00:00Z",
  by: "source",
  route: "a route's name",
  target: "a target's name",
} as const satisfies Record<keyof CountsQuery, string>;

export interface DeliveryCounts {
  /** The length of each interval, in seconds: a multiple of five minutes. */
  readonly intervalSeconds: number;
  /** The intervals that have a delivery, oldest first, with one entry for each source if that is asked for. */
  readonly intervals: readonly CountedInterval[];
  /** Of the whole range, whatever is selected. Without `by`. */
  readonly totals?: CountedTotals;
  /**
   * `attention` and `refusedRequests` of the interval of this time, and of all before, are at least what is said, as
   * `totals` are: only the newest are counted. Absent if all are.
   */
  readonly atLeastBefore?: string;
}

/** Each configured source, route and target, and what else was counted. */
interface CountedTotals {
  /** The deliveries of each source. */
  readonly sources: readonly { readonly source: string; readonly count: number }[];
  /** The routes of deliveries that need a person, by state, by route and by target. */
  readonly states: readonly { readonly state: RouteAttention; readonly count: number }[];
  readonly routes: readonly { readonly route: string; readonly count: number }[];
  readonly targets: readonly { readonly target: string; readonly count: number }[];
}

interface CountedInterval {
  readonly from: string;
  readonly source?: string;
  readonly counts: Counts;
  /** Requests that nobody proved, so that they have no delivery. Without `by`. */
  readonly refusedRequests?: number;
  /** The routes that began to need a person then and still do, by state. Without `by`. */
  readonly attention?: readonly { readonly state: RouteAttention; readonly count: number }[];
}

/** Entries of the index of states, and counts of refusals, that one request reads. The response says what is left out. */
const MAX_READ = 5_000;

const DAY_MS = 86_400_000;
/** Intervals of one response, for one source. */
const MAX_INTERVALS = 60;

/** `GET /v1/deliveries/counts`: of the last seven days unless `since` is given. */
export async function countDeliveries(
  request: ReceivedRequest,
  api: DeliveryCountsApi,
): Promise<Result<DeliveryCounts>> {
  const caller = await callerOf(request, "deliveries", api);
  if (!caller.ok) return caller;
  // The counts have no facts, so a role that sees only some deliveries does not see them.
  const rejection = api.policy.rejectCall(caller.value.principal, "deliveries", []);
  if (rejection !== undefined) return reject(rejection, caller.value.principal);
  const read = parseQuery(request, countsQuery, COUNTS_EXPECTED);
  if (!read.ok) return read;
  const { since, until, by, route, target } = read.value;
  const to = endOfRange(until, api.clock.now());
  const from = since === undefined ? laterBy(to, -7 * DAY_MS) : epochMillis(Date.parse(since));
  const intervalMs = Math.max(1, Math.ceil((to - from) / MAX_INTERVALS / SLOT_MS)) * SLOT_MS;
  const intervalOf = (time: EpochMillis): EpochMillis =>
    epochMillis(slotOf(from) + Math.floor((slotOf(time) - slotOf(from)) / intervalMs) * intervalMs);
  const sums: Sums = new Map();
  const sources = new Map(api.sourceNames.map((name) => [name, 0]));
  // A delivery is counted without its routes, so these select only what needs a person.
  const isAttentionOnly = route !== undefined || target !== undefined;
  for await (const day of api.deliveries.counts(from, to)) {
    for (const { slot, source, counts } of day) {
      const { event, ignored, unusable, refused } = counts;
      sources.set(source, (sources.get(source) ?? 0) + event + ignored + unusable + refused);
      if (isAttentionOnly) continue;
      const sum = sumIn(sums, by && source, intervalOf(slot));
      for (const outcome of COUNTED) sum[outcome] += counts[outcome];
    }
  }
  const range = { from, to, intervalOf };
  const needed = by === undefined ? await attentionIn(range, read.value, api) : undefined;
  const refused = by === undefined && !isAttentionOnly ? await refusedIn(range, api) : undefined;
  // The times of what was not counted. It is in order, so all that is newer was.
  const left = [needed?.left, refused?.left].filter((time) => time !== undefined);
  for (const at of [...(needed?.intervals.keys() ?? []), ...(refused?.counts.keys() ?? [])]) sumIn(sums, undefined, at);
  return ok({
    intervalSeconds: intervalMs / 1_000,
    intervals: [...sums]
      .flatMap(([source, ofSource]) => [...ofSource].map(([at, counts]) => ({ at, source, counts })))
      .sort((one, other) => one.at - other.at)
      .map(({ at, source, counts }): CountedInterval => {
        const [states, refusedRequests] = [needed?.intervals.get(at), refused?.counts.get(at)];
        return {
          from: toIso(at),
          ...(source !== undefined && { source }),
          counts,
          ...(refusedRequests !== undefined && { refusedRequests }),
          ...(states && { attention: [...states].map(([name, count]) => ({ state: name, count })) }),
        };
      }),
    ...(needed && { totals: totalsOf({ ...needed, sources }) }),
    ...(left.length > 0 && { atLeastBefore: toIso(epochMillis(Math.max(...left))) }),
  });
}

type Sums = Map<string | undefined, Map<EpochMillis, ReturnType<typeof noCounts>>>;

/** What is counted in an interval, of one source or of all. It is zero at first. */
function sumIn(sums: Sums, source: string | undefined, at: EpochMillis): ReturnType<typeof noCounts> {
  const ofSource = sums.get(source) ?? new Map<EpochMillis, ReturnType<typeof noCounts>>();
  const sum = ofSource.get(at) ?? noCounts();
  sums.set(source, ofSource.set(at, sum));
  return sum;
}

interface Range {
  readonly from: EpochMillis;
  readonly to: EpochMillis;
  readonly intervalOf: (time: EpochMillis) => EpochMillis;
}

interface Refused {
  /** By the beginning of the interval. */
  readonly counts: ReadonlyMap<EpochMillis, number>;
  /** The newest that is not counted. */
  readonly left: EpochMillis | undefined;
}

/** Requests that were refused without a delivery. */
async function refusedIn(
  { from, to, intervalOf }: Range,
  { refusals, refusalCounts }: DeliveryCountsApi,
): Promise<Refused> {
  await refusalCounts.flush();
  const counts = new Map<EpochMillis, number>();
  const windows = await refusals.list({ from, to, limit: MAX_READ + 1 });
  for (const { window, count } of windows.slice(0, MAX_READ))
    addTo(counts, intervalOf(epochMillis(Math.max(window, from))), count);
  const [refusal] = windows.slice(MAX_READ);
  return { counts, left: refusal && epochMillis(Math.max(refusal.window, from)) };
}

interface Needed {
  /** Of the selected routes, by the beginning of the interval. */
  readonly intervals: ReadonlyMap<EpochMillis, ReadonlyMap<RouteAttention, number>>;
  readonly states: ReadonlyMap<RouteAttention, number>;
  readonly routes: ReadonlyMap<string, number>;
  readonly targets: ReadonlyMap<string, number>;
  /** When the newest that is not counted began. */
  readonly left: EpochMillis | undefined;
}

/** What failed and still needs a person. */
async function attentionIn(
  { from, to, intervalOf }: Range,
  { route, target }: CountsQuery,
  { attention, runReporters, targetNames }: DeliveryCountsApi,
): Promise<Needed> {
  const intervals = new Map<EpochMillis, Map<RouteAttention, number>>();
  const totals = {
    states: new Map<RouteAttention, number>(),
    routes: new Map(runReporters.map(({ name }) => [name, 0])),
    targets: new Map(targetNames.map((name) => [name, 0])),
  };
  let read = 0;
  const span = { states: ROUTE_ATTENTION, before: { since: to, delivery: "~" }, notBefore: from };
  for await (const entry of attention.newestFirst(span)) {
    if (read === MAX_READ) return { intervals, ...totals, left: entry.since };
    const state = ROUTE_ATTENTION.find((one) => one === entry.state);
    if (state !== undefined) {
      addTo(totals.states, state, 1);
      addTo(totals.routes, entry.route, 1);
      addTo(totals.targets, entry.target, 1);
      const isWanted =
        (route === undefined || entry.route === route) && (target === undefined || entry.target === target);
      const at = intervalOf(entry.since);
      const counts = intervals.get(at) ?? new Map<RouteAttention, number>();
      if (isWanted) intervals.set(at, addTo(counts, state, 1));
    }
    read += 1;
  }
  return { intervals, ...totals, left: undefined };
}

function addTo<Key>(sums: Map<Key, number>, key: Key | undefined, count: number): Map<Key, number> {
  if (key !== undefined) sums.set(key, (sums.get(key) ?? 0) + count);
  return sums;
}

const totalsOf = ({
  sources,
  states,
  routes,
  targets,
}: Omit<Needed, "intervals" | "left"> & { readonly sources: ReadonlyMap<string, number> }): CountedTotals => ({
  sources: [...sources].map(([source, count]) => ({ source, count })),
  states: [...states].map(([state, count]) => ({ state, count })),
  routes: [...routes].map(([route, count]) => ({ route, count })),
  targets: [...targets].map(([target, count]) => ({ target, count })),
});
