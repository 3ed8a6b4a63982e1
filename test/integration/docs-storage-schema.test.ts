import { type AttributeValue, type DynamoDBClient, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EpochMillis, laterBy, toSeconds } from "../../shared/host/clock.ts";
import { sourceUriOf } from "../../shared/model/bus-event.ts";
import { actionIdOf } from "../../shared/model/idempotency-keys.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { runKeyOf } from "../../shared/model/run-key.ts";
import { DynamoDbTable } from "../../shared/store/dynamodb/table.ts";
import { TABLE } from "../../shared/store/key-schema.ts";
import { reportedRunOf } from "../../shared/store/reported-runs.ts";
import { openAllStores } from "../support/all-stores.ts";
import { createTable } from "../support/create-table.ts";
import { blocksOf, codeIn, readText, rowsOf, sectionOf } from "../support/documents.ts";
import type { EmbeddedDynamoDb } from "../support/embedded-dynamodb.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { buildEntry } from "../support/sandbox-confluence-action.ts";
import { dynamoDbKinds } from "../support/stores.ts";
import { testClock } from "../support/test-doubles.ts";

const DOCUMENT = readText("docs/storage-schema.md");
/** The pages with an example of each item. */
const ITEMS = ["deliveries", "pages", "comments", "approvals", "messages", "credentials", "replays"]
  .map((name) => readText(`docs/storage/${name}.md`))
  .join("\n");

type Shown = Record<string, { readonly S?: string; readonly N?: string; readonly B?: string }>;

/** The two blocks of a section: the item as stored, and as the stores return it. */
function exampleOf(heading: string) {
  const [stored = "{}", read = "{}"] = blocksOf(sectionOf(ITEMS, heading), "json");
  return { stored: JSON.parse(stored) as Shown, read: JSON.parse(read) };
}

const HEADINGS = [
  "Delivery head",
  "List page",
  "Timeline entry",
  "Action",
  "Target",
  "Origin",
  "Proved run",
  "Board row",
  "Page",
  "Documented code",
  "Used token",
  "Stored token",
  "Own account",
  "Change links",
  "Place",
  "Page of a change",
  "Comment",
  "First look",
  "Commit status",
  "Command in a comment",
  "Replies",
  "Approval",
  "Messages",
  "Held message",
  "Ended approval",
  "Change",
  "Runs",
  "Runs of a commit",
  "Reported run",
  "Flow",
  "Access",
  "Rate",
  "Session cutoff",
  "Ended run",
  "Credential",
  "Refusal count",
  "Repeated refusal",
];

/** The delivery of the example, with its body as bytes. */
function shownDelivery(): RecordedDelivery {
  const { body, ...head } = exampleOf("Delivery head").read;
  return { ...head, body: new Uint8Array(Buffer.from(body, "utf8")) };
}

const clock = testClock();
const listQuery = () => ({
  before: { receivedAt: laterBy(clock.now(), 1), id: "~" },
  notBefore: clock.now(),
  limit: 5,
  scanLimit: 5,
  matches: () => true,
});
let database: EmbeddedDynamoDb;
let tables = 0;

/** Stores over their own table, at the time of the examples. */
async function emptyStores(client: DynamoDBClient = database.client) {
  tables += 1;
  const name = `drawbridge-${tables}`;
  await createTable(client, name);
  const options = { retentionDays: 90, clock };
  return {
    ...openAllStores(new DynamoDbTable(client, name), { ...options, markUnrelayed: true, singleProcess: false }),
    unmarked: openAllStores(new DynamoDbTable(client, name), { ...options, markUnrelayed: false, singleProcess: false })
      .deliveries,
    put: (item: Shown) => client.send(new PutItemCommand({ TableName: name, Item: fromShown(item) })),
    async shown({ pk = {}, sk = {} }: Shown): Promise<Shown> {
      const Key = { pk: { S: pk.S ?? "" }, sk: { S: sk.S ?? "" } };
      const { Item = {} } = await client.send(new GetItemCommand({ TableName: name, Key }));
      // The ids of the request and of the process are random.
      const { createdBy: _, leasedBy: __, ...rest } = Item;
      return toShown(rest);
    },
  };
}

const fromShown = (item: Shown): Record<string, AttributeValue> =>
  Object.fromEntries(
    Object.entries(item).map(([name, { S, N, B }]) => {
      if (B !== undefined) return [name, { B: new Uint8Array(Buffer.from(B, "base64")) }];
      return [name, S === undefined ? { N: N ?? "" } : { S }];
    }),
  );

