const EVERY_MS = 2_000;
let lastAt = Number.NEGATIVE_INFINITY;

/** Reports the progress on standard error, at most every two seconds. */
export function progress(text: string): void {
  const now = performance.now();
  if (now - lastAt < EVERY_MS) return;
  lastAt = now;
  process.stderr.write(`  ${text}\n`);
}
