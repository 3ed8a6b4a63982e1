import { CLOCK_SKEW_MS, type EpochMillis, epochMillis } from "../host/clock.ts";
import { number, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import type { Condition, Item, Table } from "./table.ts";

/** The fields of work that is due at `at`, as set at `now`. */
export const dueFields = (now: EpochMillis, at: EpochMillis) => ({ [TABLE.dueIndex.sortKey]: at, [SET_AT]: now });

/** When the due time was set. The index does not have it. */
const SET_AT = "dueSetAt";

/** When the due time was set; 0 if the work is done. */
export const dueSetAt = (item: Item): EpochMillis => epochMillis(item[SET_AT] === undefined ? 0 : number(item, SET_AT));

/** Fields to remove from work that is done. */
export const DUE_FIELDS = [TABLE.dueIndex.partitionKey, TABLE.dueIndex.sortKey, SET_AT] as const;

/** The due time was set in the future, by a clock that was ahead: see `isAhead` in `host/clock.ts`. */
const isSetAhead = (now: EpochMillis): Condition => ({ field: SET_AT, is: ">", value: now + CLOCK_SKEW_MS });

export const isDue = (now: EpochMillis): Condition => ({
  any: [{ field: TABLE.dueIndex.sortKey, is: "<=", value: now }, isSetAhead(now)],
});

/**
 * Makes work of a queue due at `now` if its due time was set by a clock that was ahead. It may be leased: its owner then
 * keeps it until another claim.
 */
export async function correctDueTimes(table: Table, queue: string, now: EpochMillis): Promise<void> {
  const selection = { index: TABLE.dueIndex.name, partition: queue, from: now + 1 };
  const items = await collect(table.select(selection), (item) => ({
    pk: text(item, TABLE.partitionKey),
    sk: text(item, TABLE.sortKey),
  }));
  for (const key of items) {
    await table.change(key, { condition: isSetAhead(now), set: dueFields(now, now) });
  }
}
