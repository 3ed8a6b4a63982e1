import type { BuildPart } from "../delivery/event.ts";

/** What a page shows of one pipeline: its newest run, in the furthest state told of it. */
export interface BoardRow {
  /** Build system and pipeline: one row for each. */
  readonly pipeline: string;
  readonly build: BuildPart;
  /** The delivery that told this state. */
  readonly delivery: string;
}

/** The state that each page should show. Every method throws `store_unavailable`. */
export interface BoardStore {
  /**
   * Takes `row` if it is not behind what the board has, in the order of `buildOrder`; atomic. False when it is behind.
   * The row already held counts as taken, so that a repeat is harmless.
   */
  advance(page: PageAddress, row: BoardRow): Promise<boolean>;
  /** Rows in order of pipeline; strongly consistent. */
  rows(page: PageAddress): Promise<readonly BoardRow[]>;
}

export interface PageAddress {
  readonly site: string;
  readonly id: string;
}
