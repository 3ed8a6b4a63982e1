import type { Row } from "./table.ts";

export interface MeasureOptions {
  /** A short run: shows that it works, and roughly what comes out. */
  readonly quick: boolean;
}

export type Measure = (options: MeasureOptions) => Promise<readonly Row[]>;
