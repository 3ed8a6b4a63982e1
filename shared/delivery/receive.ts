import type { Log } from "../host/log.ts";
import type { Secrets } from "../host/secrets.ts";
import {
  type AuthenticDelivery,
  authenticate,
  type ProvingSource,
  type SelectedRecords,
} from "../model/authentic-delivery.ts";
import type { BridgeEvent } from "../model/event.ts";
import type { Principal } from "../model/principal.ts";
import type { Reading } from "../model/reading.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import type { ReceivedRequest } from "../model/request.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { OriginStore } from "../store/origins.ts";
import { type ReadingSource, readDelivery, recordOf } from "./delivery-record.ts";
import { checkOriginProof, isFirstRun, type ProvingRoute } from "./origin-proof.ts";

/** A configured sender: the part of it that receiving needs. */
export interface Source extends ProvingSource, ReadingSource {
  readonly contentTypes: readonly string[];
  /** See `ConnectedSource.select`. */
  readonly select?: (delivery: AuthenticDelivery) => Promise<SelectedRecords>;
  /** Stores data that a proved delivery carries besides its event. Never throws. */
  readonly keep?: (delivery: AuthenticDelivery) => Promise<void>;
}

export interface Receipt {
  /** The first one if the request had several records; absent if none of them is kept. */
  readonly delivery?: string;
  readonly status: "accepted" | "duplicate" | "ignored" | "unusable";
}

export interface ReceiveDeps {
  /** The rejection of a proved principal that is over its rate limit; undefined if it is not. */
  readonly rejectOverRate: (
    principal: Principal,
    request: Pick<ReceivedRequest, "counted">,
  ) => Promise<Rejection | undefined>;
  readonly deliveries: Pick<DeliveryStore, "record">;
  /** All configured routes, whose keys prove that the bridge asked for a run. */
  readonly runReporters: readonly ProvingRoute[];
  readonly secrets: Secrets;
  readonly origins: Pick<OriginStore, "provedRun" | "firstProvedRun">;
  /** Called after each commit of a new record. It nudges the relay on one machine; in AWS the table's stream does. */
  readonly recorded: (delivery: RecordedDelivery) => void;
  readonly log: Log;
}

/**
 * Receives one request: authenticate, read, record. One conditional write is idempotency record, audit record and
 * outbox entry at once. Nothing else is called unless a role of the sender has a rate limit, or the event is of a run that
 * proves its origin. A rejected request costs no write of its own. Throws `store_unavailable`, `keys_unavailable` and
 * `secret_unavailable`: the sender should then retry. After `store_unavailable` it is unknown whether the delivery was
 * recorded.
 */
export async function receive(request: ReceivedRequest, source: Source, deps: ReceiveDeps): Promise<Result<Receipt>> {
  const authentic = await authenticate(request, source);
  if (!authentic.ok) return authentic;
  const { principal } = authentic.value;
  const overRate = await deps.rejectOverRate(principal, request);
  if (overRate) return reject(overRate, principal);
  if (source.select !== undefined) {
    const { receiveRecords } = await import("./receive-records.ts");
    return ok(await receiveRecords(authentic.value, await source.select(authentic.value), { source, request, deps }));
  }
  const { reading, redacted } = readDelivery(authentic.value, source, deps.log);
  const proved = await withProvedOrigin(reading, authentic.value, deps);
  const delivery = recordOf(authentic.value, proved, { source, request, redacted });
  const keeping = authentic.value.shadowRejection ? undefined : source.keep?.(authentic.value);
  const [recorded] = await Promise.all([deps.deliveries.record(delivery), keeping]);
  if (recorded === "duplicate") {
    return ok({ delivery: delivery.id, status: "duplicate" });
  }
  deps.recorded(delivery);
  return ok({ delivery: delivery.id, status: reading.outcome === "event" ? "accepted" : reading.outcome });
}

/** The reading, whose events say what their run proved of its origin. What holds at receipt is true after a rotation. */
async function withProvedOrigin(
  reading: Reading,
  { source, shadowRejection }: AuthenticDelivery,
  deps: ReceiveDeps,
): Promise<Reading> {
  if (reading.outcome !== "event" || reading.originProof === undefined) return reading;
  const { originProof } = reading;
  const proved = await checkOriginProof(originProof, source, deps);
  // An unproved delivery of shadow mode must not decide which run is the first.
  if (proved === undefined || shadowRejection || !(await isFirstRun(originProof, source, deps))) return reading;
  const [first, ...others] = reading.events;
  const withProof = <Event extends BridgeEvent>(event: Event): Event =>
    "origin" in event && event.origin?.delivery === originProof.delivery
      ? { ...event, origin: { ...event.origin, proved } }
      : event;
  return { ...reading, events: [withProof(first), ...others.map(withProof)] };
}
