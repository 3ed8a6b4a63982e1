/**
 * Returns ` (did you mean "…"?)` for the known name nearest to `wrong`, ` (known: …)` if no name is near, or an empty text
 * if no name is known.
 */
export function suggestion(wrong: string, known: readonly string[]): string {
  const similar = nearest(wrong, known);
  if (similar !== undefined) return ` (did you mean "${similar}"?)`;
  return known.length === 0 ? "" : ` (known: ${known.join(", ")})`;
}

/** Returns the nearest known name if `wrong` is a typing error of it: at most a third of its characters differ, or one. */
export function nearest(wrong: string, known: readonly string[]): string | undefined {
  const [first] = [...known].sort((a, b) => distance(wrong, a) - distance(wrong, b));
  return first !== undefined && distance(wrong, first) <= Math.max(1, first.length / 3) ? first : undefined;
}

/** The Damerau-Levenshtein distance: edits of one character, or swaps of two neighbours, that turn `a` into `b`. */
function distance(a: string, b: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwapped ? (before[j - 2] ?? 0) + 1 : replaced;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
