import { deflateSync, inflateSync } from "node:zlib";
import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { sha256Hex } from "../model/idempotency-keys.ts";
import type { ListedDelivery } from "../model/lookup-terms.ts";
import { expiryOf, number, padTime, type Retention } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { mergeNewestFirst } from "./streams.ts";
import { beginningWith, type Fields, type Item, type ItemKey, type Table } from "./table.ts";

/** A position in the order of all deliveries: by time, then by id. */
export type DeliveryPosition = Pick<ListedDelivery, "receivedAt" | "id">;

/**
 * Partitions of the pages of one day, so that the writes of a day are spread (each takes 1,000 write units a second). The
 * indexes of slots have the number of a shard in two bits.
 */
export const LIST_SHARDS = 4;
/** Maximum number of deliveries on a page. */
export const PAGE_DELIVERIES = 100;
/**
 * Longest time between two deliveries of one page. A list that starts at an instant also reads the pages that are newer by
 * this, because they may have older deliveries.
 */
export const PAGE_SPAN_MS = 60_000;
/** An item in DynamoDB has at most 400 KB. */
const MAX_PAGE_BYTES = 300_000;

/**
 * The list pages of the deliveries: one for each day (UTC) and span of time, with at most {@link PAGE_DELIVERIES}. The key
 * contains a digest of the page's deliveries, so a page that is written again replaces itself, and no other page.
 */
export function pagesOf(deliveries: readonly ListedDelivery[], retention: Retention): readonly ListPage[] {
  const newestFirst = [...deliveries].sort(byPosition);
  const groups: ListedDelivery[][] = [];
  for (const delivery of newestFirst) {
    const [newest] = groups.at(-1) ?? [];
    const isInGroup =
      newest !== undefined &&
      (groups.at(-1)?.length ?? 0) < PAGE_DELIVERIES &&
      newest.receivedAt - delivery.receivedAt <= PAGE_SPAN_MS &&
      dayOf(newest.receivedAt) === dayOf(delivery.receivedAt);
    if (isInGroup) groups.at(-1)?.push(delivery);
    else groups.push([delivery]);
  }
  return groups.flatMap((group) => pagesOfGroup(group, retention));
}

export interface ListPage {
  readonly deliveries: readonly ListedDelivery[];
  readonly page: Fields & ItemKey;
}

function pagesOfGroup(group: readonly ListedDelivery[], retention: Retention): readonly ListPage[] {
  const [newest] = group;
  const oldest = group.at(-1);
  if (newest === undefined || oldest === undefined) return [];
  // JSON has no line feed inside a text, so a reader takes only the lines that it wants apart.
  const content = deflateSync(`[${group.map((one) => JSON.stringify(one)).join(LINES)}]`);
  if (content.length > MAX_PAGE_BYTES && group.length > 1) {
    const middle = Math.ceil(group.length / 2);
    return [group.slice(0, middle), group.slice(middle)].flatMap((half) => pagesOfGroup(half, retention));
  }
  // A repeat is listed again with the delivery that it repeats.
  const digest = sha256Hex(group.map(({ id, repeats = "" }) => `${id} ${repeats}`).join("\n"));
  const page = {
    pk: partitionOf(dayOf(newest.receivedAt), Number.parseInt(digest.slice(0, 2), 16) % LIST_SHARDS),
    sk: `${padTime(newest.receivedAt)}#${newest.id}#${digest.slice(0, 16)}`,
    oldest: oldest.receivedAt,
    expiresAt: expiryOf(newest.receivedAt, retention),
    content,
  };
  return [{ deliveries: group, page }];
}

export interface ListWindow {
  /** Where the list starts, exclusive; it continues with older deliveries. */
  readonly before: DeliveryPosition;
  readonly notBefore: EpochMillis;
}

interface ListOptions extends Retention {
  readonly unlisted: readonly ListedDelivery[];
  /** A text that the JSON of each wanted delivery has. What is without it is not parsed. Undefined if all are wanted. */
  readonly containing: string | undefined;
  readonly reading: Reading;
}

/** The reading of one request. It ends where its time ends. */
export interface Reading {
  readonly hasTime: () => boolean;
  /** Where it ended for want of time: another reading begins there. */
  endedAt: DeliveryPosition | undefined;
}

/**
 * Yields the deliveries of a window, newest first and each once: those of the list pages, and those that `unlisted` has. A
 * delivery is yielded when no page is left that may have a newer one. Of two entries of one delivery, the one that names
 * the delivery that it repeats wins.
 */
