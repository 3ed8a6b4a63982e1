import type { DynamoDBRecord } from "aws-lambda";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type StreamTools, streamHandler } from "../../shared/aws/stream-records.ts";
import type { Bus, PublishResult } from "../../shared/bus/bus.ts";
import { relayAll, sweep } from "../../shared/delivery/relay.ts";
import { Fault } from "../../shared/host/fault.ts";
import { recordedEventIn } from "../../shared/store/dynamodb-deliveries.ts";
import type { StoredItem } from "../../shared/store/item.ts";
import { type AwsAccount, startAwsAccount } from "../support/aws-account.ts";
import {
  consume,
  recorded,
  sequenceNumber,
  spoilt,
  storedHead,
  storesOf,
  streamRecord,
} from "../support/aws-stream.ts";
import { sampleDelivery } from "../support/samples.ts";
import { silentLog, testClock } from "../support/tools.ts";

let account: AwsAccount;
beforeAll(async () => {
  account = await startAwsAccount();
});
afterAll(() => account.stop());

/** What happens to one call of the bus or one mark, in turn; afterwards all is well again. */
const troubles = fc.record({
  bus: fc.array(fc.oneof(fc.constant("down" as const), fc.array(fc.boolean(), { maxLength: 10 })), { maxLength: 6 }),
  marks: fc.array(fc.boolean(), { maxLength: 8 }),
});
const kinds = fc.array(fc.constantFrom("event", "event", "event", "event", "spoilt", "timeline", "change"), {
  minLength: 1,
  maxLength: 16,
});
const settings = fc.record({ batchSize: fc.integer({ min: 1, max: 8 }), retries: fc.integer({ min: 0, max: 6 }) });
/** Places in the stream that are told once more, as after a consumer that died. */
const repeats = fc.array(fc.nat({ max: 15 }), { maxLength: 6 });

/** A bus in these moods, call by call, and then a good one. */
function moodyBus(moods: readonly ("down" | readonly boolean[])[]) {
  const published: string[] = [];
  let calls = 0;
  const bus: Bus = {
    publish: async (entries) => {
      const mood = moods[calls++] ?? [];
      if (mood === "down") throw new Fault("bus_unavailable", "down", { retryable: true });
      return entries.map(({ detail }, at): PublishResult => {
        if (mood[at] === true) return { published: false, code: "throttled" };
        published.push(detail.delivery);
        return { published: true };
      });
    },
  };
  return { bus, published };
}

function recordOf(kind: string, head: StoredItem, at: number): DynamoDBRecord {
  switch (kind) {
    case "spoilt":
      return streamRecord(spoilt(head), at);
    case "timeline":
      return streamRecord({ ...head, sk: { S: "t#scheduled#docs" } }, at);
    case "change":
      return streamRecord(head, at, "MODIFY");
    default:
      return streamRecord(head, at);
  }
}

describe("whatever happens to the stream, the bus and the table", () => {
  let runs = 0;

  /** Records of these kinds, each of a delivery of its own. */
  async function streamOf(items: readonly string[]) {
    runs += 1;
    const heads = await recorded(
      account,
      items.map((_, at) => sampleDelivery(runs * 100 + at)),
    );
    const records = await Promise.all(
      heads.map(async ({ dynamodb }, at) =>
        recordOf(items[at] ?? "", await storedHead(account, dynamodb?.Keys?.["pk"]?.S ?? ""), at),
      ),
    );
    const placesOf = (kind: string) => items.flatMap((one, at) => (one === kind ? [at] : []));
    return {
      records,
      events: placesOf("event").map((at) => [sampleDelivery(runs * 100 + at).id, sequenceNumber(at)] as const),
      spoiltOnes: placesOf("spoilt").map(sequenceNumber),
    };
  }

  it("every event is published or set aside, and nothing waits for another", async () => {
    await fc.assert(
      fc.asyncProperty(kinds, troubles, settings, repeats, async (items, { bus: moods, marks }, limits, again) => {
        const { records, events, spoiltOnes } = await streamOf(items);
        const { bus, published } = moodyBus(moods);
        const clock = testClock();
        const { deliveries } = storesOf(account, clock);
        let marked = 0;
        const mark: typeof deliveries.mark = (id, at) =>
          marks[marked++] === true ? Promise.reject(new Error("down")) : deliveries.mark(id, at);
        const relay: StreamTools["relay"] = (told) => relayAll(told, { bus, outbox: { mark }, clock, log: silentLog });
        const handler = streamHandler({ read: recordedEventIn, relay, log: silentLog });
        const stream = [...records, ...again.flatMap((at) => records[at] ?? [])];
        const { setAside, calls } = await consume(stream, handler, limits);
        for (let round = 0; round < 12; round++) {
          clock.advance(5_000);
          await sweep({ bus, deliveries, outbox: deliveries, clock, log: silentLog });
        }

        const aside = new Set(setAside.map(({ dynamodb }) => dynamodb?.SequenceNumber ?? ""));
        expect(events.filter(([id, sequence]) => !published.includes(id) && !aside.has(sequence))).toEqual([]);
        // Nothing is published that is no new event, and every spoilt record ends where a person finds it.
        expect(published.filter((id) => !events.some(([event]) => event === id))).toEqual([]);
        expect(spoiltOnes.filter((sequence) => !aside.has(sequence))).toEqual([]);
        // The stream moves on, within its limits, whatever is in it.
        expect(calls).toBeLessThanOrEqual(stream.length * (limits.retries + 2));
        // With attempts enough to take a batch apart, what is well is never set aside with what is not.
        if (limits.retries >= 4 && marks.length === 0) expect([...aside].sort()).toEqual(spoiltOnes);
      }),
      { numRuns: 80 },
    );
  });
});
