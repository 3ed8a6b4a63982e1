import { type EpochMillis, epochMillis, laterBy } from "../host/clock.ts";
import { type ListedDelivery, LOOKUP_KINDS, MIN_COMMIT_DIGITS, type Term, termText } from "../model/lookup-terms.ts";
import { expiryOf, number, padTime, type Retention } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import type { Table } from "./table.ts";

/** A posting says that a delivery with a term was received in a slot of this length. */
export const SLOT_MS = 300_000;
/** Postings that a process remembers to have written. */
const MAX_REMEMBERED = 50_000;

/**
 * Kinds without postings. Almost every delivery has its own trace, correlation id and event key, so a posting would
 * cost a write for each. They are found by reading the index of each hour.
 */
const UNPOSTED: ReadonlySet<string> = new Set(["trace", "correlation", "eventKey"]);

export const isPosted = ({ kind }: Term): boolean => !UNPOSTED.has(kind);

/** The most selective of these terms that has postings; undefined if none has. */
export const mostSelective = (terms: readonly Term[]): Term | undefined =>
  terms.filter(isPosted).sort((a, b) => LOOKUP_KINDS.indexOf(a.kind) - LOOKUP_KINDS.indexOf(b.kind))[0];

/** Writes postings, each once in a process: terms repeat, and a slot is five minutes. */
export class Postings {
  readonly #table: Pick<Table, "create" | "get" | "put" | "select">;
  readonly #retention: Retention;
  #remembered = new Set<string>();
  #before = new Set<string>();
  #isBegun = false;

  constructor(table: Pick<Table, "create" | "get" | "put" | "select">, retention: Retention) {
    this.#table = table;
    this.#retention = retention;
  }

  /** Throws `store_unavailable`. */
  async add(deliveries: readonly ListedDelivery[]): Promise<void> {
    await this.#begin(deliveries);
    const wanted = new Map<string, { readonly pk: string; readonly slot: EpochMillis }>();
    for (const { terms = [], receivedAt } of deliveries) {
      const slot = slotOf(receivedAt);
      for (const term of terms) {
        const pk = partitionOf(term);
        const name = `${pk} ${slot}`;
        if (pk !== undefined && !this.#remembered.has(name) && !this.#before.has(name)) wanted.set(name, { pk, slot });
      }
    }
    await Promise.all(
      [...wanted.values()].map(({ pk, slot }) =>
        this.#table.put({
          pk,
          sk: padTime(slot),
          expiresAt: expiryOf(laterBy(slot, SLOT_MS), this.#retention),
        }),
      ),
    );
    for (const name of wanted.keys()) this.#remember(name);
  }

  /** Since when deliveries have postings: those that an earlier release relayed have none. Undefined if none has any. */
  async since(): Promise<EpochMillis | undefined> {
    const item = await this.#table.get(BEGINNING);
    return item === undefined ? undefined : epochMillis(number(item, "at"));
  }

  async #begin(deliveries: readonly ListedDelivery[]): Promise<void> {
    if (this.#isBegun || deliveries.length === 0) return;
    await this.#table.create({ ...BEGINNING, at: Math.min(...deliveries.map(({ receivedAt }) => receivedAt)) });
    this.#isBegun = true;
  }

  /** The slots with a delivery that may have the term, newest first. */
  async *slots(term: Term, from: EpochMillis, to: EpochMillis): AsyncGenerator<EpochMillis> {
    const partition = partitionOf(termText(term));
    if (partition === undefined) return;
    const range = { from: padTime(slotOf(from)), to: padTime(to), newestFirst: true };
    for await (const item of this.#table.select({ partition, ...range }))
      yield epochMillis(Number(item[TABLE.sortKey]));
  }

  /** Forgets the older half when both halves are full. */
  #remember(name: string): void {
    if (this.#remembered.size >= MAX_REMEMBERED / 2) {
      this.#before = this.#remembered;
      this.#remembered = new Set();
    }
    this.#remembered.add(name);
  }
}

const BEGINNING = { pk: "find", sk: "beginning" };

export const slotOf = (time: EpochMillis): EpochMillis => epochMillis(Math.floor(time / SLOT_MS) * SLOT_MS);

/** The part of a term by which it is looked up: a commit is found by its first digits, and a change by its number. */
export function keyOfTerm(term: string): string {
  const [kind, value] = partsOf(term);
  if (kind === "commit") return `commit#${value.slice(0, MIN_COMMIT_DIGITS)}`;
  if (kind === "change") return `change#${value.slice(value.lastIndexOf("!") + 1)}`;
  return `${kind}#${value}`;
}

const partitionOf = (term: string): string | undefined =>
  UNPOSTED.has(partsOf(term)[0]) ? undefined : `find#${keyOfTerm(term)}`;

function partsOf(term: string): readonly [kind: string, value: string] {
  const end = term.indexOf(" ");
  return [term.slice(0, end), term.slice(end + 1)];
}
