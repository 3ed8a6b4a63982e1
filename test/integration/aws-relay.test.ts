import { randomBytes } from "node:crypto";
import { DeleteTableCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sqsClient } from "../../shared/aws/sqs-client.ts";
import { requeueDeadLetters } from "../../shared/aws/stream-dead-letters.ts";
import { Paused } from "../../shared/delivery/paused.ts";
import { relayAll, sweep } from "../../shared/delivery/relay.ts";
import { requeueSpan, type TimeSpan } from "../../shared/delivery/requeue-span.ts";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import { toStored } from "../../shared/store/dynamodb/item.ts";
import { type AwsAccount, loadFunction, startAwsAccount } from "../support/aws-account.ts";
import {
  findIn,
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

// On a busy machine, a call of the many here takes longer than the time that functions allow it, and a test than usual.
vi.setConfig({ testTimeout: 180_000 });
vi.mock("../../shared/aws/call-limits.ts", async (original) => {
  const limits = await original<typeof import("../../shared/aws/call-limits.ts")>();
  Object.assign(limits.CALL_LIMITS.requestHandler, { connectionTimeout: 60_000, requestTimeout: 60_000 });
  return limits;
});

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

const listedIds = async (): Promise<readonly string[]> => {
  const before = { receivedAt: laterBy(sampleDelivery().receivedAt, 60_000), id: "~" };
  const query = { before, notBefore: epochMillis(0), limit: 100, scanLimit: 100 };
  const { deliveries } = await storesOf(account).deliveries.list({ ...query, matches: () => true });
  return deliveries.map(({ id }) => id);
};

describe("the relay", () => {
  it("recorded events are published, ten at a time, and the use of their credential is recorded once", async () => {
    const deliveries = samples(12);
    const records = await recorded(account, deliveries);
    const handler = await relayFunction();
    expect(await handler({ Records: [...records] })).toEqual({ batchItemFailures: [] });
    // The author of a page event is looked up first, because it may be the bridge itself.
    const lookUps = Array.from(deliveries, () => "DynamoDB_20120810.GetItem");
    const published = ["AWSEvents.PutEvents", "AWSEvents.PutEvents"];
    // The list page, what it is looked up by (the page, the person, and since when there are look-ups), and the count.
    const listed = [...Array(4).fill("DynamoDB_20120810.PutItem"), "DynamoDB_20120810.UpdateItem"];
    // The states of the indexes of the slot and of the hour. At the start of a function also which earlier slots and hours
    // have none, and how many deliveries they have: the slots of one day, and the hours of two.
    const states = Array(2).fill("DynamoDB_20120810.GetItem");
    const indexes = [...states, ...Array(2 + 4).fill("DynamoDB_20120810.Query")];
    const calls = [...lookUps, ...published, ...listed, ...indexes, "DynamoDB_20120810.UpdateItem"];
    expect(account.calls.map(({ target }) => target).sort()).toEqual(calls.sort());
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

  it("deliveries of every outcome are listed once, also if the stream repeats a batch or divides it", async () => {
    const { events: _, ...noEvent } = sampleDelivery(1, { outcome: "ignored", what: "blog_created" });
    const given = [noEvent, sampleDelivery(2), sampleDelivery(3, { outcome: "unusable" })];
    const records = await recorded(account, given);
    const handler = await relayFunction();
    for (const Records of [[...records], [...records], records.slice(1)]) await handler({ Records });
    expect(await listedIds()).toEqual(given.map(({ id }) => id).reverse());
    expect(new Set(idsOf(puts().flat()))).toEqual(new Set([sampleDelivery(2).id, sampleDelivery(3).id]));
  });

  it("an event that cannot be read is listed", async () => {
    await recorded(account, [sampleDelivery(2)]);
    const head = await storedHead(account, sampleDelivery(2).id);
    await (await relayFunction())({ Records: [streamRecord(spoilt(head), 1)] });
    expect(await listedIds()).toEqual([sampleDelivery(2).id]);
  });

  it("deliveries that could not be listed are marked, and the sweep lists them", async () => {
    const given = [sampleDelivery(1), sampleDelivery(2, { outcome: "ignored" })];
    await recorded(account, given);
    const { deliveries, ownAccounts } = storesOf(account);
    const bus = { publish: async (events: readonly unknown[]) => events.map(() => ({ published: true }) as const) };
    const addToList = () => Promise.reject(new Error("down"));
    const deps = { bus, outbox: deliveries, ownAccounts, clock: testClock(), log: silentLog };
    const failing = { addToList, addToTimeline: deliveries.addToTimeline.bind(deliveries) };
    expect(await relayAll(given, { ...deps, deliveries: failing })).toEqual([]);
    expect(await listedIds()).toEqual([]);
    deps.clock.advance(60_000);
    await sweep({ ...deps, deliveries }, new Paused());
    expect(await listedIds()).toEqual(given.map(({ id }) => id).reverse());
    expect(await deliveries.unrelayed(deps.clock.now(), 10)).toEqual([]);
  });

  it("a record that is not a new delivery is ignored without being decoded", async () => {
    await recorded(account, [sampleDelivery(2)]);
    const head = await storedHead(account, sampleDelivery(2).id);
    const Records = [
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

  it.each(["InternalException", "AccessDeniedException"])(
    "the stream keeps all events while the bus answers %s, with no write for any, and publishes each when it works again",
    async (error) => {
      const records = await recorded(account, samples(11));
      account.answers.set("AWSEvents.PutEvents", () => ({ error }));
      const handler = await relayFunction();
      const batchItemFailures = records.map((_, at) => ({ itemIdentifier: sequenceNumber(at) }));
      for (let time = 0; time < 2; time++)
        expect(await handler({ Records: [...records] })).toEqual({ batchItemFailures });
      const { deliveries } = storesOf(account);
      expect(await deliveries.unrelayed(soon(), 20)).toEqual([]);
      // Two alarms read these fields.
      expect(account.lines.map((line) => JSON.parse(line)).filter(({ error }) => error === "bus_unavailable")).toEqual(
        Array.from({ length: 2 }, () =>
          expect.objectContaining({
            message: "the bus takes nothing",
            deliveries: 11,
            unrelayedMs: expect.any(Number),
          }),
        ),
      );
      account.answers.set("AWSEvents.PutEvents", ({ Entries = [] }) => ({
        Entries: Entries.map(() => ({ EventId: "1" })),
      }));
      account.calls.length = 0;
      expect(await handler({ Records: [...records] })).toEqual({ batchItemFailures: [] });
      expect(idsOf(puts().flat()).sort()).toEqual(
        samples(11)
          .map(({ id }) => id)
          .sort(),
      );
    },
  );

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
    const published = () => new Set(idsOf(puts().flat())).size;
    await handler({}, { getRemainingTimeInMillis: () => 10_000 });
    expect(published()).toBe(100);
    await handler({}, { getRemainingTimeInMillis: () => 50_000 });
    expect(published()).toBe(101);
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
    // A part of the search is a megabyte.
    const large = samples(110).map((one) => ({ ...one, body: randomBytes(20_000) }));
    const parts = [await recorded(account, large.slice(0, 40)), await recorded(account, large.slice(40, 75))];
    const records = [...parts.flat(), ...(await recorded(account, large.slice(75)))];
    const left = unrelayedQueue(account, [givenUp(records)]);
    const { deliveries } = storesOf(account);
    const deps = { find: findIn(account), outbox: deliveries, clock: testClock(), hasTime: () => false };
    const mark = (span: TimeSpan) => requeueSpan(span, deps);
    const sqs = sqsClient();
    const marked: number[] = [];
    while (left().length > 0) {
      expect(left()).toHaveLength(1);
      await requeueDeadLetters({ sqs, queueUrl: account.environment.QUEUE_URL, requeueSpan: mark, log: silentLog });
      marked.push((await deliveries.unrelayed(deps.clock.now(), 300)).length);
    }
    expect(marked.length).toBeGreaterThan(2);
    expect(marked.at(-1)).toBe(110);
  });

  it("a search that is under way is finished before another one begins", async () => {
    for (const [name, value] of Object.entries(account.environment)) vi.stubEnv(name, value);
    const message = givenUp(await recorded(account, samples(1)));
    const begun = JSON.stringify({ ...JSON.parse(message), after: "here" });
    const left = unrelayedQueue(account, [message, begun]);
    const spans: TimeSpan[] = [];
    const run = () =>
      requeueDeadLetters({
        sqs: sqsClient(),
        queueUrl: account.environment.QUEUE_URL,
        requeueSpan: async (span) => {
          spans.push(span);
          return undefined;
        },
        log: silentLog,
      });
    await run();
    expect(left()).toEqual([message]);
    await run();
    expect(left()).toEqual([]);
    expect(spans.map(({ after }) => after)).toEqual(["here", undefined]);
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
