import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { SQSClient } from "@aws-sdk/client-sqs";
import type { DynamoDBBatchResponse, DynamoDBRecord } from "aws-lambda";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { sqsClient } from "../../shared/aws/sqs-client.ts";
import { requeueDeadLetters } from "../../shared/aws/stream-dead-letters.ts";
import { type StreamDeps, streamHandler } from "../../shared/aws/stream-records.ts";
import type { Bus, PublishResult } from "../../shared/bus/bus.ts";
import { Paused } from "../../shared/delivery/paused.ts";
import { relayAll, sweep } from "../../shared/delivery/relay.ts";
import { requeueSpan } from "../../shared/delivery/requeue-span.ts";
import { epochMillis } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { Log } from "../../shared/host/log.ts";
import { deliveryIn } from "../../shared/store/deliveries.ts";
import { fromStored, type StoredItem } from "../../shared/store/dynamodb/item.ts";
import { type AwsAccount, startAwsAccount } from "../support/aws-account.ts";
import {
  consume,
  findIn,
  givenUp,
  recorded,
  spoilt,
  storedHeads,
  storesOf,
  streamRecord,
  unrelayedQueue,
} from "../support/aws-stream.ts";
import { propertyCases } from "../support/property-cases.ts";
import { sampleDelivery } from "../support/samples.ts";
import { silentLog, testClock } from "../support/test-doubles.ts";

let account: AwsAccount;
beforeAll(async () => {
  account = await startAwsAccount();
  for (const [name, value] of Object.entries(account.environment)) vi.stubEnv(name, value);
});
afterAll(() => account.stop());

/** The failures of each call of the bus, each mark and each call of the relay, in turn. Later calls succeed. */
const troubles = fc.record({
  bus: fc.array(fc.oneof(fc.constant("down" as const), fc.array(fc.boolean(), { maxLength: 10 })), { maxLength: 6 }),
  marks: fc.array(fc.boolean(), { maxLength: 8 }),
  // A function that never starts, one that times out after its work, and one that works.
  relay: fc.array(fc.constantFrom("dies", "dies after", "lives"), { maxLength: 12 }),
});
const kinds = fc.array(fc.constantFrom("event", "event", "event", "event", "spoilt", "timeline", "change"), {
  minLength: 1,
  maxLength: 16,
});
const settings = fc.record({ batchSize: fc.integer({ min: 1, max: 8 }), retries: fc.integer({ min: 0, max: 6 }) });
/** Positions in the stream that are delivered again, in order, as after a consumer that died. */
const repeats = fc.uniqueArray(fc.nat({ max: 15 }), { maxLength: 6 }).map((places) => places.sort((a, b) => a - b));

/** A bus that fails in these ways, call by call, and then works. */
function moodyBus(moods: readonly ("down" | readonly boolean[])[]) {
  const published: string[] = [];
  let calls = 0;
  const bus: Bus = {
    publish: async (busEvents) => {
      const mood = moods[calls++] ?? [];
      if (mood === "down") throw new Fault("bus_unavailable", "down", { retryable: true });
      return busEvents.map(({ detail }, at): PublishResult => {
        if (mood[at] === true) return { published: false, code: "throttled" };
        published.push(detail.delivery);
        return { published: true };
      });
    },
  };
  return { bus, published };
}

/** A relay that dies in these ways, call by call, and then works. */
function mortal<T>(handler: (event: T) => Promise<DynamoDBBatchResponse>, deaths: readonly string[]) {
  let calls = 0;
  return async (event: T): Promise<DynamoDBBatchResponse> => {
    const death = deaths[calls++];
    if (death === "dies") throw new Error("the runtime exited");
    const answer = await handler(event);
    if (death === "dies after") throw new Error("task timed out");
    return answer;
  };
}

function recordOf(kind: string, head: StoredItem, at: number): DynamoDBRecord {
  switch (kind) {
    case "timeline":
      return streamRecord({ ...head, sk: { S: "t#scheduled#docs" } }, at);
    case "change":
      return streamRecord(head, at, "MODIFY");
    default:
      return streamRecord(head, at);
  }
}

