import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { entryOf } from "../../shared/bus/entry.ts";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import { toStored } from "../../shared/store/item.ts";
import { type AwsAccount, loadFunction, startAwsAccount } from "../support/aws-account.ts";
import { recorded, sequenceNumber, spoilt, storedHead, storesOf, streamRecord } from "../support/aws-stream.ts";
import { sampleDelivery } from "../support/samples.ts";

const CONFIG = { sources: {} };

let account: AwsAccount;
beforeEach(async () => {
  account = await startAwsAccount();
});
afterEach(async () => {
  vi.useRealTimers();
  await account.stop();
});

const relayFunction = () =>
  loadFunction(account, CONFIG, async () => (await import("../../functions/relay.ts")).handler);
const sweepFunction = () =>
  loadFunction(account, CONFIG, async () => (await import("../../functions/sweep.ts")).handler);

const samples = (count: number) => Array.from({ length: count }, (_, at) => sampleDelivery(at));
const puts = () =>
  account.calls.filter(({ target }) => target === "AWSEvents.PutEvents").map(({ input }) => input.Entries ?? []);
const idsOf = (entries: readonly { readonly Detail: string }[]): string[] =>
  entries.map(({ Detail }) => JSON.parse(Detail).delivery);

describe("the relay", () => {
  it("publishes what was recorded, ten at a time, and notes once which credential proved it", async () => {
    const deliveries = samples(12);
    const records = await recorded(account, deliveries);
    const handler = await relayFunction();
    expect(await handler({ Records: [...records] })).toEqual({ batchItemFailures: [] });
    const calls = ["AWSEvents.PutEvents", "AWSEvents.PutEvents", "DynamoDB_20120810.UpdateItem"];
    expect(account.calls.map(({ target }) => target)).toEqual(calls);
    const lastUsedAt = deliveries[0]?.receivedAt;
    expect(await storesOf(account).uses.list()).toEqual([
      { kind: "source", name: "wiki", method: "hub-signature", credential: "current", lastUsedAt },
    ]);
    expect(puts().map((entries) => entries.length)).toEqual([10, 2]);
    expect(idsOf(puts().flat())).toEqual(deliveries.map(({ id }) => id));
    const [first] = puts().flat();
    expect(first).toMatchObject({
      EventBusName: "drawbridge-bus",
      Source: "drawbridge.confluence",
      DetailType: "page.updated",
    });
    expect(JSON.parse(first?.Detail ?? "")).toEqual(entryOf(sampleDelivery(0))?.detail);
  });

  it("leaves alone what is no new event, and unpacks none of it", async () => {
    const { event: _, ...ignored } = sampleDelivery(1, { outcome: "ignored", what: "blog_created" });
    await recorded(account, [ignored, sampleDelivery(2)]);
    const head = await storedHead(account, sampleDelivery(2).id);
    const Records = [
      streamRecord(spoilt(await storedHead(account, ignored.id)), 1),
      streamRecord(spoilt({ ...head, sk: { S: "t#scheduled#docs" } }), 2),
      streamRecord(spoilt(toStored({ pk: "a-1", sk: "head", state: "due" })), 3),
      streamRecord(spoilt(head), 4, "MODIFY"),
      streamRecord(head, 5, "REMOVE"),
    ];
    account.calls.length = 0;
    const handler = await relayFunction();
    expect(await handler({ Records })).toEqual({ batchItemFailures: [] });
    expect(account.calls).toEqual([]);
  });

  it("marks what the bus refuses, and the sweep publishes it later, once", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const records = await recorded(account, samples(5));
    let full = true;
    account.answers.set("AWSEvents.PutEvents", ({ Entries = [] }) => ({
      Entries: Entries.map((_, at) => (full && at % 2 === 1 ? { ErrorCode: "ThrottlingException" } : { EventId: "1" })),
    }));
    const relay = await relayFunction();
    expect(await relay({ Records: [...records] })).toEqual({ batchItemFailures: [] });
    full = false;
    account.calls.length = 0;
    const sweeping = await sweepFunction();
    await sweeping({}, { getRemainingTimeInMillis: () => 50_000 });
    expect(puts()).toEqual([]);
    vi.advanceTimersByTime(5_001);
    await sweeping({}, { getRemainingTimeInMillis: () => 50_000 });
    const refused = [sampleDelivery(1).id, sampleDelivery(3).id];
    expect(idsOf(puts().flat()).sort()).toEqual(refused.sort());
    account.calls.length = 0;
    vi.advanceTimersByTime(60_000);
    await sweeping({}, { getRemainingTimeInMillis: () => 50_000 });
    expect(puts()).toEqual([]);
    // The stream tells it all once more, to a bus that is full again: what was swept is not marked anew.
    full = true;
    await relay({ Records: [...records] });
    expect(await storesOf(account).deliveries.unrelayed(laterBy(epochMillis(Date.now()), 60_000), 10)).toEqual([]);
  });

  it("marks everything when the bus is down, and holds up nothing", async () => {
    const records = await recorded(account, samples(11));
    account.answers.set("AWSEvents.PutEvents", () => ({ error: "InternalException" }));
    const handler = await relayFunction();
    expect(await handler({ Records: [...records] })).toEqual({ batchItemFailures: [] });
    const { deliveries } = storesOf(account);
    expect(await deliveries.unrelayed(laterBy(epochMillis(Date.now()), 60_000), 20)).toHaveLength(11);
  });

  it("reports a record that cannot be read, and publishes those around it", async () => {
    const records = [...(await recorded(account, samples(3)))];
    records[1] = streamRecord(spoilt(await storedHead(account, sampleDelivery(1).id)), 1);
    records.push(streamRecord(toStored({ pk: "d-1", sk: "head", outcome: "event" }), 3));
    const handler = await relayFunction();
    const failures = [1, 3].map((sequence) => ({ itemIdentifier: sequenceNumber(sequence) }));
    expect(await handler({ Records: records })).toEqual({ batchItemFailures: failures });
    expect(idsOf(puts().flat())).toEqual([sampleDelivery(0).id, sampleDelivery(2).id]);
  });

  it("marks nothing that is gone", async () => {
    const { deliveries } = storesOf(account);
    await deliveries.mark("d-gone", epochMillis(0));
    expect(await deliveries.get("d-gone")).toBeUndefined();
    expect(await deliveries.unrelayed(epochMillis(1), 10)).toEqual([]);
  });
});

describe("the sweep", () => {
  it("goes on while it finds as much as it takes up, and ends in time", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { deliveries } = storesOf(account);
    for (const delivery of samples(101)) {
      await deliveries.record(delivery);
      await deliveries.mark(delivery.id, epochMillis(0));
    }
    account.calls.length = 0;
    const handler = await sweepFunction();
    await handler({}, { getRemainingTimeInMillis: () => 10_000 });
    expect(puts()).toHaveLength(100);
    await handler({}, { getRemainingTimeInMillis: () => 50_000 });
    expect(puts()).toHaveLength(101);
  });
});
