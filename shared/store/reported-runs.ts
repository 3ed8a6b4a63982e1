import { hash } from "node:crypto";
import { type EpochMillis, epochMillis } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { type BusEvent, sourceNameOf } from "../model/bus-event.ts";
import type { ReportedRun } from "../model/reported-run.ts";
import { runKeyOf } from "../model/run-key.ts";
import { correctDueTimes, DUE_FIELDS, dueFields } from "./due-times.ts";
import { expiryOf, expiryOfWaiting, number, type StoreOptions, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import { absentOr, type Item, type ItemKey, type Table } from "./table.ts";

declare const runId: unique symbol;

/** Identifies a stored run: a digest of its key. */
export type ReportedRunId = string & { readonly [runId]: true };

/** The run that an event reports; undefined if it reports none. */
export function reportedRunOf(busEvent: BusEvent): ReportedRunId | undefined {
  const { detail } = busEvent;
  if (!("build" in detail)) return undefined;
  // Senders choose the ids of runs, and they may be long.
  const key = runKeyOf(sourceNameOf(busEvent), detail.build.id);
  return `reported-run#${hash("sha256", key, "base64url")}` as ReportedRunId;
}

export interface StoredRun {
  readonly run: ReportedRun;
  /** When it is looked at; undefined if nothing is to be done. */
  readonly dueAt: EpochMillis | undefined;
}

/** Undefined before the first report. The same object, or undefined, changes nothing. */
type RunChange = (before: StoredRun | undefined) => StoredRun | undefined;

/** The last reports of runs, and when each is looked at. Every method throws `store_unavailable`. */
export class ReportedRunStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /** Strongly consistent. Throws `record_unreadable`. */
  async get(id: ReportedRunId): Promise<StoredRun | undefined> {
    const item = await this.#table.get(keyOf(id));
    return item && runIn(item);
  }

  /**
   * Changes a run; atomic. `change` may run several times. Returns the run after the change. Throws `record_unreadable`.
   */
  async change(id: ReportedRunId, change: RunChange): Promise<StoredRun | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const item = await this.#table.get(keyOf(id));
      const before = item && runIn(item);
      const after = change(before);
      if (after === undefined || after === before || (await this.#write(id, after, item))) return after;
    }
    throw new Fault("store_unavailable", "too many concurrent writes of one run", { retryable: true });
  }

  async #write(id: ReportedRunId, { run, dueAt }: StoredRun, item: Item | undefined): Promise<boolean> {
    const revision = item === undefined ? 0 : number(item, "revision");
    const now = this.#options.clock.now();
    const expiresAt = expiryOf(now, this.#options);
    const due = dueAt !== undefined && {
      [TABLE.dueIndex.partitionKey]: QUEUE,
      ...dueFields(now, dueAt),
      ...expiryOfWaiting(now, dueAt, this.#options),
    };
    const before = await this.#table.change(keyOf(id), {
      condition: absentOr({ field: "revision", is: "=", value: revision }),
      set: { run: JSON.stringify(run), revision: revision + 1, expiresAt, ...due },
      ...(dueAt === undefined && { remove: DUE_FIELDS }),
    });
    return before !== undefined;
  }

  /** The runs to look at, those that have been due for longest first; eventually consistent. */
  async due(now: EpochMillis, limit: number): Promise<readonly ReportedRunId[]> {
    const selection = { index: TABLE.dueIndex.name, partition: QUEUE, to: now, limit };
    return collect(this.#table.select(selection), (item) => text(item, TABLE.partitionKey) as ReportedRunId);
  }

  /** Looks at a run that cannot be read no more. */
  async drop(id: ReportedRunId): Promise<void> {
    const condition = { field: TABLE.dueIndex.partitionKey, is: "present" } as const;
    await this.#table.change(keyOf(id), { condition, remove: DUE_FIELDS });
  }

  /** Makes runs due at `now` if their due time was set by a clock that was ahead. */
  correctDueTimes(now: EpochMillis): Promise<void> {
    return correctDueTimes(this.#table, QUEUE, now);
  }
}

const QUEUE = "silent-runs";

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 50;

const keyOf = (id: ReportedRunId): ItemKey => ({ pk: id, sk: "head" });

function runIn(item: Item): StoredRun {
  const dueAt = item[TABLE.dueIndex.sortKey];
  return {
    // Written by this class from the same type.
    run: JSON.parse(text(item, "run")) as ReportedRun,
    dueAt: dueAt === undefined ? undefined : epochMillis(number(item, TABLE.dueIndex.sortKey)),
  };
}
