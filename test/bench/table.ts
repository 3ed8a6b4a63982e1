import type { Comparison } from "./compare.ts";
import { median } from "./compare.ts";

export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly baseline: string;
  readonly ratio?: number;
  readonly spread?: readonly [number, number];
  readonly target?: Target;
}

export interface Target {
  readonly sense: "at least" | "at most";
  readonly ratio: number;
}

/** The row of a comparison of rates. */
export function rateRow(what: string, { ours, baseline, ratio, spread }: Comparison, atLeast?: number): Row {
  return {
    what,
    ours: `${whole(ours)}/s`,
    baseline: `${whole(baseline)}/s`,
    ratio,
    spread,
    ...(atLeast !== undefined && { target: { sense: "at least", ratio: atLeast } as const }),
  };
}

/** Figures of a measure, as they are shown. */
export interface Table {
  readonly title: string;
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Our figures beside those of a baseline. */
export const comparisonTable = (rows: readonly Row[]): Table => ({
  title: "Beside the baseline",
  headings: ["what", "ours", "baseline", "ratio", "pairs from-to", "target", "met"],
  rows: rows.map(cellsOf),
});

/** The table as text in columns, with its title and a line of headings. */
export function textOf({ title, headings: names, rows }: Table): string {
  const cells = [names, ...rows];
  const widths = cells.reduce<readonly number[]>(
    (widest, row) => row.map((cell, column) => Math.max(cell.length, widest[column] ?? 0)),
    [],
  );
  const lineOf = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ");
  const [headings = "", ...lines] = cells.map(lineOf);
  return [title, "", headings, "-".repeat(headings.length), ...lines].join("\n");
}

function cellsOf({ what, ours, baseline, ratio, spread, target }: Row): readonly string[] {
  return [
    what,
    ours,
    baseline,
    ratio?.toFixed(2) ?? "",
    spread?.map((end) => end.toFixed(2)).join("-") ?? "",
    target === undefined ? "" : `${target.sense} ${target.ratio}`,
    target === undefined || ratio === undefined ? "" : verdictOf(ratio, target),
  ];
}

function verdictOf(ratio: number, target: Target): string {
  const met = target.sense === "at least" ? ratio >= target.ratio : ratio <= target.ratio;
  return met ? "yes" : "NO";
}

export const whole = (value: number): string => Math.round(value).toLocaleString("en-US");

/** Our figure and the other one, of one round. */
export type Pair = readonly [ours: number, other: number];

/** Medians of all rounds. No row if the other system is left out. */
export function rowOf(
  what: string,
  pairs: readonly Pair[],
  shown: (value: number) => string,
  target?: Row["target"],
): Row[] {
  if (pairs.length === 0) return [];
  const [ours, other] = [median(pairs.map(([one]) => one)), median(pairs.map(([, one]) => one))];
  const ratios = pairs.map(([a, b]) => a / b);
  const spread = [Math.min(...ratios), Math.max(...ratios)] as const;
  return [{ what, ours: shown(ours), baseline: shown(other), ratio: ours / other, spread, ...(target && { target }) }];
}

export const millis = (ms: number): string => `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;

export const AT_MOST_LIMIT = { sense: "at most", ratio: 1 } as const;
