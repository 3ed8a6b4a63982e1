import { Fault } from "../../host/fault.ts";

/** https://sqlite.org/rescode.html: the primary code is the lowest byte. */
const CAUSES: Readonly<Record<number, string>> = {
  5: "another process has locked the database",
  8: "the folder or the database file is read-only",
  10: "the disk reports an input or output error",
  11: "the database file is damaged",
  13: "the disk is full",
  14: "the database file cannot be opened",
  26: "the file is not a database",
};

/** What happened, for a person. */
export function causeOf(error: unknown): string {
  const code = error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode : 0;
  return CAUSES[code & 0xff] ?? (error instanceof Error ? error.message : "unknown");
}

export const storeFault = (cause: unknown): Fault =>
  new Fault("store_unavailable", `the database failed: ${causeOf(cause)}`, { retryable: true, cause });
