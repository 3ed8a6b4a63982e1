import { closeSync, fsyncSync, openSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { backup, DatabaseSync } from "@photostructure/sqlite";
import { Fault } from "../../host/fault.ts";
import type { OnProgress, StoreCopy } from "../maintenance.ts";
import { causeOf, isDamage } from "./errors.ts";
import { integrityOf } from "./integrity.ts";
import { formatOf, reject } from "./open.ts";
import { OWNER_ONLY } from "./private-file.ts";
import { FORMAT } from "./rows.ts";

/** Pages of 4 kB that are copied before the progress is reported. */
const STEP_PAGES = 1_000;

/**
 * Copies a database, as it is at one instant, into a new file of its own, and checks the copy. The source may be in use: the
 * copy reads it in one transaction. A file that cannot be copied whole is removed.
 */
export async function copyDatabase(source: string, copy: string, onProgress: OnProgress): Promise<StoreCopy> {
  // A journal of a copy that was killed does not belong to this one.
  removeCopy(copy);
  try {
    closeSync(openSync(copy, "w", OWNER_ONLY));
    await copyPages(source, copy, onProgress);
    const checked = checkCopy(copy, source, onProgress);
    syncFile(copy);
    return checked;
  } catch (error) {
    removeCopy(copy);
    if (error instanceof Fault) throw error;
    const { cause } = causeOf(error);
    throw isDamage(error) ? damaged(source, cause) : reject(source, `cannot be copied to ${copy}: ${cause}`, error);
  }
}

function removeCopy(copy: string): void {
  for (const suffix of ["", "-journal", "-wal", "-shm"]) rmSync(`${copy}${suffix}`, { force: true });
}

const damaged = (source: string, why: string): Fault =>
  new Fault("store_damaged", `${source} is damaged (${why}): nothing was written; use an earlier backup`, {
    retryable: false,
  });

async function copyPages(source: string, copy: string, onProgress: OnProgress): Promise<void> {
  const database = new DatabaseSync(source, { readOnly: true });
  try {
    // Without a transaction of its own, each write of the bridge would start the copy again.
    database.exec("BEGIN");
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    await backup(database, copy, {
      rate: STEP_PAGES,
      progress: ({ totalPages, remainingPages }) => onProgress("copying", totalPages - remainingPages, totalPages),
    });
  } finally {
    database.close();
  }
}

function checkCopy(copy: string, source: string, onProgress: OnProgress): StoreCopy {
  const database = new DatabaseSync(copy);
  try {
    // The copy has no write-ahead log, so it is one file.
    database.exec("PRAGMA journal_mode = DELETE");
    const format = formatOf(database, source);
    if (format === 0) throw reject(source, "is no database of Drawbridge");
    if (format > FORMAT) throw reject(source, `has the format ${format}, which is newer than this version knows`);
    const { damage, indexProblems } = integrityOf(database, copy, onProgress);
    if (damage[0] !== undefined) throw damaged(source, damage[0]);
    if (indexProblems.length > 0) database.exec("REINDEX");
    const { items } = database.prepare("SELECT count(*) AS items FROM items").get() as { readonly items: number };
    return { file: copy, bytes: statSync(copy).size, items };
  } finally {
    database.close();
  }
}

/** Makes sure that a file, and its name in its folder, survive a power failure. */
export function syncFile(file: string): void {
  for (const path of [file, dirname(file)]) {
    const opened = openSync(path, "r");
    fsyncSync(opened);
    closeSync(opened);
  }
}
