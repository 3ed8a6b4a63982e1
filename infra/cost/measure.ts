import type { EpochMillis } from "../../shared/host/clock.ts";
import type { ListedDelivery } from "../../shared/model/lookup-terms.ts";
import { deliveryIn } from "../../shared/store/deliveries.ts";
import { listedPartOf } from "../../shared/store/delivery-list.ts";
import { fromStored, toStored } from "../../shared/store/dynamodb/item.ts";
import { ENTRY_BYTES } from "../../shared/store/index-entries.ts";
import { pagesOf } from "../../shared/store/list-pages.ts";
import { keyOfTerm, Postings } from "../../shared/store/postings.ts";
import type { Fields } from "../../shared/store/table.ts";
import { testClock } from "../../test/support/test-doubles.ts";
import { itemBytes, writeUnits } from "./item-size.ts";
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
  /** With a list page of its own, which is the most that the list can cost. */
  readonly allUnitsMean: number;
  readonly relayed: number;
  /** `allUnitsMean` of the relayed ones. */
  readonly relayedUnitsMean: number;
}

/** Means over the deliveries that are relayed. */
export interface RelayedMeans {
  readonly itemBytes: number;
  /** Bytes of a list page with one delivery. */
  readonly onePageBytes: number;
  /** Bytes of each further delivery on its page. */
  readonly furtherBytes: number;
  /** Items by which they are looked up, if all are received within one slot. */
  readonly lookups: number;
  readonly lookupBytes: number;
  /** Bytes in the index of the slot, on a page of its own. */
  readonly indexBytes: number;
  readonly tableUnits: number;
  readonly entryBytes: number;
  /** An audit record with the uncompressed body. */
  readonly plainBytes: number;
  readonly plainUnits: number;
}

export async function measureBodies(items: readonly RecordedItem[], date: string): Promise<BodySet> {
  const groups = [...new Set(items.map(({ provider }) => provider)), "all"];
  const relayed = items.filter(isRelayed);
  return {
    date,
    rows: groups.map((group) => rowOf(group, group === "all" ? items : items.filter((one) => one.provider === group))),
    relayed: {
      itemBytes: mean(relayed, ({ item }) => itemBytes(item)),
      ...pageSizes(relayed),
      ...(await lookupsOf(relayed)),
      indexBytes: mean(relayed, indexBytes),
      tableUnits: mean(relayed, tableUnits),
      entryBytes: mean(relayed, ({ entryBytes }) => entryBytes),
      plainBytes: mean(relayed, plainBytes),
      plainUnits: mean(relayed, (one) => writeUnits(plainBytes(one))),
    },
  };
}

const isRelayed = ({ entryBytes }: RecordedItem): boolean => entryBytes > 0;
const tableUnits = ({ item }: RecordedItem): number => writeUnits(itemBytes(item));
const pageUnits = (one: RecordedItem): number => writeUnits(pageBytes([one]));
const allUnits = (one: RecordedItem): number => tableUnits(one) + pageUnits(one);

/** Bytes of the list pages of these deliveries, as if they had been received at once. */
function pageBytes(items: readonly RecordedItem[]): number {
  const receivedAt = testClock().now();
  const pages = pagesOf(items.flatMap(listedAt(receivedAt)), { retentionDays: 90 });
  return pages.reduce((bytes, { page }) => bytes + itemBytes(toStored(page)), 0);
}

/** What the list has of an item's delivery, as if it had been received at this time. */
const listedAt =
  (receivedAt: EpochMillis) =>
  ({ item }: RecordedItem): readonly ListedDelivery[] => {
    const delivery = deliveryIn(fromStored(item));
    return delivery === undefined ? [] : [listedPartOf({ ...delivery, receivedAt })];
  };

async function lookupsOf(items: readonly RecordedItem[]) {
  const bytes: number[] = [];
  const table = {
    create: async () => true,
    get: async () => undefined,
    put: async (item: Fields) => void bytes.push(itemBytes(toStored(item))),
    select: () => {
      throw new Error("nothing is looked up");
    },
  };
  await new Postings(table, { retentionDays: 90 }).add(items.flatMap(listedAt(testClock().now())));
  const lookups = Math.round((100 * bytes.length) / items.length) / 100;
  return { lookups, lookupBytes: mean(bytes, (one) => one) };
}

function indexBytes(item: RecordedItem): number {
  const terms = listedAt(testClock().now())(item).flatMap((one) => one.terms ?? []);
  return ENTRY_BYTES * new Set(terms.map(keyOfTerm)).size;
}

function pageSizes(items: readonly RecordedItem[]) {
  const onePageBytes = mean(items, (one) => pageBytes([one]));
  const further = Math.max(1, items.length - 1);
  return { onePageBytes, furtherBytes: Math.round((100 * (pageBytes(items) - onePageBytes)) / further) / 100 };
}

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
