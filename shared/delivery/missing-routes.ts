import type { Clock } from "../host/clock.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";

/**
 * How long an action waits for a route that the configuration lacks, before it is given up. A deployment updates its
 * parts one by one, and an editor may save a file in parts.
 */
export const MISSING_ROUTE_GRACE_MS = 900_000;

/** The outcome of an action, or of a queue message, whose route was removed from the configuration. */
export const ROUTE_REMOVED = { outcome: "give_up", summary: "the route is no longer configured" } as const;

/** Bounds of the wait between two looks at the configuration. */
const SHORTEST_WAIT_SECONDS = 5;
const LONGEST_WAIT_SECONDS = 60;

/** Returns the outcome of an attempt whose route has been missing for this time. The waits are longer, the longer it is. */
export function outcomeWithoutRoute(missingMs: number): ActionOutcome {
  const leftSeconds = (MISSING_ROUTE_GRACE_MS - missingMs) / 1_000;
  if (leftSeconds <= 0) return ROUTE_REMOVED;
  const waitSeconds = Math.min(LONGEST_WAIT_SECONDS, Math.max(SHORTEST_WAIT_SECONDS, missingMs / 1_000));
  return {
    outcome: "wait",
    summary: "the route is not configured now; if it stays so for 15 minutes, the action is given up",
    afterSeconds: Math.min(waitSeconds, leftSeconds),
    isLong: true,
    waitsFor: "the route in the configuration",
  };
}

/**
 * Since when routes are missing from the configuration of this process. A route that a start does not find counts as
 * missing since the start.
 */
export class MissingRoutes {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #startedMs: number;
  #configured: ReadonlySet<string> = new Set();
  /** When each route was removed, from the monotonic clock. */
  readonly #removedMs = new Map<string, number>();

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
    this.#startedMs = clock.monotonic();
  }

  /** Takes up the names of the routes that are configured from now on. Returns those that are not any more. */
  use(names: readonly string[]): readonly string[] {
    const configured = new Set(names);
    const removed = [...this.#configured].filter((name) => !configured.has(name));
    for (const name of names) this.#removedMs.delete(name);
    for (const name of removed) this.#removedMs.set(name, this.#clock.monotonic());
    this.#configured = configured;
    return removed;
  }

  has(name: string): boolean {
    return !this.#configured.has(name);
  }

  /** Milliseconds since a route that is not configured went missing. */
  missingMs(name: string): number {
    return this.#clock.monotonic() - (this.#removedMs.get(name) ?? this.#startedMs);
  }
}