const toShown = (item: Record<string, AttributeValue>): Shown =>
  Object.fromEntries(
    Object.entries(item).map(([name, { S, N, B }]) => {
      if (B !== undefined) return [name, { B: Buffer.from(B).toString("base64") }];
      return [name, S === undefined ? { N: N ?? "" } : { S }];
    }),
  );

beforeAll(async () => {
  const [dynalite] = dynamoDbKinds;
  if (!dynalite) throw new Error("there is an embedded store");
  database = await dynalite.start();
});
afterAll(() => database?.stop());

describe("docs/storage-schema.md", () => {
  it.each(HEADINGS)("every attribute of the example is described with its type: %s", (heading) => {
    const described = new Map<string, string>();
    for (const [names = "", type = ""] of rowsOf(sectionOf(ITEMS, heading))) {
      for (const name of codeIn(names)) described.set(name, type);
    }
    for (const [name, value] of Object.entries(exampleOf(heading).stored)) {
      expect(described.get(name), name).toBe(Object.keys(value)[0]);
    }
  });

  it("each index is described as the table has them", () => {
    const rows = rowsOf(sectionOf(DOCUMENT, "Indexes")).map((cells) => cells.slice(0, 4).map((cell) => codeIn(cell)));
    const { dueIndex, stateIndex } = TABLE;
    expect(rows).toEqual([
      [[dueIndex.name], [dueIndex.partitionKey], [dueIndex.sortKey], []],
      [[stateIndex.name], [stateIndex.partitionKey], [stateIndex.sortKey], stateIndex.projected],
    ]);
  });

  it("the example of a delivery head is read back as documented", async () => {
    const { put, deliveries } = await emptyStores();
    const { stored } = exampleOf("Delivery head");
    await put(stored);
    const delivery = shownDelivery();
    expect(await deliveries.get(delivery.id)).toEqual(delivery);
    expect(await deliveries.unrelayed(laterBy(clock.now(), 2_000), 10)).toEqual([delivery.id]);
    expect((await deliveries.list(listQuery())).deliveries.map(({ id }) => id)).toEqual([delivery.id]);
  });

  it("the example of a list page is written and read back as documented", async () => {
    const { put, unmarked: deliveries } = await emptyStores();
    const { stored, read } = exampleOf("List page");
    await put(stored);
    expect((await deliveries.list(listQuery())).deliveries).toEqual(read);
    const fresh = await emptyStores();
    await fresh.unmarked.addToList([shownDelivery()]);
    expect(await fresh.shown(stored)).toEqual(stored);
  });

  it("the example of a delivery head is written as documented", async () => {
    const { deliveries, shown } = await emptyStores();
    const { stored } = exampleOf("Delivery head");
    await deliveries.record(shownDelivery());
    // The compression of zlib differs between its versions; the content was compared above.
    const { content: _, ...written } = await shown(stored);
    const { content: __, ...expected } = stored;
    expect(written).toEqual(expected);
    await deliveries.markRelayed(shownDelivery().id, clock.now());
    const { queue, dueAt, dueSetAt, relayedAt } = await shown(stored);
    expect({ queue, dueAt, dueSetAt, relayedAt }).toEqual({ relayedAt: { N: String(clock.now()) } });
  });

  it("the example of a flow is written and read back as documented", async () => {
    const { put, flows: opened, shown } = await emptyStores();
    const flows = await opened();
    const { stored, read } = exampleOf("Flow");
    const id = { route: "docs-build", key: "98310" };
    await put(stored);
    expect(await flows.get(id)).toEqual(read);
    const fresh = await emptyStores();
    await (await fresh.flows()).save(id, { state: read.state, revision: 0 });
    expect(await fresh.shown(stored)).toEqual(stored);
    expect(await shown(stored)).toEqual(stored);
  });

  it("the example of the cancellations is written and read back as documented", async () => {
    const { put, runCancels, shown } = await emptyStores();
    const { stored, read } = exampleOf("Cancellations");
    await put(stored);
    expect(await (await runCancels()).of("cluster")).toEqual(read);
    const fresh = await emptyStores();
    await (await fresh.runCancels()).add("cluster", read[0]);
    expect(await fresh.shown(stored)).toEqual(stored);
    expect(await shown(stored)).toEqual(stored);
  });

  it("the example of a waiting promotion is written and read back as documented", async () => {
    const { put, promotionWaits, shown } = await emptyStores();
    const { stored, read } = exampleOf("Waiting promotion");
    const place = { route: "deploy-docs", environment: "production" };
    await put(stored);
    expect(await (await promotionWaits()).of(place)).toEqual(read);
    const fresh = await emptyStores();
    await (await fresh.promotionWaits()).add(place, read[0]);
    expect(await fresh.shown(stored)).toEqual(stored);
    expect(await shown(stored)).toEqual(stored);
  });

  it("the example of a timeline event is written and read back as documented", async () => {
    const { put, deliveries, shown } = await emptyStores();
    const { stored, read } = exampleOf("Timeline entry");
    await put(stored);
    const id = stored["pk"]?.S ?? "";
    expect(await deliveries.timeline(id)).toEqual([read]);
    await deliveries.addToTimeline(id, read);
    expect(await deliveries.timeline(id)).toEqual([read]);
    expect(await shown(stored)).toEqual(stored);
  });

  it("the example of an action is scheduled and claimed as documented", async () => {
    const { stored, read } = exampleOf("Action");
    const shownAsDue = await emptyStores();
    await shownAsDue.put(stored);
    expect(await shownAsDue.actions.due(read.target, clock.now(), 5)).toEqual([read.id]);
    expect(await shownAsDue.actions.claim(read.id, clock.now(), laterBy(clock.now(), 60_000))).toEqual(read);
    const scheduled = await emptyStores();
    const {
      attempt: _,
      owner: __,
      hasWaited: ___,
      interrupted: ____,
      isReported: _____,
      mayRun: ________,
      scheduledAt: ______,
      ...action
    } = read;
    await scheduled.actions.schedule(action, clock.now());
    expect(await scheduled.shown(stored)).toEqual(stored);
    expect(busEventOf(shownDelivery())?.detail.eventKey).toBe(read.eventKey);
  });

  it("the example of an origin is stored and found as documented", async () => {
    const { stored, read } = exampleOf("Origin");
    const { source, triggerEventId, delivery } = read;
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.origins.find(source, triggerEventId)).toBe(delivery);
    const remembered = await emptyStores();
    await remembered.origins.remember(source, triggerEventId, delivery);
    expect(await remembered.shown(stored)).toEqual(stored);
  });

  it("the example of a proved run is stored and found as documented", async () => {
    const { stored, read } = exampleOf("Proved run");
    const { source, name, uid } = read;
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.origins.provedRun(source, name)).toBe(uid);
    const proved = await emptyStores();
    await proved.origins.firstProvedRun(source, { name, uid });
    expect(await proved.shown(stored)).toEqual(stored);
  });

  it("the example of a board row is advanced and read back as documented", async () => {
    const { stored, read } = exampleOf("Board row");
    const put = await emptyStores();
    await put.put(stored);
    expect((await put.boards.read(read.page)).rows).toEqual([read.row]);
    const advanced = await emptyStores();
    await advanced.boards.advance(read.page, read.row);
    expect(await advanced.shown(stored)).toEqual(stored);
  });

  it("the example of a page is leased and released as documented", async () => {
    const { put, boards, shown } = await emptyStores();
    const { stored, read } = exampleOf("Page");
    const { page, lease } = read;
    await put(stored);
    expect((await boards.read(page)).record).toEqual(lease.record);
    const until = laterBy(clock.now(), 75_000);
    expect(await boards.lease(page, clock.now(), until)).toEqual(lease);
    const owner = { N: String(lease.owner) };
    expect(await shown(stored)).toEqual({ ...stored, owner, leasedUntil: { N: String(until) } });
    await boards.release(page, lease, lease.record);
    expect(await shown(stored)).toEqual({ ...stored, owner });
  });

  it("the example of documented code is counted and read back as documented", async () => {
    const { stored, read } = exampleOf("Documented code");
    const put = await emptyStores();
    await put.put(stored);
    expect((await put.boards.read(read.page)).code).toEqual(read.code);
    const counted = await emptyStores();
    await counted.boards.changeCode(read.page, () => read.code);
    expect(await counted.shown(stored)).toEqual(stored);
  });

  it("the example of an approval is requested and read back as documented", async () => {
    const { stored, read } = exampleOf("Approval");
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.approvals.open(5)).toEqual([{ ...read, state: "requested", grants: [] }]);
    const requested = await emptyStores();
    await requested.approvals.request(read);
    expect(await requested.shown(stored)).toEqual(stored);
    const decision = { by: read.requester, at: clock.now(), comment: "looks right" };
    await requested.approvals.move(read.id, ["requested"], { state: "denied", decision });
    const { queue: _, dueAt: __, ...closed } = stored;
    const denied = { ...closed, state: { S: "denied" }, decision: { S: JSON.stringify(decision) } };
    expect(await requested.shown(stored)).toEqual(denied);
    const fired = await emptyStores();
    await fired.approvals.request(read);
    await fired.approvals.move(read.id, ["requested"], { state: "fired", endedAt: clock.now() });
    expect(await fired.shown(stored)).toEqual({
      ...closed,
      state: { S: "fired" },
      endedAt: { N: String(clock.now()) },
    });
  });

  it("the example of a change is recorded and found as documented", async () => {
    const { stored, read } = exampleOf("Change");
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.approvals.latestChange(read.key)).toEqual(read);
    const kept = await emptyStores();
    await kept.approvals.recordChange(read);
    expect(await kept.shown(stored)).toEqual(stored);
  });

  it("the example of runs is recorded and found as documented", async () => {
    const { stored, read } = exampleOf("Runs");
    const put = await emptyStores();
    await put.put(stored);
    const { beganAt: firedAt, ...run } = read.recorded;
    expect(await put.runs.of(read.route)).toEqual([{ ...run, firedAt }]);
    const written = await emptyStores();
    await written.runs.record(read.route, read.recorded);
    expect(await written.shown(stored)).toEqual(stored);
  });

  it("the example of the runs of a commit is read and written as documented", async () => {
    const { stored, read } = exampleOf("Runs of a commit");
    const put = await emptyStores();
    await put.put(stored);
    const runs = await put.commitRuns();
    expect(await runs.of(read.of)).toEqual([read.run]);
    const written = await emptyStores();
    const fresh = await written.commitRuns();
    await fresh.record(read.of, read.run);
    await fresh.record(read.of, read.run);
    expect(await written.shown(stored)).toEqual(stored);
  });

  it("the example of a reported run is written and read as documented", async () => {
    const { stored, read } = exampleOf("Reported run");
    const { source, id, run, dueAt } = read;
    const { detail } = buildEntry({ id, state: "running" });
    const reported = reportedRunOf({ ...buildEntry(), detail: { ...detail, source: sourceUriOf(source) } });
    if (reported === undefined) throw new Error("the event reports a run");
    const [put, written] = [await emptyStores(), await emptyStores()];
    await put.put(stored);
    expect(await put.reportedRuns.get(reported)).toEqual({ run, dueAt });
    await written.reportedRuns.change(reported, () => ({ run, dueAt }));
    expect(await written.shown(stored)).toEqual(stored);
  });

  it("the example of a used token is recorded as documented, for one use", async () => {
    const { stored, read } = exampleOf("Used token");
    const { token, use, until } = read;
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.replayCache.take(token, "another", until)).toBe(false);
    expect(await put.replayCache.take(token, use, until)).toBe(true);
    const taken = await emptyStores();
    await taken.replayCache.take(token, use, until);
    expect(await taken.shown(stored)).toEqual(stored);
  });

  it("the example of a stored token is written and read back as documented", async () => {
    const { stored, read } = exampleOf("Stored token");
    const { source, sealed, until } = read;
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.storedTokens.find(source, toSeconds(clock.now()))).toBe(sealed);
    const kept = await emptyStores();
    await kept.storedTokens.keep(source, sealed, until);
    expect(await kept.shown(stored)).toEqual(stored);
  });

  it("the example of an own account is recorded and looked up as documented", async () => {
    const { stored, read } = exampleOf("Own account");
    const { until, ...own } = read;
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.ownAccounts.isOwn(own, laterBy(until, -1))).toBe(true);
    expect(await put.ownAccounts.isOwn(own, until)).toBe(false);
    const recorded = await emptyStores();
    await recorded.ownAccounts.record(own, until);
    expect(await recorded.shown(stored)).toEqual(stored);
  });

  it("the example of an ended approval is listed as documented", async () => {
    const { stored, read } = exampleOf("Ended approval");
    const approval = exampleOf("Approval").read;
    const { approvals, shown } = await emptyStores();
    await approvals.request(approval);
    const decision = { by: approval.requester, at: read.at };
    await approvals.move(approval.id, ["requested"], { state: read.state, decision });
    expect(await shown(stored)).toEqual(stored);
    const listed = await approvals.ended({ from: read.at, to: read.at, limit: 1, matches: () => true });
    expect(listed).toEqual({ approvals: [{ ...approval, state: read.state, grants: [], decision }] });
  });

  it("the example of a change's links is recorded and found as documented", async () => {
    const { stored, read } = exampleOf("Change links");
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.changeLinks.find(read.change)).toBe(read.links);
    const recorded = await emptyStores();
    await recorded.changeLinks.record(read.change, read.links, read.at);
    expect(await recorded.shown(stored)).toEqual(stored);
  });

  it("the example of a place ends a row as documented", async () => {
    const { stored, read } = exampleOf("Place");
    const { page, row } = exampleOf("Board row").read;
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.boards.advance(page, { ...row, place: read.place.place })).toBe("gone");
    const recorded = await emptyStores();
    await recorded.boards.end(read.place, read.times);
    expect(await recorded.shown(stored)).toEqual(stored);
  });

  it("the example of a page of a change is recorded and found as documented", async () => {
    const { stored, read } = exampleOf("Page of a change");
    const { run, isPending, shown } = read.report;
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.changeComments.pages(read.change)).toEqual([{ run, isPending, shown }]);
    const recorded = await emptyStores();
    await recorded.changeComments.recordPage(read.change, read.report);
    expect(await recorded.shown(stored)).toEqual(stored);
  });

  it("the example of a comment is leased and released as documented", async () => {
    const { stored, read } = exampleOf("Comment");
    const { comment, owner } = read.lease;
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.changeComments.lease(read.change, clock.now(), laterBy(clock.now(), 1))).toEqual(read.lease);
    const recorded = await emptyStores();
    const { changeComments } = recorded;
    for (let taken = 1; taken < owner; taken += 1) {
      const lease = await changeComments.lease(read.change, clock.now(), laterBy(clock.now(), 1));
      if (lease) await changeComments.release(read.change, lease, comment);
    }
    expect(await recorded.shown(stored)).toEqual(stored);
  });

  it("the example of a commit status is leased and released as documented", async () => {
    const { stored, read } = exampleOf("Commit status");
    const { record, owner } = read.lease;
    const put = await emptyStores();
    await put.put(stored);
    const statuses = await put.commitStatuses();
    expect(await statuses.lease(read.address, clock.now(), laterBy(clock.now(), 1))).toEqual(read.lease);
    const recorded = await emptyStores();
    const written = await recorded.commitStatuses();
    for (let taken = 1; taken < owner; taken += 1) {
      const lease = await written.lease(read.address, clock.now(), laterBy(clock.now(), 1));
      if (lease) await written.release(read.address, lease, record);
    }
    expect(await recorded.shown(stored)).toEqual(stored);
  });

  it("the example of a first look is recorded and found as documented", async () => {
    const { stored, read } = exampleOf("First look");
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.changeComments.firstLook(read.change, read.run)).toBe(Number(stored["since"]?.N));
    const recorded = await emptyStores();
    await recorded.changeComments.firstLook(read.change, read.run);
    expect(await recorded.shown(stored)).toEqual(stored);
  });

  it("the example of a command in a comment is taken as documented", async () => {
    const { stored, read } = exampleOf("Command in a comment");
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.commentReplies.take(read.comment)).toBe(false);
    const recorded = await emptyStores();
    await recorded.commentReplies.take(read.comment);
    expect(await recorded.shown(stored)).toEqual(stored);
  });

  it("the example of messages is leased and read as documented", async () => {
    const { stored, read } = exampleOf("Messages");
    const put = await emptyStores();
    await put.put(stored);
    const messages = await put.approvalMessages();
    expect(await messages.lease(read.address, clock.now(), laterBy(clock.now(), 60_000))).toEqual(read.lease);
    const recorded = await emptyStores();
    const sender = await recorded.approvalMessages();
    const lease = await sender.lease(read.address, clock.now(), laterBy(clock.now(), 60_000));
    await sender.release(read.address, lease ?? read.lease, read.lease.record);
    expect(await recorded.shown(stored)).toEqual(stored);
  });

  it("the example of a held message is held and taken as documented", async () => {
    const { stored, read } = exampleOf("Held message");
    const put = await emptyStores();
    await put.put(stored);
    const messages = await put.approvalMessages();
    expect(await messages.held("chat", 10)).toEqual([read]);
    expect(await messages.heldState(read)).toBe("held");
    await messages.take(read, "sent");
    expect([await messages.held("chat", 10), await messages.heldState(read)]).toEqual([[], "sent"]);
    await messages.take(read, "left_out");
    expect(await messages.heldState(read)).toBe("sent");
    const recorded = await emptyStores();
    await (await recorded.approvalMessages()).hold(read);
    expect(await recorded.shown(stored)).toEqual(stored);
  });

  it("the example of the replies of a page is counted as documented", async () => {
    const { stored, read } = exampleOf("Replies");
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.commentReplies.count(read.page, read.limit)).toBe(true);
    expect(await put.commentReplies.count(read.page, read.limit)).toBe(false);
    const recorded = await emptyStores();
    await recorded.commentReplies.count(read.page, read.limit);
    expect(await recorded.shown(stored)).toEqual(stored);
  });

  it("the example of a target is written and read as documented", async () => {
    const { stored, read } = exampleOf("Target");
    const [put, saved] = [await emptyStores(), await emptyStores()];
    await put.put(stored);
    expect(await put.targets.list()).toEqual([read]);
    const { pause: _, breaker: __, ...unpaused } = read;
    expect(await saved.targets.save({ ...unpaused, revision: 0 })).toBe(true);
    expect(await saved.targets.save({ ...read, revision: 0 })).toBe(false);
    expect(await saved.targets.save({ ...read, revision: 1 })).toBe(true);
    expect(await saved.shown(stored)).toEqual(stored);
  });

  it("the example of a bulk replay is written and read as documented", async () => {
    const { stored, read } = exampleOf("Bulk replay");
    const [put, created] = [await emptyStores(), await emptyStores()];
    await put.put(stored);
    const { id, orderedAt } = read as { readonly id: string; readonly orderedAt: number };
    expect(await (await put.bulkReplays()).list(1)).toEqual([]);
    await put.put({ pk: { S: "replays" }, sk: { S: `${orderedAt} ${id}` } });
    expect(await (await put.bulkReplays()).list(1)).toEqual([read]);
    expect(await (await created.bulkReplays()).create(read, [])).toBe(true);
    expect(await (await created.bulkReplays()).create(read, [])).toBe(false);
    expect(await created.shown(stored)).toEqual(stored);
  });

  it("the example of a request for a role is written and read as documented", async () => {
    const { stored, read } = exampleOf("Access");
    const day = new Date(read.requestedAt).toISOString().slice(0, 10);
    const listed = { pk: { S: `access#${day}` }, sk: { S: `${read.requestedAt}#${read.id}` } };
    const [put, recorded] = [await emptyStores(), await emptyStores()];
    for (const item of [stored, listed]) await put.put(item);
    const access = await put.access();
    expect(await access.get(read.id)).toEqual(read);
    expect(await access.of(read.by)).toEqual([read]);
    expect(await access.recent()).toEqual([read]);
    const { decision, reported, ...granted } = read;
    const before = { ...granted, state: "requested" };
    const written = await recorded.access();
    expect(await written.create(before)).toBe(true);
    expect(await written.create(before)).toBe(false);
    expect(await written.decide(before, read)).toBe(true);
    expect(await written.decide(before, { ...granted, state: "denied", decision })).toBe(false);
    await written.markReported(before, "expired");
    await written.markReported(read, reported);
    expect(await recorded.shown(stored)).toEqual(stored);
    const { expiresAt: _, ...entry } = await recorded.shown(listed);
    expect(entry).toEqual(listed);
  });

  it("the example of a session cutoff is written and read as documented", async () => {
    const { stored, read } = exampleOf("Session cutoff");
    const { subject, at } = read as { readonly subject: string; readonly at: EpochMillis };
    const [put, revoked] = [await emptyStores(), await emptyStores()];
    await put.put(stored);
    expect(await put.sessionCutoffs.isRevoked(subject, at)).toBe(true);
    expect(await put.sessionCutoffs.isRevoked(subject, laterBy(at, 1))).toBe(false);
    await revoked.sessionCutoffs.revoke(subject, at);
    expect(await revoked.shown(stored)).toEqual(stored);
  });

  it("the example of an ended run is written and read as documented", async () => {
    const { stored, read } = exampleOf("Ended run");
    const { source, id, at } = read as { readonly source: string; readonly id: string; readonly at: EpochMillis };
    const name = runKeyOf(source, id);
    const [put, recorded] = [await emptyStores(), await emptyStores()];
    await put.put(stored);
    expect(await put.endedRuns.hasEndedSince(name, at)).toBe(true);
    expect(await put.endedRuns.hasEndedSince(name, laterBy(at, 1))).toBe(false);
    await recorded.endedRuns.recordEnd(name, at);
    expect(await recorded.shown(stored)).toEqual(stored);
  });

  it("the example of a rate is counted as documented", async () => {
    const { stored, read } = exampleOf("Rate");
    const { bucket, limit } = read;
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.rateLimits.count(bucket, clock.now(), limit)).toBe(true);
    expect(await put.rateLimits.count(bucket, clock.now(), limit)).toBe(false);
    const counted = await emptyStores();
    await counted.rateLimits.count(bucket, clock.now(), limit);
    expect(await counted.shown(stored)).toEqual(stored);
  });

  it("the example of a credential's use is recorded and listed as documented", async () => {
    const { stored, read } = exampleOf("Credential");
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.credentialUses.list()).toEqual([read]);
    const written = await emptyStores();
    await written.credentialUses.record(read);
    expect(await written.shown(stored)).toEqual(stored);
  });

  it("the example of a count of refused requests is added and listed as documented", async () => {
    const { stored, read } = exampleOf("Refusal count");
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.refusals.list({ from: read.window, to: read.lastAt, limit: 2 })).toEqual([read]);
    const written = await emptyStores();
    await written.refusals.add(read);
    expect(await written.shown(stored)).toEqual(stored);
  });

  it("the example of a repeated refusal is added and found as documented", async () => {
    const { stored, read } = exampleOf("Repeated refusal");
    const put = await emptyStores();
    await put.put(stored);
    expect(await put.refusals.repeatOf(read.id)).toBe(read.delivery);
    const written = await emptyStores();
    await written.refusals.addRepeat(read);
    expect(await written.shown(stored)).toEqual(stored);
  });
});

