import type { EpochMillis } from "../host/clock.ts";
import type { BoardRow, PageAddress } from "../model/board.ts";

/** What is known of the page itself, besides what it should show. */
export interface PageRecord {
  /** What the page was last seen to show: the marks of its rows, see `actions/confluence/page-throttle.ts`. */
  readonly shown?: { readonly at: EpochMillis; readonly version: number; readonly marks: readonly string[] };
  /** When the bridge last wrote it. */
  readonly writtenAt?: EpochMillis;
  /** It was asked to leave the page alone until then. */
  readonly cooldownUntil?: EpochMillis;
  /** A write was refused then because of a person's open draft, and none has been made since. */
  readonly draftSince?: EpochMillis;
}

export interface Board {
  /** In order of their keys. */
  readonly rows: readonly BoardRow[];
  readonly record: PageRecord;
}

/** The right to write a page, alone for a time. Every later write is conditional on `owner`. */
export interface PageLease {
  /** Starts at 1 and never comes again for the same page. */
  readonly owner: number;
  /** As it was when the lease was taken. */
  readonly record: PageRecord;
}

/** The state that each page should show, and who may write it. Every method throws `store_unavailable`. */
export interface BoardStore {
  /**
   * Takes what is told of a run, as `withBuild` does; atomic. False when the row does not show it, since a later run or a
   * further state has taken its place. What the row already shows counts as taken, so that a repeat is harmless.
   */
  advance(page: PageAddress, row: Omit<BoardRow, "ended">): Promise<boolean>;
  /** Strongly consistent. */
  read(page: PageAddress): Promise<Board>;
  /** Makes the caller the page's only writer until `until`. Nothing when another is it at `now`. */
  lease(page: PageAddress, now: EpochMillis, until: EpochMillis): Promise<PageLease | undefined>;
  /** Ends the lease and keeps `record`. False, and no change, when the lease is no longer the owner's. */
  release(page: PageAddress, lease: PageLease, record: PageRecord): Promise<boolean>;
}
