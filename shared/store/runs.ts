/** A run of a route, by the delivery that fired it. */
export interface RouteRun {
  readonly delivery: string;
  /** ISO 8601 with `Z`. */
  readonly firedAt: string;
  /** Absent until it is told to have ended. */
  readonly end?: RunEnd;
}

export interface RunEnd {
  readonly succeeded: boolean;
  /** When it ended, as its sender tells: ISO 8601 with `Z`. */
  readonly at: string;
  /** Where it went; absent where that was not told. */
  readonly environment?: string;
}

/** What was noted of a run. Its end may be told before it is noted that it was fired, or without that. */
export type RecordedRun =
  | Pick<RouteRun, "delivery" | "firedAt">
  | (Pick<RouteRun, "delivery"> & { readonly end: RunEnd /** As its sender tells. */; readonly beganAt: string });

/** Where a route's runs go; without an environment, to the one that needs no name. */
export interface RunPlace {
  readonly route: string;
  readonly environment?: string;
}

/** The last runs of each route. Every method throws `store_unavailable`. */
export interface RunStore {
  /** As `withRun` does; atomic. Harmless when repeated. */
  record(route: string, run: RecordedRun): Promise<void>;
  /** Newest first. */
  of(route: string): Promise<readonly RouteRun[]>;
}

/** Runs that are kept of those in one environment that succeeded, of those that did not, and of those that go on. */
const MAX_OF_A_KIND = 5;
/** Runs that are kept of a route, in whatever environments. */
const MAX_RUNS = 100;

/** `runs` with what was noted of one, newest first: what every store keeps. Gives `runs` itself where they knew it. */
export function withRun(runs: readonly RouteRun[], noted: RecordedRun): readonly RouteRun[] {
  const known = runs.find(({ delivery }) => delivery === noted.delivery);
  const run = joined(known, noted);
  if (run === known) return runs;
  const all = [run, ...runs.filter((one) => one !== known)];
  // Of two that were fired in one moment, the later noted is the newer.
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

function joined(known: RouteRun | undefined, noted: RecordedRun): RouteRun {
  const { delivery } = noted;
  if (!("end" in noted)) {
    return known?.firedAt === noted.firedAt ? known : { ...known, delivery, firedAt: noted.firedAt };
  }
  if (known?.end && known.end.at >= noted.end.at) return known;
  return { delivery, firedAt: known?.firedAt ?? noted.beganAt, end: noted.end };
}
