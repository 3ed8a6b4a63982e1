import { isTerminal } from "../model/build-order.ts";
import { type BusEvent, busEventsOf, sourceNameOf, withEventKey } from "../model/bus-event.ts";
import type { BuildState } from "../model/event.ts";
import { actionIdOf } from "../model/idempotency-keys.ts";
import { type CorrelateDeps, correlate, type RunReporter } from "./correlate.ts";
import type { FlowGate } from "./flow-gate.ts";
import { routeInRunName } from "./origin-proof.ts";

export interface FlowEndDeps extends CorrelateDeps {
  readonly flowGate: () => Promise<Pick<FlowGate, "end">>;
}

/**
 * Frees the slot of a run that its own system reports as ended. Costs nothing unless a route whose runs the source reports
 * limits how many run at once. A run that only claims a delivery frees no slot: the bound of the slot does.
 */
export async function endReportedTurn(busEvent: BusEvent, deps: FlowEndDeps): Promise<void> {
  const source = sourceNameOf(busEvent);
  const routes = deps.runReporters.filter(
    ({ runsReportedBy, flow }) => runsReportedBy === source && flow?.running !== undefined,
  );
  const state = endIn(busEvent);
  if (routes.length === 0 || state === undefined || busEvent.detail.principal.unproved) return;
  for (const route of routes) {
    const ended = await endedAction(route, busEvent, deps);
    if (ended === undefined) continue;
    await (await deps.flowGate()).end(route, ended.origin, {
      action: ended.action,
      unlessMayRun: false,
      isCancelled: state === "cancelled",
    });
  }
}

/** How a run ended, or a task without one. Undefined if none has. */
function endIn({ detail }: BusEvent): BuildState | undefined {
  const run = "build" in detail ? detail.build : undefined;
  const task = "job" in detail && detail.job.build === undefined ? detail.job : undefined;
  const state = (run ?? task)?.state;
  return state !== undefined && isTerminal(state) ? state : undefined;
}

/**
 * The event that the route acted on, and its action. Either the run has proved that the bridge asked for it, or it has the
 * name that the request of this route gave it: any other run of the source may claim the delivery. If the runs of a target
 * have other names and no proof, the bound frees their slots.
 */
async function endedAction(
  route: RunReporter,
  busEvent: BusEvent,
  deps: FlowEndDeps,
): Promise<{ readonly origin: BusEvent; readonly action: string } | undefined> {
  const found = await correlate(busEvent, sourceNameOf(busEvent), { ...deps, runReporters: [route] });
  if (!found.found || found.proof === "claimed" || found.busEvent.detail.principal.unproved) return undefined;
  const { detail } = found.busEvent;
  const named = routeInRunName(runIn(busEvent.detail.subject));
  const eventKey = named?.route === route.name ? named.eventKey : undefined;
  if (found.proof !== "proved" && eventKey === undefined) return undefined;
  // A route may act on several events of one delivery. The name of the run then says which one it is.
  if (eventKey === undefined || eventKey === detail.eventKey)
    return { origin: found.busEvent, action: actionIdOf(route.name, detail.eventKey) };
  const delivery = await deps.deliveries.get(detail.delivery);
  const origin = (delivery ? busEventsOf(delivery) : []).find((one) => one.detail.eventKey === eventKey);
  return { origin: origin ?? withEventKey(found.busEvent, eventKey), action: actionIdOf(route.name, eventKey) };
}

/** `ci/docs-e-…`: a namespace and the name of the run. */
const runIn = (subject: string): string => subject.slice(subject.lastIndexOf("/") + 1);
