/** When a page is written: the settings of a target, or the defaults of its product. */
export interface Pace {
  /** Least seconds between two writes of a page while no run ends. */
  readonly progressSeconds: number;
  /** The same after a run has ended; at most `progressSeconds`. */
  readonly endSeconds: number;
  /** A version is written only for a change that a reader acts on, see `changeMarkOf` in `page-throttle.ts`. */
  readonly onlyChanges: boolean;
}

/**
 * Cloud has no minor edit: each version may mail everyone who watches the page. Data Center is sent `minorEdit: true`.
 */
const DEFAULTS: Readonly<Record<"cloud" | "data-center", Pace>> = {
  cloud: { progressSeconds: 60, endSeconds: 60, onlyChanges: true },
  "data-center": { progressSeconds: 30, endSeconds: 2, onlyChanges: false },
};

/** The pace of a target's pages. */
export function paceOf(target: PacedTarget): Pace {
  const defaults = DEFAULTS[target.product];
  const { progressSeconds = defaults.progressSeconds, onlyChanges = defaults.onlyChanges } = target;
  const { endSeconds = Math.min(defaults.endSeconds, progressSeconds) } = target;
  return { progressSeconds, endSeconds, onlyChanges };
}

type PacedTarget = { readonly product: keyof typeof DEFAULTS } & {
  readonly [Setting in keyof Pace]?: Pace[Setting] | undefined;
};

/** A day of builds that one page shows. */
export interface DayOfBuilds {
  readonly pipelines: number;
  readonly runs: number;
  /** One of so many runs fails. */
  readonly failsEvery: number;
}

/**
 * The most versions of one page that such a day makes, if no run waits for a person. Without `onlyChanges` a run makes
 * three: queued, running and its end. Otherwise a pipeline makes two when it is new, and a failure makes two: itself and
 * the recovery.
 */
export function expectedVersions({ onlyChanges, endSeconds }: Pace, day: DayOfBuilds): number {
  const { pipelines, runs, failsEvery } = day;
  const changes = onlyChanges ? 2 * pipelines + 2 * Math.ceil(runs / failsEvery) : 3 * runs;
  return Math.min(changes, Math.ceil(DAY_SECONDS / Math.max(1, endSeconds)));
}

const DAY_SECONDS = 86_400;

/** The rate that `drawbridge check` states. */
const STATED: DayOfBuilds = { pipelines: 6, runs: 120, failsEvery: 10 };

/** The most versions of one page of a target, in a sentence for `drawbridge check`. */
export function expectedOfADay(target: PacedTarget): string {
  const pace = paceOf(target);
  const { pipelines, runs, failsEvery } = STATED;
  const mails = target.product === "cloud" ? ", each of which may mail everyone who watches it" : ", as minor edits";
  return (
    `at ${runs} runs a day of ${pipelines} pipelines, of which one in ${failsEvery} fails, a page gets at most ` +
    `${expectedVersions(pace, STATED)} versions a day${mails} (onlyChanges: ${pace.onlyChanges}, endSeconds: ${pace.endSeconds})`
  );
}
