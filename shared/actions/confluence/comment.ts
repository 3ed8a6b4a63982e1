import * as v from "valibot";
import { type EpochMillis, epochMillis } from "../../host/clock.ts";
import { resolveReferences } from "./storage-text.ts";
import { type Token, tokenize } from "./storage-tokens.ts";

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
 * Returns the whole text of a comment, on one line; undefined if any of it is quoted, struck out, inserted or formatted in
 * another way than {@link EMPHASIS}, because the text alone may then not be what its author means, or if it is too long
 * for a command.
 */
export function plainTextOf(storage: string): string | undefined {
  const tokens = tokensOf(storage);
  const isPlain = tokens?.every(({ kind, name }) => kind === "text" || SEPARATORS.has(name) || EMPHASIS.has(name));
  if (!tokens || !isPlain) return undefined;
  const pieces = tokens.map(({ kind, name, start, end }) => {
    if (kind === "text") return storage.slice(start, end);
    return SEPARATORS.has(name) ? " " : "";
  });
  return resolveReferences(pieces.join("")).replace(/\s+/g, " ").trim();
}

/**
 * Returns the lines of text that the comment's author wrote, without what is quoted, struck out, code of several lines or
 * inserted. Empty if the comment is not storage format, or too long for a command.
 */
export function ownLinesOf(storage: string): readonly string[] {
  const tokens = tokensOf(storage);
  if (!tokens) return [];
  let text = "";
  let foreign = 0;
  for (const { kind, name, start, end } of tokens) {
    if (isForeign(name) && kind === "open") foreign += 1;
    if (isForeign(name) && kind === "close") foreign -= 1;
    if (kind === "text" && foreign === 0) text += storage.slice(start, end).replace(/\s+/g, " ");
    if (kind !== "text" && !EMPHASIS.has(name) && !INLINE.has(name)) text += "\n";
  }
  return resolveReferences(text)
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function tokensOf(storage: string): readonly Token[] | undefined {
  const tokens = storage.length > MAX_COMMENT_LENGTH ? undefined : tokenize(storage);
  return tokens && "malformed" in tokens ? undefined : tokens;
}

/** UTF-16 code units, with markup. A comment may be as large as a page, and is read on the event loop. */
const MAX_COMMENT_LENGTH = 65_536;

/** Macros, mentions and links to pages, quotations, code of several lines, and text that is struck out. */
const isForeign = (name: string): boolean => /^(?:ac:.*|ri:.*|blockquote|pre|s|del|strike)$/.test(name);

/** More elements that do not end a line. */
const INLINE: ReadonlySet<string> = new Set(["a", "span", "sub", "sup", "small", "big", "font", "time"]);

/** Elements that only separate lines. */
const SEPARATORS: ReadonlySet<string> = new Set(["p", "br"]);

/** Elements that change how a text looks and not what it means. */
const EMPHASIS: ReadonlySet<string> = new Set(["strong", "b", "em", "i", "u", "code"]);
