import { randomUUID } from "node:crypto";
import { CLOCK_SKEW_MS, type EpochMillis } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { BoardRow, PageAddress, PlaceTimes, ReportedRow, ShownBuild } from "../model/board.ts";
import { type BoardRun, isShown, newestTimes, rowOf, runOf, runsSince, withBuild } from "../model/board-runs.ts";
import { type CodeSince, NO_CODE } from "../model/code-since.ts";
import { expiryOf, type StoreOptions, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import { absentOr, beginningWith, type Condition, type Item, type ItemKey, type Table } from "./table.ts";

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
  /** Of the page, cut. Records of earlier releases have none. */
  readonly title?: string;
  /** The marks of its rows, see `actions/confluence/page-throttle.ts`. */
  readonly marks: readonly string[];
  /** A digest of the region as a reader sees it. */
  readonly content?: string;
}

export interface Board {
  /** Ordered by key. */
  readonly rows: readonly BoardRow[];
  /** The rows that were shown before their place went. They are stored for some days, so that it may come back. */
  readonly gone: readonly BoardRow[];
  readonly record: PageRecord;
  /** How far the code moved on that the page documents; undefined if nothing is counted. */
  readonly code?: CodeSince;
}

/**
 * What a row shows of a reported state: this state; a later run or a further state; or nothing of this run, because its
 * place has gone since.
 */
export type Advanced = "shown" | "replaced" | "gone";

