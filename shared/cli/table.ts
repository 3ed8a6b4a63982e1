/**
 * Rows under a heading, in columns as wide as their widest cell, the last as wide as `columns` of a terminal leave it.
 * What a terminal would take for a command is shown as "?".
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

/** As lines broken at blanks; a longer word stands alone. Where hardly a word fits, it is left to the terminal. */
export function wrapped(text: string, width: number): readonly string[] {
  if (width < MIN_WIDTH || text.length <= width) return [text];
  const fitting = new RegExp(`(.{1,${width}}|\\S+)( |$)`, "g");
  return Array.from(text.matchAll(fitting), ([, line = ""]) => line);
}

const MIN_WIDTH = 20;

/** JSON on a terminal: what it would obey (C1) is escaped as JSON escapes the rest. */
export const jsonText = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** Texts from outside go to a terminal without control characters (C0, DEL, C1). */
export const printable = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]/gu, "?");