/** dynalite does not count writes of indexes. */
const dynamoDbLocal = dynamoDbKinds.find(({ name }) => name === "DynamoDB Local");
const leftOut = dynamoDbLocal?.missing;

describe.skipIf(leftOut !== undefined)(`the cost of a write${leftOut ? `, left out: ${leftOut}` : ""}`, () => {
  it("every write costs what docs/storage-schema.md says", async () => {
    const local = await dynamoDbLocal?.start();
    if (!local) throw new Error("there is no DynamoDB Local");
    try {
      const costs = measured(local.client);
      const stores = await emptyStores(local.client);
      const { deliveries, unmarked, actions, origins, boards } = stores;
      const delivery = sampleDelivery(1);
      const action = exampleOf("Action").read;
      const later = laterBy(clock.now(), 60_000);
      const claim = async () => {
        const claimed = await actions.claim(action.id, clock.now(), later);
        if (!claimed) throw new Error("it is due");
        return claimed;
      };
      const { page, row } = exampleOf("Board row").read;
      const entry = exampleOf("Timeline entry").read;
      await costs("record, with the mark", () => deliveries.record(delivery));
      await costs("record, without the mark", () => unmarked.record(sampleDelivery(2)));
      await costs("deferred in the outbox", () => deliveries.defer(delivery.id, clock.now(), later));
      await costs("add a delivery to the list", () => deliveries.addToList([delivery]));
      await costs("relayed: the mark removed", () => deliveries.markRelayed(delivery.id, clock.now()));
      await costs("schedule an action", () => actions.schedule(action, clock.now()));
      const first = await costs("claim it", claim);
      await costs("release it, or defer it", () => actions.defer(first, clock.now(), clock.now()));
      const second = await claim();
      await costs("complete it", () => actions.complete(second));
      const failing = { ...action, id: actionIdOf("failing", action.eventKey) };
      await actions.schedule(failing, clock.now());
      const again = async () => {
        const claimed = await actions.claim(failing.id, clock.now(), later);
        if (!claimed) throw new Error("it is due");
        return claimed;
      };
      const failed = await again();
      await costs("release it after the first failure", () => actions.release(failed, clock.now(), clock.now()));
      const failedAgain = await again();
      await costs("release it after a further failure", () => actions.release(failedAgain, clock.now(), clock.now()));
      const last = await again();
      await costs("give it up after failures", () => actions.giveUp(last, clock.now()));
      await costs("record an unusable delivery", () => unmarked.record(sampleDelivery(3, { outcome: "unusable" })));
      await costs("timeline entry", () => deliveries.addToTimeline(delivery.id, entry));
      await costs("store an origin", () => origins.remember("prod-cluster", "event-1", delivery.id));
      await costs("advance a board row; list it", () => boards.advance(page, row));
      const { lease } = exampleOf("Page").read;
      const taken = await costs("take the lease of a page", () => boards.lease(page, clock.now(), later));
      await costs("end that lease", () => boards.release(page, taken ?? lease, lease.record));
      const { token, use, until } = exampleOf("Used token").read;
      await costs("record a used token", () => stores.replayCache.take(token, use, until));
      const { source, sealed, until: end } = exampleOf("Stored token").read;
      await costs("store a token", () => stores.storedTokens.keep(source, sealed, end));
      const own = exampleOf("Own account").read;
      await costs("record an own account", () => stores.ownAccounts.record(own, own.until));
      const linking = exampleOf("Change links").read;
      await costs("record a change's links", () =>
        stores.changeLinks.record(linking.change, linking.links, linking.at),
      );
      const { changeComments } = stores;
      const { change, report } = exampleOf("Page of a change").read;
      await costs("record a page of a change", () => changeComments.recordPage(change, report));
      await costs("look for a run's pages first", () => changeComments.firstLook(change, report.run));
      const writing = await costs("take the lease of a comment", () =>
        changeComments.lease(change, clock.now(), later),
      );
      const { comment } = exampleOf("Comment").read.lease;
      await costs("end the lease of a comment", () =>
        changeComments.release(change, writing ?? { owner: 1, comment }, comment),
      );
      await costs("take a comment with a command", () =>
        stores.commentReplies.take(exampleOf("Command in a comment").read.comment),
      );
      await costs("count a reply", () => stores.commentReplies.count(exampleOf("Replies").read.page, 2));
      await costs("count a request", () => stores.rateLimits.count(["robot"], clock.now(), 1));
      await costs("count refused requests", () => stores.refusals.add(exampleOf("Refusal count").read));
      await costs("remember a repeated refusal", () => stores.refusals.addRepeat(exampleOf("Repeated refusal").read));
      await costs("record a credential's use", () => stores.credentialUses.record(exampleOf("Credential").read));
      const { approvals, runs } = stores;
      const approval = exampleOf("Approval").read;
      const grant = { by: approval.requester, at: clock.now() };
      await costs("request an approval", () => approvals.request(approval));
      await costs("grant it", () =>
        approvals.grant({ id: approval.id, grants: [], state: "requested" }, grant, "granted"),
      );
      await costs("fire it", () => approvals.move(approval.id, ["granted"], { state: "fired" }));
      await costs("record a change", () => approvals.recordChange(exampleOf("Change").read));
      const { route, recorded } = exampleOf("Runs").read;
      await costs("record a run", () => runs.record(route, recorded));
      const documented = rowsOf(sectionOf(DOCUMENT, "What a write costs")).map((cells) =>
        cells.map((cell) => cell.replace("`head`", "1")),
      );
      expect(costs.rows.sort()).toEqual([...documented].sort());
    } finally {
      await local.stop();
    }
  });
});

