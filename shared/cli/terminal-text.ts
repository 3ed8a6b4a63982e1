/**
 * Formats rows under a heading. Each column is as wide as its widest cell; the last one is wrapped at `columns`, the width
 * of the terminal. Control characters are replaced by "?".
 */
export function table(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  { columns = Number.POSITIVE_INFINITY }: { readonly columns?: number | undefined } = {},
): string {
  const cells = [heading, ...rows].map((row) => row.map(printable));
  const widths = heading.slice(0, -1).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const indent = widths.reduce((sum, width) => sum + width + 2, 0);
  return cells
    .map((row) => {
      const padded = widths.map((width, column) => (row[column] ?? "").padEnd(width));
      const last = wrapped(row[widths.length] ?? "", columns - indent).join(`\n${" ".repeat(indent)}`);
      return [...padded, last].join("  ").trimEnd();
    })
    .join("\n");
}

/** Wraps a text at blanks. A longer word has its own line. A width under `MIN_WIDTH` is left to the terminal. */
export function wrapped(text: string, width: number): readonly string[] {
  if (width < MIN_WIDTH || text.length <= width) return [text];
  const fitting = new RegExp(`(.{1,${width}}|\\S+)( |$)`, "g");
  return Array.from(text.matchAll(fitting), ([, line = ""]) => line);
}

const MIN_WIDTH = 20;

/** Formats JSON for a terminal. DEL and the control characters C1, which JSON leaves unescaped, are escaped too. */
export const jsonText = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Replaces control characters (C0, DEL, C1) in a text from outside, before it is printed on a terminal. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]/gu, "?");

/** Formats a rejection as one line: its reason, then its facts in parentheses. */
export function rejectionLine({ reason, ...facts }: { readonly reason: string }): string {
  const shown = Object.entries(facts).map(([name, fact]) => `${name} ${fact}`);
  return shown.length === 0 ? reason : printable(`${reason} (${shown.join(", ")})`);
}
