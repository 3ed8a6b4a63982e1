import { createHash } from "node:crypto";
import { ScanCommand } from "@aws-sdk/client-dynamodb";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { spillingTable } from "../../shared/aws/spilling-table.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { Table } from "../../shared/store/table.ts";
import { type AwsInput, sent } from "../support/aws-account.ts";
import { awsBridge } from "../support/aws-bridge.ts";

const THROTTLED = "ProvisionedThroughputExceededException";

let bridge: Awaited<ReturnType<typeof awsBridge>>;
/** The bodies in the queue of spilled records, by receipt handle. */
let queue: Map<string, string>;
/** Handles that a reader has. They come back with the next sweep. */
let hidden: Set<string>;
let queueError: string | undefined;

beforeEach(async () => {
  bridge = await awsBridge();
  const { answers, environment } = bridge.account;
  queue = new Map();
  hidden = new Set();
  queueError = undefined;
  const others = answers.get("AmazonSQS.SendMessage");
  const isSpill = ({ QueueUrl }: AwsInput): boolean => QueueUrl === environment.SPILL_QUEUE_URL;
  answers.set("AmazonSQS.SendMessage", (input, trace) => {
    const { MessageBody = "" } = input;
    if (!isSpill(input)) return others?.(input, trace) ?? sent(MessageBody);
    if (queueError !== undefined) return { error: queueError };
    queue.set(`handle-${queue.size}`, MessageBody);
    return sent(MessageBody);
  });
  answers.set("AmazonSQS.ReceiveMessage", (input) => {
    if (!isSpill(input)) return { Messages: [] };
    const visible = [...queue].filter(([handle]) => !hidden.has(handle)).slice(0, 10);
    for (const [handle] of visible) hidden.add(handle);
    const Messages = visible.map(([ReceiptHandle, Body]) => {
      const MD5OfBody = createHash("md5").update(Body).digest("hex");
      return { MessageId: ReceiptHandle, ReceiptHandle, Body, MD5OfBody };
    });
    return { Messages };
  });
  answers.set("AmazonSQS.DeleteMessageBatch", deleteAll);
});
afterEach(() => bridge.stop());

function deleteAll({ Entries = [] }: AwsInput) {
  for (const entry of Entries) if ("ReceiptHandle" in entry) queue.delete(String(entry.ReceiptHandle));
  return { Successful: [], Failed: [] };
}

async function sweep(): Promise<void> {
  hidden.clear();
  await bridge.sweep();
}

async function heads(): Promise<readonly string[]> {
  const { Items = [] } = await bridge.account.client.send(new ScanCommand({ TableName: "drawbridge" }));
  return Items.filter(({ sk, outcome }) => sk?.S === "head" && outcome !== undefined).map(({ pk }) => pk?.S ?? "");
}

const edit = async () => {
  const answer = await bridge.edit();
  return { code: answer.status, ...((await answer.json()) as { delivery?: string; status?: unknown }) };
};
const lines = () => bridge.account.lines.map((line) => JSON.parse(line) as Record<string, unknown>);

