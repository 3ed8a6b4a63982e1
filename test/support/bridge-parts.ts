import { InProcessBus } from "../../shared/bus/in-process-bus.ts";
import { act } from "../../shared/delivery/act.ts";
import type { ActionContext, ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { TimelineEvent } from "../../shared/model/timeline.ts";
import type { Route } from "../../shared/routes/route.ts";
import { type EmbeddedDynamoDb, startEmbeddedDynamoDb } from "../../shared/store/dynamodb/embedded.ts";
import { openStores } from "../../shared/store/dynamodb/open-stores.ts";
import { silentLog, testClock } from "./test-doubles.ts";

const RETRY = { baseMs: 1_000, capMs: 60_000, maxAttempts: 5 } as const;

type AttemptEntry = Extract<TimelineEvent, { kind: "attempt" }>;

/** A route that matches everything; `run` says what its action does. */
export function routeOf(run: Route["run"], changes: Partial<Route> = {}): Route {
  return {
    name: "docs",
    action: "tekton",
    target: "ci",
    maxAttemptMs: 10_000,
    matches: () => true,
    run,
    ...changes,
  };
}

/** A route's action that gives these outcomes in turn, and remembers what it was asked. */
export function scripted(outcomes: readonly (ActionOutcome | Error)[]) {
  const contexts: ActionContext[] = [];
  const run: Route["run"] = async (context) => {
    const outcome = outcomes[Math.min(contexts.length, outcomes.length - 1)];
    contexts.push(context);
    if (outcome === undefined || outcome instanceof Error) throw outcome;
    return outcome;
  };
  return { contexts, run };
}

/** Stores, bus and the act verb over one embedded table, under a clock that stands still. */
export async function bridgeParts(routes: readonly Route[], log = silentLog) {
  const database: EmbeddedDynamoDb = await startEmbeddedDynamoDb({ table: "drawbridge" });
  const clock = testClock();
  const stores = openStores(database.client, "drawbridge", { retentionDays: 30, markUnrelayed: true, clock });
  const nudged: string[] = [];
  const { actions, deliveries } = stores;
  const bus = new InProcessBus({ routes, actions, deliveries, clock, scheduled: (target) => nudged.push(target) });
  const deps = { ...stores, routes, retry: RETRY, clock, random: () => 0.5, log };
  return {
    ...stores,
    clock,
    bus,
    nudged,
    deps,
    /** Runs what is due at the clock's time, once each. */
    runDue: async (target = "ci") => {
      const due = await actions.due(target, clock.now(), 100);
      for (const id of due) await act(id, deps);
      return due.length;
    },
    attempts: async (delivery: string): Promise<readonly AttemptEntry[]> =>
      (await deliveries.timeline(delivery)).filter((timelineEvent) => timelineEvent.kind === "attempt"),
    stop: () => database.stop(),
  };
}
