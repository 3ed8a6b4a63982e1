import type { EpochMillis } from "../host/clock.ts";
import type { BoardRow, PageAddress } from "../model/board.ts";

/** The state of the page itself, in addition to what it should show. */
export interface PageRecord {
  /** What the page showed when it was last read: the marks of its rows, see `actions/confluence/page-throttle.ts`. */
  readonly shown?: { readonly at: EpochMillis; readonly version: number; readonly marks: readonly string[] };
  /** When the bridge last wrote it. */
  readonly writtenAt?: EpochMillis;
  /** The site asked for no write of the page before this time. */
  readonly cooldownUntil?: EpochMillis;
  /** When a write was rejected because of a person's open draft; undefined after a later write. */
  readonly draftSince?: EpochMillis;
}

export interface Board {
  /** Ordered by key. */
  readonly rows: readonly BoardRow[];
  readonly record: PageRecord;
}

/** The exclusive right to write a page for a time. Every later write is conditional on `owner`. */
export interface PageLease {
  /** Starts at 1 and is never used twice for the same page. */
  readonly owner: number;
  /** The record at the start of the lease. */
  readonly record: PageRecord;
}

/** The state that each page should show, and the lease to write it. Every method throws `store_unavailable`. */
export interface BoardStore {
  /**
   * Adds a reported state of a run to its row, with `withBuild`; atomic. False if the row does not show it, because it
   * shows a later run or a further state. True if the row already showed it, so that a repeat is harmless.
   */
  advance(page: PageAddress, row: Omit<BoardRow, "ended">): Promise<boolean>;
  /** Strongly consistent. */
  read(page: PageAddress): Promise<Board>;
  /** Makes the caller the only writer of the page until `until`. Undefined if another caller has the lease at `now`. */
  lease(page: PageAddress, now: EpochMillis, until: EpochMillis): Promise<PageLease | undefined>;
  /** Ends the lease and stores `record`. False, and no change, if the lease no longer belongs to this owner. */
  release(page: PageAddress, lease: PageLease, record: PageRecord): Promise<boolean>;
}
