import * as v from "valibot";
import { type EpochMillis, epochMillis } from "../../host/clock.ts";
import { resolveReferences } from "./storage-text.ts";
import { tokenize } from "./storage-tokens.ts";

/** A comment as the site has it now. */
export interface StoredComment {
  /** The page that it stands on; absent where it stands on something else. */
  readonly page: string | undefined;
  readonly status: string;
  /** Of the version, as is `at`; absent where nobody is known to have written it. */
  readonly author: string | undefined;
  readonly version: number;
  readonly at: EpochMillis;
  /** Storage format. */
  readonly body: string;
}

/** A time with its zone. */
export const writtenAt: v.GenericSchema<unknown, EpochMillis> = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.transform((text) => Date.parse(text)),
  v.integer(),
  v.transform(epochMillis),
);

/**
 * The whole text of a comment that is plain text and nothing else, on one line; nothing where anything is formatted, quoted
 * or inserted, since that may stand for something that its text alone does not say.
 */
export function plainTextOf(storage: string): string | undefined {
  const tokens = tokenize(storage);
  if (!Array.isArray(tokens)) return undefined;
  const isPlain = tokens.every(({ kind, name }) => kind === "text" || PLAIN.has(name));
  if (!isPlain) return undefined;
  const pieces = tokens.map(({ kind, start, end }) => (kind === "text" ? storage.slice(start, end) : " "));
  return resolveReferences(pieces.join("")).replace(/\s+/g, " ").trim();
}

/** Elements that only part one line from the next. */
const PLAIN: ReadonlySet<string> = new Set(["p", "br"]);
