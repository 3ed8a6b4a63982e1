import { toStored } from "../../shared/store/dynamodb/item.ts";
import { dayIndexBytes, itemBytes, writeUnits } from "./item-size.ts";
import { REQUEST_ID, type RecordedItem } from "./recorded-items.ts";

/** The cost of recording a set of bodies: a row per provider, and the means of the relayed ones. */
export interface BodySet {
  /** Day of the measurement, as in `2026-11-21`. */
  readonly date: string;
  readonly rows: readonly BodyRow[];
  readonly relayed: RelayedMeans;
}

interface BodyRow {
  readonly group: string;
  readonly deliveries: number;
  readonly bodyMedian: number;
  readonly itemMedian: number;
  readonly itemP95: number;
  readonly itemMean: number;
  readonly unitsMedian: number;
  readonly unitsP95: number;
  readonly unitsMean: number;
  /** Table and indexes together. */
  readonly allUnitsMean: number;
  readonly relayed: number;
  /** `allUnitsMean` of the relayed ones. */
  readonly relayedUnitsMean: number;
}

/** Means over the deliveries that are relayed. */
export interface RelayedMeans {
  readonly itemBytes: number;
  readonly indexBytes: number;
  readonly tableUnits: number;
  readonly indexUnits: number;
  readonly entryBytes: number;
  /** An audit record with the uncompressed body. */
  readonly plainBytes: number;
  readonly plainUnits: number;
}

export function measureBodies(items: readonly RecordedItem[], date: string): BodySet {
  const groups = [...new Set(items.map(({ provider }) => provider)), "all"];
  const relayed = items.filter(isRelayed);
  return {
    date,
    rows: groups.map((group) => rowOf(group, group === "all" ? items : items.filter((one) => one.provider === group))),
    relayed: {
      itemBytes: mean(relayed, ({ item }) => itemBytes(item)),
      indexBytes: mean(relayed, ({ item }) => dayIndexBytes(item)),
      tableUnits: mean(relayed, tableUnits),
      indexUnits: mean(relayed, indexUnits),
      entryBytes: mean(relayed, ({ entryBytes }) => entryBytes),
      plainBytes: mean(relayed, plainBytes),
      plainUnits: mean(relayed, (one) => writeUnits(plainBytes(one))),
    },
  };
}

const isRelayed = ({ entryBytes }: RecordedItem): boolean => entryBytes > 0;
const tableUnits = ({ item }: RecordedItem): number => writeUnits(itemBytes(item));
/** Without the index `due`: in AWS a delivery is recorded without the mark for it. */
const indexUnits = ({ item }: RecordedItem): number => writeUnits(dayIndexBytes(item));
const allUnits = (one: RecordedItem): number => tableUnits(one) + indexUnits(one);

function rowOf(group: string, items: readonly RecordedItem[]): BodyRow {
  const relayed = items.filter(isRelayed);
  const sizes = items.map(({ item }) => itemBytes(item));
  const units = items.map(tableUnits);
  return {
    group,
    deliveries: items.length,
    bodyMedian: atRank(
      items.map(({ body }) => body.length),
      MEDIAN,
    ),
    itemMedian: atRank(sizes, MEDIAN),
    itemP95: atRank(sizes, P95),
    itemMean: Math.round(mean(items, ({ item }) => itemBytes(item))),
    unitsMedian: atRank(units, MEDIAN),
    unitsP95: atRank(units, P95),
    unitsMean: mean(items, tableUnits),
    allUnitsMean: mean(items, allUnits),
    relayed: relayed.length,
    relayedUnitsMean: mean(relayed, allUnits),
  };
}

/** Bytes of the usual audit record of the same delivery: source, time and the uncompressed body. */
function plainBytes({ item, body }: RecordedItem): number {
  const { pk, source } = item;
  const head = { pk: pk?.S, source: source?.S, requestId: REQUEST_ID, receivedAt: "2026-11-02T09:00:00.000Z" };
  return itemBytes(toStored({ ...head, body }));
}

const MEDIAN = 0.5;
const P95 = 0.95;

/** The nearest-rank percentile, which is always a value of the list. */
function atRank(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

/** Rounded to two decimals. */
function mean<T>(all: readonly T[], of: (one: T) => number): number {
  const total = all.reduce((sum, one) => sum + of(one), 0);
  return all.length === 0 ? 0 : Math.round((100 * total) / all.length) / 100;
}
