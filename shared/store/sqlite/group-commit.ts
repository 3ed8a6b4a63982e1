import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import { Fault } from "../../host/fault.ts";
import { isBusy } from "./errors.ts";

interface Write {
  readonly run: () => unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface CommitEvents {
  /** Called before each commit. The writes fail if it throws. */
  readonly starting: () => void;
  /** Called after each commit, before its writes settle. They fail if it throws. */
  readonly committed: () => void;
  /** Called after a failed commit. Returns the fault of its writes. */
  readonly failed: (cause: unknown) => Fault;
}

/**
 * Commits the writes that arrive in one turn of the event loop in one transaction, which needs one fsync. The promise of a
 * write settles after its commit. If the commit fails, all its writes are undone and rejected.
 *
 * If another process holds the lock for writing, the group waits for at most {@link LOCK_WAIT_MS} without holding the event
 * loop, and later writes join it. The database must have no time-out of its own for locks.
 */
export class GroupCommit {
  readonly #database: DatabaseSyncInstance;
  readonly #events: CommitEvents;
  #group: Write[] = [];
  #waitedMs = 0;

  constructor(database: DatabaseSyncInstance, events: CommitEvents) {
    this.#database = database;
    this.#events = events;
  }

  add<T>(run: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // The group passes the result of `run` to `resolve`.
      this.#group.push({ run, resolve: resolve as (result: unknown) => void, reject });
      if (this.#group.length === 1) setImmediate(() => this.#commit());
    });
  }

  /** Commits what waits now, and does not wait for a lock. */
  commitNow(): void {
    this.#waitedMs = LOCK_WAIT_MS;
    this.#commit();
  }

  #commit(): void {
    if (this.#group.length === 0) return;
    try {
      this.#events.starting();
      this.#database.exec("BEGIN IMMEDIATE");
    } catch (cause) {
      if (isBusy(cause) && this.#waitedMs < LOCK_WAIT_MS) this.#wait();
      else this.#reject(this.#takeGroup(), cause);
      return;
    }
    const group = this.#takeGroup();
    try {
      const settlements = group.map(settlementOf);
      this.#database.exec("COMMIT");
      this.#events.committed();
      for (const settle of settlements) settle();
    } catch (cause) {
      this.#reject(group, cause);
    }
  }

  #wait(): void {
    this.#waitedMs += LOCK_PAUSE_MS;
    setTimeout(() => this.#commit(), LOCK_PAUSE_MS);
  }

  #takeGroup(): readonly Write[] {
    const group = this.#group;
    this.#group = [];
    this.#waitedMs = 0;
    return group;
  }

  #reject(group: readonly Write[], cause: unknown): void {
    const fault = this.#events.failed(cause);
    for (const { reject } of group) reject(fault);
    this.#rollBack();
  }

  /** After some errors, such as a full disk, SQLite itself has ended the transaction. */
  #rollBack(): void {
    try {
      if (this.#database.isOpen && this.#database.isTransaction) this.#database.exec("ROLLBACK");
    } catch {
      // The writes have failed already. The next group finds the transaction open, fails, and rolls back again.
    }
  }
}

/** Longer than any lock of a person who looks at the database should last, and shorter than a sender waits. */
const LOCK_WAIT_MS = 1_000;
const LOCK_PAUSE_MS = 20;

/** A write that fails with a fault of its own, before it changes anything, does not fail the group. */
function settlementOf({ run, resolve, reject }: Write): () => void {
  try {
    const result = run();
    return () => resolve(result);
  } catch (error) {
    if (error instanceof Fault) return () => reject(error);
    throw error;
  }
}
