import type { FlowGate } from "../shared/delivery/flow-gate.ts";
import type { Bridge } from "./bridge.ts";

/** The gate of the flows. It is loaded when it is needed: most routes have no flow. */
export async function openFlowGate(bridge: Bridge): Promise<FlowGate> {
  const [{ FlowGate }, flows] = await Promise.all([import("../shared/delivery/flow-gate.ts"), bridge.flows()]);
  const { actions, woken, runCancels, deliveries, clock, log } = bridge;
  return new FlowGate({ flows, actions, woken, runCancels, deliveries, clock, log });
}
