/**
 * Rows under a heading, in columns as wide as their widest cell.
 * What a terminal would take for a command is shown as "?".
 */
export function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [heading, ...rows].map((row) => row.map(printable));
  const widths = heading.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Texts from outside go to a terminal without control characters (C0, DEL, C1). */
export const printable = (text: string): string => text.replace(/[\p{Cc}\u2028\u2029]/gu, "?");