export async function* listedNewestFirst(
  table: Table,
  window: ListWindow,
  { unlisted, containing, reading, retentionDays }: ListOptions,
): AsyncGenerator<ListedDelivery> {
  const { before, notBefore } = window;
  const newestDay = dayOf(before.receivedAt);
  // No page is kept for longer, so no window reads more days than this.
  const oldestDay = Math.max(dayOf(notBefore), newestDay - (retentionDays + 1) * DAY_MS);
  for (let day = newestDay; day >= oldestDay; day -= DAY_MS) {
    const pages = pageItemsOf(table, day, notBefore, laterBy(before.receivedAt, PAGE_SPAN_MS));
    const ofDay = unlisted.filter(({ receivedAt }) => dayOf(receivedAt) === day);
    yield* deliveriesOn(pages, window, { unlisted: ofDay, containing, reading });
    if (reading.endedAt !== undefined) return;
  }
  yield* unlisted.filter((one) => dayOf(one.receivedAt) < oldestDay && isIn(window, one)).sort(byPosition);
}

/** A place in the table that has a page. Two pages may have the same. */
export interface PagePlace {
  /** When the newest delivery of the page was received. */
  readonly newest: EpochMillis;
  readonly shard: number;
}

/** Yields the deliveries of a window on the pages at these places, which are ordered newest first. */
export function listedAt(
  table: Table,
  places: readonly PagePlace[],
  window: ListWindow,
  { containing, reading }: Pick<ListOptions, "containing" | "reading">,
): AsyncGenerator<ListedDelivery> {
  const newest = laterBy(window.before.receivedAt, PAGE_SPAN_MS);
  const wanted = places.filter((place) => place.newest <= newest);
  return deliveriesOn(pageItemsAt(table, wanted), window, { unlisted: [], containing, reading });
}

async function* pageItemsAt(table: Table, places: readonly PagePlace[]): AsyncGenerator<Item> {
  for (let at = 0; at < places.length; ) {
    // Pages of one time are in the order of their keys, whatever their shards are.
    const time = places[at]?.newest;
    const same = places.slice(at).filter(({ newest }) => newest === time);
    const found = same.map(({ newest, shard }) =>
      table.select({
        partition: partitionOf(dayOf(newest), shard),
        ...beginningWith(padTime(newest)),
        newestFirst: true,
      }),
    );
    yield* mergeNewestFirst(found, sortKeyOf);
    at += same.length;
  }
}

/** The pages whose newest delivery was received in a time within one day, newest first. */
export async function* pageItemsBetween(table: Table, from: EpochMillis, to: EpochMillis): AsyncGenerator<Item> {
  yield* pageItemsOf(table, dayOf(from), from, to);
}

const pageItemsOf = (table: Table, day: number, from: EpochMillis, to: EpochMillis): AsyncGenerator<Item> =>
  mergeNewestFirst(
    Array.from({ length: LIST_SHARDS }, (_, shard) =>
      table.select({
        partition: partitionOf(day, shard),
        from: padTime(from),
        to: `${padTime(to)}~`,
        newestFirst: true,
      }),
    ),
    sortKeyOf,
  );

const sortKeyOf = (item: Item): string => String(item[TABLE.sortKey]);

/** Merges the deliveries of pages, which come newest first, with others. */
async function* deliveriesOn(
  pages: AsyncIterable<Item>,
  window: ListWindow,
  { unlisted, containing, reading }: Omit<ListOptions, keyof Retention>,
): AsyncGenerator<ListedDelivery> {
  const isInWindow = (one: DeliveryPosition): boolean => isIn(window, one);
  let waiting = unlisted.filter(isInWindow).sort(byPosition);
  let read = 0;
  for await (const page of pages) {
    const newest = newestIn(page);
    const ready = waiting.findIndex((one) => byPosition(one, newest) >= 0);
    if (ready !== 0) {
      yield* waiting.slice(0, ready < 0 ? waiting.length : ready);
      waiting = ready < 0 ? [] : waiting.slice(ready);
    }
    // Each reading gets on, however many pages are newer than its window.
    if (isInWindow(newest)) read += 1;
    if (read > 1 && read % TIME_CHECK_PAGES === 1 && !reading.hasTime()) {
      // Every id has the same length, so this position is before the page's newest delivery, and after each one before that.
      reading.endedAt = { receivedAt: newest.receivedAt, id: `${newest.id}0` };
      return;
    }
    if (number(page, "oldest") > window.before.receivedAt) continue;
    const found = deliveriesIn(page, containing).filter(isInWindow);
    // A look-up reads many pages that have nothing for it.
    if (found.length > 0) waiting = merged(waiting, found);
  }
  yield* waiting;
}

