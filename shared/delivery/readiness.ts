import { type Clock, laterBy } from "../host/clock.ts";
import type { DiskSpace } from "../host/disk-space.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { Outbox } from "../store/deliveries.ts";

/**
 * `unavailable`: the bridge cannot take requests. `degraded`: it takes them, and work waits for too long. A target that is
 * slow or broken only degrades it, so that it does not cut off the senders of the others.
 */
export interface Readiness {
  readonly status: "ready" | "degraded" | "unavailable";
  /** "ok" or what is wrong, by check, without any configured name: anybody may ask. */
  readonly checks: Readonly<Record<string, string>>;
  /** For the log. */
  readonly targets: readonly string[];
  /** The trust entries whose keys cannot be loaded, for the log. */
  readonly trustEntries: readonly string[];
}

/** A target whose actions wait for too long. */
export interface WaitingTarget {
  readonly target: string;
  readonly problem: LaneProblem;
}

/** `failing`: attempts end, and each one fails. `stalled`: none ends. `overdue`: some succeed, and others wait too long. */
type LaneProblem = keyof typeof LANE_PROBLEMS;

export interface ReadinessDeps {
  /** Rejects if the store cannot be read or written. */
  readonly checkStore: () => Promise<unknown>;
  /** Undefined: the data is not on a disk. */
  readonly diskSpace: (() => Promise<DiskSpace>) | undefined;
  readonly outbox: Pick<Outbox, "unrelayed">;
  readonly waitingTargets: () => Promise<readonly WaitingTarget[]>;
  /** Names of the trust entries whose keys cannot be loaded. */
  readonly unreadableKeys: () => readonly string[];
  readonly clock: Clock;
}

/** Work that is due for longer than this is overdue. */
export const OVERDUE_MS = 600_000;
/** Below this, or below a twentieth of a small disk, the bridge takes no more requests. */
const MIN_FREE_BYTES = 100_000_000;
const MIN_FREE_SHARE = 0.05;

const OK = "ok";
const NOBODY = { targets: [], trustEntries: [] } as const;

/** Ready if one read of the store succeeds. Rejects if it fails, which is answered 503 as for every other call. */
export async function readinessByRead(read: () => Promise<unknown>): Promise<Readiness> {
  await read();
  return { status: "ready", checks: { store: OK }, ...NOBODY };
}

/** Checks the bridge on one machine. Never throws. */
export async function readinessOf(deps: ReadinessDeps): Promise<Readiness> {
  const [store, space] = await Promise.all([resultOf(deps.checkStore), spaceOf(deps)]);
  if (store !== OK || space !== OK) return { status: "unavailable", checks: { store, space }, ...NOBODY };
  try {
    const { outbox, clock, waitingTargets, unreadableKeys } = deps;
    const overdue = await outbox.unrelayed(laterBy(clock.now(), -OVERDUE_MS), 1);
    const waiting = await waitingTargets();
    const trustEntries = unreadableKeys();
    const checks = {
      store,
      space,
      outbox: overdue.length === 0 ? OK : "deliveries are overdue by more than 10 minutes",
      lanes: lanesOf(waiting),
      keys: keysOf(trustEntries),
    };
    const isReady = Object.values(checks).every((result) => result === OK);
    return {
      status: isReady ? "ready" : "degraded",
      checks,
      targets: waiting.map(({ target }) => target),
      trustEntries,
    };
  } catch (error) {
    return { status: "unavailable", checks: { store: whyOf(error), space }, ...NOBODY };
  }
}

async function resultOf(check: () => Promise<unknown>): Promise<string> {
  try {
    await check();
    return OK;
  } catch (error) {
    return whyOf(error);
  }
}

/** The message of a fault of the store names no path. */
const whyOf = (error: unknown): string => (error instanceof Fault ? error.message : kindOf(error));

async function spaceOf({ diskSpace }: ReadinessDeps): Promise<string> {
  if (diskSpace === undefined) return OK;
  try {
    const { freeBytes, totalBytes } = await diskSpace();
    const minimum = Math.min(MIN_FREE_BYTES, totalBytes * MIN_FREE_SHARE);
    return freeBytes >= minimum ? OK : `${megabytes(freeBytes)} MB are free, less than ${megabytes(minimum)} MB`;
  } catch {
    return "the database file is gone";
  }
}

const megabytes = (bytes: number): string => (bytes / 1_000_000).toFixed(1);

const LANE_PROBLEMS = {
  stalled: "due actions and finished none for 5 minutes",
  failing: "actions that wait, and each attempt has failed for 10 minutes",
  overdue: "actions that are overdue by more than 10 minutes",
} as const;

function lanesOf(waiting: readonly WaitingTarget[]): string {
  const problems = Object.entries(LANE_PROBLEMS).flatMap(([name, text]) => {
    const count = waiting.filter(({ problem }) => problem === name).length;
    return count === 0 ? [] : [`${targetsHave(count)} ${text}`];
  });
  return problems.length === 0 ? OK : problems.join("; ");
}

const targetsHave = (count: number): string => (count === 1 ? "1 target has" : `${count} targets have`);

function keysOf({ length }: readonly string[]): string {
  if (length === 0) return OK;
  return `the keys of ${length === 1 ? "1 issuer" : `${length} issuers`} cannot be loaded`;
}

/** Writes one line when the failing checks change. */
export class ReadinessLog {
  readonly #log: Log;
  #last = "";

  constructor(log: Log) {
    this.#log = log;
  }

  add({ status, checks, targets, trustEntries }: Readiness): void {
    const failing = Object.fromEntries(Object.entries(checks).filter(([, result]) => result !== OK));
    // Without the texts: the free space differs each time.
    const current = [...Object.keys(failing), ...targets, ...trustEntries].join();
    if (current === this.#last) return;
    this.#last = current;
    if (status === "ready") {
      this.#log.info({ status }, "the checks of the bridge succeed again");
      return;
    }
    const fields = {
      status,
      ...failing,
      ...(targets.length > 0 && { targets: targets.join(", ") }),
      ...(trustEntries.length > 0 && { trustEntries: trustEntries.join(", ") }),
    };
    this.#log.error(fields, "a check of the bridge fails");
  }
}
