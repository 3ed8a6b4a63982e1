import { readFileSync } from "node:fs";

const file = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

/** A text file of the project, by its path from the root. */
export const readText = file;

/** The part of a document under a heading, up to the next heading of the same or a higher level. */
export function sectionOf(document: string, heading: string): string {
  const lines = document.split("\n");
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, "") === heading);
  if (start < 0) throw new Error(`there is no heading "${heading}"`);
  const level = levelOf(lines[start] ?? "");
  const end = lines.findIndex((line, at) => at > start && levelOf(line) > 0 && levelOf(line) <= level);
  return lines.slice(start + 1, end < 0 ? undefined : end).join("\n");
}

const levelOf = (line: string): number => /^(#+) /.exec(line)?.[1]?.length ?? 0;

/** The cells of all tables in a text, without their headings. */
export function rowsOf(text: string): readonly (readonly string[])[] {
  const rows = text.split("\n").map((line) => (line.startsWith("|") ? cellsOf(line) : undefined));
  return rows.flatMap((cells, at) => (cells && !isRule(cells) && !isRule(rows[at + 1]) ? [cells] : []));
}

const cellsOf = (line: string): readonly string[] =>
  line
    .slice(1, line.lastIndexOf("|"))
    .split("|")
    .map((cell) => cell.trim());
const isRule = (cells: readonly string[] | undefined): boolean =>
  cells?.every((cell) => /^:?-+:?$/.test(cell)) ?? false;

/** The texts in backticks, in order. */
export const codeIn = (text: string): readonly string[] =>
  Array.from(text.matchAll(/`([^`]+)`/g), ([, code = ""]) => code);

/** The fenced blocks of one language, in order. */
export const blocksOf = (text: string, language: string): readonly string[] =>
  Array.from(text.matchAll(/^```(\S*)\n(.*?)^```$/gms), ([, tag, block = ""]) => ({ tag, block })).flatMap(
    ({ tag, block }) => (tag === language ? [block] : []),
  );
