import { recordReportedChange } from "../shared/approvals/change.ts";
import { runLabelCommand } from "../shared/approvals/label-command.ts";
import type { Bus } from "../shared/bus/bus.ts";
import { recordReportedRunEnd, recordTriggerReport } from "../shared/delivery/run-tracking.ts";
import { type SideEffect, withSideEffects } from "../shared/delivery/side-effects.ts";
import type { Bridge } from "./bridge.ts";

/**
 * The bus of a bridge with its side effects: before an event is published, the bridge records the change that outdates an
 * approval, the end of a run and the report of a listener, and executes the command of a label.
 */
export function relayBus(bridge: Bridge, bus: Bus): Bus {
  const effects: readonly SideEffect[] = [
    (busEvent) => recordReportedChange(busEvent, bridge),
    (busEvent) => recordReportedRunEnd(busEvent, bridge),
    (busEvent) => recordTriggerReport(busEvent, bridge),
    (busEvent) => runLabelCommand(busEvent, bridge),
  ];
  return withSideEffects(bus, effects, bridge.log);
}
