import { copyFileSync, existsSync, linkSync, mkdirSync, realpathSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { DatabaseSync, type DatabaseSyncInstance } from "@photostructure/sqlite";
import { type EpochMillis, epochMillis, toIso } from "../../host/clock.ts";
import { problemOf, repairQueue } from "../item-check.ts";
import type { QueueLength, RestoredStore, StoreCheck, StoreFinding, StoreMaintenance } from "../maintenance.ts";
import type { Item, ItemKey } from "../table.ts";
import { copyDatabase, syncFile } from "./copy.ts";
import { integrityOf } from "./integrity.ts";
import { createFolder, DATABASE_FILE, folderFault, formatOf, lockFolder, openDatabase, reject } from "./open.ts";
import { NO_FILES } from "./open-files.ts";
import { giveTo, OWNER_ONLY_FOLDER } from "./private-file.ts";
import { COLUMNS, itemOf, type Row } from "./rows.ts";
import { SqliteTable } from "./table.ts";

/** The upkeep of the SQLite database in a data folder. */
export const sqliteMaintenance: StoreMaintenance = {
  check: (folder, options) => inFolder(folder, () => check(folder, options)),
  backup: (folder, file, options) => inFolder(folder, () => backup(folder, file, options)),
  restore: (file, folder, options) => inFolder(folder, () => restore(file, folder, options)),
};

async function inFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw folderFault(folder, error);
  }
}

async function check(
  folder: string,
  { isRepairing, now, onProgress }: Parameters<StoreMaintenance["check"]>[1],
): Promise<StoreCheck> {
  const file = databaseIn(folder);
  const lock = isRepairing ? lockFolder(folder) : undefined;
  const database = new DatabaseSync(file, { readOnly: !isRepairing });
  try {
    const structure = integrityOf(database, file, onProgress);
    if (structure.damage.length === 0 && formatOf(database, file) === 0) throw reject(file, "is empty");
    const areIndexesRepaired = isRepairing && structure.damage.length === 0 && structure.indexProblems.length > 0;
    if (areIndexesRepaired) database.exec("REINDEX");
    const damage = areIndexesRepaired ? integrityOf(database, file, onProgress).damage : structure.damage;
    const isReadable = damage.length === 0;
    const nothing = { findings: [], repairable: 0, unreadable: 0 };
    const found = isReadable ? await checkItems(database, { isRepairing, now, onProgress }) : nothing;
    return {
      bytes: isReadable ? bytesOf(database) : statSync(file).size,
      items: isReadable ? countOf(database) : 0,
      damage,
      indexProblems: structure.indexProblems.length,
      areIndexesRepaired,
      ...found,
      queues: isReadable ? queuesOf(database, now) : [],
    };
  } finally {
    database.close();
    lock?.close();
  }
}

function databaseIn(folder: string): string {
  const file = join(folder, DATABASE_FILE);
  if (existsSync(folder) && !statSync(folder).isDirectory())
    throw reject(folder, "is a file: give the data folder with --data");
  if (!existsSync(file)) throw reject(folder, "has no database: give the data folder with --data");
  rejectOtherThanFile(file);
  return file;
}

/** SQLite reports a folder as an error of the disk, and waits at a pipe. */
function rejectOtherThanFile(path: string): void {
  const stats = statSync(path);
  if (stats.isDirectory()) throw reject(path, "is a folder: give a file");
  if (!stats.isFile()) throw reject(path, "is no file");
}

const MAX_FINDINGS = 50;
/** Items that are read in one turn. */
const PAGE_ITEMS = 500;

async function checkItems(
  database: DatabaseSyncInstance,
  { isRepairing, now, onProgress }: Parameters<StoreMaintenance["check"]>[1],
): Promise<Pick<StoreCheck, "findings" | "repairable" | "unreadable">> {
  const page = database.prepare(
    `SELECT rowid AS id, ${COLUMNS.join(", ")} FROM items WHERE rowid > ? ORDER BY rowid LIMIT ${PAGE_ITEMS}`,
  );
  const { last } = database.prepare("SELECT max(rowid) AS last FROM items").get() as { readonly last: number | null };
  const table = new SqliteTable(database, { log: { info: ignore, warn: ignore, error: ignore }, files: NO_FILES });
  const findings: StoreFinding[] = [];
  const left = { repairable: 0, unreadable: 0 };
  let after = 0;
  for (;;) {
    // The columns of the statement.
    const rows = page.all(after) as (Row & { readonly id: number })[];
    for (const { id, ...row } of rows) {
      after = id;
      const found = problemIn(row);
      if (found === undefined) continue;
      const { problem, item } = found;
      const isRepaired = isRepairing && item !== undefined && (await repairQueue(table, item, now));
      if (findings.length < MAX_FINDINGS)
        findings.push({ problem, pk: String(row.pk), sk: String(row.sk), isRepaired });
      if (!isRepaired) left[item === undefined ? "unreadable" : "repairable"] += 1;
    }
    if (last !== null) onProgress("checking the items", after, last);
    if (rows.length < PAGE_ITEMS) return { findings, ...left };
    await nextTurn();
  }
}

