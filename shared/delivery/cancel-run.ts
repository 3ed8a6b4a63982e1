import type { Clock } from "../host/clock.ts";
import type { Log } from "../host/log.ts";
import type { FlowSlot } from "../model/flow.ts";
import { MAX_CANCELS, type RunCancel } from "../model/run-cancel.ts";
import type { Route } from "../routes/route.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { RunCancelStore } from "../store/run-cancels.ts";
import { runNameOf } from "./origin-proof.ts";

export interface CancelRunDeps {
  readonly runCancels: () => Promise<Pick<RunCancelStore, "of" | "add" | "remove">>;
  readonly deliveries: Pick<DeliveryStore, "addToTimeline">;
  readonly clock: Clock;
  readonly log: Log;
}

type CancellableRoute = Pick<Route, "name" | "action" | "runsReportedBy" | "runNamespaces">;

/**
 * Has the runs in these slots cancelled for a newer event, whose id is `by`. The bridge reaches no cluster: its process
 * there asks what to cancel. The call frees no slot; the reported end of the run does. Idempotent, and repeated whenever the
 * newer action asks.
 */
export async function askForCancel(
  route: CancellableRoute,
  slots: readonly FlowSlot[],
  by: string,
  { runCancels, deliveries, clock, log }: CancelRunDeps,
): Promise<void> {
  const { name, action: kind, runsReportedBy: source, runNamespaces: namespaces } = route;
  if (source === undefined || namespaces === undefined) return;
  const store = await runCancels();
  const known = new Set((await store.of(source)).map(({ action }) => action));
  for (const { action, delivery, event, eventKey, freeAt: until } of slots) {
    if (eventKey === undefined || known.has(action)) continue;
    const about = { action, route: name, kind, delivery, ...(event !== undefined && { event }) };
    const line = { ...about, by };
    if (known.size < MAX_CANCELS) {
      // The timeline first: what is cancelled has a record of it.
      await deliveries.addToTimeline(delivery, lineOf(line, "asked", clock));
      const cancel: RunCancel = { ...line, run: runNameOf(name, eventKey), namespaces, until };
      if (await store.add(source, cancel)) {
        known.add(action);
        continue;
      }
    }
    await deliveries.addToTimeline(delivery, lineOf(line, "left", clock));
    log.error({ route: name, delivery, source }, "too many runs wait to be cancelled");
  }
}

/** Ends the cancelling of a run whose end was reported. Its timeline says by what it was cancelled, if it was. */
export async function endCancel(
  source: string,
  action: string,
  { isCancelled }: { readonly isCancelled: boolean },
  { runCancels, deliveries, clock }: CancelRunDeps,
): Promise<void> {
  const store = await runCancels();
  const cancel = (await store.of(source)).find((one) => one.action === action);
  if (cancel === undefined) return;
  if (isCancelled) await deliveries.addToTimeline(cancel.delivery, lineOf(cancel, "cancelled", clock));
  await store.remove(source, action);
}

/** A line of the timeline of the delivery whose run is cancelled. */
export const lineOf = (
  { route, kind, event, by }: Pick<RunCancel, "route" | "kind" | "event" | "by">,
  state: "asked" | "left" | "failed" | "cancelled",
  clock: Clock,
  problem = "",
) =>
  ({
    at: clock.now(),
    kind: "cancel",
    route,
    ...(event !== undefined && { event }),
    action: kind,
    state,
    by,
    summary: SUMMARIES[state](by, problem),
  }) as const;

const SUMMARIES = {
  asked: (by: string) => `is being cancelled, superseded by ${by}`,
  left: (by: string) =>
    `not cancelled, though superseded by ${by}: ${MAX_CANCELS} runs of its source are being cancelled`,
  failed: (by: string, problem: string) => `not cancelled yet, superseded by ${by}; it is tried again: ${problem}`,
  cancelled: (by: string) => `cancelled, superseded by ${by}`,
} as const;
