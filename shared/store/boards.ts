import type { BuildPart, GatePart } from "../delivery/event.ts";
import type { EpochMillis } from "../host/clock.ts";

/** What a page shows of one pipeline on one branch or environment: its newest run, in the furthest state told of it. */
export interface BoardRow {
  /** System, pipeline, and branch or environment: one row for each. */
  readonly key: string;
  readonly build: ShownBuild;
  /** The newest run that has ended, while `build` has not. */
  readonly ended?: EndedRun;
  /** The delivery that told the state of `build`. */
  readonly delivery: string;
}

export interface ShownBuild extends BuildPart {
  readonly environment?: string;
  readonly starter?: Starter;
  /** Of a run that waits for an approval, or waited: what became of that. */
  readonly gate?: ShownGate;
}

/** `labels`: it can be decided by a label on the page. */
export interface ShownGate extends Omit<GatePart, "requestedAt"> {
  readonly labels: boolean;
}

/** Who a run was started by. */
export interface Starter {
  readonly identity: string;
  /** Shadow mode let the delivery in: nothing about it was proved. */
  readonly unproved?: true;
  /** What that identity calls the person or thing behind it: its word alone. */
  readonly name?: string;
}

export type EndedRun = Pick<BuildPart, "state" | "number" | "url">;

/** What is known of the page itself, besides what it should show. */
export interface PageRecord {
  /** What the page was last seen to show: the marks of its rows, see `actions/confluence/board.ts`. */
  readonly shown?: { readonly at: EpochMillis; readonly version: number; readonly marks: readonly string[] };
  /** When the bridge last wrote it. */
  readonly writtenAt?: EpochMillis;
  /** It was asked to leave the page alone until then. */
  readonly restUntil?: EpochMillis;
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
   * Takes `row` if it is not behind what the board has, in the order of `buildOrder`; atomic. The end of a run is also taken
   * where a later run goes on, if it is not behind the end that the board has. False when nothing was taken. What the board
   * already has counts as taken, so that a repeat is harmless.
   */
  advance(page: PageAddress, row: Omit<BoardRow, "ended">): Promise<boolean>;
  /** Strongly consistent. */
  read(page: PageAddress): Promise<Board>;
  /** Makes the caller the page's only writer until `until`. Nothing when another is it at `now`. */
  lease(page: PageAddress, now: EpochMillis, until: EpochMillis): Promise<PageLease | undefined>;
  /** Ends the lease and keeps `record`. False, and no change, when the lease is no longer the owner's. */
  release(page: PageAddress, lease: PageLease, record: PageRecord): Promise<boolean>;
}

export interface PageAddress {
  readonly site: string;
  readonly id: string;
}
