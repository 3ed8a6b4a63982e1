import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type DatabaseSyncInstance } from "@photostructure/sqlite";
import { Fault } from "../../host/fault.ts";
import type { Log } from "../../host/log.ts";
import { causeOf, isBusy, isDamage, RESTORE } from "./errors.ts";
import { quickDamageOf } from "./integrity.ts";
import { listOldDeliveries } from "./list-old-deliveries.ts";
import { NO_FILES, OpenFiles } from "./open-files.ts";
import { closeToOthers, makePrivate, OWNER_ONLY_FOLDER } from "./private-file.ts";
import { BUSY_MS, CREATE_LATER_INDEXES, CREATE_TABLE, FORMAT } from "./rows.ts";
import { SqliteTable } from "./table.ts";

/** Name of the database in the data folder. SQLite puts its write-ahead log beside it. */
export const DATABASE_FILE = "drawbridge.db";

const LOCK_FILE = "drawbridge.lock";

export interface OpenTable {
  readonly table: SqliteTable;
  close(): void;
}

/** Opens a table in memory, which ends with the process. It has no disk that could fail, so it needs no log. */
export function openMemoryTable(): OpenTable {
  const database = new DatabaseSync(":memory:");
  database.exec(CREATE_TABLE);
  const table = new SqliteTable(database, { log: { info: ignore, warn: ignore, error: ignore }, files: NO_FILES });
  return { table, close: () => table.close() };
}

/**
 * Opens the table in a data folder, and creates both if they are missing. A write is on the disk when its promise resolves
 * (write-ahead log, one fsync for each group of writes). One process at a time may open a folder. Throws `store_damaged` or
 * `configuration_invalid` with the cause and what to do.
 */
export function openTable(folder: string, log: Log): OpenTable {
  return usingFolder(folder, () => {
    createFolder(folder);
    const lock = lockFolder(folder);
    try {
      const file = join(folder, DATABASE_FILE);
      makePrivate(file);
      // SQLite gives new ones the mode and the owner of the database.
      for (const suffix of ["-wal", "-shm"]) closeToOthers(`${file}${suffix}`);
      const database = openDatabase(file);
      const table = new SqliteTable(database, { log, files: new OpenFiles(file) });
      const watching = setInterval(() => table.checkFiles(), CHECK_FILES_MS).unref();
      const close = (): void => {
        clearInterval(watching);
        table.close();
        if (lock.isOpen) lock.close();
      };
      return { table, close };
    } catch (error) {
      lock.close();
      throw error;
    }
  });
}

/** Turns each error of SQLite and of the file system into a fault with the cause and what to do. */
function usingFolder<T>(folder: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw folderFault(folder, error);
  }
}

/** The fault of a folder, with the cause and what to do, for an error of SQLite or of the file system. */
export function folderFault(folder: string, error: unknown): Fault {
  if (error instanceof Fault) return error;
  const { cause, remedy } = causeOf(error);
  const why = `cannot be used for the data: ${cause}. Another folder starts without the work that is due; ${remedy}`;
  const code = isDamage(error) ? "store_damaged" : "configuration_invalid";
  return new Fault(code, `${folder} ${why}`, { retryable: false, cause: error });
}

export function createFolder(folder: string): void {
  if (existsSync(folder) && !statSync(folder).isDirectory())
    throw reject(folder, "is a file: give a folder with --data");
  mkdirSync(folder, { recursive: true, mode: OWNER_ONLY_FOLDER });
  if (existsSync(join(folder, "CURRENT")) && !existsSync(join(folder, DATABASE_FILE))) {
    const why = "has the data of an older version (LevelDB), which this version cannot read";
    throw reject(folder, `${why}: finish its work with that version, or give another folder with --data`);
  }
}

/**
 * Takes the lock of a folder, which ends with the process. It is a lock on a file of its own, so that readers of the
 * database, such as a backup, do not need it. Somebody may have deleted that file under a bridge that runs: a lock file
 * without its mark is new, and then nobody else may have the database open.
 */
