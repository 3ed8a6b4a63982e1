import * as fc from "fast-check";
import { queueHandler } from "../../shared/aws/queue-messages.ts";
import { sqsClient } from "../../shared/aws/sqs-client.ts";
import { actOn, type MessageDeps } from "../../shared/delivery/act-on-message.ts";
import { isOwnEdit } from "../../shared/delivery/own-edits.ts";
import { laterBy } from "../../shared/host/clock.ts";
import { busEventsOf } from "../../shared/model/bus-event.ts";
import { actionIdOf, approvalIdOf } from "../../shared/model/idempotency-keys.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { matches } from "../../shared/routes/matches.ts";
import { compilePattern } from "../../shared/routes/pattern.ts";
import type { Route } from "../../shared/routes/route.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import type { AwsAccount } from "./aws-account.ts";
import { queueMessage } from "./aws-queue.ts";
import { bridgeParts, routeOf } from "./bridge-parts.ts";
import { sampleDelivery, samplePageEvent } from "./samples.ts";
import { silentLog } from "./test-doubles.ts";

/** An account with which the bridge itself edits pages. */
const OWN_ACCOUNT = "bridge";
const SITE = "https://wiki.example.test";

/** Deliveries of each kind that a message can name. */
const edit = sampleDelivery(1);
const waiting = sampleDelivery(2);
const denied = sampleDelivery(3);
const { body: _, ...unstored } = sampleDelivery(4);
const double: RecordedDelivery = { ...unstored, events: [samplePageEvent(40), samplePageEvent(41)] };
const replay: RecordedDelivery = {
  ...sampleDelivery(5),
  events: [{ ...samplePageEvent(1), keyParts: ["replay"] }],
  replay: { of: edit.id, routes: ["docs"], isRollback: false },
};
const own: RecordedDelivery = {
  ...sampleDelivery(6),
  events: [{ ...samplePageEvent(6), actor: { id: OWN_ACCOUNT } }],
};
const undated: RecordedDelivery = { ...sampleDelivery(7), events: [{ ...samplePageEvent(7), undated: true }] };
const withoutEvents = (["ignored", "unusable", "refused"] as const).map((outcome, at): RecordedDelivery => {
  const { events: _events, ...rest } = sampleDelivery(10 + at);
  return { ...rest, outcome, what: "page_viewed" };
});
const DELIVERIES = [edit, waiting, denied, double, replay, own, undated, ...withoutEvents];

const BATCH = 20;

/** Hands `numRuns` forged messages to an act function. Returns the state of the installation before and after. */
export async function afterForgeries(
  { environment }: AwsAccount,
  { numRuns: count, seed }: { readonly numRuns: number; readonly seed: number },
) {
  const { deps, state, clock, stop } = await settledInstallation();
  const handler = queueHandler({
    run: (message) => actOn(message, deps),
    sqs: sqsClient(),
    queueUrl: environment.QUEUE_URL,
    deadLetterQueueUrl: environment.DEAD_LETTER_QUEUE_URL,
    clock,
    log: silentLog,
  });
  const before = await state();
  const bodies = fc.sample(forgedBodies, { numRuns: count, seed });
  for (let at = 0; at < count; at += BATCH) {
    await handler({ Records: bodies.slice(at, at + BATCH).map((body, n) => queueMessage(`m${at + n}`, body)) });
    clock.advance(1_000);
  }
  const after = await state();
  await stop();
  return { before, after };
}

/**
 * An installation in AWS that has acted on every recorded delivery: routes of edits, one of them with an approval, and a
 * route of pushes, which nobody made. Of the approvals one was granted and its run fired, one is denied, the others wait.
 */
