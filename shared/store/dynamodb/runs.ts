import { Fault } from "../../host/fault.ts";
import { type RecordedRun, type RouteRun, type RunStore, withRun } from "../runs.ts";
import { expiryOf, number, type StoreOptions, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import type { DynamoDbTable } from "./table.ts";

export class DynamoDbRuns implements RunStore {
  readonly #table: DynamoDbTable;
  readonly #options: StoreOptions;

  constructor(table: DynamoDbTable, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  async record(route: string, run: RecordedRun): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { runs, revision } = await this.#read(route);
      const merged = withRun(runs, run);
      if (merged === runs || (await this.#write(route, merged, revision))) return;
    }
    throw new Fault("store_unavailable", "too many concurrent writes of the runs of one route", { retryable: true });
  }

  async of(route: string): Promise<readonly RouteRun[]> {
    return (await this.#read(route)).runs;
  }

  async #read(route: string): Promise<{ readonly runs: readonly RouteRun[]; readonly revision: number }> {
    const item = await this.#table.get(keyOf(route));
    if (item === undefined) return { runs: [], revision: 0 };
    // Written by this class from the same type.
    return { runs: JSON.parse(text(item, "runs")) as readonly RouteRun[], revision: number(item, "revision") };
  }

  async #write(route: string, runs: readonly RouteRun[], revision: number): Promise<boolean> {
    const before = await this.#table.change(keyOf(route), {
      text: "SET #runs = :runs, #revision = :next, #expiresAt = :expiresAt",
      condition: "attribute_not_exists(#revision) OR #revision = :revision",
      names: { "#runs": "runs", "#revision": "revision", "#expiresAt": TABLE.timeToLive },
      values: {
        ":runs": JSON.stringify(runs),
        ":revision": revision,
        ":next": revision + 1,
        ":expiresAt": expiryOf(this.#options.clock.now(), this.#options),
      },
    });
    return before !== undefined;
  }
}

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 50;

/** The name of a route contains no `#`. */
const keyOf = (route: string) => ({ pk: `runs#${route}`, sk: "runs" });
