/**
 * How many cases a property over histories tries: few in `npm test`; `PROPERTY_CASES` sets another number. The seed is
 * printed, and `PROPERTY_SEED` repeats it.
 */
export function propertyCases(name: string): { readonly numRuns: number; readonly seed: number } {
  const numRuns = Number(process.env["PROPERTY_CASES"] ?? 500);
  const seed = Number(process.env["PROPERTY_SEED"] ?? Date.now() % 2 ** 31);
  process.stdout.write(`${name}: ${numRuns} cases, PROPERTY_SEED=${seed}\n`);
  return { numRuns, seed };
}
