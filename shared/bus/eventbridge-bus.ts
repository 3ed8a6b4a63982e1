import { type EventBridgeClient, PutEventsCommand, type PutEventsResultEntry } from "@aws-sdk/client-eventbridge";
import { Fault } from "../host/fault.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { Bus, PublishResult } from "./bus.ts";

/** Entries that one PutEvents call takes (EventBridge API reference, PutEvents). */
const MAX_ENTRIES = 10;
/** Bytes that one PutEvents call takes over all its entries; kept below the published 256 KB for their envelopes. */
const MAX_CALL_BYTES = 240_000;

/** Amazon EventBridge. A call that was answered may still have refused some entries: each one's result is looked at. */
export class EventBridgeBus implements Bus {
  readonly #client: EventBridgeClient;
  readonly #busName: string;

  constructor(client: EventBridgeClient, busName: string) {
    this.#client = client;
    this.#busName = busName;
  }

  async publish(busEvents: readonly BusEvent[]): Promise<readonly PublishResult[]> {
    const results: PublishResult[] = [];
    for (const call of inCalls(busEvents)) results.push(...(await this.#put(call, results.length > 0)));
    return results;
  }

  async #put(entries: readonly SerialisedEntry[], someTaken: boolean): Promise<readonly PublishResult[]> {
    const command = new PutEventsCommand({
      Entries: entries.map(({ busEvent, detail }) => ({
        EventBusName: this.#busName,
        Source: busEvent.source,
        DetailType: busEvent["detail-type"],
        Time: new Date(busEvent.time),
        Detail: detail,
      })),
    });
    try {
      const { Entries: told = [] } = await this.#client.send(command);
      return entries.map((_, at) => resultOf(told[at]));
    } catch (cause) {
      const code = cause instanceof Error ? cause.name : "unknown";
      if (someTaken) return entries.map(() => ({ published: false, code }));
      throw new Fault("bus_unavailable", `the bus did not answer (${code})`, { retryable: true, cause });
    }
  }
}

interface SerialisedEntry {
  readonly busEvent: BusEvent;
  readonly detail: string;
  readonly bytes: number;
}

/** An entry is taken only if the answer says so with an id. */
function resultOf(told: PutEventsResultEntry | undefined): PublishResult {
  if (told?.EventId !== undefined && told.ErrorCode === undefined) return { published: true };
  return { published: false, code: told?.ErrorCode ?? "no_result" };
}

function* inCalls(busEvents: readonly BusEvent[]): Generator<readonly SerialisedEntry[]> {
  let call: SerialisedEntry[] = [];
  let callBytes = 0;
  for (const busEvent of busEvents) {
    const detail = JSON.stringify(busEvent.detail);
    const bytes = Buffer.byteLength(detail) + busEvent.source.length + busEvent["detail-type"].length;
    if (call.length === MAX_ENTRIES || (call.length > 0 && callBytes + bytes > MAX_CALL_BYTES)) {
      yield call;
      call = [];
      callBytes = 0;
    }
    call.push({ busEvent, detail, bytes });
    callBytes += bytes;
  }
  if (call.length > 0) yield call;
}
