import { statSync } from "node:fs";
import { basename } from "node:path";
import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import type { OnProgress } from "../maintenance.ts";
import { causeOf, isDamage } from "./errors.ts";
import { PARTIAL_INDEXES } from "./rows.ts";

/** What is wrong with the structure of a database file. */
export interface Integrity {
  readonly damage: readonly string[];
  /** Entries that an index lacks or has too many. They can be made anew from the table. */
  readonly indexProblems: readonly string[];
}

/** https://sqlite.org/pragma.html#pragma_integrity_check */
const INDEX_PROBLEM = /missing from index|wrong # of entries in index/;
const MAX_PROBLEMS = 100;

/** The check of a larger file takes over two seconds from a slow disk. */
const SLOW_BYTES = 100_000_000;

/** Checks the whole file: about 4 s for each GB that is in memory, else as fast as the disk. Holds the event loop. */
export function integrityOf(database: DatabaseSyncInstance, file: string, onProgress: OnProgress): Integrity {
  // Nothing can be reported while it runs.
  if (statSync(file).size > SLOW_BYTES) onProgress(`checking the structure of ${basename(file)}`, 0, 0);
  try {
    const problems = linesOf(database, "integrity_check");
    const damage = problems.filter((problem) => !INDEX_PROBLEM.test(problem));
    const indexProblems = problems.filter((problem) => INDEX_PROBLEM.test(problem));
    return { damage, indexProblems: damage.length > 0 ? [] : [...indexProblems, ...surplusOf(database)] };
  } catch (error) {
    // SQLite itself reports only damage that it can read past.
    if (isDamage(error)) return { damage: [causeOf(error).cause], indexProblems: [] };
    throw error;
  }
}

/** SQLite's check does not look for entries of a partial index that belong to no item. */
function surplusOf(database: DatabaseSyncInstance): readonly string[] {
  const count = (source: string): number =>
    (database.prepare(`SELECT count(*) AS rows FROM items ${source}`).get() as { readonly rows: number }).rows;
  const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'index'").all();
  // An older version had fewer indexes.
  const isThere = new Set(names.map(({ name }) => name));
  return Object.entries(PARTIAL_INDEXES)
    .filter(([name]) => isThere.has(name))
    .filter(([name, where]) => count(`INDEXED BY ${name} WHERE ${where}`) > count(`NOT INDEXED WHERE ${where}`))
    .map(([name]) => `entries for nothing in index ${name}`);
}

/** The damage that is found without comparing the indexes with the table. Six times as fast as the whole check. */
export const quickDamageOf = (database: DatabaseSyncInstance): readonly string[] => linesOf(database, "quick_check");

function linesOf(database: DatabaseSyncInstance, check: "integrity_check" | "quick_check"): readonly string[] {
  const rows = database.prepare(`PRAGMA ${check}(${MAX_PROBLEMS})`).all() as Readonly<Record<string, string>>[];
  return rows.map((row) => (row[check] ?? "").replace(/\s+/g, " ").trim()).filter((problem) => problem !== "ok");
}
