import { randomUUID } from "node:crypto";
import { CLOCK_SKEW_MS, type EpochMillis } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { BoardRow, PageAddress, ShownBuild } from "../model/board.ts";
import { type BoardRun, isShown, rowOf, runOf, withBuild } from "../model/board-runs.ts";
import { expiryOf, type StoreOptions, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import { absentOr, type Condition, type Item, type ItemKey, type Table } from "./table.ts";

/** The state of the page itself, in addition to what it should show. */
export interface PageRecord {
  /** What the page showed when it was last read. Undefined if a write may have been made whose outcome is unknown. */
  readonly shown?: PageShown;
  /** The newest version that is known to have had a region, and its name. It is kept when the region is gone. */
  readonly withRegion?: { readonly version: number; readonly region: string };
  /** When the bridge last wrote it. */
  readonly writtenAt?: EpochMillis;
  /** The site asked for no write of the page before this time. */
  readonly cooldownUntil?: EpochMillis;
  /** When the site asked for that. */
  readonly cooldownSince?: EpochMillis;
  /** When a write was rejected because of a person's open draft; undefined after a later write. */
  readonly draftSince?: EpochMillis;
  /** Rows that the page does not show, because the site refused it with them. */
  readonly refused?: readonly RefusedRow[];
  /** Present while the page is not looked at. */
  readonly rest?: PageRest;
}

/** A row whose content the site refused. Another state of the row has another mark. */
export interface RefusedRow {
  /** As in `shown`. */
  readonly mark: string;
  /** The status of the site's response. */
  readonly status: number;
  readonly at: EpochMillis;
  /** The page was refused with this row and accepted without it. Otherwise one of several rows was the cause. */
  readonly isSure?: true;
}

/** A page that cannot be written, until a person restores it or lets the account write it. */
export interface PageRest {
  /** The target whose account cannot write it. Another account may be able to. */
  readonly target: string;
  readonly since: EpochMillis;
  readonly until: EpochMillis;
  /** The delivery for which it was last looked at. */
  readonly delivery: string;
  /** What was found then. */
  readonly why: string;
}

export interface PageShown {
  readonly at: EpochMillis;
  readonly version: number;
  /** The marks of its rows, see `actions/confluence/page-throttle.ts`. */
  readonly marks: readonly string[];
  /** A digest of the region as a reader sees it. */
  readonly content?: string;
}

export interface Board {
  /** Ordered by key. */
  readonly rows: readonly BoardRow[];
  readonly record: PageRecord;
}

/** The exclusive right to write a page for a time. Every later write is conditional on `owner`. */
export interface PageLease {
  /** Starts at 1 and is never used twice for the same page. */
  readonly owner: number;
  /** The record at the start of the lease. Without `shown` if the owner before did not end its lease. */
  readonly record: PageRecord;
}

export interface BoardStoreOptions extends StoreOptions {
  /** Whether no other process uses the table. A lease of another process then belongs to one that has ended. */
  readonly singleProcess: boolean;
}

/**
 * The state that each page should show, and the lease to write it. One item for each row and one for the page are in one
 * partition, so that a board is read in one query. Every method throws `store_unavailable`.
 */
export class BoardStore {
  readonly #table: Table;
  readonly #options: BoardStoreOptions;
  readonly #process = randomUUID();

  constructor(table: Table, options: BoardStoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /**
   * Adds a reported state of a run to its row, with `withBuild`; atomic. False if the row does not show it, because it
   * shows a later run or a further state. True if the row already showed it, so that a repeat is harmless.
   */
  async advance(page: PageAddress, { key, ...reported }: Omit<BoardRow, "ended">): Promise<boolean> {
    const at = { pk: boardOf(page), sk: `${ROW}${key}` };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const item = await this.#table.get(at);
      const before = item === undefined ? [] : runsOf(item);
      const runs = withBuild(before, reported);
      if (runs === before || (await this.#write(at, runs, revisionOf(item)))) return isShown(reported, runs);
    }
    throw tooManyWrites();
  }

  /** Removes a run from a row, which then shows the run before it, or disappears. */
  async withdraw(page: PageAddress, key: string, { id }: Pick<ShownBuild, "id">): Promise<void> {
    const at = { pk: boardOf(page), sk: `${ROW}${key}` };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const item = await this.#table.get(at);
      if (item === undefined) return;
      const runs = runsOf(item);
      const others = runs.filter(({ build }) => build.id !== id);
      if (others.length === runs.length || (await this.#write(at, others, revisionOf(item)))) return;
    }
    throw tooManyWrites();
  }

  /** Moves the runs of a row to another row, and so removes it. */
  async move(page: PageAddress, from: string, to: string): Promise<void> {
    const item = await this.#table.get({ pk: boardOf(page), sk: `${ROW}${from}` });
    for (const { build, delivery } of item === undefined ? [] : runsOf(item)) {
      await this.advance(page, { key: to, build, delivery });
      await this.withdraw(page, from, build);
    }
  }

  async #write(row: ItemKey, runs: readonly BoardRun[], revision: number): Promise<boolean> {
    const before = await this.#table.change(row, {
      condition: absentOr({ field: "revision", is: "=", value: revision }),
      set: { runs: JSON.stringify(runs), revision: revision + 1, expiresAt: this.#expiry() },
    });
    return before !== undefined;
  }

  /** Strongly consistent. */
  async read(page: PageAddress): Promise<Board> {
    const items = await collect(this.#table.select({ partition: boardOf(page) }), (item) => item);
    const rows = items.filter((item) => text(item, TABLE.sortKey).startsWith(ROW));
    const own = items.find((item) => text(item, TABLE.sortKey) === PAGE);
    return { rows: rows.flatMap((item) => rowOf(keyOf(item), runsOf(item)) ?? []), record: own ? recordOf(own) : {} };
  }

  /**
   * Makes the caller the only writer of the page until `until`. Undefined if another caller has the lease at `now`. All
   * leases are equally long, so a lease that ends later was taken by a clock that was ahead, and is free.
   */
  async lease(page: PageAddress, now: EpochMillis, until: EpochMillis): Promise<PageLease | undefined> {
    const before = await this.#table.change(pageOf(page), {
      condition: this.#isFree(now, until),
      add: { owner: 1 },
      set: { leasedUntil: until, leasedBy: this.#process, expiresAt: this.#expiry() },
    });
    if (before === undefined) return undefined;
    const { shown, ...others } = recordOf(before);
    // The owner before may have written the page and died.
    const record = shown && before["leasedUntil"] === undefined ? { shown, ...others } : others;
    return { owner: Number(before["owner"] ?? 0) + 1, record };
  }

  /** Ends the lease and stores `record`. False, and no change, if the lease no longer belongs to this owner. */
  async release(page: PageAddress, { owner }: PageLease, record: PageRecord): Promise<boolean> {
    const before = await this.#table.change(pageOf(page), {
      condition: {
        all: [
          { field: "owner", is: "=", value: owner },
          { field: "leasedUntil", is: "present" },
        ],
      },
      set: { record: JSON.stringify(record) },
      remove: ["leasedUntil", "leasedBy"],
    });
    return before !== undefined;
  }

  #isFree(now: EpochMillis, until: EpochMillis): Condition {
    const ended = absentOr({ field: "leasedUntil", is: "<=", value: now });
    const takenAhead: Condition = { field: "leasedUntil", is: ">", value: until + CLOCK_SKEW_MS };
    if (!this.#options.singleProcess) return { any: [ended, takenAhead] };
    return { any: [ended, takenAhead, { field: "leasedBy", is: "<>", value: this.#process }] };
  }

  #expiry(): number {
    return expiryOf(this.#options.clock.now(), this.#options);
  }
}

const ROW = "row#";
const PAGE = "page";

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 50;
const tooManyWrites = (): Fault =>
  new Fault("store_unavailable", "too many concurrent writes of the same row", { retryable: true });

/** The id is first and contains no `#`: ids of Confluence are digits, and configured ids are checked. */
const boardOf = (page: PageAddress): string => `page#${page.id}#${page.site}`;
const pageOf = (page: PageAddress) => ({ pk: boardOf(page), sk: PAGE });

const keyOf = (item: Item): string => text(item, TABLE.sortKey).slice(ROW.length);

/** Rows written before revisions existed have none. */
const revisionOf = (item: Item | undefined): number => Number(item?.["revision"] ?? 0);

// This class wrote the texts below from the same types.

/** A row written before runs were stored has only its newest build; its `order` and `endedOrder` are not read. */
function runsOf(item: Item): readonly BoardRun[] {
  if (item["runs"] !== undefined) return JSON.parse(text(item, "runs")) as readonly BoardRun[];
  return [runOf({ build: JSON.parse(text(item, "build")) as ShownBuild, delivery: text(item, "delivery") })];
}

const recordOf = (item: Item): PageRecord =>
  item["record"] === undefined ? {} : (JSON.parse(text(item, "record")) as PageRecord);