const INDEXES = [TABLE.dueIndex, TABLE.stateIndex];

const WRITES: ReadonlySet<string> = new Set(["PutItemCommand", "UpdateItemCommand"]);

/**
 * Makes every call return its consumed capacity. Returns a function that records the capacity of the last write that it runs
 * in a row like the document's.
 */
function measured(client: DynamoDBClient) {
  let last: readonly string[] = [];
  client.middlewareStack.add(
    (next, { commandName = "" }) =>
      async (call) => {
        Object.assign(call.input, { ReturnConsumedCapacity: "INDEXES" });
        const answer = await next(call);
        if (!WRITES.has(commandName)) return answer;
        const { ConsumedCapacity: consumed } = answer.output as {
          ConsumedCapacity?: {
            Table?: { CapacityUnits?: number };
            GlobalSecondaryIndexes?: Record<string, { CapacityUnits?: number }>;
          };
        };
        const ofIndex = ({ name }: { readonly name: string }) =>
          consumed?.GlobalSecondaryIndexes?.[name]?.CapacityUnits ?? 0;
        last = [consumed?.Table?.CapacityUnits ?? 0, ...INDEXES.map(ofIndex)].map(String);
        return answer;
      },
    { step: "initialize" },
  );
  const rows: (readonly string[])[] = [];
  const record = async <T>(what: string, write: () => Promise<T>): Promise<T> => {
    const result = await write();
    rows.push([what, ...last]);
    return result;
  };
  return Object.assign(record, { rows });
}
