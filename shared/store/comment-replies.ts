import type { EpochMillis } from "../host/clock.ts";
import type { PageAddress } from "../model/board.ts";
import { expiryOf, type StoreOptions } from "./fields.ts";
import { absentOr, type Table } from "./table.ts";

/** A comment on a page. */
export interface CommentAddress {
  readonly page: PageAddress;
  readonly id: string;
}

/**
 * The comments with a command that the bridge has dealt with, so that each gets one reply at most, and the number of
 * replies on a page. Every method throws `store_unavailable`.
 */
export class CommentReplyStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /**
   * Takes the comment: whoever takes it may reply to it. Atomic: of any number of concurrent calls one returns true, until
   * {@link release}.
   */
  async take(comment: CommentAddress): Promise<boolean> {
    const now = this.#options.clock.now();
    const before = await this.#table.change(keyOf(comment), {
      condition: { field: "takenAt", is: "absent" },
      set: { takenAt: now, expiresAt: expiryOf(now, this.#options) },
    });
    return before !== undefined;
  }

  /** Lets a later attempt take the comment, because it is certain that no reply was written. */
  async release(comment: CommentAddress): Promise<void> {
    await this.#table.change(keyOf(comment), {
      condition: { field: "takenAt", is: "present" },
      remove: ["takenAt"],
    });
  }

  /** Counts a reply on the page in the present hour. False, and no change, if `limit` replies are already counted. */
  async count(page: PageAddress, limit: number): Promise<boolean> {
    const now = this.#options.clock.now();
    const before = await this.#table.change(
      { pk: partitionOf(page), sk: `hour#${hourOf(now)}` },
      {
        condition: absentOr({ field: "count", is: "<", value: limit }),
        add: { count: 1 },
        set: { expiresAt: expiryOf(now, this.#options) },
      },
    );
    return before !== undefined;
  }
}

const partitionOf = ({ site, id }: PageAddress): string => `replies#${id}#${site}`;
const keyOf = ({ page, id }: CommentAddress) => ({ pk: partitionOf(page), sk: `comment#${id}` });

const HOUR_MS = 3_600_000;
const hourOf = (now: EpochMillis): number => Math.floor(now / HOUR_MS);
