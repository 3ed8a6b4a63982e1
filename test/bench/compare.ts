import { progress } from "./progress.ts";

/** Rates of one run by name, in operations a second. More is better. */
export type Rates<Name extends string> = Readonly<Record<Name, number>>;

export interface Comparison {
  /** Medians of all runs. */
  readonly ours: number;
  readonly baseline: number;
  /** Ratio of the medians. */
  readonly ratio: number;
  /** Lowest and highest ratio of one of our runs to the baseline run of its pair. */
  readonly spread: readonly [number, number];
}

export interface Sides<Name extends string> {
  readonly what: string;
  readonly pairs: number;
  readonly ours: () => Promise<Rates<Name>>;
  readonly baseline: () => Promise<Rates<Name>>;
}

/**
 * Runs both sides in turn, so that other load of the machine affects both alike. The first pair warms up and does not
 * count.
 */
export async function compare<Name extends string>(sides: Sides<Name>): Promise<Readonly<Record<Name, Comparison>>> {
  const pairs: (readonly [Rates<Name>, Rates<Name>])[] = [];
  for (let pair = 0; pair <= sides.pairs; pair++) {
    progress(`${sides.what}: ${pair === 0 ? "warming up" : `pair ${pair} of ${sides.pairs}`}`);
    const runs = [await sides.ours(), await sides.baseline()] as const;
    if (pair > 0) pairs.push(runs);
  }
  // Every run returns the same names. Object.keys loses their type.
  const names = Object.keys(pairs[0]?.[0] ?? {}) as Name[];
  const comparisons = names.map((name) => [name, comparisonOf(pairs.map(([a, b]) => [a[name], b[name]]))]);
  // One comparison for each name of a run.
  return Object.fromEntries(comparisons) as Record<Name, Comparison>;
}

function comparisonOf(pairs: readonly (readonly [number, number])[]): Comparison {
  const ours = median(pairs.map(([a]) => a));
  const baseline = median(pairs.map(([, b]) => b));
  const ratios = pairs.map(([a, b]) => a / b);
  return { ours, baseline, ratio: ours / baseline, spread: [Math.min(...ratios), Math.max(...ratios)] };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}
