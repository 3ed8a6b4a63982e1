import { busEventsOf } from "../model/bus-event.ts";
import type { RunStore } from "../store/runs.ts";
import { type CorrelateDeps, correlate, type RunReporter } from "./correlate.ts";
import { lagBetween } from "./environment-lag.ts";
import { type FlowEventDeps, flowRecord, isTaken } from "./flow-events.ts";
import { recordNew } from "./record-new.ts";

interface ShowLagDeps extends FlowEventDeps, Omit<CorrelateDeps, "deliveries"> {
  readonly deliveries: FlowEventDeps["deliveries"] & CorrelateDeps["deliveries"];
  readonly runs: Pick<RunStore, "of">;
}

/**
 * Records for each two neighbouring environments of a route what could be promoted, after a run of it has ended: an event of
 * the bridge's own, so that a page shows it. Its id follows from the two good runs that are compared, so nothing is recorded
 * twice.
 */
export async function showLags(route: string, deps: ShowLagDeps): Promise<void> {
  const { environments = [] }: Partial<RunReporter> = deps.runReporters.find(({ name }) => name === route) ?? {};
  for (const [at, to] of environments.slice(1).entries()) {
    const from = environments[at];
    if (from !== undefined) await showLag({ route, from, to }, deps);
  }
}

async function showLag(
  { route, from, to }: { readonly route: string; readonly from: string; readonly to: string },
  deps: ShowLagDeps,
): Promise<void> {
  // Before the runs are read: of two reports the one that knows more runs is the later one.
  const at = deps.clock.now();
  const lag = await lagBetween({ route, from, to }, deps);
  if (lag === undefined) return;
  const { good, replaced = "", isBehind, text, commits } = lag;
  const delivery = await deps.deliveries.get(good);
  const [first] = delivery ? busEventsOf(delivery) : [];
  if (delivery === undefined || first === undefined) return;
  const origin = await correlate(first, delivery.source, deps);
  const record = flowRecord({
    type: isBehind ? "flow.behind" : "flow.level",
    keyParts: [route, from, to, good, replaced, text],
    subject: `${route} to ${to}`,
    flow: {
      route,
      of: to,
      from,
      ...(isBehind && { text }),
      ...(isBehind && commits !== undefined && { commits }),
    },
    at,
    cause: origin.found ? origin.busEvent : first,
    proof: origin.found ? origin.proof : "proved",
  });
  if (await isTaken([record], deps)) await recordNew(record, deps);
}
