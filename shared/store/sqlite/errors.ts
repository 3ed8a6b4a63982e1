import { Fault } from "../../host/fault.ts";
import { LostFileError } from "./open-files.ts";

/** What happened to the database, and what to do, for a person. */
export interface Cause {
  readonly cause: string;
  readonly remedy: string;
}

export const RESTORE = "stop the bridge and restore a backup: drawbridge store restore <file>";

/** https://sqlite.org/rescode.html: the primary code is the lowest byte. */
const CAUSES: Readonly<Record<number, Cause>> = {
  5: { cause: "another process has locked the database", remedy: "end that process" },
  8: { cause: "the folder or the database file is read-only", remedy: "make it writable" },
  10: { cause: "the disk reports an input or output error", remedy: "check the disk, its mount and its quotas" },
  11: { cause: "the database file is damaged", remedy: RESTORE },
  13: { cause: "the disk is full", remedy: "make room" },
  14: { cause: "the database file cannot be opened", remedy: "check the folder and its permissions" },
  26: { cause: "the file is not a database", remedy: RESTORE },
};
const DAMAGED = [11, 26];

/** The texts of SQLite. The driver gives the errors of `all()` no code. */
const TEXTS: Readonly<Record<string, number>> = {
  "database is locked": 5,
  "attempt to write a readonly database": 8,
  "disk I/O error": 10,
  "database disk image is malformed": 11,
  "database or disk is full": 13,
  "unable to open database file": 14,
  "file is not a database": 26,
};

function codeOf(error: unknown): number {
  if (!(error instanceof Error)) return 0;
  return "errcode" in error && typeof error.errcode === "number" ? error.errcode & 0xff : (TEXTS[error.message] ?? 0);
}

export function causeOf(error: unknown): Cause {
  if (error instanceof LostFileError) return { cause: error.message, remedy: error.remedy };
  const cause = error instanceof Error ? error.message : "unknown";
  return CAUSES[codeOf(error)] ?? { cause, remedy: "report it" };
}

/** Whether the file itself is damaged, so that no later call can succeed. */
export const isDamage = (error: unknown): boolean => DAMAGED.includes(codeOf(error));

export const isBusy = (error: unknown): boolean => codeOf(error) === 5;

export const storeFault = (error: unknown): Fault =>
  new Fault("store_unavailable", `the database failed: ${causeOf(error).cause}`, { retryable: true, cause: error });
