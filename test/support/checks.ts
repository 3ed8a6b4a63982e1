/** One sentence of a contract. `run` throws if it does not hold. */
export interface Check {
  readonly title: string;
  run(): Promise<void>;
}

/** The checks whose title contains these words. */
export const checksTitled = (checks: readonly Check[], words: string): readonly Check[] =>
  checks.filter(({ title }) => title.includes(words));

/** The titles of the checks that fail. */
export async function failedOf(checks: readonly Check[]): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { title, run } of checks) await run().catch(() => failed.push(title));
  return failed;
}
