import * as v from "valibot";
import { type EpochMillis, epochMillis } from "../../host/clock.ts";
import { resolveReferences } from "./storage-text.ts";
import { tokenize } from "./storage-tokens.ts";

/** A comment as the site stores it now. */
export interface StoredComment {
  /** The page that it is on; undefined if it is on something else. */
  readonly page: string | undefined;
  readonly status: string;
  /** The author of the version; undefined if it is unknown. */
  readonly author: string | undefined;
  readonly version: number;
  /** The time of the version. */
  readonly at: EpochMillis;
  /** Storage format. */
  readonly body: string;
}

/** An ISO 8601 timestamp with its zone. */
export const writtenAt: v.GenericSchema<unknown, EpochMillis> = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.transform((text) => Date.parse(text)),
  v.integer(),
  v.transform(epochMillis),
);

/**
 * Returns the whole text of a plain-text comment, on one line; undefined if any of it is formatted, quoted or inserted,
 * because the text alone may then not be what its author means.
 */
export function plainTextOf(storage: string): string | undefined {
  const tokens = tokenize(storage);
  if (!Array.isArray(tokens)) return undefined;
  const isPlain = tokens.every(({ kind, name }) => kind === "text" || PLAIN.has(name));
  if (!isPlain) return undefined;
  const pieces = tokens.map(({ kind, start, end }) => (kind === "text" ? storage.slice(start, end) : " "));
  return resolveReferences(pieces.join("")).replace(/\s+/g, " ").trim();
}

/** Elements that only separate lines. */
const PLAIN: ReadonlySet<string> = new Set(["p", "br"]);
