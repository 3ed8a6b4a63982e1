import type { Log } from "../host/log.ts";
import { APPROVALS_SOURCE, type BusEvent, sourceNameOf } from "../model/bus-event.ts";

/**
 * Logs an emergency grant when its event is published. The line is also the metric of an alarm. A grant has an event
 * before its run fires, even if the process that recorded the grant crashed, and each event is published at least once.
 */
export async function reportEmergency(busEvent: BusEvent, { log }: { readonly log: Log }): Promise<void> {
  const { detail } = busEvent;
  // Only the bridge itself has this source. A replay grants nothing.
  if (sourceNameOf(busEvent) !== APPROVALS_SOURCE || detail.replay || !("approval" in detail)) return;
  const { pipeline: route, build: emergencyGrant, gate } = detail.approval;
  if (!gate?.emergency) return;
  log.warn({ delivery: gate.delivery, route, emergencyGrant, by: gate.by }, "a run was granted in an emergency");
}
