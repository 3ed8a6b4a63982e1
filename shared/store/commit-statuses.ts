import type { EpochMillis } from "../host/clock.ts";
import { expiryOf, type StoreOptions, text } from "./fields.ts";
import { endLease, takeLease } from "./lease.ts";
import type { Item, Table } from "./table.ts";

/** A status of a commit: a commit has one per name. Two routes that set it have the same address. */
export interface StatusAddress {
  /** The address of the system: `https://gitlab.example.com`. */
  readonly system: string;
  readonly project: string;
  /** The commit that the cause of the run names. */
  readonly commit: string;
  readonly name: string;
}

/** Where the system shows the status. */
export interface StatusPlace {
  /** A path, or the id, which stays the same if somebody renames the project. */
  readonly project: string;
  /** Another commit than that of the address if the pipeline tests a trial merge. */
  readonly sha: string;
  readonly ref?: string;
  /** The pipeline that has the status. Undefined until it is known. */
  readonly pipeline?: number;
  /** The system made the pipeline for statuses, because the commit had none. */
  readonly isExternal?: true;
  /** It belongs to a merge request of another project, in which the account may have no rights. */
  readonly isFork?: true;
}

/** What is known of a status. */
export interface StatusRecord {
  /** When the bridge first looked for the place of the status. */
  readonly since?: EpochMillis;
  /** The run that the status shows. */
  readonly run?: string;
  readonly place?: StatusPlace;
  /** The order of the state that the system shows (`model/build-order.ts`), and the system's word for that state. */
  readonly shown?: { readonly order: string; readonly state: string };
  /** A write may have been made whose outcome is unknown. */
  readonly isUnsure?: true;
  /** An earlier pipeline that still shows an open status of the run. */
  readonly orphan?: number;
  /** Why the run gets no status. */
  readonly nowhere?: string;
  /** The link that the system refused. */
  readonly refusedLink?: string;
}

/** The exclusive right to write a status for a time. */
export interface StatusLease {
  /** Starts at 1 and is never used twice for the same status. */
  readonly owner: number;
  readonly record: StatusRecord;
}

/**
 * The statuses that the bridge sets on commits: their order, so that a late state never replaces a later one, and their
 * pipeline, so that all states of a run reach the same one. Every method throws `store_unavailable`.
 */
export class CommitStatusStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /**
   * Makes the caller the only writer of the status until `until`. Undefined if another caller is at `now`. A lease that
   * nobody ended may have written, so its record is unsure.
   */
  async lease(address: StatusAddress, now: EpochMillis, until: EpochMillis): Promise<StatusLease | undefined> {
    const before = await this.#table.change(
      keyOf(address),
      takeLease(now, until, expiryOf(this.#options.clock.now(), this.#options)),
    );
    if (before === undefined) return undefined;
    const record = recordIn(before);
    return {
      owner: Number(before["owner"] ?? 0) + 1,
      record: before["leasedUntil"] === undefined ? record : { ...record, isUnsure: true },
    };
  }

  /** Ends the lease and stores what is known. False, and no change, if the lease no longer belongs to this owner. */
  async release(address: StatusAddress, { owner }: StatusLease, record: StatusRecord): Promise<boolean> {
    return (await this.#table.change(keyOf(address), endLease(owner, record))) !== undefined;
  }
}

/** The commit has no `#`. The name is last. */
const keyOf = ({ system, project, commit, name }: StatusAddress) => ({
  pk: `status#${system}#${project}#${commit}`,
  sk: `name#${name}`,
});

// This class wrote the text from the same type.
const recordIn = (item: Item): StatusRecord =>
  item["record"] === undefined ? {} : (JSON.parse(text(item, "record")) as StatusRecord);
