import { Fault } from "../host/fault.ts";
import { expiryOf, number, type StoreOptions, text } from "./fields.ts";
import { absentOr, type Table } from "./table.ts";

/** A run of a route, identified by the delivery that fired it. */
export interface RouteRun {
  readonly delivery: string;
  /** ISO 8601 with `Z`. */
  readonly firedAt: string;
  /** Undefined until the end is reported. */
  readonly end?: RunEnd;
}

export interface RunEnd {
  readonly succeeded: boolean;
  /** When the run ended, as its sender reported: ISO 8601 with `Z`. */
  readonly at: string;
  /** The environment that it deployed to; undefined if that was not reported. */
  readonly environment?: string;
}

/**
 * The start or the end of a run. The end may be recorded before the start, or without it. `beganAt`: when the run
 * started, as its sender reported.
 */
export type RecordedRun =
  | Pick<RouteRun, "delivery" | "firedAt">
  | (Pick<RouteRun, "delivery"> & { readonly end: RunEnd; readonly beganAt: string });

/** A route and the environment of its runs. Without `environment`: the environment that needs no name. */
export interface RunPlace {
  readonly route: string;
  readonly environment?: string;
}

/** The last runs of each route. Every method throws `store_unavailable`. */
export class RunStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /** Stores the start or end of a run with `withRun`; atomic and idempotent. */
  async record(route: string, run: RecordedRun): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { runs, revision } = await this.#read(route);
      const merged = withRun(runs, run);
      if (merged === runs || (await this.#write(route, merged, revision))) return;
    }
    throw new Fault("store_unavailable", "too many concurrent writes of the runs of one route", { retryable: true });
  }

  /** Newest first. */
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
      condition: absentOr({ field: "revision", is: "=", value: revision }),
      set: {
        runs: JSON.stringify(runs),
        revision: revision + 1,
        expiresAt: expiryOf(this.#options.clock.now(), this.#options),
      },
    });
    return before !== undefined;
  }
}

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 50;

/** The name of a route contains no `#`. */
const keyOf = (route: string) => ({ pk: `runs#${route}`, sk: "runs" });

/**
 * Maximum stored runs of each kind: in one environment those that succeeded, those that failed, and those in progress.
 */
const MAX_OF_A_KIND = 5;
/** Maximum stored runs of a route over all environments. */
const MAX_RUNS = 100;

/**
 * Merges the recorded start or end of one run into `runs`, newest first. Every store keeps this result. Returns `runs`
 * itself if the record adds nothing.
 */
export function withRun(runs: readonly RouteRun[], recorded: RecordedRun): readonly RouteRun[] {
  const known = runs.find(({ delivery }) => delivery === recorded.delivery);
  const run = mergeRun(known, recorded);
  if (run === known) return runs;
  const all = [run, ...runs.filter((one) => one !== known)];
  // Of two runs that were fired in the same millisecond, the one recorded later is the newer.
  all.sort((a, b) => Number(a.firedAt < b.firedAt) - Number(a.firedAt > b.firedAt));
  const counts = new Map<string, number>();
  const isKept = ({ end }: RouteRun): boolean => {
    const kind = `${end?.succeeded} ${end?.environment}`;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    return count <= MAX_OF_A_KIND;
  };
  return all.filter(isKept).slice(0, MAX_RUNS);
}

function mergeRun(known: RouteRun | undefined, recorded: RecordedRun): RouteRun {
  const { delivery } = recorded;
  if (!("end" in recorded)) {
    return known?.firedAt === recorded.firedAt ? known : { ...known, delivery, firedAt: recorded.firedAt };
  }
  if (known?.end && known.end.at >= recorded.end.at) return known;
  return { delivery, firedAt: known?.firedAt ?? recorded.beganAt, end: recorded.end };
}
