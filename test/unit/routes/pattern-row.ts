/** What each operator must and must not match. The unit test and the oracle lane both run these rows. */
export interface PatternRow {
  readonly name: string;
  readonly pattern: unknown;
  readonly matches: readonly object[];
  readonly misses: readonly object[];
}

/** Events with each of `values` in the field `a`. */
export const of = (...values: unknown[]): object[] => values.map((a) => ({ a }));
export const row = (
  name: string,
  pattern: unknown,
  matches: readonly object[],
  misses: readonly object[],
): PatternRow => ({
  name,
  pattern,
  matches,
  misses,
});
