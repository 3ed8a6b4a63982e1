import { jsonEscapeOf, replaceHidden } from "../host/hidden-characters.ts";
import { type StateWords, textOf as stateTextOf } from "../model/state-words.ts";

/** A column of a table. */
export interface Column {
  readonly name: string;
  /** The fewest characters that it may be cut to on a narrow terminal. Undefined for a column that stays whole. */
  readonly least?: number;
  /** Whether it is left out if a narrow terminal has no room for it. */
  readonly isOptional?: boolean;
}

/** A cell. Its colour repeats what its text says. */
export type Cell = string | { readonly text: string; readonly tone: Tone | undefined };
/** Something failed, or somebody has to look at it. */
export type Tone = "failed" | "attention";

/** A state, in the colour of its tone. */
export const wordsCell = (look: StateWords): Cell => ({
  text: stateTextOf(look),
  tone: look.tone === "failed" || look.tone === "attention" ? look.tone : undefined,
});

interface TableDisplay {
  /** Width of the terminal. Undefined without one: then nothing is cut, wrapped or left out. */
  readonly columns?: number | undefined;
  readonly hasColour?: boolean;
}

/**
 * Formats rows under a heading. Each column is as wide as its widest cell, if the terminal has room for that; else columns
 * that allow it are left out or cut, and a last column that is not cut is wrapped. Control characters are replaced by "?".
 */
export function table(
  heading: readonly (string | Column)[],
  rows: readonly (readonly Cell[])[],
  { columns = Number.POSITIVE_INFINITY, hasColour = false }: TableDisplay = {},
): string {
  const all = heading.map((column) => (typeof column === "string" ? { name: column } : column));
  const texts = [all.map(({ name }) => name), ...rows.map((row) => row.map(textOf))].map((row) => row.map(printable));
  const wholeWidths = all.map((_, at) => Math.max(...texts.map((row) => widthOf(row[at] ?? ""))));
  const shown = shownColumns(all, wholeWidths, columns);
  const widths = fittingWidths(all, wholeWidths, shown, columns);
  const last = shown.at(-1) ?? 0;
  const indent = shown.slice(0, -1).reduce((sum, at) => sum + (widths[at] ?? 0) + GAP, 0);
  return texts
    .map((row, line) => {
      const cells = shown.slice(0, -1).map((at) => {
        const text = cutTo(row[at] ?? "", widths[at] ?? 0);
        return `${coloured(text, toneOf(rows[line - 1]?.[at]), hasColour)}${blanksTo(widths[at] ?? 0, text)}`;
      });
      const lastText = row[last] ?? "";
      const isCut = all[last]?.least !== undefined;
      const lines = isCut ? [cutTo(lastText, widths[last] ?? 0)] : wrapped(lastText, columns - indent);
      const end = lines.map((one) => coloured(one, toneOf(rows[line - 1]?.[last]), hasColour));
      return [...cells, end.join(`\n${" ".repeat(indent)}`)].join(" ".repeat(GAP)).trimEnd();
    })
    .join("\n");
}

const GAP = 2;

const textOf = (cell: Cell): string => (typeof cell === "string" ? cell : cell.text);
const toneOf = (cell: Cell | undefined): Tone | undefined => (typeof cell === "object" ? cell.tone : undefined);

const CODES: Readonly<Record<Tone, number>> = { failed: 31, attention: 33 };

const coloured = (text: string, tone: Tone | undefined, hasColour: boolean): string =>
  hasColour && tone !== undefined && text !== "" ? `\u001b[${CODES[tone]}m${text}\u001b[0m` : text;

/** The positions of the columns that a terminal has room for. */
function shownColumns(all: readonly Column[], wholeWidths: readonly number[], columns: number): readonly number[] {
  const shown = all.map((_, at) => at);
  const leastOf = (at: number): number => Math.min(all[at]?.least ?? Number.POSITIVE_INFINITY, wholeWidths[at] ?? 0);
  while (shown.reduce((sum, at) => sum + leastOf(at) + GAP, -GAP) > columns) {
    const dropped = shown.findLastIndex((at) => all[at]?.isOptional);
    if (dropped === -1) break;
    shown.splice(dropped, 1);
  }
  return shown;
}

/** The width of each column. The widest that may be cut is cut first. */
function fittingWidths(
  all: readonly Column[],
  wholeWidths: readonly number[],
  shown: readonly number[],
  columns: number,
): readonly number[] {
  const widths = [...wholeWidths];
  const total = (): number => shown.reduce((sum, at) => sum + (widths[at] ?? 0) + GAP, -GAP);
  while (total() > columns) {
    const [widest] = shown
      .filter((at) => (widths[at] ?? 0) > (all[at]?.least ?? Number.POSITIVE_INFINITY))
      .toSorted((a, b) => (widths[b] ?? 0) - (widths[a] ?? 0));
    if (widest === undefined) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

const blanksTo = (width: number, text: string): string => " ".repeat(Math.max(0, width - widthOf(text)));

/** Cuts a text that is wider. Its last character is then "…". */
export function cutTo(text: string, width: number, { isPadded = false } = {}): string {
  if (isPadded) return `${cutTo(text, width)}${blanksTo(width, cutTo(text, width))}`;
  if (widthOf(text) <= width) return text;
  let cut = "";
  for (const character of charactersOf(text)) {
    if (widthOf(cut) + widthOf(character) > width - 1) break;
    cut += character;
  }
  return `${cut}…`;
}

/** The places that a text takes on a terminal. Characters of East Asia and emojis take two. */
function widthOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return charactersOf(text).reduce((sum, character) => sum + (WIDE.test(character) ? 2 : 1), 0);
}

const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]|\ufe0f/u;

/** What a reader takes for one character, such as a letter with its accent. */
const charactersOf = (text: string): readonly string[] =>
  Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);

/** Wraps a text at blanks. A longer word has its own line. A width under `MIN_WIDTH` is left to the terminal. */
export function wrapped(text: string, width: number): readonly string[] {
  if (width < MIN_WIDTH || text.length <= width) return [text];
  const fitting = new RegExp(`(.{1,${width}}|\\S+)( |$)`, "g");
  return Array.from(text.matchAll(fitting), ([, line = ""]) => line);
}

const MIN_WIDTH = 20;

/** A name and a text beside it, wrapped for the terminal. */
export const factLine = (
  name: string,
  fact: string,
  { indent, columns }: { readonly indent: number; readonly columns: number },
): string =>
  name.padEnd(Math.max(indent, name.length + 1)) +
  wrapped(printable(fact), columns - indent).join(`\n${" ".repeat(indent)}`);

/** Formats JSON for a terminal. Hidden characters, which JSON leaves unescaped, are escaped too. */
export const jsonText = (value: unknown): string => replaceHidden(JSON.stringify(value, null, 2), jsonEscapeOf);

/** As {@link jsonText}, in one line. */
export const jsonLine = (value: unknown): string => replaceHidden(JSON.stringify(value), jsonEscapeOf);

/** Replaces control and hidden characters in a text from outside, before it is printed on a terminal. */
export const printable = (text: string): string => replaceHidden(text, () => "?").replace(/\p{Cc}/gu, "?");

/** Formats a rejection as one line: its reason, then its facts in parentheses. */
export function rejectionLine({ reason, ...facts }: { readonly reason: string }): string {
  const shown = Object.entries(facts).map(([name, fact]) => `${name} ${fact}`);
  return shown.length === 0 ? reason : printable(`${reason} (${shown.join(", ")})`);
}
