import { type EpochMillis, epochMillis } from "../host/clock.ts";
import type { BuildState } from "../model/event.ts";
import { expiryOf, number, type StoreOptions, text } from "./fields.ts";
import { endLease, takeLease } from "./lease.ts";
import { collect } from "./streams.ts";
import { absentOr, beginningWith, type Item, type Table } from "./table.ts";

/** A merge request or pull request. Two sources that report it have the same address. */
export interface ChangeAddress {
  /** The origin of its address: `https://gitlab.example.com`. */
  readonly system: string;
  /** The project that the change targets. */
  readonly project: string;
  /** Number within the project. */
  readonly id: string;
}

/** What became of the end of one run on one page. */
export interface PageReport {
  readonly site: string;
  readonly page: string;
  /** The row of the page that shows the run. A page has one report for each row. */
  readonly row: string;
  /** A key of the state of the run. */
  readonly run: string;
  /** The order of the state of the run, see `model/build-order.ts`. */
  readonly order: string;
  /** The page still has to be written. */
  readonly isPending: boolean;
  /** Undefined if the page does not show this state, or keeps what it shows. */
  readonly shown?: ShownPage;
}

/** A page that shows the result of a run. */
export interface ShownPage {
  readonly url: string;
  /** Undefined if it is not known. */
  readonly title?: string;
  readonly pipeline: string;
  readonly state: BuildState;
  /** When the run reached this state. */
  readonly at: string;
}

/** The last report about a page, and what the page was last known to show. */
export type PageOfChange = Pick<PageReport, "run" | "isPending" | "shown">;

/** The exclusive right to write the comment of a change for a time. */
export interface CommentLease {
  /** Starts at 1 and is never used twice for the same change. */
  readonly owner: number;
  readonly comment: CommentRecord;
}

/** What is known of the comment. */
export interface CommentRecord {
  /** Undefined until it was written, and after a write that may have been made. */
  readonly id?: string;
  /** A person deleted it. */
  readonly isDeleted?: boolean;
}

/** Pages of one change that are read. */
const MAX_PAGES = 100;

/**
 * The comment of the bridge on a change request, and what it lists. The action that writes pages records them, and the
 * action that writes the comment reads them. Every method throws `store_unavailable`.
 */
export class ChangeCommentStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /**
   * Records what became of a run on a page, unless a later state of the row is recorded. Of one state the final report
   * replaces the pending one, never the other way round. Idempotent.
   */
  async recordPage(change: ChangeAddress, report: PageReport): Promise<void> {
    const { site, page, row, run, order, isPending, shown } = report;
    const rank = `${order} ${isPending ? 0 : 1}`;
    await this.#table.change(
      { pk: partitionOf(change), sk: `${PAGE}${page}#${site}#${row}` },
      {
        condition: absentOr({ field: "rank", is: "<=", value: rank }),
        set: { rank, run, ...(shown && { shown: JSON.stringify(shown) }), expiresAt: this.#expiry() },
      },
    );
  }

  /** When this was first asked for the state of a run; now, if it is for the first time. */
  async firstLook(change: ChangeAddress, run: string): Promise<EpochMillis> {
    const key = { pk: partitionOf(change), sk: `look#${run}` };
    const now = this.#options.clock.now();
    const set = { since: now, expiresAt: this.#expiry() };
    if (await this.#table.change(key, { condition: { field: "since", is: "absent" }, set })) return now;
    const stored = await this.#table.get(key);
    return stored === undefined ? now : epochMillis(number(stored, "since"));
  }

  /** Strongly consistent. In no useful order. */
  async pages(change: ChangeAddress): Promise<readonly PageOfChange[]> {
    const selection = { partition: partitionOf(change), ...beginningWith(PAGE), limit: MAX_PAGES };
    return collect(this.#table.select(selection), pageIn);
  }

  /**
   * Makes the caller the only writer of the comment until `until`. Undefined if another caller is at `now`.
   */
  async lease(change: ChangeAddress, now: EpochMillis, until: EpochMillis): Promise<CommentLease | undefined> {
    const before = await this.#table.change(commentOf(change), takeLease(now, until, this.#expiry()));
    if (before === undefined) return undefined;
    return { owner: Number(before["owner"] ?? 0) + 1, comment: recordIn(before) };
  }

  /** Ends the lease and stores what is known. False, and no change, if the lease no longer belongs to this owner. */
  async release(change: ChangeAddress, { owner }: CommentLease, comment: CommentRecord): Promise<boolean> {
    return (await this.#table.change(commentOf(change), endLease(owner, comment))) !== undefined;
  }

  #expiry(): number {
    return expiryOf(this.#options.clock.now(), this.#options);
  }
}

const PAGE = "page#";

/** The number is last and has no `#`. */
const partitionOf = ({ system, project, id }: ChangeAddress): string => `comment#${system}#${project}#${id}`;
const commentOf = (change: ChangeAddress) => ({ pk: partitionOf(change), sk: "comment" });

// This class wrote the texts below from the same types.

const pageIn = (item: Item): PageOfChange => ({
  run: text(item, "run"),
  isPending: text(item, "rank").endsWith(" 0"),
  ...(item["shown"] !== undefined && { shown: JSON.parse(text(item, "shown")) as ShownPage }),
});

const recordIn = (item: Item): CommentRecord =>
  item["record"] === undefined ? {} : (JSON.parse(text(item, "record")) as CommentRecord);
