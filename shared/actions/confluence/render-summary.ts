import { rankOf } from "./lozenge.ts";
import { lozengeOfRow, type ShownRow } from "./shown-row.ts";

/** Sorts rows as people read them: by state, failures first, then by name, in which numbers count as numbers. */
export const inReadingOrder = (rows: readonly ShownRow[]): readonly ShownRow[] =>
  rows.toSorted(
    (one, other) =>
      rankOf(lozengeOfRow(one)) - rankOf(lozengeOfRow(other)) ||
      NATURAL.compare(one.build.pipeline, other.build.pipeline) ||
      NATURAL.compare(one.key, other.key) ||
      Number(one.key > other.key) - Number(one.key < other.key),
  );

/** The same order on every machine, whatever its language. */
const NATURAL = new Intl.Collator("en", { numeric: true });

/** How many rows are in which state: `2 failed · 1 waiting · 22 passed`. */
export const countsOf = (rows: readonly ShownRow[]): string =>
  [...grouped(rows)].map(([title, count]) => `${count} ${title}`).join(" · ");

/** The rows that are not shown, in words: `81 more, all passed`, or `3 more: 2 passed, 1 skipped`. */
export function moreThan(rows: readonly ShownRow[]): string {
  const groups = [...grouped(rows)];
  const [[only] = [""], second] = groups;
  if (!second) return `${rows.length} more, all ${only}`;
  return `${rows.length} more: ${groups.map(([title, count]) => `${count} ${title}`).join(", ")}`;
}

/** In the order of reading. */
function grouped(rows: readonly ShownRow[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const row of inReadingOrder(rows)) {
    const title = lozengeOfRow(row).title.toLowerCase();
    counts.set(title, (counts.get(title) ?? 0) + 1);
  }
  return counts;
}
