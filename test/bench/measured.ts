import { readFileSync } from "node:fs";
import type { Table } from "./table.ts";

/** The measures whose figures are in `docs/benchmarks.md`. */
export const PUBLISHED = ["receive", "routing", "packing", "standalone", "growth", "finding", "pages"] as const;
export type Published = (typeof PUBLISHED)[number];

/** One run of a measure. */
export interface Measured {
  /** The day, as `2026-11-29`. */
  readonly date: string;
  readonly machine: string;
  readonly tables: readonly Table[];
}

/** The last run of each measure that `npm run bench -- --write` wrote. */
export const MEASURED = new URL("measured.json", import.meta.url);

export const readMeasured = (): Readonly<Partial<Record<Published, Measured>>> =>
  // Only `run.ts` writes the file.
  JSON.parse(readFileSync(MEASURED, "utf8"));
