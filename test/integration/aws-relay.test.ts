import { DeleteTableCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sqsClient } from "../../shared/aws/clients.ts";
import { requeueDeadLetters } from "../../shared/aws/stream-dead-letters.ts";
import { requeueSpan, type TimeSpan } from "../../shared/delivery/requeue-span.ts";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import { toStored } from "../../shared/store/dynamodb/item.ts";
import { type AwsAccount, loadFunction, startAwsAccount } from "../support/aws-account.ts";
import {
  givenUp,
  recorded,
  sequenceNumber,
  spoilt,
  storedHead,
  storesOf,
  streamRecord,
  unrelayedQueue,
} from "../support/aws-stream.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { silentLog, testClock } from "../support/test-doubles.ts";

const CONFIG = { sources: {} };

let account: AwsAccount;
beforeEach(async () => {
  account = await startAwsAccount();
  unrelayedQueue(account, []);
});
afterEach(async () => {
  vi.useRealTimers();
  await account.stop();
});

const relayFunction = () =>
  loadFunction(account, CONFIG, async () => (await import("../../functions/relay.ts")).handler);
const sweepFunction = () =>
  loadFunction(account, CONFIG, async () => (await import("../../functions/sweep.ts")).handler);

const soon = () => laterBy(epochMillis(Date.now()), 60_000);
const samples = (count: number) => Array.from({ length: count }, (_, at) => sampleDelivery(at));
const puts = () =>
  account.calls.filter(({ target }) => target === "AWSEvents.PutEvents").map(({ input }) => input.Entries ?? []);
const idsOf = (entries: readonly { readonly Detail: string }[]): string[] =>
  entries.map(({ Detail }) => JSON.parse(Detail).delivery);

