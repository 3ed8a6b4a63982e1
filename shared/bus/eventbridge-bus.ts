import { type EventBridgeClient, PutEventsCommand, type PutEventsResultEntry } from "@aws-sdk/client-eventbridge";
import { Fault } from "../host/fault.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { Bus, PublishResult } from "./bus.ts";

/** Maximum entries of one PutEvents call (EventBridge API reference, PutEvents). */
const MAX_ENTRIES = 10;
/** Maximum bytes of all entries of one PutEvents call; below the published 256 KB to leave room for their envelopes. */
const MAX_CALL_BYTES = 240_000;

/** The bus on Amazon EventBridge. A successful call may still have rejected some entries, so each result is checked. */
export class EventBridgeBus implements Bus {
  readonly #client: EventBridgeClient;
  readonly #busName: string;

  constructor(client: EventBridgeClient, busName: string) {
    this.#client = client;
    this.#busName = busName;
  }

  async publish(busEvents: readonly BusEvent[]): Promise<readonly PublishResult[]> {
    const results: PublishResult[] = [];
    for (const call of inCalls(busEvents)) results.push(...(await this.#put(call, results.length === 0)));
    return results;
  }

  async #put(entries: readonly SerialisedEntry[], isFirstCall: boolean): Promise<readonly PublishResult[]> {
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
      const { Entries: results = [] } = await this.#client.send(command);
      return entries.map((_, at) => resultOf(results[at]));
    } catch (cause) {
      const code = cause instanceof Error ? cause.name : "unknown";
      // What the bus finds invalid stays so. It must not hold up what comes after it.
      if (!isFirstCall || code === "ValidationException") return entries.map(() => ({ published: false, code }));
      throw new Fault("bus_unavailable", `the bus did not respond (${code})`, { retryable: true, cause });
    }
  }
}

interface SerialisedEntry {
  readonly busEvent: BusEvent;
  readonly detail: string;
  readonly bytes: number;
}

/** An entry was accepted only if its result has an event id. */
function resultOf(result: PutEventsResultEntry | undefined): PublishResult {
  if (result?.EventId !== undefined && result.ErrorCode === undefined) return { published: true };
  return { published: false, code: result?.ErrorCode ?? "no_result" };
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