const isIn = ({ before, notBefore }: ListWindow, one: DeliveryPosition): boolean =>
  byPosition(before, one) < 0 && one.receivedAt >= notBefore;

export const pagePlaceOf = ({ pk, sk }: Partial<ItemKey>): PagePlace => ({
  newest: epochMillis(Number(sk?.split("#")[0])),
  shard: Number(pk?.split("#").at(-1)),
});

/** What the page's deliveries of a time can be looked up by. */
export function termsOnPage(page: Item, from: EpochMillis, to: EpochMillis): ReadonlySet<string> {
  const ofTime = deliveriesIn(page).filter(({ receivedAt }) => receivedAt >= from && receivedAt < to);
  return new Set(ofTime.flatMap(({ terms = [] }) => terms));
}

/** Merges deliveries that are listed, newest first, with others of the window. Yields each once. */
export async function* mergedNewestFirst(
  listed: AsyncIterable<ListedDelivery>,
  others: readonly ListedDelivery[],
  { before, notBefore }: ListWindow,
): AsyncGenerator<ListedDelivery> {
  const waiting = others.filter((one) => byPosition(before, one) < 0 && one.receivedAt >= notBefore).sort(byPosition);
  for await (const one of listed) {
    while (waiting[0] !== undefined && byPosition(waiting[0], one) < 0) yield* waiting.splice(0, 1);
    if (waiting[0] !== undefined && byPosition(waiting[0], one) === 0) waiting.shift();
    yield one;
  }
  yield* waiting;
}

/** Pages that are read before the time is looked at. */
const TIME_CHECK_PAGES = 10;

/** Between two deliveries of a page. */
const LINES = ",\n";

const DAY_MS = 86_400_000;
const dayOf = (time: EpochMillis): number => Math.floor(time / DAY_MS) * DAY_MS;
const partitionOf = (day: number, shard: number): string => `list#${toIso(epochMillis(day)).slice(0, 10)}#${shard}`;

/** Newest first. */
export function byPosition(a: DeliveryPosition, b: DeliveryPosition): number {
  if (a.receivedAt !== b.receivedAt) return b.receivedAt - a.receivedAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? 1 : -1;
}

function newestIn(page: Item): DeliveryPosition {
  const [time, id = ""] = String(page[TABLE.sortKey]).split("#");
  return { receivedAt: epochMillis(Number(time)), id };
}

/** Throws `record_unreadable` if the page is not as it was written. */
function deliveriesIn({ content }: Item, containing?: string): readonly ListedDelivery[] {
  try {
    if (!(content instanceof Uint8Array)) throw new Error("the page has no content");
    // Written by `pagesOfGroup` from the same type, and the checksum of the stream is correct.
    const json = inflateSync(content).toString("utf8");
    return JSON.parse(
      containing === undefined ? json : `[${linesWith(containing, json).join(LINES)}]`,
    ) as ListedDelivery[];
  } catch (cause) {
    throw new Fault("record_unreadable", "a list page cannot be unpacked", { retryable: false, cause });
  }
}

/** The lines of a page that contain a text. The only line of an earlier release is all of its deliveries. */
function linesWith(text: string, json: string): readonly string[] {
  const lines: string[] = [];
  for (let at = json.indexOf(text); at >= 0; ) {
    const start = json.lastIndexOf(LINES, at);
    const end = json.indexOf(LINES, at);
    lines.push(json.slice(start < 0 ? 1 : start + LINES.length, end < 0 ? -1 : end));
    at = end < 0 ? -1 : json.indexOf(text, end);
  }
  return lines;
}

/** Merges two lists, newest first and each delivery once. */
function merged(some: readonly ListedDelivery[], others: readonly ListedDelivery[]): ListedDelivery[] {
  const each = new Map<string, ListedDelivery>();
  for (const one of [...some, ...others]) {
    const key = `${one.receivedAt} ${one.id}`;
    if (one.repeats !== undefined || !each.has(key)) each.set(key, one);
  }
  return [...each.values()].sort(byPosition);
}
