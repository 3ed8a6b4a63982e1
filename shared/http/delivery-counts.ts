import * as v from "valibot";
import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { callerOf } from "../identity/caller.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import { COUNTED, type Counts } from "../store/counters.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { SLOT_MS, slotOf } from "../store/postings.ts";
import type { DeliveriesApi } from "./deliveries.ts";
import { parseQuery } from "./query.ts";
import { endOfRange, time } from "./query-time.ts";

export interface DeliveryCountsApi extends Omit<DeliveriesApi, "deliveries"> {
  readonly deliveries: Pick<DeliveryStore, "counts">;
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
  readonly intervals: readonly { readonly from: string; readonly source?: string; readonly counts: Counts }[];
}

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
  const sums = new Map<string, { readonly at: EpochMillis; readonly source: string | undefined; counts: Counts }>();
  for await (const { slot, source, counts } of api.deliveries.counts(from, to)) {
    const at = epochMillis(slotOf(from) + Math.floor((slot - slotOf(from)) / intervalMs) * intervalMs);
    const named = by === undefined ? undefined : source;
    const key = `${at} ${named ?? ""}`;
    const sum = sums.get(key);
    sums.set(key, { at, source: named, counts: sum === undefined ? counts : together(sum.counts, counts) });
  }
  return ok({
    intervalSeconds: intervalMs / 1_000,
    intervals: [...sums.values()].map(({ at, source, counts }) => ({
      from: toIso(at),
      ...(source !== undefined && { source }),
      counts,
    })),
  });
}

const together = (a: Counts, b: Counts): Counts =>
  // The keys of `Counts`.
  Object.fromEntries(COUNTED.map((outcome) => [outcome, a[outcome] + b[outcome]])) as unknown as Counts;
