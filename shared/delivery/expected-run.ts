import type { EpochMillis } from "../host/clock.ts";
import { toIso } from "../host/clock.ts";
import type { Log } from "../host/log.ts";
import { busEventsOf } from "../model/bus-event.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStore, Claim, ExpectedRun } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { FlowGate } from "./flow-gate.ts";

export interface ExpectedRunDeps {
  readonly routes: readonly Pick<Route, "name" | "explainMissingRun" | "flow" | "environments" | "runsReportedBy">[];
  readonly deliveries: Pick<DeliveryStore, "get" | "timeline" | "addToTimeline">;
  readonly actions: Pick<ActionStore, "complete" | "endWithoutRun">;
  readonly flowGate: () => Promise<Pick<FlowGate, "end">>;
  readonly log: Log;
}

/** `lost`: the claim no longer owned the action, and nothing was changed but the timeline. */
type Ended = "ended" | "lost";

/** Ends an action without a further request, because a run was reported that an earlier attempt started. */
export async function endReported(claim: Claim, at: EpochMillis, deps: ExpectedRunDeps): Promise<Ended> {
  await recordReported(claim, at, deps);
  return (await deps.actions.complete(claim)) ? "ended" : "lost";
}

/**
 * Ends an action whose run nobody has reported: its timeline says why that may be, and the log line raises the alarm. `why`:
 * why the request was not sent again as often as planned, if so. The timeline is written first, as for every outcome.
 */
export async function endWithoutRun(
  claim: Claim & { readonly run: ExpectedRun },
  { at, why }: { readonly at: EpochMillis; readonly why?: string },
  deps: ExpectedRunDeps,
): Promise<Ended> {
  const { delivery, route, action, target, attempt } = claim;
  const summary = await missingText(claim, why, deps);
  await deps.deliveries.addToTimeline(delivery, { ...lineOf(claim, at), state: "missing", summary });
  const ended = await deps.actions.endWithoutRun(claim, at);
  if (ended === "missing") {
    const fields = { delivery, route, action, target, attempt, expectedRun: "missing" } as const;
    deps.log.error(fields, "the target accepted the request, and no run was reported");
    await freeSlot(claim, { unlessMayRun: false }, deps);
  }
  if (ended === "reported") await recordReported(claim, at, deps);
  return ended === "lost" ? "lost" : "ended";
}

/**
 * Frees the slot of an action that has ended. `unlessMayRun`: only if no request of it may have started a run. If the
 * process is killed before this, the slot is free at its bound.
 */
export async function freeSlot(
  { id, delivery, event = delivery, route: name }: Claim,
  { unlessMayRun }: { readonly unlessMayRun: boolean },
  { routes, deliveries, flowGate }: ExpectedRunDeps,
): Promise<void> {
  const route = routes.find((one) => one.name === name);
  const recorded = route?.flow?.running === undefined ? undefined : await deliveries.get(delivery);
  const busEvent = recorded && busEventsOf(recorded).find(({ detail }) => detail.id === event);
  if (route === undefined || busEvent === undefined) return;
  await (await flowGate()).end(route, busEvent, { action: id, unlessMayRun });
}

const recordReported = (claim: Claim, at: EpochMillis, { deliveries }: ExpectedRunDeps): Promise<void> =>
  deliveries.addToTimeline(claim.delivery, {
    ...lineOf(claim, at),
    state: "reported",
    summary: "a run was reported, so the request is not sent again",
  });

/** The members of a timeline line about the run of an action. */
export const lineOf = (
  { route, event, action }: Pick<Claim, "route" | "event" | "action">,
  at: EpochMillis,
): {
  readonly at: EpochMillis;
  readonly kind: "run";
  readonly route: string;
  readonly event?: string;
  readonly action: string;
} => ({
  at,
  kind: "run",
  route,
  ...(event !== undefined && { event }),
  action,
});

async function missingText(
  { delivery, route, event, eventKey, run }: Claim & { readonly run: ExpectedRun },
  why: string | undefined,
  { routes, deliveries }: ExpectedRunDeps,
): Promise<string> {
  const timeline = await deliveries.timeline(delivery);
  const accepted = timeline.findLast(
    (line) => line.kind === "attempt" && line.route === route && line.event === event && line.outcome === "accepted",
  );
  const facts = (accepted?.kind === "attempt" && accepted.facts) || {};
  const times = run.requests === 1 ? "once" : `${run.requests} times`;
  const head = `no run was reported: the target accepted the request ${times} since ${toIso(run.acceptedAt)}`;
  const causes = routes.find(({ name }) => name === route)?.explainMissingRun?.({ eventKey, facts });
  return [head, ...(why === undefined ? [] : [`not repeated further: ${why}`]), ...(causes ? [causes] : [])].join(". ");
}
