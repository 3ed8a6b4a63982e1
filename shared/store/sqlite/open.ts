import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type DatabaseSyncInstance } from "@photostructure/sqlite";
import { Fault } from "../../host/fault.ts";
import { causeOf } from "./errors.ts";
import { CREATE_TABLE } from "./rows.ts";
import { SqliteTable } from "./table.ts";

/** Name of the database in the data folder. SQLite puts its write-ahead log beside it. */
export const DATABASE_FILE = "drawbridge.db";

export interface OpenTable {
  readonly table: SqliteTable;
  close(): void;
}

/** Opens a table in memory, which ends with the process. */
export function openMemoryTable(): OpenTable {
  const database = new DatabaseSync(":memory:");
  database.exec(CREATE_TABLE);
  const table = new SqliteTable(database);
  return { table, close: () => table.close() };
}

/**
 * Opens the table in a data folder, and creates both if they are missing. A write is on the disk when its promise resolves
 * (write-ahead log, one fsync for each group of writes). One process at a time may open a folder; a lock on a file of its
 * own ends with the process. Throws `configuration_invalid` with the cause.
 */
export function openTable(folder: string): OpenTable {
  try {
    createFolder(folder);
    const lock = lockFolder(folder);
    try {
      const table = new SqliteTable(openDatabase(join(folder, DATABASE_FILE)));
      const close = (): void => {
        table.close();
        if (lock.isOpen) lock.close();
      };
      return { table, close };
    } catch (error) {
      lock.close();
      throw error;
    }
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw unusable(
      folder,
      `cannot be used for the data: ${causeOf(error)}. Another folder starts without the work that is due`,
      error,
    );
  }
}

function createFolder(folder: string): void {
  if (existsSync(folder) && !statSync(folder).isDirectory())
    throw unusable(folder, "is a file: give a folder with --data");
  mkdirSync(folder, { recursive: true, mode: OWNER_ONLY });
  if (existsSync(join(folder, "CURRENT")) && !existsSync(join(folder, DATABASE_FILE))) {
    const why = "has the data of an older version (LevelDB), which this version cannot read";
    throw unusable(folder, `${why}: finish its work with that version, or give another folder with --data`);
  }
}

/** The lock of an open transaction in a file of its own. Readers of the database, such as a backup, do not need it. */
function lockFolder(folder: string): DatabaseSyncInstance {
  const lock = new DatabaseSync(join(folder, "drawbridge.lock"));
  try {
    lock.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw unusable(folder, "is in use by another bridge: stop that one, or give another folder with --data", error);
  }
}

function openDatabase(file: string): DatabaseSyncInstance {
  const database = new DatabaseSync(file, { timeout: BUSY_MS });
  try {
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSyncInstance): void {
  const { user_version: version } = database.prepare("PRAGMA user_version").get() as { readonly user_version: number };
  if (version > FORMAT) throw new Error(`its format ${version} is newer than this version of Drawbridge knows`);
  if (version === 0) database.exec(`BEGIN IMMEDIATE; ${CREATE_TABLE}; PRAGMA user_version = ${FORMAT}; COMMIT`);
}

/** The data contains bodies of private pages and projects, so a new folder is closed to other users. */
const OWNER_ONLY = 0o700;

/** Version of the file format, in the file's `user_version`. */
const FORMAT = 1;
/** How long a write waits for a short lock of a reader, such as the end of a backup. */
const BUSY_MS = 200;

const isBusy = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && Number(error.errcode) % 256 === 5;

const unusable = (folder: string, why: string, cause?: unknown): Fault =>
  new Fault("configuration_invalid", `${folder} ${why}`, { retryable: false, cause });
