const EVERY_MS = 2_000;
let lastAt = Number.NEGATIVE_INFINITY;

/** Says what is going on, at most every two seconds, beside the table. */
export function progress(text: string): void {
  const now = performance.now();
  if (now - lastAt < EVERY_MS) return;
  lastAt = now;
  process.stderr.write(`  ${text}\n`);
}