describe("the relay", () => {
  it("recorded events are published, ten at a time, and the use of their credential is recorded once", async () => {
    const deliveries = samples(12);
    const records = await recorded(account, deliveries);
    const handler = await relayFunction();
    expect(await handler({ Records: [...records] })).toEqual({ batchItemFailures: [] });
    // The author of a page event is looked up first, because it may be the bridge itself.
    const lookUps = Array.from(deliveries, () => "DynamoDB_20120810.GetItem");
    const calls = [...lookUps, "AWSEvents.PutEvents", "AWSEvents.PutEvents", "DynamoDB_20120810.UpdateItem"];
    expect(account.calls.map(({ target }) => target)).toEqual(calls);
    const lastUsedAt = deliveries[0]?.receivedAt;
    expect(await storesOf(account).credentialUses.list()).toEqual([
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
    expect(JSON.parse(first?.Detail ?? "")).toEqual(busEventOf(sampleDelivery(0))?.detail);
  });

  it("a record that is not a new event is ignored without being decoded", async () => {
    const { events: _, ...ignored } = sampleDelivery(1, { outcome: "ignored", what: "blog_created" });
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

  it("an event that the bus rejects is marked, and the sweep publishes it later, once", async () => {
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
    const rejected = [sampleDelivery(1).id, sampleDelivery(3).id];
    expect(idsOf(puts().flat()).sort()).toEqual(rejected.sort());
    account.calls.length = 0;
    vi.advanceTimersByTime(60_000);
    await sweeping({}, { getRemainingTimeInMillis: () => 50_000 });
    expect(puts()).toEqual([]);
    // The stream delivers everything again, and the bus is full again: what was swept is not marked again.
    full = true;
    await relay({ Records: [...records] });
    expect(await storesOf(account).deliveries.unrelayed(soon(), 10)).toEqual([]);
  });

  it("all events are marked if the bus is down, and the stream continues", async () => {
    const records = await recorded(account, samples(11));
    account.answers.set("AWSEvents.PutEvents", () => ({ error: "InternalException" }));
    const handler = await relayFunction();
    expect(await handler({ Records: [...records] })).toEqual({ batchItemFailures: [] });
    const { deliveries } = storesOf(account);
    expect(await deliveries.unrelayed(soon(), 20)).toHaveLength(11);
  });

  it("an unreadable record is left to the sweep, and those around it are published", async () => {
    const records = [...(await recorded(account, samples(3)))];
    records[1] = streamRecord(spoilt(await storedHead(account, sampleDelivery(1).id)), 1);
    const handler = await relayFunction();
    expect(await handler({ Records: records })).toEqual({ batchItemFailures: [] });
    expect(idsOf(puts().flat())).toEqual([sampleDelivery(0).id, sampleDelivery(2).id]);
    expect(await storesOf(account).deliveries.unrelayed(soon(), 10)).toEqual([sampleDelivery(1).id]);
  });

  it("a record that can neither be looked up nor marked is reported as failed and not published", async () => {
    const records = [...(await recorded(account, samples(2)))];
    records[1] = streamRecord(spoilt(await storedHead(account, sampleDelivery(1).id)), 1);
    const handler = await relayFunction();
    await account.client.send(new DeleteTableCommand({ TableName: account.environment.TABLE_NAME }));
    const failures = [0, 1].map((sequence) => ({ itemIdentifier: sequenceNumber(sequence) }));
    expect(await handler({ Records: records })).toEqual({ batchItemFailures: failures });
    expect(puts()).toEqual([]);
  });

  it("a deleted delivery is not marked", async () => {
    const { deliveries } = storesOf(account);
    await deliveries.mark("d-gone", epochMillis(0), epochMillis(0));
    expect(await deliveries.get("d-gone")).toBeUndefined();
    expect(await deliveries.unrelayed(epochMillis(1), 10)).toEqual([]);
  });
});

describe("the sweep", () => {
  it("the sweep continues while its batches are full, and ends in time", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { deliveries } = storesOf(account);
    for (const delivery of samples(101)) {
      await deliveries.record(delivery);
      await deliveries.mark(delivery.id, epochMillis(0), epochMillis(0));
    }
    account.calls.length = 0;
    const handler = await sweepFunction();
    await handler({}, { getRemainingTimeInMillis: () => 10_000 });
    expect(puts()).toHaveLength(100);
    await handler({}, { getRemainingTimeInMillis: () => 50_000 });
    expect(puts()).toHaveLength(101);
  });

  it("an unreadable record is logged and deferred for an hour, and the others are published", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const { deliveries } = storesOf(account);
    for (const delivery of samples(2)) {
      await deliveries.record(delivery);
      await deliveries.mark(delivery.id, epochMillis(0), epochMillis(0));
    }
    const Item = spoilt(await storedHead(account, sampleDelivery(0).id));
    await account.client.send(new PutItemCommand({ TableName: account.environment.TABLE_NAME, Item }));
    const handler = await sweepFunction();
    const sweepAll = () => handler({}, { getRemainingTimeInMillis: () => 50_000 });
    const unreadableLines = () => account.lines.filter((line) => JSON.parse(line).error === "record_unreadable").length;
    await sweepAll();
    vi.advanceTimersByTime(3_599_999);
    await sweepAll();
    expect(idsOf(puts().flat())).toEqual([sampleDelivery(1).id]);
    expect(unreadableLines()).toBe(1);
    vi.advanceTimersByTime(1);
    await sweepAll();
    expect(unreadableLines()).toBe(2);
  });
});

describe("a batch that the stream gave up", () => {
  const sweepAll = async () => (await sweepFunction())({}, { getRemainingTimeInMillis: () => 50_000 });
  const EARLIER = sampleDelivery(-60_000);
  const LATER = sampleDelivery(60_000);

  it("the sweep publishes the batch although it was given up late, and publishes nothing of another time", async () => {
    const records = await recorded(account, samples(130));
    await recorded(account, [EARLIER, LATER]);
    const left = unrelayedQueue(
      account,
      [records.slice(0, 90), records.slice(90)].map((batch) => givenUp(batch, 29)),
    );
    await sweepAll();
    const all = samples(130).map(({ id }) => id);
    expect([...new Set(idsOf(puts().flat()))].sort()).toEqual(all.sort());
    expect(left()).toEqual([]);
  });

  it("a batch is requeued page by page if time is short, and the rest is put into the queue again", async () => {
    for (const [name, value] of Object.entries(account.environment)) vi.stubEnv(name, value);
    const left = unrelayedQueue(account, [givenUp(await recorded(account, samples(230)))]);
    const { deliveries } = storesOf(account);
    const deps = { deliveries, outbox: deliveries, clock: testClock(), hasTime: () => false };
    const mark = (span: TimeSpan) => requeueSpan(span, deps);
    const sqs = sqsClient();
    for (const marked of [100, 199, 230]) {
      expect(left()).toHaveLength(1);
      await requeueDeadLetters({ sqs, queueUrl: account.environment.QUEUE_URL, requeueSpan: mark, log: silentLog });
      expect(await deliveries.unrelayed(deps.clock.now(), 300)).toHaveLength(marked);
    }
    expect(left()).toEqual([]);
  });

  it("the message of a batch stays in the queue until all of it is marked", async () => {
    const left = unrelayedQueue(account, [givenUp(await recorded(account, samples(1)))]);
    const { TABLE_NAME } = account.environment;
    await account.client.send(new DeleteTableCommand({ TableName: TABLE_NAME }));
    await expect(sweepAll()).rejects.toThrow();
    expect(left()).toHaveLength(1);
  });

  it("a batch is requeued beside a message of another kind, which stays for a person", async () => {
    const message = givenUp(await recorded(account, samples(1)));
    const left = unrelayedQueue(account, ["hello", message]);
    await sweepAll();
    expect(idsOf(puts().flat())).toEqual([sampleDelivery(0).id]);
    expect(left()).toEqual(["hello"]);
  });

  it("the sweep publishes what is marked even if the queue is down", async () => {
    const { deliveries } = storesOf(account);
    await deliveries.record(sampleDelivery());
    await deliveries.mark(sampleDelivery().id, epochMillis(0), epochMillis(0));
    account.answers.set("AmazonSQS.ReceiveMessage", () => ({ error: "InternalException" }));
    await sweepAll();
    expect(idsOf(puts().flat())).toEqual([sampleDelivery().id]);
  });
});
