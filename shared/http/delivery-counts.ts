import * as v from "valibot";
import type { RefusalCounts } from "../delivery/refusal-counts.ts";
import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { callerOf } from "../identity/caller.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { COUNTED, type Counts } from "../store/counters.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { SLOT_MS, slotOf } from "../store/postings.ts";
import type { RefusalStore } from "../store/refusals.ts";
import type { DeliveriesApi } from "./deliveries.ts";
import { parseQuery } from "./query.ts";
import { endOfRange, time } from "./query-time.ts";

export interface DeliveryCountsApi extends Omit<DeliveriesApi, "deliveries"> {
  readonly deliveries: Pick<DeliveryStore, "counts">;
  readonly refusals: Pick<RefusalStore, "list">;
  readonly refusalCounts: Pick<RefusalCounts, "flush">;
}

export const countsQuery = v.strictObject({
  since: v.optional(time),
  until: v.optional(time),
  by: v.optional(v.literal("source")),
});
export const COUNTS_EXPECTED = {
  since: "a time in ISO 8601, e.g. 2026-11-02T09:00:00Z",
  until: "a time in ISO 8601, e.g. 2026-11-02T09:00:00Z",
  by: "source",
} as const satisfies Record<keyof v.InferOutput<typeof countsQuery>, string>;

export interface DeliveryCounts {
  /** The length of each interval, in seconds: a multiple of five minutes. */
  readonly intervalSeconds: number;
  /** The intervals that have a delivery, oldest first, with one entry for each source if that is asked for. */
  readonly intervals: readonly CountedInterval[];
  /**
   * `attention` and `refusedRequests` of the interval of this time, and of all before, are at least what is said: only the
   * newest are counted. Absent if all are.
   */
  readonly atLeastBefore?: string;
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

/** The states of a route that need a person. */
export const ROUTE_ATTENTION = ["given_up", "accepted_without_run", "cut", "retrying", "waiting"] as const;
type RouteAttention = (typeof ROUTE_ATTENTION)[number];
/** Entries of the index of states, and counts of refusals, that one request reads. The response says what is left out. */
const MAX_READ = 5_000;

const DAY_MS = 86_400_000;
/** Intervals of one response, for one source. */
const MAX_INTERVALS = 100;

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
  const { since, until, by } = read.value;
  const to = endOfRange(until, api.clock.now());
  const from = since === undefined ? laterBy(to, -7 * DAY_MS) : epochMillis(Date.parse(since));
  const intervalMs = Math.max(1, Math.ceil((to - from) / MAX_INTERVALS / SLOT_MS)) * SLOT_MS;
  const intervalOf = (time: EpochMillis): EpochMillis =>
    epochMillis(slotOf(from) + Math.floor((slotOf(time) - slotOf(from)) / intervalMs) * intervalMs);
  const sums = new Map<string, { readonly at: EpochMillis; readonly source: string | undefined; counts: Counts }>();
  for await (const { slot, source, counts } of api.deliveries.counts(from, to)) {
    const at = intervalOf(slot);
    const named = by === undefined ? undefined : source;
    const key = `${at} ${named ?? ""}`;
    const sum = sums.get(key);
    sums.set(key, { at, source: named, counts: sum === undefined ? counts : together(sum.counts, counts) });
  }
  const { beside, atLeastBefore } = by === undefined ? await countedBeside({ from, to, intervalOf }, api) : NOTHING;
  for (const at of beside.keys()) {
    const key = `${at} `;
    if (!sums.has(key)) sums.set(key, { at, source: undefined, counts: NONE });
  }
  return ok({
    intervalSeconds: intervalMs / 1_000,
    intervals: [...sums.values()]
      .sort((one, other) => one.at - other.at)
      .map(({ at, source, counts }) => ({
        from: toIso(at),
        ...(source !== undefined && { source }),
        counts,
        ...beside.get(at),
      })),
    ...(atLeastBefore !== undefined && { atLeastBefore: toIso(atLeastBefore) }),
  });
}

type Beside = Pick<CountedInterval, "refusedRequests" | "attention">;

interface CountedBeside {
  readonly beside: ReadonlyMap<EpochMillis, Beside>;
  readonly atLeastBefore?: EpochMillis;
}

const NOTHING: CountedBeside = { beside: new Map() };

interface Range {
  readonly from: EpochMillis;
  readonly to: EpochMillis;
  readonly intervalOf: (time: EpochMillis) => EpochMillis;
}

/** What is counted without a delivery, and what failed and still needs a person, by the beginning of the interval. */
async function countedBeside(
  { from, to, intervalOf }: Range,
  { refusals, refusalCounts, attention }: DeliveryCountsApi,
): Promise<CountedBeside> {
  await refusalCounts.flush();
  const refused = new Map<EpochMillis, number>();
  const windows = await refusals.list({ from, to, limit: MAX_READ + 1 });
  for (const { window, count } of windows.slice(0, MAX_READ)) {
    const at = intervalOf(epochMillis(Math.max(window, from)));
    refused.set(at, (refused.get(at) ?? 0) + count);
  }
  // The times of what was not counted. It is in order, so all that is newer was.
  const [refusal] = windows.slice(MAX_READ);
  const left: EpochMillis[] = refusal === undefined ? [] : [epochMillis(Math.max(refusal.window, from))];
  const needed = new Map<EpochMillis, Map<RouteAttention, number>>();
  let read = 0;
  const span = { states: ROUTE_ATTENTION, before: { since: to, delivery: "~" }, notBefore: from };
  for await (const { state, since } of attention.newestFirst(span)) {
    if (read === MAX_READ) {
      left.push(since);
      break;
    }
    const counts = needed.get(intervalOf(since)) ?? new Map<RouteAttention, number>();
    needed.set(intervalOf(since), counts);
    const known = ROUTE_ATTENTION.find((one) => one === state);
    if (known !== undefined) counts.set(known, (counts.get(known) ?? 0) + 1);
    read += 1;
  }
  const all = [...new Set([...refused.keys(), ...needed.keys()])];
  const beside = new Map(
    all.map((at): readonly [EpochMillis, Beside] => {
      const [refusedRequests, states] = [refused.get(at), needed.get(at)];
      return [
        at,
        {
          ...(refusedRequests !== undefined && { refusedRequests }),
          ...(states && { attention: [...states].map(([state, count]) => ({ state, count })) }),
        },
      ];
    }),
  );
  return { beside, ...(left.length > 0 && { atLeastBefore: epochMillis(Math.max(...left)) }) };
}

const NONE: Counts = { event: 0, ignored: 0, unusable: 0, refused: 0, audit: 0 };

const together = (a: Counts, b: Counts): Counts =>
  // The keys of `Counts`.
  Object.fromEntries(COUNTED.map((outcome) => [outcome, a[outcome] + b[outcome]])) as unknown as Counts;
