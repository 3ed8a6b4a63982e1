/** A run of a route that has ended, by the delivery that fired it. */
export interface RouteRun {
  readonly delivery: string;
  readonly succeeded: boolean;
  /** When it ended, as its sender tells: ISO 8601 with `Z`. */
  readonly at: string;
}

/** Where a route's runs go; without an environment, to the one that needs no name. */
export interface RunPlace {
  readonly route: string;
  readonly environment?: string;
}

/** The last runs of each route and environment. Every method throws `store_unavailable`. */
export interface RunStore {
  /** Keeps the newest run and the last that succeeded, one entry for each delivery. Harmless when repeated. */
  ended(place: RunPlace, run: RouteRun): Promise<void>;
  /** Newest first. */
  last(place: RunPlace): Promise<readonly RouteRun[]>;
}

/** Successful runs that are kept. */
const MOST_SUCCEEDED = 10;

/** `runs` with one more, newest first: what every store keeps. */
export function withRun(runs: readonly RouteRun[], run: RouteRun): readonly RouteRun[] {
  const known = runs.find(({ delivery }) => delivery === run.delivery);
  if (known !== undefined && known.at >= run.at) return runs;
  const others = runs.filter((one) => one !== known);
  // Times may have no more than seconds: of two in one, the later told is the newer.
  const all = [run, ...others].sort((a, b) => Number(a.at < b.at) - Number(a.at > b.at));
  const [newest] = all;
  const succeeded = all.filter((one) => one.succeeded).slice(0, MOST_SUCCEEDED);
  return newest === undefined || succeeded.includes(newest) ? succeeded : [newest, ...succeeded];
}
