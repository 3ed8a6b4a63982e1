import type { Log } from "../host/log.ts";
import type { AuthenticDelivery, SelectedRecords } from "../model/authentic-delivery.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { ReceivedRequest } from "../model/request.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { type ReadingSource, readDelivery, recordOf } from "./delivery-record.ts";

interface RecordsContext {
  readonly source: ReadingSource;
  readonly request: ReceivedRequest;
  readonly deps: {
    readonly deliveries: Pick<DeliveryStore, "record">;
    readonly recorded: (delivery: RecordedDelivery) => void;
    readonly log: Log;
  };
}

interface RecordReceipt {
  readonly delivery: string;
  readonly status: "accepted" | "duplicate" | "ignored" | "unusable";
}

/** Records that are written at once. */
const AT_ONCE = 16;

/**
 * Records each selected record of a request as a delivery of its own. If one cannot be recorded, the request fails, and its
 * sender sends it again: then those that were recorded are duplicates.
 */
export async function receiveRecords(
  { requestId }: Pick<AuthenticDelivery, "requestId">,
  { deliveries: selected, counts, recorded }: SelectedRecords,
  { source, request, deps }: RecordsContext,
): Promise<Partial<RecordReceipt> & Pick<RecordReceipt, "status">> {
  const receipts: RecordReceipt[] = [];
  for (let at = 0; at < selected.length; at += AT_ONCE) {
    const group = selected.slice(at, at + AT_ONCE);
    receipts.push(...(await Promise.all(group.map((one) => recordOne(one, { source, request, deps })))));
  }
  recorded();
  const { kept: gatewayRecordsKept, unusable: gatewayRecordsUnusable } = counts;
  const all = Object.values(counts).reduce((sum, one) => sum + one, -gatewayRecordsKept);
  const gatewayRecordsCounted = all - gatewayRecordsKept - gatewayRecordsUnusable;
  const measured = { gatewayRecordsKept, gatewayRecordsCounted, gatewayRecordsUnusable };
  deps.log.info({ source: source.name, request: requestId, ...counts, ...measured }, "records");
  // A repeat of one record says nothing about the others.
  const first = receipts.find(({ status }) => status !== "duplicate") ?? receipts[0];
  return first ?? { status: "ignored" };
}

async function recordOne(
  { delivery, reading: known }: SelectedRecords["deliveries"][number],
  { source, request, deps }: RecordsContext,
): Promise<RecordReceipt> {
  const { reading, redacted } = known
    ? { reading: known, redacted: undefined }
    : readDelivery(delivery, source, deps.log);
  const record = recordOf(delivery, reading, { source, request, redacted });
  if ((await deps.deliveries.record(record)) === "duplicate") return { delivery: record.id, status: "duplicate" };
  deps.recorded(record);
  return { delivery: record.id, status: reading.outcome === "event" ? "accepted" : reading.outcome };
}