async function settledInstallation() {
  const runs: string[] = [];
  const route = (name: string, type: string, changes: Partial<Route> = {}): Route => {
    const compiled = compilePattern({ "detail-type": [type] });
    if (!compiled.ok) throw new Error("the pattern is valid");
    return routeOf(
      async ({ busEvent }) => {
        runs.push(`${name} ${busEvent.detail.eventKey}`);
        return { outcome: "done", summary: "accepted" };
      },
      { name, matches: (busEvent) => matches(compiled.pattern, busEvent), ...changes },
    );
  };
  const approval = { expiresMinutes: 10_080, approvers: () => ["manager"] };
  const routes = [
    route("docs", "page.updated"),
    route("gated", "page.updated", { approval }),
    route("code", "code.pushed"),
  ];
  const written = new Set<string>();
  const parts = await bridgeParts(routes, { database: openTable(written) });
  const { clock, deliveries, approvals, actions, ownAccounts } = parts;
  await ownAccounts.record({ site: SITE, account: OWN_ACCOUNT }, laterBy(clock.now(), 86_400_000));
  for (const delivery of DELIVERIES) await deliveries.record(delivery);
  const deps: MessageDeps = { ...parts.deps, ownAccounts };

  const published = DELIVERIES.filter((delivery) => delivery !== own).flatMap(busEventsOf);
  // The relay has looked at each delivery, and has not published this one.
  for (const busEvent of busEventsOf(own)) await isOwnEdit(busEvent, own, { ownAccounts, deliveries, clock });
  const takeAll = async (): Promise<void> => {
    for (const { name } of routes.slice(0, 2)) {
      for (const { detail } of published) {
        const { delivery, id: event } = detail;
        await actOn({ route: name, delivery, event, queuedAt: clock.now(), receives: 1 }, deps);
      }
    }
  };
  const decide = async (delivery: RecordedDelivery, state: "granted" | "denied"): Promise<void> => {
    const [busEvent] = busEventsOf(delivery);
    const decision = { by: { ...delivery.principal, actor: "max" }, at: clock.now() };
    await approvals.move(approvalIdOf("gated", busEvent?.detail.eventKey ?? ""), ["requested"], { state, decision });
  };
  await takeAll();
  await decide(edit, "granted");
  await decide(denied, "denied");
  clock.advance(600_000);
  await takeAll();

  /** What a message could change: the runs, the states of the approvals, and which items exist. */
  const state = async () => {
    const keys = published.map(({ detail }) => detail.eventKey);
    const found = await Promise.all(keys.map((key) => approvals.get(approvalIdOf("gated", key))));
    return {
      runs: [...runs].sort(),
      approvals: found.map((one) => one?.state),
      actions: await Promise.all(keys.flatMap((key) => routes.map(({ name }) => actions.state(actionIdOf(name, key))))),
      items: [...written].sort(),
    };
  };
  return { ...parts, deps, state };
}

/** A table in memory that keeps the keys of all items that were written. */
function openTable(written: Set<string>): ReturnType<typeof openMemoryTable> {
  const database = openMemoryTable();
  const { table } = database;
  const [create, put, change] = [table.create.bind(table), table.put.bind(table), table.change.bind(table)];
  const keep = ({ pk, sk }: { readonly pk: string; readonly sk: string }): void => void written.add(`${pk} ${sk}`);
  table.create = async (item) => {
    const created = await create(item);
    if (created) keep(item);
    return created;
  };
  table.put = async (item) => {
    await put(item);
    keep(item);
  };
  table.change = async (key, made) => {
    const before = await change(key, made);
    if (before !== undefined) keep(key);
    return before;
  };
  return database;
}

const deliveryIds = DELIVERIES.map(({ id }) => id);
const eventIds = deliveryIds.flatMap((id) => [id, `${id}.1`, `${id}.2`, `${id}.3`]);
const [key = ""] = busEventsOf(edit).map(({ detail }) => detail.eventKey);
/** Ids of other records of the store. */
const otherIds = [actionIdOf("docs", key), approvalIdOf("gated", key), `account#${OWN_ACCOUNT}#${SITE}/`, "", "d-"];
const junk = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.object({ maxDepth: 1 }), fc.boolean());
const mostly = <T>(arbitrary: fc.Arbitrary<T>) => fc.oneof({ weight: 8, arbitrary }, { weight: 1, arbitrary: junk });
const routeNames = mostly(fc.constantFrom("docs", "gated", "code", "gone", "__proto__", "DOCS", "docs "));

/** Members of a bus event that a message once contained, and that a forger would set. */
const forgedMembers = fc.record(
  {
    eventKey: mostly(fc.constantFrom(key, "e-forged-1", "e-forged-2")),
    source: mostly(fc.constantFrom("drawbridge.gitlab", "drawbridge.confluence")),
    type: mostly(fc.constantFrom("page.updated", "code.pushed")),
    "detail-type": mostly(fc.constantFrom("page.updated", "code.pushed")),
    time: mostly(fc.constantFrom("2026-11-02T08:59:59.000Z", "2031-01-01T00:00:00.000Z")),
    undated: mostly(fc.constant(true)),
    replay: mostly(fc.record({ of: fc.constantFrom(...deliveryIds), routes: fc.array(routeNames, { maxLength: 2 }) })),
    approval: mostly(fc.record({ state: fc.constantFrom("granted", "fired") })),
    principal: mostly(fc.record({ roles: fc.constant(["manager"]) })),
    queuedAt: mostly(fc.integer()),
  },
  { requiredKeys: [] },
);

const detail = fc
  .tuple(
    fc.record({
      id: mostly(fc.constantFrom(...eventIds, ...otherIds)),
      delivery: mostly(fc.constantFrom(...deliveryIds, ...otherIds)),
    }),
    forgedMembers,
  )
  .map(([ids, members]) => ({ ...members, ...ids }));

const shaped = fc
  .tuple(routeNames, mostly(detail), forgedMembers, forgedMembers)
  .map(([route, given, ofEntry, ofMessage]) => ({ ...ofMessage, route, entry: { ...ofEntry, detail: given } }));

/** The bodies that somebody who may put events on the bus, or messages into the queue, can have delivered. */
const forgedBodies: fc.Arbitrary<string> = fc.oneof(
  { weight: 9, arbitrary: shaped.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.oneof(fc.string(), fc.json()) },
);
