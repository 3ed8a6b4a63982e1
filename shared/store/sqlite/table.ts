import { setImmediate as nextTurn } from "node:timers/promises";
import type { DatabaseSyncInstance, StatementSyncInstance } from "@photostructure/sqlite";
import type { EpochMillis, EpochSeconds } from "../../host/clock.ts";
import { toSeconds } from "../../host/clock.ts";
import { Fault } from "../../host/fault.ts";
import type { Log } from "../../host/log.ts";
import { OPEN_APPROVALS } from "../approvals.ts";
import { TABLE } from "../key-schema.ts";
import {
  type Fields,
  type Item,
  type ItemChange,
  type ItemKey,
  PAGE_ITEMS,
  type Selection,
  type Table,
  type Value,
} from "../table.ts";
import { changed, isTrueOf } from "./condition.ts";
import { storeFault } from "./errors.ts";
import { Failures } from "./failures.ts";
import { GroupCommit } from "./group-commit.ts";
import { LostFileError, type OpenFiles } from "./open-files.ts";
import {
  BUSY_MS,
  COLUMNS,
  columnsOf,
  FORMAT,
  INSERT_OR_NOTHING,
  INSERT_OR_REPLACE,
  itemIn,
  itemOf,
  PARTIAL_INDEXES,
  type Row,
  STATE_KEYS,
  STRANDED,
  toText,
  valuesOf,
} from "./rows.ts";

interface TableDeps {
  readonly log: Log;
  readonly files: Pick<OpenFiles, "check">;
}

/** The table in one SQLite file of this process, or in memory. */
export class SqliteTable implements Table {
  readonly #database: DatabaseSyncInstance;
  readonly #commits: GroupCommit;
  readonly #failures: Failures;
  readonly #files: Pick<OpenFiles, "check">;
  readonly #statements = new Map<string, StatementSyncInstance>();

