import { type Clock, type EpochMillis, toIso } from "../host/clock.ts";
import { type BusEvent, busEventsOf, FLOW_SOURCE } from "../model/bus-event.ts";
import type { FlowEvent, OriginProof } from "../model/event.ts";
import { bridgePrincipal, ownRecord } from "../model/own-record.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { matches } from "../routes/matches.ts";
import type { RoutePattern } from "../routes/route-pattern.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { RecordNewDeps } from "./record-new.ts";

export interface FlowEventDeps extends RecordNewDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "record">;
  readonly patterns: () => Promise<readonly RoutePattern[]>;
  readonly clock: Clock;
}

/** An event about what a route holds back, and the first cause of it. */
interface FlowReport extends Pick<FlowEvent, "type" | "keyParts" | "subject" | "flow"> {
  readonly at: EpochMillis;
  readonly cause: BusEvent;
  readonly proof: OriginProof;
}

/** The record of such an event. The same key always has the same id, so it is recorded once. */
export function flowRecord({ at, cause, proof, ...report }: FlowReport): RecordedDelivery {
  const { delivery, traceparent } = cause.detail;
  const event: FlowEvent = {
    ...report,
    time: toIso(at),
    origin: { delivery, ...(proof !== "proved" && { proof }) },
  };
  const principal = bridgePrincipal(FLOW_SOURCE);
  const record = ownRecord({ source: FLOW_SOURCE, event, principal, at, requestId: delivery });
  return { ...record, ...(traceparent && { traceparent }) };
}

/** Whether a route takes one of these events. If none does, they are not recorded: nothing would show them. */
export async function isTaken(
  records: readonly RecordedDelivery[],
  { patterns }: Pick<FlowEventDeps, "patterns">,
): Promise<boolean> {
  const events = records.flatMap(busEventsOf);
  return (await patterns()).some(({ pattern }) => events.some((event) => matches(pattern, event)));
}
