/** ` (did you mean "…"?)` for the known name nearest to `wrong`, ` (known: …)` when none is near, or nothing. */
export function suggestion(wrong: string, known: readonly string[]): string {
  const nearest = [...known].sort((a, b) => distance(wrong, a) - distance(wrong, b))[0];
  if (nearest === undefined) return "";
  if (distance(wrong, nearest) <= Math.max(1, nearest.length / 3)) return ` (did you mean "${nearest}"?)`;
  return ` (known: ${known.join(", ")})`;
}

/** Edits of one character that turn `a` into `b` (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
