import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import type { DeliverySummary } from "../model/recorded-delivery.ts";
import { expiryOf, padTime, type Retention } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { SLOT_MS, slotOf } from "./postings.ts";
import type { Item, Table } from "./table.ts";

export const COUNTED = ["event", "ignored", "unusable", "refused", "audit"] as const;
export type Counts = Readonly<Record<(typeof COUNTED)[number], number>>;

/** The deliveries of one source that were received in one slot. */
export interface SlotCounts {
  readonly slot: EpochMillis;
  readonly source: string;
  readonly counts: Counts;
}

/** How many deliveries were received, for each source, outcome and slot of five minutes. */
export class Counters {
  readonly #table: Table;
  readonly #retention: Retention;

  constructor(table: Table, retention: Retention) {
    this.#table = table;
    this.#retention = retention;
  }

  /** Counts deliveries, in one write for each source and slot. Throws `store_unavailable`. */
  async add(deliveries: readonly DeliverySummary[]): Promise<void> {
    const sums = new Map<
      string,
      { readonly pk: string; readonly slot: EpochMillis; readonly add: Record<string, number> }
    >();
    for (const { source, outcome, receivedAt } of deliveries) {
      const slot = slotOf(receivedAt);
      const sk = `${padTime(slot)}#${source}`;
      const sum = sums.get(sk) ?? { pk: partitionOf(slot), slot, add: {} };
      sum.add[outcome] = (sum.add[outcome] ?? 0) + 1;
      sums.set(sk, sum);
    }
    await Promise.all(
      [...sums].map(([sk, { pk, slot, add }]) =>
        this.#table.change(
          { pk, sk },
          { condition: ALWAYS, add, set: { expiresAt: expiryOf(laterBy(slot, SLOT_MS), this.#retention) } },
        ),
      ),
    );
  }

  /** The slots of a range, oldest first. Both ends are inclusive, and each stands for its slot. */
  async *between(from: EpochMillis, to: EpochMillis): AsyncGenerator<SlotCounts> {
    // No count is kept for longer, so no range reads more days than this.
    const oldest = Math.max(dayOf(from), dayOf(to) - (this.#retention.retentionDays + 1) * DAY_MS);
    for (let day = oldest; day <= to; day += DAY_MS) {
      const range = { from: padTime(slotOf(from)), to: `${padTime(slotOf(to))}#\u{10ffff}` };
      for await (const item of this.#table.select({ partition: partitionOf(epochMillis(day)), ...range })) {
        const [time, ...name] = String(item[TABLE.sortKey]).split("#");
        yield { slot: epochMillis(Number(time)), source: name.join("#"), counts: countsIn(item) };
      }
    }
  }
}

const DAY_MS = 86_400_000;
const dayOf = (time: EpochMillis): number => Math.floor(time / DAY_MS) * DAY_MS;
const partitionOf = (time: EpochMillis): string => `count#${toIso(time).slice(0, 10)}`;

/** A count is added to, whether or not there is one. */
const ALWAYS = {
  any: [
    { field: TABLE.partitionKey, is: "absent" },
    { field: TABLE.partitionKey, is: "present" },
  ],
} as const;

function countsIn(item: Item): Counts {
  const of = (outcome: (typeof COUNTED)[number]): number => Number(item[outcome] ?? 0);
  return {
    event: of("event"),
    ignored: of("ignored"),
    unusable: of("unusable"),
    refused: of("refused"),
    audit: of("audit"),
  };
}
