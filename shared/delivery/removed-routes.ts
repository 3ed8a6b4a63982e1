import { setImmediate as nextTurn } from "node:timers/promises";
import type { Log } from "../host/log.ts";
import { Loop } from "../host/loop.ts";
import type { ActionStore } from "../store/actions.ts";
import { inGroups } from "../store/streams.ts";
import { MISSING_ROUTE_GRACE_MS, type MissingRoutes } from "./missing-routes.ts";

interface RemovedRoutesDeps {
  readonly missing: Pick<MissingRoutes, "has">;
  /** The targets whose queues may have actions of a removed route. */
  readonly targets: () => readonly string[];
  readonly actions: Pick<ActionStore, "unfinishedRoutes">;
  readonly log: Log;
}

/** Actions that are read between two turns of the event loop. */
const GROUP = 100;

/** Writes one warning for each reload that removes routes with unfinished actions. */
export class RemovedRoutes {
  readonly #deps: RemovedRoutesDeps;
  readonly #loop: Loop;
  #removed: readonly string[] = [];
  #isStopped = false;

  constructor(deps: RemovedRoutesDeps) {
    this.#deps = deps;
    this.#loop = new Loop("removed routes", { everyMs: undefined, log: deps.log }, () => this.#warn());
  }

  /** Counts the unfinished actions of these routes in the background. */
  removed(names: readonly string[]): void {
    if (names.length === 0) return;
    this.#removed = [...this.#removed, ...names];
    this.#loop.nudge();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#loop.stop();
  }

  async #warn(): Promise<void> {
    const { missing, targets, actions, log } = this.#deps;
    const names = new Set(this.#removed);
    this.#removed = [];
    const counts = new Map<string, number>();
    for (const target of targets()) {
      for await (const group of inGroups(actions.unfinishedRoutes(target), GROUP)) {
        for (const route of group) if (names.has(route)) counts.set(route, (counts.get(route) ?? 0) + 1);
        await nextTurn();
        if (this.#isStopped) return;
      }
    }
    const left = [...counts].filter(([route]) => missing.has(route));
    if (left.length === 0) return;
    log.warn(
      {
        routes: left.map(([route, count]) => `${route} (${count})`).join(", "),
        actions: left.reduce((sum, [, count]) => sum + count, 0),
        graceMinutes: MISSING_ROUTE_GRACE_MS / 60_000,
      },
      "routes with unfinished actions were removed; their actions wait for the routes, and are then given up",
    );
  }
}
