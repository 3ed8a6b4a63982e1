import { epochMillis } from "../host/clock.ts";
import { isTerminal } from "../model/build-order.ts";
import type { BusEvent } from "../model/bus-event.ts";
import { runKeysOf } from "../model/run-key.ts";
import type { EndedRunStore } from "../store/ended-runs.ts";

export interface EndedRunDeps {
  readonly config: { readonly upstreams: object };
  readonly endedRuns: Pick<EndedRunStore, "recordEnd">;
}

/**
 * Records that a run has ended, as its own system reports, so that the tokens of the run end with it. Costs nothing without
 * upstreams. A status callback ends no run: one job of it sends that, and others may still run.
 */
export async function recordEndedRun(busEvent: BusEvent, { config, endedRuns }: EndedRunDeps): Promise<void> {
  const { detail } = busEvent;
  if (!("build" in detail) || !isTerminal(detail.build.state) || Object.keys(config.upstreams).length === 0) return;
  if (detail.principal.unproved || detail.build.trustEntry !== undefined) return;
  // The sender's clock also dates the tokens of the run. An end in the future would refuse those of a later try.
  const endedAt = Math.min(Date.parse(detail.build.finishedAt ?? detail.time), Date.parse(busEvent.time));
  for (const run of runKeysOf(busEvent)) await endedRuns.recordEnd(run, epochMillis(endedAt));
}