  constructor(database: DatabaseSyncInstance, { log, files }: TableDeps) {
    this.#database = database;
    // A group of writes waits for a lock itself, without holding the event loop.
    database.exec("PRAGMA busy_timeout = 0");
    this.#failures = new Failures(log);
    this.#files = files;
    this.#commits = new GroupCommit(database, {
      starting: () => files.check(),
      committed: () => {
        // A file that was lost during the commit does not have the writes, or not for long.
        files.check();
        this.#failures.wrote();
      },
      failed: (cause) => {
        this.#failed(cause);
        return storeFault(cause);
      },
    });
  }

  async create(item: Fields & ItemKey): Promise<boolean> {
    const values = valuesOf(item);
    return this.#commits.add(() => this.#statement(INSERT_OR_NOTHING).run(...values).changes === 1);
  }

  async put(item: Fields & ItemKey): Promise<void> {
    const values = valuesOf(item);
    await this.#commits.add(() => this.#statement(INSERT_OR_REPLACE).run(...values));
  }

  change(key: ItemKey, change: ItemChange): Promise<Item | undefined> {
    return this.#commits.add(() => {
      const before = this.#read(key);
      if (!isTrueOf(change.condition, before ?? {})) return undefined;
      const values = valuesOf({ ...changed(before ?? {}, change), ...key });
      if (before === undefined) this.#statement(INSERT_OR_REPLACE).run(...values);
      else this.#update(key, change, values);
      return before ?? {};
    });
  }

  async get(key: ItemKey): Promise<Item | undefined> {
    try {
      return this.#read(key);
    } catch (error) {
      throw error instanceof Fault ? error : this.#readFault(error);
    }
  }

  async *select(selection: Selection): AsyncGenerator<Item> {
    const { text, values, columns, start } = selectOf(selection);
    let left = selection.limit ?? Number.POSITIVE_INFINITY;
    let after = start;
    do {
      const page = this.#arrays(text, [...values, ...after, Math.min(left, PAGE_ITEMS)]);
      for (const row of page) {
        yield itemIn(row, columns);
        left -= 1;
      }
      after = positionOf(page.at(-1)?.slice(columns.length)) ?? after;
      if (page.length < PAGE_ITEMS || left === 0) return;
      await nextTurn();
    } while (left > 0);
  }

  /**
   * Deletes at most `limit` items that have expired at `now` and are no work that waits, and returns their number. An open
   * approval is no such work: it waits for a person, and `renew` keeps it as long as its action waits.
   */
  deleteExpired(now: EpochMillis, limit: number): Promise<number> {
    return this.#commits.add(() => Number(this.#statement(DELETE_EXPIRED).run(toSeconds(now), limit).changes));
  }

  /** One page of the work that waits: due actions and events that are not relayed, in the order of their positions. */
  waitingWork(after: WorkPosition): readonly WaitingWork[] {
    return this.#all(FIND_WAITING, [...after, PAGE_ITEMS]).map(({ sort, id, ...row }) => ({
      position: [String(row.queue), Number(sort), id],
      id: String(row.pk),
      item: readableItemOf(row),
    }));
  }

  /** Makes the items of these partitions that have expired at `now` expire at `until`. */
  async renew(partitions: readonly string[], now: EpochMillis, until: EpochSeconds): Promise<void> {
    await this.#commits.add(() => {
      for (const partition of partitions) this.#statement(RENEW).run(until, toText(partition), toSeconds(now));
    });
  }

  /** Makes at most `limit` items that expire before `before` expire at `until`, and returns their number. */
  renewBefore(before: EpochSeconds, until: EpochSeconds, limit: number): Promise<number> {
    return this.#commits.add(() => Number(this.#statement(RENEW_BEFORE).run(until, before, limit).changes));
  }

  /** The keys of work that no queue lists: see `rows.ts`. Normally there is none. */
  stranded(): readonly ItemKey[] {
    return this.#all(FIND_STRANDED, []).map(({ pk, sk }) => ({ pk: String(pk), sk: String(sk) }));
  }

  /** The queues that are not empty. Takes one search for each. */
  queues(): readonly string[] {
    return this.#all(FIND_QUEUES, []).map(({ queue }) => String(queue));
  }

  /** Finds out, without a write, whether each file of the database is still in the data folder. */
  checkFiles(): void {
    try {
      this.#files.check();
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * Rejects with `store_unavailable` if the table cannot be written. Only after a failed write it finds out by another
   * one, which changes nothing.
   */
  async checkWrites(): Promise<void> {
    this.checkFiles();
    if (this.#failures.ofLastWrite === undefined) return;
    await this.#commits.add(() => this.#database.exec(`PRAGMA user_version = ${FORMAT}`));
  }

  /**
   * Commits the writes that wait, moves the write-ahead log into the database, and closes it. A later call fails with
   * `store_unavailable`. The driver keeps statements open, so SQLite does not move the log by itself.
   */
  close(): void {
    if (this.#database.isOpen) this.#database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    this.#commits.commitNow();
    if (!this.#database.isOpen) return;
    this.#emptyLog();
    this.#database.close();
  }

  #failed(cause: unknown): void {
    if (!this.#database.isOpen) return;
    this.#failures.writeFailed(cause);
    // A log that is gone from the folder would be lost. One that stays beside another database would damage that.
    if (cause instanceof LostFileError) this.#emptyLog();
  }

  #emptyLog(): void {
    try {
      this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // A disk that fails leaves the log as it is, and the next start reads it.
    }
  }

  /** Writes only the columns of the change, because SQLite rewrites each index of a column that is written. */
  #update(key: ItemKey, change: ItemChange, values: readonly (Value | null)[]): void {
    const written = columnsOf(change);
    if (written.size === 0) return;
    const text = `UPDATE items SET ${[...written].map((column) => `${column} = ?`).join(", ")} WHERE pk = ? AND sk = ?`;
    const wanted = values.filter((_, at) => written.has(COLUMNS[at]));
    this.#statement(text).run(...wanted, toText(key.pk), toText(key.sk));
  }

  #read(key: ItemKey): Item | undefined {
    const row = this.#arrayStatement(FIND).get(toText(key.pk), toText(key.sk)) as (Value | null)[] | undefined;
    return row === undefined ? undefined : itemIn(row, COLUMNS);
  }

  #all(text: string, values: readonly (string | number)[]): readonly SelectedRow[] {
    try {
      // The columns of `selectOf`.
      return this.#statement(text).all(...values) as SelectedRow[];
    } catch (error) {
      throw this.#readFault(error);
    }
  }

  /** As {@link #all}, with the values of each row in the order of the columns. */
  #arrays(text: string, values: readonly (string | number)[]): readonly (readonly (Value | null)[])[] {
    try {
      return this.#arrayStatement(text).all(...values) as (Value | null)[][];
    } catch (error) {
      throw this.#readFault(error);
    }
  }

  #readFault(error: unknown): Fault {
    if (this.#database.isOpen) this.#failures.failed(error);
    return storeFault(error);
  }

  /** Each of its rows is an array. The text of such a statement is not used for rows that are objects. */
  #arrayStatement(text: string): StatementSyncInstance {
    const known = this.#statements.get(text);
    if (known !== undefined) return known;
    const statement = this.#statement(text);
    statement.setReturnArrays(true);
    return statement;
  }

  #statement(text: string): StatementSyncInstance {
    const known = this.#statements.get(text) ?? this.#database.prepare(text);
    this.#statements.set(text, known);
    return known;
  }
}

/** Sort key and rowid of a row: no two rows of a partition have the same position. */
type Position = readonly [string | number, number];

