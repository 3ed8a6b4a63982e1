import type { EpochMillis } from "../host/clock.ts";
import type { ItemProblem } from "./item-check.ts";

/** Called as a long call goes on. `done` and `total` count the same thing; `total` is 0 if it cannot be counted. */
export type OnProgress = (what: string, done: number, total: number) => void;

export interface StoreCheck {
  /** Size of the database, with its write-ahead log. */
  readonly bytes: number;
  readonly items: number;
  /** What the structure of the file violates. The items are then not looked at. */
  readonly damage: readonly string[];
  /** Index entries that do not match their items. */
  readonly indexProblems: number;
  readonly areIndexesRepaired: boolean;
  /** At most 50. */
  readonly findings: readonly StoreFinding[];
  /** Findings that are left and can be repaired. */
  readonly repairable: number;
  /** Findings that cannot be repaired. */
  readonly unreadable: number;
  readonly queues: readonly QueueLength[];
}

export interface StoreFinding {
  readonly problem: ItemProblem;
  /** The keys of the item. */
  readonly pk: string;
  readonly sk: string;
  readonly isRepaired: boolean;
}

export interface QueueLength {
  readonly queue: string;
  /** Items that are due now. */
  readonly due: number;
  /** Items that are due later, or leased until then. */
  readonly later: number;
  /** When the oldest item was due; undefined if none is due. */
  readonly oldest: EpochMillis | undefined;
}

export interface StoreCopy {
  readonly file: string;
  readonly bytes: number;
  readonly items: number;
}

export interface RestoredStore extends StoreCopy {
  /** Folder with the database that was there before; undefined if there was none. */
  readonly kept: string | undefined;
}

/**
 * The upkeep of the store of one machine. Every method throws `configuration_invalid` if the folder or file cannot be used,
 * and `store_damaged` if it is damaged, with the cause and what to do.
 */
export interface StoreMaintenance {
  /** Checks the file and each item; a bridge may run. With `isRepairing` no bridge may have the folder open. */
  check(
    folder: string,
    options: { readonly isRepairing: boolean; readonly now: EpochMillis; readonly onProgress: OnProgress },
  ): Promise<StoreCheck>;
  /** Copies the state at one instant into a new file and checks the copy; a bridge may run. */
  backup(
    folder: string,
    file: string,
    options: { readonly isReplacing: boolean; readonly onProgress: OnProgress },
  ): Promise<StoreCopy>;
  /** Checks a copy of the backup, then puts it into the folder. The database that was there is kept beside it. */
  restore(
    file: string,
    folder: string,
    options: { readonly now: EpochMillis; readonly onProgress: OnProgress },
  ): Promise<RestoredStore>;
}
