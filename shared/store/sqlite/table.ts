import { setImmediate as nextTurn } from "node:timers/promises";
import type { DatabaseSyncInstance, StatementSyncInstance } from "@photostructure/sqlite";
import type { EpochMillis } from "../../host/clock.ts";
import { toSeconds } from "../../host/clock.ts";
import { Fault } from "../../host/fault.ts";
import type { Log } from "../../host/log.ts";
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
import {
  COLUMNS,
  columnsOf,
  FORMAT,
  INSERT_OR_NOTHING,
  INSERT_OR_REPLACE,
  itemOf,
  type Row,
  STRANDED,
  toText,
  valuesOf,
} from "./rows.ts";

/** The table in one SQLite file of this process, or in memory. */
export class SqliteTable implements Table {
  readonly #database: DatabaseSyncInstance;
  readonly #commits: GroupCommit;
  readonly #failures: Failures;
  readonly #statements = new Map<string, StatementSyncInstance>();

  constructor(database: DatabaseSyncInstance, log: Log) {
    this.#database = database;
    this.#failures = new Failures(log);
    this.#commits = new GroupCommit(database, {
      committed: () => this.#failures.wrote(),
      failed: (cause) => {
        if (database.isOpen) this.#failures.writeFailed(cause);
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
    const { text, values, start } = selectOf(selection);
    let left = selection.limit ?? Number.POSITIVE_INFINITY;
    let after = start;
    do {
      const page = this.#all(text, [...values, ...after, Math.min(left, PAGE_ITEMS)]);
      for (const { sort, id, ...row } of page) {
        yield itemOf(row);
        left -= 1;
        after = [sort, id];
      }
      if (page.length < PAGE_ITEMS || left === 0) return;
      await nextTurn();
    } while (left > 0);
  }

  /** Deletes at most `limit` items that have expired at `now`, and returns their number. */
  deleteExpired(now: EpochMillis, limit: number): Promise<number> {
    return this.#commits.add(() => Number(this.#statement(DELETE_EXPIRED).run(toSeconds(now), limit).changes));
  }

  /** The keys of work that no queue lists: see `rows.ts`. Normally there is none. */
  stranded(): readonly ItemKey[] {
    return this.#all(FIND_STRANDED, []).map(({ pk, sk }) => ({ pk: String(pk), sk: String(sk) }));
  }

  /**
   * Rejects with `store_unavailable` if the table cannot be written. Only after a failed write it finds out by another
   * one, which changes nothing.
   */
  async checkWrites(): Promise<void> {
    if (this.#failures.ofLastWrite === undefined) return;
    await this.#commits.add(() => this.#database.exec(`PRAGMA user_version = ${FORMAT}`));
  }

  /**
   * Commits the writes that wait, moves the write-ahead log into the database, and closes it. A later call fails with
   * `store_unavailable`. The driver keeps statements open, so SQLite does not move the log by itself.
   */
  close(): void {
    this.#commits.commit();
    if (!this.#database.isOpen) return;
    try {
      this.#database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // A disk that fails leaves the log as it is, and the next start reads it.
    }
    this.#database.close();
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
    const row = this.#statement(FIND).get(toText(key.pk), toText(key.sk)) as Row | undefined;
    return row === undefined ? undefined : itemOf(row);
  }

  #all(text: string, values: readonly (string | number)[]): readonly SelectedRow[] {
    try {
      // The columns of `selectOf`.
      return this.#statement(text).all(...values) as SelectedRow[];
    } catch (error) {
      throw this.#readFault(error);
    }
  }

  #readFault(error: unknown): Fault {
    if (this.#database.isOpen) this.#failures.failed(error);
    return storeFault(error);
  }

  #statement(text: string): StatementSyncInstance {
    const known = this.#statements.get(text) ?? this.#database.prepare(text);
    this.#statements.set(text, known);
    return known;
  }
}

/** Sort key and rowid of a row: no two rows of a partition have the same position. */
type Position = readonly [string | number, number];

type SelectedRow = Row & { readonly sort: string | number; readonly id: number };

const FIND = `SELECT ${COLUMNS.join(", ")} FROM items WHERE pk = ? AND sk = ?`;
const FIND_STRANDED = `SELECT pk, sk FROM items INDEXED BY stranded WHERE ${STRANDED}`;
const DELETE_EXPIRED = "DELETE FROM items WHERE rowid IN (SELECT rowid FROM items WHERE expiresAt < ? LIMIT ?)";

/** What each index has, as in DynamoDB, and the sort keys before and after all others. */
const PLACES = {
  table: { ...TABLE, columns: COLUMNS, first: "", last: "\u{10ffff}" },
  [TABLE.dayIndex.name]: {
    ...TABLE.dayIndex,
    columns: ["pk", "sk", "day", "seen", "fields"],
    first: "",
    last: "\u{10ffff}",
  },
  [TABLE.dueIndex.name]: {
    ...TABLE.dueIndex,
    columns: ["pk", "sk", "queue", "dueAt"],
    first: Number.MIN_SAFE_INTEGER,
    last: Number.MAX_SAFE_INTEGER,
  },
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
  const ranges = [`${partitionKey} = ?`];
  if (far !== undefined) {
    ranges.push(`${sortKey} ${newestFirst ? ">=" : "<="} ?`);
    values.push(toBound(far));
  }
  const text = `SELECT ${columns.join(", ")}, ${sortKey} AS sort, rowid AS id FROM items
    WHERE ${ranges.join(" AND ")} AND (${sortKey}, rowid) ${beyond} (?, ?)
    ORDER BY ${sortKey} ${order}, rowid ${order} LIMIT ?`;
  const start: Position = newestFirst ? [toBound(near ?? last), Number.MAX_SAFE_INTEGER] : [toBound(near ?? first), 0];
  return { text, values, start };
}

const toBound = (bound: string | number): string | number => (typeof bound === "string" ? toText(bound) : bound);
