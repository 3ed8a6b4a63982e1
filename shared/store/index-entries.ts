import { type EpochMillis, laterBy } from "../host/clock.ts";
import { LIST_SHARDS, type PagePlace } from "./list-pages.ts";
import { keyOfTerm } from "./postings.ts";
import type { Item } from "./table.ts";

/**
 * Which list pages of a time have which term. Each entry has the number of a term in its upper 32 bits, and the place of a
 * page in the lower ones. Two terms may have the same number, so a reader compares the terms.
 */
export type IndexEntries = BigUint64Array;

export const ENTRY_BYTES = 8;
/** Entries of one item, which is read for a look-up. */
const ENTRIES_OF_ITEM = 1_000;

/** The entries of a page in the index of the time that begins at `start`. */
export function entriesOfPage(start: EpochMillis, place: PagePlace, terms: Iterable<string>): IndexEntries {
  const at = BigInt((place.newest - start) * LIST_SHARDS + place.shard);
  return BigUint64Array.from(new Set([...terms].map(numberOfTerm)), (term) => (BigInt(term) << TERM_BITS) | at);
}

/** The same entries in the index of a time that begins so much earlier. */
export const movedBy = (entries: IndexEntries, earlierMs: number): IndexEntries =>
  entries.map((entry) => entry + BigInt(earlierMs * LIST_SHARDS));

/** All entries in the order of their terms, each once. */
export function sortedOnce(parts: readonly IndexEntries[]): IndexEntries {
  const all = new BigUint64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let length = 0;
  for (const part of parts) {
    all.set(part, length);
    length += part.length;
  }
  all.sort();
  return all.filter((entry, at) => at === 0 || entry !== all[at - 1]);
}

/** Parts of sorted entries, each for an item. Those of one term stay together, so a look-up reads one item. */
export function* partsOf(entries: IndexEntries): Generator<{ readonly first: number; readonly content: Uint8Array }> {
  const termAt = (at: number): bigint => (entries[at] ?? 0n) >> TERM_BITS;
  let start = 0;
  for (let at = 1; at <= entries.length; at++) {
    if (at < entries.length && (at - start < ENTRIES_OF_ITEM || termAt(at) === termAt(at - 1))) continue;
    yield { first: Number(termAt(start)), content: contentOf(entries.subarray(start, at)) };
    start = at;
  }
}

export function contentOf(entries: IndexEntries): Uint8Array {
  const view = new DataView(new ArrayBuffer(entries.length * ENTRY_BYTES));
  for (const [at, entry] of entries.entries()) view.setBigUint64(at * ENTRY_BYTES, entry);
  return new Uint8Array(view.buffer);
}

export function entriesIn(item: Item): IndexEntries {
  const view = viewOf(item);
  return BigUint64Array.from({ length: view.byteLength / ENTRY_BYTES }, (_, at) => view.getBigUint64(at * ENTRY_BYTES));
}

/** The pages with a term, by its number, in an item of the index of the time that begins at `start`. */
export function placesIn(item: Item, term: number, start: EpochMillis): readonly PagePlace[] {
  const view = viewOf(item);
  const places: PagePlace[] = [];
  for (let at = 0; at < view.byteLength; at += ENTRY_BYTES) {
    if (view.getUint32(at) !== term) continue;
    const place = view.getUint32(at + ENTRY_BYTES / 2);
    places.push({ newest: laterBy(start, Math.floor(place / LIST_SHARDS)), shard: place % LIST_SHARDS });
  }
  return places;
}

/** FNV-1a with 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/), over UTF-16. */
export function numberOfTerm(term: string): number {
  const key = keyOfTerm(term);
  let hash = 0x81_1c_9d_c5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01_00_01_93);
  return hash >>> 0;
}

const TERM_BITS = 32n;

function viewOf({ content }: Item): DataView {
  if (!(content instanceof Uint8Array)) return new DataView(new ArrayBuffer(0));
  const whole = content.byteLength - (content.byteLength % ENTRY_BYTES);
  return new DataView(content.buffer, content.byteOffset, whole);
}