describe("a delivery that the table does not take", () => {
  it("is accepted with its id, is recorded once by the sweep, acts, and its repeat is a duplicate", async () => {
    bridge.account.tableErrors.set("PutItem", THROTTLED);
    const accepted = await edit();
    expect(accepted).toMatchObject({ code: 202, status: "accepted", delivery: expect.stringMatching(/^d-/) });
    expect(queue.size).toBe(1);
    expect(await heads()).toEqual([]);
    expect(lines()).toContainEqual(
      expect.objectContaining({ delivery: accepted.delivery, fault: "store_unavailable" }),
    );

    // The table is still down: nothing is lost, and nothing is deleted.
    await sweep();
    expect(queue.size).toBe(1);

    bridge.account.tableErrors.clear();
    await sweep();
    expect(queue.size).toBe(0);
    expect(await heads()).toEqual([accepted.delivery]);
    await bridge.turn();
    expect(bridge.listener.runs.size).toBe(1);
    expect(await edit()).toMatchObject({ code: 200, status: "duplicate", delivery: accepted.delivery });
    await sweep();
    expect((await heads()).filter((id) => id === accepted.delivery)).toHaveLength(1);
    expect(bridge.listener.runs.size).toBe(1);
  });

  it("is recorded once if the function is killed before it answers and the sender repeats, or the sweep is killed", async () => {
    bridge.account.tableErrors.set("PutItem", THROTTLED);
    const [first, repeated] = [await edit(), await edit()];
    expect(repeated.delivery).toBe(first.delivery);
    expect(queue.size).toBe(2);
    bridge.account.tableErrors.clear();
    bridge.account.answers.set("AmazonSQS.DeleteMessageBatch", () => ({ error: "KilledBeforeIt" }));
    await sweep();
    expect(queue.size).toBe(2);
    expect(await heads()).toEqual([first.delivery]);
    bridge.account.answers.set("AmazonSQS.DeleteMessageBatch", deleteAll);
    await sweep();
    expect(queue.size).toBe(0);
    expect(await heads()).toEqual([first.delivery]);
    await bridge.turn();
    expect(bridge.listener.runs.size).toBe(1);
  });

  it("is spilled as the table would have it, without the signature, the secret or any other header", async () => {
    bridge.account.tableErrors.set("PutItem", THROTTLED);
    await bridge.edit({ "x-canary": "canary-header" });
    const [body = ""] = queue.values();
    bridge.account.tableErrors.clear();
    await sweep();
    const { Items: [item] = [] } = await bridge.account.client.send(new ScanCommand({ TableName: "drawbridge" }));
    // The table's adapter adds the id of its write.
    expect([...Object.keys(JSON.parse(body)), "createdBy"].sort()).toEqual(Object.keys(item ?? {}).sort());
    expect(body).not.toMatch(/canary|sha256=|wiki-secret/);
  });

  it("is answered 503 if the queue does not take it either", async () => {
    bridge.account.tableErrors.set("PutItem", THROTTLED);
    queueError = "AccessDeniedException";
    expect(await edit()).toMatchObject({ code: 503 });
    expect(lines()).toContainEqual(expect.objectContaining({ message: "failed", fault: "store_unavailable" }));
  });
});

describe("a message that is no record of a delivery", () => {
  it.each([
    ["no item", '{"pk":{"S":"d-x"}}'],
    ["no JSON", "d-x"],
    ["another item", '{"pk":"p-1","sk":"approval","outcome":"granted"}'],
    ["another item with the sort key of a delivery", '{"pk":"p-1","sk":"head","outcome":"granted"}'],
  ])("stays in the queue, and does not hold the others: %s", async (_, foreign) => {
    for (let at = 0; at < 10; at++) queue.set(`foreign ${at}`, foreign);
    bridge.account.tableErrors.set("PutItem", THROTTLED);
    const { delivery } = await edit();
    bridge.account.tableErrors.clear();
    await sweep();
    expect([...queue.keys()]).toEqual(Array.from({ length: 10 }, (_, at) => `foreign ${at}`));
    expect(await heads()).toEqual([delivery]);
    expect(lines()).toContainEqual(expect.objectContaining({ level: "error", messages: 10 }));
  });
});

describe("the table of a function that records", () => {
  const head = { pk: "d-1", sk: "head", outcome: "event" };
  const fault = new Fault("store_unavailable", "down", { retryable: true });
  const down = () => Promise.reject(fault);
  const tableWith = (create: Table["create"]): Table => ({
    create,
    put: down,
    change: down,
    get: down,
    async *select() {
      yield* [];
    },
  });
  afterEach(() => void vi.useRealTimers());

  it("spills a record whose write hangs, while the sender still waits", async () => {
    vi.useFakeTimers();
    const spill = vi.fn(async () => undefined);
    const created = spillingTable(
      tableWith(() => new Promise(() => undefined)),
      spill,
    ).create(head);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await created).toBe(true);
    expect(spill).toHaveBeenCalledOnce();
  });

  it.each([
    ["another record", { pk: "a-1", sk: "answer" }],
    ["a head that is no delivery", { pk: "b-1", sk: "head" }],
  ])("throws for %s as the table does", async (_, item) => {
    const spill = vi.fn(async () => undefined);
    await expect(spillingTable(tableWith(down), spill).create(item)).rejects.toBe(fault);
    expect(spill).not.toHaveBeenCalled();
  });
});