/** The last columns of `selectOf`. */
function positionOf([sort, id]: readonly (Value | null)[] = []): Position | undefined {
  const isSortKey = typeof sort === "string" || typeof sort === "number";
  return isSortKey && typeof id === "number" ? [sort, id] : undefined;
}

type SelectedRow = Row & { readonly sort: string | number; readonly id: number };

/** Queue, due time and rowid. */
export type WorkPosition = readonly [queue: string, dueAt: number, id: number];

export const FIRST_POSITION: WorkPosition = ["", Number.MIN_SAFE_INTEGER, 0];

export interface WaitingWork {
  readonly position: WorkPosition;
  /** The id of the action, or of the delivery. */
  readonly id: string;
  /** Without the content. Undefined if it cannot be read. */
  readonly item: Item | undefined;
}

function readableItemOf(row: Row): Item | undefined {
  try {
    return itemOf(row);
  } catch {
    // A damaged item is reported when its work is tried, and by `store check`.
    return undefined;
  }
}

const FIND = `SELECT ${COLUMNS.join(", ")} FROM items WHERE pk = ? AND sk = ?`;
const FIND_STRANDED = `SELECT pk, sk FROM items INDEXED BY stranded WHERE ${STRANDED}`;
// The expiry is the index of each of these, whatever SQLite knows about the number of items in a queue.
const DELETE_EXPIRED = `DELETE FROM items WHERE rowid IN (SELECT rowid FROM items INDEXED BY expiry
  WHERE expiresAt < ? AND (queue IS NULL OR queue = '${OPEN_APPROVALS}') LIMIT ?)`;
const RENEW_BEFORE = `UPDATE items SET expiresAt = ? WHERE rowid IN
  (SELECT rowid FROM items INDEXED BY expiry WHERE expiresAt < ? LIMIT ?)`;
const RENEW = "UPDATE items SET expiresAt = ? WHERE pk = ? AND expiresAt < ?";
const FIND_WAITING = `SELECT queue, pk, sk, fields, dueAt AS sort, rowid AS id
  FROM items INDEXED BY due
  WHERE queue IS NOT NULL AND queue <> '${OPEN_APPROVALS}' AND (queue, dueAt, rowid) > (?, ?, ?)
  ORDER BY queue, dueAt, rowid LIMIT ?`;

const FIND_QUEUES = `WITH RECURSIVE queues (queue) AS (
    SELECT min(queue) FROM items INDEXED BY due WHERE queue IS NOT NULL
    UNION ALL SELECT (SELECT min(queue) FROM items INDEXED BY due WHERE queue > queues.queue) FROM queues
    WHERE queue IS NOT NULL
  ) SELECT queue FROM queues WHERE queue IS NOT NULL`;

/** What each index has, as in DynamoDB, and the sort keys before and after all others. */
const PLACES = {
  table: { ...TABLE, columns: COLUMNS, first: "", last: "\u{10ffff}" },
  [TABLE.dueIndex.name]: {
    ...TABLE.dueIndex,
    columns: ["pk", "sk", "queue", "dueAt"] as const,
    first: Number.MIN_SAFE_INTEGER,
    last: Number.MAX_SAFE_INTEGER,
  },
  [TABLE.stateIndex.name]: { ...STATE_KEYS, columns: ["pk", "sk", "fields"] as const, first: "", last: "\u{10ffff}" },
};

/**
 * The statement of a selection, and the position before its first row. After `values`, the statement takes the position
 * after which the page starts, and the size of the page. The position alone bounds the side where the pages start: with a
 * second bound there, SQLite looks for that one, and each page steps over the rows of all earlier pages.
 */
function selectOf({ index, partition, from, to, newestFirst }: Selection) {
  const { partitionKey, sortKey, columns, first, last } = PLACES[index ?? "table"];
  const [beyond, order, near, far] = newestFirst ? ["<", "DESC", to, from] : [">", "ASC", from, to];
  const values: (string | number)[] = [toText(partition)];
  const ranges = [`${partitionKey} = ?`, ...(index === TABLE.stateIndex.name ? [PARTIAL_INDEXES.byState] : [])];
  if (far !== undefined) {
    ranges.push(`${sortKey} ${newestFirst ? ">=" : "<="} ?`);
    values.push(toBound(far));
  }
  const text = `SELECT ${columns.join(", ")}, ${sortKey} AS sort, rowid AS id FROM items
    WHERE ${ranges.join(" AND ")} AND (${sortKey}, rowid) ${beyond} (?, ?)
    ORDER BY ${sortKey} ${order}, rowid ${order} LIMIT ?`;
  const start: Position = newestFirst ? [toBound(near ?? last), Number.MAX_SAFE_INTEGER] : [toBound(near ?? first), 0];
  return { text, values, columns, start };
}

const toBound = (bound: string | number): string | number => (typeof bound === "string" ? toText(bound) : bound);
