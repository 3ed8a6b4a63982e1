import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import type { DeliverySummary } from "../model/recorded-delivery.ts";
import { expiryOf, padTime, type Retention } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { SLOT_MS, slotOf } from "./postings.ts";
import { collect } from "./streams.ts";
import type { Item, Table } from "./table.ts";

export const COUNTED = ["event", "ignored", "unusable", "refused", "audit"] as const;
export type Counts = Readonly<Record<(typeof COUNTED)[number], number>>;

/** The deliveries of one source that were received in one slot. */
export interface SlotCounts {
  readonly slot: EpochMillis;
  readonly source: string;
  readonly counts: Counts;
}

/**
 * How many deliveries were received, for each source, outcome and slot of five minutes. One item has the slots of an hour,
 * so a week is 168 items of each source.
 */
export class Counters {
  readonly #table: Table;
  readonly #retention: Retention;

  constructor(table: Table, retention: Retention) {
    this.#table = table;
    this.#retention = retention;
  }

  /** Counts deliveries, in one write for each source and hour. Throws `store_unavailable`. */
  async add(deliveries: readonly DeliverySummary[]): Promise<void> {
    const sums = new Map<
      string,
      { readonly pk: string; readonly hour: EpochMillis; readonly add: Record<string, number> }
    >();
    for (const { source, outcome, receivedAt } of deliveries) {
      const hour = hourOf(receivedAt);
      const sk = `${padTime(hour)}#${source}`;
      const sum = sums.get(sk) ?? { pk: partitionOf(hour), hour, add: {} };
      const field = fieldOf(outcome, slotOf(receivedAt) - hour);
      sum.add[field] = (sum.add[field] ?? 0) + 1;
      sums.set(sk, sum);
    }
    await Promise.all(
      [...sums].map(([sk, { pk, hour, add }]) =>
        this.#table.change(
          { pk, sk },
          { condition: ALWAYS, add, set: { expiresAt: expiryOf(laterBy(hour, HOUR_MS), this.#retention) } },
        ),
      ),
    );
  }

  /** The slots of a range, oldest first, a list for each day. Both ends are inclusive, and each stands for its slot. */
  async *between(from: EpochMillis, to: EpochMillis): AsyncGenerator<readonly SlotCounts[]> {
    // No count is kept for longer, so no range reads more days than this.
    const oldest = Math.max(dayOf(from), dayOf(to) - (this.#retention.retentionDays + 1) * DAY_MS);
    const isInRange = ({ slot }: SlotCounts): boolean => slot >= slotOf(from) && slot <= slotOf(to);
    for (let day = oldest; day <= to; day += DAY_MS) {
      const range = { from: padTime(hourOf(from)), to: `${padTime(slotOf(to))}#\u{10ffff}` };
      const partition = partitionOf(epochMillis(day));
      // A day has few items, and the slots of two sources alternate.
      const slots = (await collect(this.#table.select({ partition, ...range }), slotsIn)).flat();
      yield slots.filter(isInRange).sort((one, other) => one.slot - other.slot);
    }
  }
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const hourOf = (time: EpochMillis): EpochMillis => epochMillis(Math.floor(time / HOUR_MS) * HOUR_MS);
const dayOf = (time: EpochMillis): number => Math.floor(time / DAY_MS) * DAY_MS;
const partitionOf = (time: EpochMillis): string => `count#${toIso(time).slice(0, 10)}`;

/** A count is added to, whether or not there is one. */
const ALWAYS = {
  any: [
    { field: TABLE.partitionKey, is: "absent" },
    { field: TABLE.partitionKey, is: "present" },
  ],
} as const;

/** `event` for the first slot of the item, then `event5` to `event55`. An item of an earlier release has one slot. */
const fieldOf = (outcome: string, afterMs: number): string => `${outcome}${afterMs === 0 ? "" : afterMs / 60_000}`;

const FIELDS: ReadonlyMap<string, { readonly outcome: (typeof COUNTED)[number]; readonly afterMs: number }> = new Map(
  Array.from({ length: HOUR_MS / SLOT_MS }, (_, at) => at * SLOT_MS).flatMap((afterMs) =>
    COUNTED.map((outcome) => [fieldOf(outcome, afterMs), { outcome, afterMs }] as const),
  ),
);

/** The slots of an item that have a delivery, oldest first. */
function slotsIn(item: Item): readonly SlotCounts[] {
  const [time, ...name] = String(item[TABLE.sortKey]).split("#");
  const [hour, source] = [epochMillis(Number(time)), name.join("#")];
  const slots: { readonly slot: EpochMillis; readonly source: string; readonly counts: Sums }[] = [];
  for (const field in item) {
    const counted = FIELDS.get(field);
    if (counted === undefined) continue;
    const { outcome, afterMs } = counted;
    slots[afterMs / SLOT_MS] ??= { slot: laterBy(hour, afterMs), source, counts: noCounts() };
    const slot = slots[afterMs / SLOT_MS];
    if (slot !== undefined) slot.counts[outcome] = Number(item[field]);
  }
  // Only the places that are set.
  return Object.values(slots);
}

type Sums = Record<(typeof COUNTED)[number], number>;

/** Sums to add to. */
export const noCounts = (): Sums => ({ event: 0, ignored: 0, unusable: 0, refused: 0, audit: 0 });