export function lockFolder(folder: string): DatabaseSyncInstance {
  const file = join(folder, LOCK_FILE);
  makePrivate(file);
  const lock = new DatabaseSync(file);
  try {
    lock.exec("BEGIN EXCLUSIVE");
    const mark = markOf(file);
    if (!hasTable(lock, mark)) {
      rejectOpenDatabase(folder);
      // Whoever takes the lock between the two transactions is the only one, too.
      lock.exec(`CREATE TABLE ${mark} (empty); COMMIT; BEGIN EXCLUSIVE`);
    }
    return lock;
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw reject(folder, "is in use by another bridge: stop that one, or give another folder with --data", error);
  }
}

/** The name of an empty table in the lock file. Differs for a copy of the file, and for another file in its place. */
const markOf = (file: string): string => `inode_${statSync(file, { bigint: true }).ino}`;

/** The driver does not end a prepared statement with its connection, which would keep the lock. */
function hasTable(database: DatabaseSyncInstance, name: string): boolean {
  try {
    database.exec(`SELECT * FROM ${name}`);
    return true;
  } catch {
    return false;
  }
}

/** SQLite waits for every other connection when the first read of one takes the exclusive lock. */
function rejectOpenDatabase(folder: string): void {
  const file = join(folder, DATABASE_FILE);
  if (!existsSync(file)) return;
  const database = new DatabaseSync(file, { timeout: BUSY_MS });
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; SELECT count(*) FROM sqlite_schema");
  } catch (error) {
    // Whoever opens the database next finds out about everything else, such as damage.
    if (!isBusy(error)) return;
    const why = "has a new lock file, and another process has its database open: end that bridge, backup or check";
    throw reject(folder, why, error);
  } finally {
    database.close();
  }
}

export function openDatabase(file: string): DatabaseSyncInstance {
  const database = new DatabaseSync(file, { timeout: BUSY_MS });
  try {
    const format = formatOf(database, file);
    if (format > FORMAT) throw new Error(`its format ${format} is newer than this version of Drawbridge knows`);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    if (format === 0) database.exec(`BEGIN IMMEDIATE; ${CREATE_TABLE}; PRAGMA user_version = ${FORMAT}; COMMIT`);
    else database.exec(CREATE_LATER_INDEXES);
    if (format === 1) listOldDeliveries(database);
    checkAtStart(database, file);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * The check of a large file would take minutes if it is not in memory, so a start looks only at its header, its size and
 * its log, as SQLite does by itself; `store check` does the rest.
 */
function checkAtStart(database: DatabaseSyncInstance, file: string): void {
  if (statSync(file).size > START_CHECK_BYTES) return;
  const [damage] = quickDamageOf(database);
  if (damage !== undefined)
    // SQLite's text about it quotes no stored value.
    throw new Fault("store_damaged", `${file} is damaged (${damage}): ${RESTORE}`, { retryable: false });
}

/** Returns the version of the format; 0 for an empty file. Throws `configuration_invalid` for another program's database. */
export function formatOf(database: DatabaseSyncInstance, file: string): number {
  const { format, tables, items } = database
    .prepare(
      `SELECT user_version AS format, (SELECT count(*) FROM sqlite_schema) AS tables,
       (SELECT count(*) FROM sqlite_schema WHERE name = 'items' AND type = 'table') AS items FROM pragma_user_version`,
    )
    .get() as { readonly format: number; readonly tables: number; readonly items: number };
  const isOurs = format === 0 ? tables === 0 : items === 1;
  if (!isOurs) throw reject(file, "is no database of Drawbridge");
  return format;
}

/** About 25,000 deliveries. The check of such a file takes 50 ms, or a second from a slow disk. */
const START_CHECK_BYTES = 64_000_000;

/** A bridge without requests also finds out that its files are gone. */
const CHECK_FILES_MS = 1_000;

const ignore = (): void => undefined;

export const reject = (path: string, why: string, cause?: unknown): Fault =>
  new Fault("configuration_invalid", `${path} ${why}`, { retryable: false, cause });
