import type { StoreOptions } from "./fields.ts";
import { RevisedValues } from "./revised-values.ts";
import type { Table } from "./table.ts";

/** A run of a route, identified by the delivery that fired it. */
export interface RouteRun {
  readonly delivery: string;
  /** ISO 8601 with `Z`. */
  readonly firedAt: string;
  /** Where it was meant to deploy; undefined if its route has no `environments`. */
  readonly environment?: string;
  /** It was fired by a rollback. */
  readonly isRollback?: true;
  /** Undefined until the end is reported. */
  readonly end?: RunEnd;
}

export interface RunEnd {
  readonly succeeded: boolean;
  /** When the run ended, as its sender reported: ISO 8601 with `Z`. */
  readonly at: string;
  /** The environment that it deployed to; if that was not reported, the one where it was meant to. */
  readonly environment?: string;
  /** The digest of the image that it built or deployed, if it reported one. */
  readonly digest?: string;
}

/**
 * The start or the end of a run. The end may be recorded before the start, or without it. `beganAt`: when the run
 * started, as its sender reported.
 */
export type RecordedRun = RunStart | (Omit<RunStart, "firedAt"> & { readonly end: RunEnd; readonly beganAt: string });

export type RunStart = Omit<RouteRun, "end">;

/** A route and the environment of its runs. Without `environment`: the environment that needs no name. */
export interface RunPlace {
  readonly route: string;
  readonly environment?: string;
}

/** The last runs of each route. Every method throws `store_unavailable`. */
export class RunStore {
  readonly #runs: RevisedValues<readonly RouteRun[]>;

  constructor(table: Table, options: StoreOptions) {
    this.#runs = new RevisedValues({ table, options }, { attribute: "runs", empty: [] });
  }

  /**
   * Stores the start or end of a run with `withRun`; atomic and idempotent. `refuse` says what it has against that, given
   * the stored runs: no other run of the route is recorded between the two. Returns what `refuse` returned.
   */
  async record<T>(
    route: string,
    run: RecordedRun,
    refuse?: (runs: readonly RouteRun[]) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    let refused: T | undefined;
    await this.#runs.change(keyOf(route), async (runs) => {
      refused = await refuse?.(runs);
      return refused === undefined ? withRun(runs, run) : undefined;
    });
    return refused;
  }

  /** Newest first. */
  async of(route: string): Promise<readonly RouteRun[]> {
    return (await this.#runs.get(keyOf(route))).value;
  }
}

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
  const isKept = ({ end, environment }: RouteRun): boolean => {
    const kind = end === undefined ? `running ${environment}` : `${end.succeeded} ${end.environment}`;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    return count <= MAX_OF_A_KIND;
  };
  return all.filter(isKept).slice(0, MAX_RUNS);
}

function mergeRun(known: RouteRun | undefined, recorded: RecordedRun): RouteRun {
  if (!("end" in recorded)) return known?.firedAt === recorded.firedAt ? known : { ...known, ...recorded };
  const { beganAt, ...run } = recorded;
  if (known?.end && known.end.at >= run.end.at) return known;
  // Of two reports of one end, such as that of the run and that of a deployment, the later may lack the digest.
  const digest = run.end.succeeded && known?.end?.succeeded ? known.end.digest : undefined;
  const end = { ...(digest !== undefined && { digest }), ...run.end };
  return { firedAt: beganAt, ...known, ...run, end };
}
