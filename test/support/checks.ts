/** One sentence of a contract. `run` throws if it does not hold. */
export interface Check {
  readonly title: string;
  run(): Promise<void>;
}

/** The titles of the checks that fail. */
export async function failedOf(checks: readonly Check[]): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { title, run } of checks) await run().catch(() => failed.push(title));
  return failed;
}
