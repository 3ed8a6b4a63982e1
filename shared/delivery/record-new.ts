import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { DeliveryStore } from "../store/deliveries.ts";

export interface RecordNewDeps {
  readonly deliveries: Pick<DeliveryStore, "record">;
  /** Called after each commit of a new record. It nudges the relay on one machine; in AWS the table's stream does. */
  readonly recorded: (delivery: RecordedDelivery) => void;
}

/** Records an event of the bridge's own, and passes it on if it was not recorded before. */
export async function recordNew(record: RecordedDelivery, { deliveries, recorded }: RecordNewDeps): Promise<void> {
  if ((await deliveries.record(record)) === "recorded") recorded(record);
}