describe("any history of the stream, the relay, the bus and the table", () => {
  let runs = 0;
  let sqs: SQSClient;
  beforeAll(() => {
    sqs = sqsClient();
  });
  afterAll(() => sqs.destroy());

  /** Records of these kinds, each of its own delivery, seconds apart and hours from those of any other run. */
  async function streamOf(items: readonly string[]) {
    runs += 1;
    const start = Date.parse("2026-11-02T00:00:00Z") + runs * HOUR_MS;
    const deliveries = items.map((_, at) =>
      sampleDelivery(runs * 100 + at, { receivedAt: epochMillis(start + at * 7_300) }),
    );
    await recorded(account, deliveries);
    const heads = await storedHeads(
      account,
      deliveries.map(({ id }) => id),
    );
    const records = await Promise.all(
      heads.map(async (head, at) => {
        if (items[at] !== "spoilt") return recordOf(items[at] ?? "", head, at);
        await account.client.send(
          new PutItemCommand({ TableName: account.environment.TABLE_NAME, Item: spoilt(head) }),
        );
        return streamRecord(spoilt(head), at);
      }),
    );
    const idsOf = (kind: string) => deliveries.filter((_, at) => items[at] === kind).map(({ id }) => id);
    return { records, all: deliveries.map(({ id }) => id), events: idsOf("event"), spoiltOnes: idsOf("spoilt") };
  }

  it("every event is published, every unreadable record is logged, and no record waits for another", {
    timeout: RUNS_MS,
  }, async () => {
    const histories = fc.tuple(kinds, troubles, settings, repeats, fc.integer({ min: 0, max: 29 }));
    await fc.assert(
      fc.asyncProperty(histories, async ([items, { bus: moods, marks, relay: deaths }, limits, again, lateSeconds]) => {
        const { records, all, events, spoiltOnes } = await streamOf(items);
        const { bus, published } = moodyBus(moods);
        const clock = testClock();
        const { deliveries, ownAccounts } = storesOf(account, clock);
        let marked = 0;
        const mark: typeof deliveries.mark = (id, now, at) =>
          marks[marked++] === true ? Promise.reject(new Error("down")) : deliveries.mark(id, now, at);
        const relay: StreamDeps["relay"] = (batch) =>
          relayAll(batch, { bus, outbox: { mark }, deliveries, ownAccounts, clock, log: silentLog });
        const leave = (id: string) => mark(id, clock.now(), clock.now());
        const handler = mortal(streamHandler({ ...STREAM, relay, markForSweep: leave, log: silentLog }), deaths);
        const repeated = again.flatMap((at) => records[at] ?? []);
        const first = await consume(records, handler, limits);
        const second = await consume(repeated, handler, limits);
        const setAside = [...first.setAside, ...second.setAside];

        const unreadable: unknown[] = [];
        const log: Log = {
          ...silentLog,
          error: ({ delivery, error }) => error === "record_unreadable" && unreadable.push(delivery),
        };
        const left = unrelayedQueue(
          account,
          setAside.map((batch) => givenUp(batch, lateSeconds)),
        );
        const outbox = { mark };
        for (let round = 0; round < 16; round++) {
          clock.advance(5_000);
          await requeueDeadLetters({
            sqs,
            queueUrl: account.environment.QUEUE_URL,
            log,
            requeueSpan: (span) => requeueSpan(span, { find: findIn(account), outbox, clock, hasTime: () => true }),
          });
          await sweep({ bus, deliveries, ownAccounts, outbox: deliveries, clock, log }, new Paused());
        }

        expect(left()).toEqual([]);
        expect(events.filter((id) => !published.includes(id))).toEqual([]);
        // Nothing is published that was not recorded as an event, and every spoilt record is logged.
        expect(published.filter((id) => !all.includes(id) || spoiltOnes.includes(id))).toEqual([]);
        expect([...new Set(unreadable)].sort()).toEqual(spoiltOnes.sort());
        // The stream moves on, within its limits, whatever is in it; with a relay that lives, a bus that responds and a
        // table that takes the marks, at once.
        for (const [{ calls }, { length }] of [
          [first, records],
          [second, repeated],
        ] as const) {
          expect(calls).toBeLessThanOrEqual(length * (limits.retries + 2));
          if (deaths.length + marks.length === 0 && !moods.includes("down"))
            expect(calls).toBe(Math.ceil(length / limits.batchSize));
        }
      }),
      propertyCases("histories of a stream", { weight: 25 }),
    );
  });
});

const HOUR_MS = 3_600_000;
/** Many calls over HTTP, on a machine that may be busy. */
const RUNS_MS = 600_000;
const STREAM: Pick<StreamDeps, "read" | "idIn"> = {
  read: (image) => deliveryIn(fromStored(image)),
  idIn: (keys) => keys["pk"]?.S,
};