/** A place whose rows are on the boards of one site. */
export interface PlaceOfSite {
  readonly site: string;
  readonly place: string;
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
 * The state that each page should show, and the lease to write it. One item for each row, one for the page and one for
 * the code that it documents are in one partition, so that a board is read in one query. Every method throws
 * `store_unavailable`.
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
   * Adds a reported state of a run to its row, with `withBuild`; atomic. A repeat is harmless: the answer is the same.
   * A new row is listed under its place before it is written, so {@link end} finds it, whoever is first.
   */
  async advance(page: PageAddress, { key, place, ...reported }: ReportedRow): Promise<Advanced> {
    const at = { pk: boardOf(page), sk: `${ROW}${key}` };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const item = await this.#table.get(at);
      const isListed = place === undefined || this.#isListed(item);
      const times = newestTimes(timesOf(item), isListed ? {} : await this.#list({ ...page, place }, key));
      const before = item === undefined ? [] : runsOf(item);
      const runs = withBuild(before, reported);
      const isDone = runs === before && isListed;
      if (isDone || (await this.#write(at, { runs, times, isListed: place !== undefined }, item))) {
        const visible = runsSince(runs, times);
        if (isShown(reported, visible)) return "shown";
        return isShown(reported, runs) ? "gone" : "replaced";
      }
    }
    throw tooManyWrites();
  }

  /**
   * Records that a place of a site is gone, or there again, for its rows and for those that are reported later. Returns
   * the ids of the pages with a row of it. An earlier report never replaces a later one, in any order of arrival.
   */
  async end(place: PlaceOfSite, times: PlaceTimes): Promise<readonly string[]> {
    for (const [field, value] of Object.entries(times)) {
      await this.#table.change(
        { pk: listOf(place), sk: TIMES },
        { condition: absentOr({ field, is: "<", value }), set: { [field]: value, expiresAt: this.#expiry() } },
      );
    }
    const listed = await collect(this.#table.select({ partition: listOf(place), ...beginningWith(ROW) }), rowIn);
    for (const { id, key } of listed) await this.#endRow({ site: place.site, id }, key, times);
    return [...new Set(listed.map(({ id }) => id))];
  }

  /** A row that is listed and not yet written gets the times too, so that its first writer finds them. */
  async #endRow(page: PageAddress, key: string, times: PlaceTimes): Promise<void> {
    const at = { pk: boardOf(page), sk: `${ROW}${key}` };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const item = await this.#table.get(at);
      const [before, runs] = [timesOf(item), item === undefined ? [] : runsOf(item)];
      const after = newestTimes(before, times);
      const isDone = after.goneAt === before.goneAt && after.backAt === before.backAt;
      if (isDone || (await this.#write(at, { runs, times: after, isListed: false }, item))) return;
    }
    throw tooManyWrites();
  }

  /** Lists a row under its place, and returns what is known of the place then. */
  async #list({ id, ...place }: PageAddress & PlaceOfSite, key: string): Promise<PlaceTimes> {
    await this.#table.put({ pk: listOf(place), sk: `${ROW}${id}#${key}`, expiresAt: this.#expiry() });
    return timesOf(await this.#table.get({ pk: listOf(place), sk: TIMES }));
  }

  /** Whether the row is listed for half of the retention at least. */
  #isListed(item: Item | undefined): boolean {
    const { clock, retentionDays } = this.#options;
    return Number(item?.["listedUntil"] ?? 0) > expiryOf(clock.now(), { retentionDays: retentionDays / 2 });
  }

  /** Removes a run from a row, which then shows the run before it, or disappears. */
  async withdraw(page: PageAddress, key: string, { id }: Pick<ShownBuild, "id">): Promise<void> {
    const at = { pk: boardOf(page), sk: `${ROW}${key}` };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const item = await this.#table.get(at);
      if (item === undefined) return;
      const runs = runsOf(item);
      const others = runs.filter(({ build }) => build.id !== id);
      const changed = { runs: others, times: timesOf(item), isListed: false };
      if (others.length === runs.length || (await this.#write(at, changed, item))) return;
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

  /** `isListed`: the row has just been listed, or still is. */
  async #write(row: ItemKey, { runs, times, isListed }: StoredRow, item: Item | undefined): Promise<boolean> {
    const [revision, expiresAt] = [revisionOf(item), this.#expiry()];
    const isEmpty = runsSince(runs, times).length === 0;
    const before = await this.#table.change(row, {
      condition: absentOr({ field: "revision", is: "=", value: revision }),
      set: {
        runs: JSON.stringify(runs),
        revision: revision + 1,
        expiresAt: isEmpty ? this.#expiryOfGone() : expiresAt,
        ...times,
        ...(isListed && !this.#isListed(item) && { listedUntil: expiresAt }),
      },
    });
    return before !== undefined;
  }

  /** Strongly consistent. */
  async read(page: PageAddress): Promise<Board> {
    const items = await collect(this.#table.select({ partition: boardOf(page) }), (item) => item);
    const stored = items
      .filter((item) => text(item, TABLE.sortKey).startsWith(ROW))
      .map((item) => ({ key: keyOf(item), runs: runsOf(item), visible: runsSince(runsOf(item), timesOf(item)) }));
    const own = items.find((item) => text(item, TABLE.sortKey) === PAGE);
    const code = items.find((item) => text(item, TABLE.sortKey) === CODE);
    return {
      rows: stored.flatMap(({ key, visible }) => rowOf(key, visible) ?? []),
      gone: stored.flatMap(({ key, runs, visible }) => (visible.length === 0 ? (rowOf(key, runs) ?? []) : [])),
      record: own ? recordOf(own) : {},
      ...(code && { code: codeOf(code) }),
    };
  }

  /**
   * Changes what is counted of the code that a page documents; atomic. `change` may run several times. If it returns the
   * same object, nothing is written. Returns the value after the change.
   */
  async changeCode(page: PageAddress, change: (code: CodeSince) => CodeSince): Promise<CodeSince> {
    const at = { pk: boardOf(page), sk: CODE };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const item = await this.#table.get(at);
      const before = codeOf(item);
      const code = change(before);
      if (code === before) return code;
      const revision = revisionOf(item);
      const written = await this.#table.change(at, {
        condition: absentOr({ field: "revision", is: "=", value: revision }),
        set: { code: JSON.stringify(code), revision: revision + 1, expiresAt: this.#expiry() },
      });
      if (written !== undefined) return code;
    }
    throw tooManyWrites();
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

  /** A page has many rows of branches that are gone, and each read of its board reads them. */
  #expiryOfGone(): number {
    const retentionDays = Math.min(GONE_DAYS, this.#options.retentionDays);
    return expiryOf(this.#options.clock.now(), { retentionDays });
  }
}

/** A row without runs to show is stored for so long. After that, the times of its place stay stored. */
const GONE_DAYS = 7;

interface StoredRow {
  readonly runs: readonly BoardRun[];
  readonly times: PlaceTimes;
  readonly isListed: boolean;
}

const ROW = "row#";
const PAGE = "page";
const CODE = "code";
const TIMES = "times";

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 50;
const tooManyWrites = (): Fault =>
  new Fault("store_unavailable", "too many concurrent writes of the same item", { retryable: true });

/** The id is first and contains no `#`: ids of Confluence are digits, and configured ids are checked. */
const boardOf = (page: PageAddress): string => `page#${page.id}#${page.site}`;
const pageOf = (page: PageAddress) => ({ pk: boardOf(page), sk: PAGE });

/** The site contains no `#`, see `boardOf`; the place is last. */
const listOf = ({ site, place }: PlaceOfSite): string => `place#${site}#${place}`;

/** The page and the key of a listed row. */
function rowIn(item: Item): { readonly id: string; readonly key: string } {
  const [id = "", ...key] = text(item, TABLE.sortKey).slice(ROW.length).split("#");
  return { id, key: key.join("#") };
}

const timesOf = (item: Item | undefined): PlaceTimes => ({
  ...(item?.["goneAt"] !== undefined && { goneAt: text(item, "goneAt") }),
  ...(item?.["backAt"] !== undefined && { backAt: text(item, "backAt") }),
});

const keyOf = (item: Item): string => text(item, TABLE.sortKey).slice(ROW.length);

/** Rows written before revisions existed have none. */
const revisionOf = (item: Item | undefined): number => Number(item?.["revision"] ?? 0);

// This class wrote the texts below from the same types.

/** A row written before runs were stored has only its newest build; its `order` and `endedOrder` are not read. */
function runsOf(item: Item): readonly BoardRun[] {
  if (item["runs"] !== undefined) return JSON.parse(text(item, "runs")) as readonly BoardRun[];
  return [runOf({ build: JSON.parse(text(item, "build")) as ShownBuild, delivery: text(item, "delivery") })];
}

const codeOf = (item: Item | undefined): CodeSince =>
  item === undefined ? NO_CODE : (JSON.parse(text(item, "code")) as CodeSince);

const recordOf = (item: Item): PageRecord =>
  item["record"] === undefined ? {} : (JSON.parse(text(item, "record")) as PageRecord);
