import type { Comparison } from "./compare.ts";

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
