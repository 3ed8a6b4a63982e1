/**
 * How many cases a property tries: few in `npm test`, and many in `npm run test:slow`, which runs each test file that uses
 * this and sets `PROPERTY_CASES`. A case with the weight 2 takes twice as long as others, so half as many are tried. The
 * seed is printed, and `PROPERTY_SEED` repeats it.
 */
export function propertyCases(name: string, { weight = 1 } = {}): { readonly numRuns: number; readonly seed: number } {
  const numRuns = Math.ceil(Number(process.env["PROPERTY_CASES"] ?? 500) / weight);
  const seed = Number(process.env["PROPERTY_SEED"] ?? Date.now() % 2 ** 31);
  process.stdout.write(`${name}: ${numRuns} cases, PROPERTY_SEED=${seed}\n`);
  return { numRuns, seed };
}