const ignore = (): void => undefined;

/** `item` is undefined if it cannot be repaired. */
function problemIn(
  row: Row,
): { readonly problem: StoreFinding["problem"]; readonly item?: Item & ItemKey } | undefined {
  try {
    const item = itemOf(row);
    const problem = problemOf(item);
    if (problem === undefined) return undefined;
    if (problem === "unreadable") return { problem };
    return { problem, item: { ...item, pk: String(item["pk"]), sk: String(item["sk"]) } };
  } catch {
    return { problem: "unreadable" };
  }
}

function countOf(database: DatabaseSyncInstance): number {
  return (database.prepare("SELECT count(*) AS items FROM items").get() as { readonly items: number }).items;
}

/** Size of the database with what its write-ahead log still has: the file alone may be one page while a bridge runs. */
function bytesOf(database: DatabaseSyncInstance): number {
  const { pages, bytes } = database
    .prepare("SELECT page_count AS pages, page_size AS bytes FROM pragma_page_count, pragma_page_size")
    .get() as { readonly pages: number; readonly bytes: number };
  return pages * bytes;
}

function queuesOf(database: DatabaseSyncInstance, now: EpochMillis): readonly QueueLength[] {
  const rows = database
    .prepare(
      `SELECT queue, sum(dueAt <= ?1) AS due, sum(dueAt > ?1) AS later, min(dueAt) AS oldest FROM items
       WHERE queue IS NOT NULL GROUP BY queue ORDER BY queue`,
    )
    .all(now) as { queue: string; due: number | null; later: number | null; oldest: number | null }[];
  return rows.map(({ queue, due, later, oldest }) => ({
    queue,
    due: due ?? 0,
    later: later ?? 0,
    oldest: oldest !== null && oldest <= now ? epochMillis(oldest) : undefined,
  }));
}

async function backup(
  folder: string,
  file: string,
  { isReplacing, onProgress }: Parameters<StoreMaintenance["backup"]>[2],
) {
  const source = databaseIn(folder);
  const target = resolve(file);
  if (!existsSync(dirname(target))) throw reject(file, "cannot be written: its folder does not exist");
  if (realpathSync(dirname(target)) === realpathSync(folder))
    throw reject(file, "is in the data folder: a backup belongs on another disk");
  if (existsSync(target)) rejectOtherThanFile(target);
  if (existsSync(target) && !isReplacing) throw reject(file, "exists: give another file, or --force to replace it");
  const copied = await copyDatabase(source, `${target}.part`, onProgress);
  renameSync(copied.file, target);
  syncFile(target);
  return { ...copied, file };
}

/**
 * A crash at any instant leaves the old database or the new one. The old one is complete in its own folder before its log
 * is removed: a log beside a database to which it does not belong would damage that.
 */
async function restore(
  file: string,
  folder: string,
  { now, onProgress }: Parameters<StoreMaintenance["restore"]>[2],
): Promise<RestoredStore> {
  if (!existsSync(file)) throw reject(file, "does not exist");
  rejectOtherThanFile(file);
  createFolder(folder);
  const lock = lockFolder(folder);
  try {
    const current = join(folder, DATABASE_FILE);
    const copied = await copyDatabase(file, `${current}.restoring`, onProgress);
    giveTo(copied.file, statSync(existsSync(current) ? current : folder));
    const kept = existsSync(current) ? keep(current, now) : undefined;
    for (const suffix of ["-wal", "-shm"]) rmSync(`${current}${suffix}`, { force: true });
    renameSync(copied.file, current);
    syncFile(current);
    return { ...copied, file, kept };
  } finally {
    lock.close();
  }
}

/** Links the files of a database into a new folder beside it, so that they are there twice and need no space. */
function keep(current: string, now: EpochMillis): string {
  endLog(current);
  const kept = join(dirname(current), `before-restore-${toIso(now).replaceAll(":", "-")}`);
  mkdirSync(kept, { mode: OWNER_ONLY_FOLDER });
  const owner = statSync(current);
  giveTo(kept, owner);
  for (const from of [current, `${current}-wal`].filter(hasContent)) {
    const to = join(kept, basename(from));
    try {
      linkSync(from, to);
    } catch {
      // The file system has no hard links.
      copyFileSync(from, to);
      giveTo(to, owner);
    }
    syncFile(to);
  }
  return kept;
}

const hasContent = (path: string): boolean => existsSync(path) && statSync(path).size > 0;

/** Moves the write-ahead log into the database, if both are whole enough for that. */
function endLog(current: string): void {
  try {
    const database = openDatabase(current);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    database.close();
  } catch {
    // A damaged database is kept as it is, with its log.
  }
}
