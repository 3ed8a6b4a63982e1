import type { Row } from "./table.ts";

export interface MeasureOptions {
  /** A short run, which shows that the measure works and gives rough figures. */
  readonly quick: boolean;
}

export type Measure = (options: MeasureOptions) => Promise<readonly Row[]>;
