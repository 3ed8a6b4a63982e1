import { recordReportedChange } from "../shared/approvals/change.ts";
import { recordCheckedRun } from "../shared/approvals/record-checked-run.ts";
import { reportEmergency } from "../shared/approvals/report-emergency.ts";
import { runReportedCommand } from "../shared/approvals/reported-command.ts";
import type { Bus } from "../shared/bus/bus.ts";
import { recordEndedRun } from "../shared/delivery/ended-runs.ts";
import { endReportedTurn } from "../shared/delivery/flow-ends.ts";
import { recordRunReport } from "../shared/delivery/run-reports.ts";
import { recordReportedRunEnd, recordTriggerReport, type WakePromotions } from "../shared/delivery/run-tracking.ts";
import { type SideEffect, withSideEffects } from "../shared/delivery/side-effects.ts";
import { recordLastReport } from "../shared/delivery/silent-runs.ts";
import type { Bridge } from "./bridge.ts";
import { openFlowGate } from "./open-flow-gate.ts";

/**
 * The bus of a bridge with its side effects: before an event is published, the bridge records the change that outdates an
 * approval, the reports of a run and of a listener, and the end of a run, also for its tokens and for what waits for it in a
 * flow or as a promotion, what could be promoted then, and the runs that rules ask about. It executes the command of a label
 * or of a comment on a change request, and logs an emergency grant.
 */
export function relayBus(bridge: Bridge, bus: Bus): Bus {
  const flowGate = () => openFlowGate(bridge);
  const wake: WakePromotions = async (place) => {
    const { wakePromotions } = await import("../shared/delivery/wake-promotions.ts");
    await wakePromotions(place, bridge);
    const { showLags } = await import("../shared/delivery/show-lag.ts");
    await showLags(place.route, bridge);
  };
  const effects: readonly SideEffect[] = [
    (busEvent) => recordReportedChange(busEvent, bridge),
    (busEvent) => recordReportedRunEnd(busEvent, { ...bridge, wakePromotions: wake }),
    (busEvent) => recordEndedRun(busEvent, bridge),
    (busEvent) => recordTriggerReport(busEvent, bridge),
    (busEvent) => recordRunReport(busEvent, bridge),
    (busEvent) => endReportedTurn(busEvent, { ...bridge, flowGate }),
    (busEvent) => recordLastReport(busEvent, bridge),
    (busEvent) => recordCheckedRun(busEvent, bridge),
    (busEvent) => runReportedCommand(busEvent, bridge),
    (busEvent) => reportEmergency(busEvent, bridge),
  ];
  return withSideEffects(bus, effects, bridge.log);
}
