import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sendDueAction } from "../../functions/woken-action.ts";
import { awsLog } from "../../shared/aws/aws-log.ts";
import { type QueueDeps, queueHandler } from "../../shared/aws/queue-messages.ts";
import { sqsClient } from "../../shared/aws/sqs-client.ts";
import { type ActDeps, leaseMs } from "../../shared/delivery/act.ts";
import { actOn, RECEIVES_FOR_WAITS } from "../../shared/delivery/act-on-message.ts";
import { pauseTarget, resumeTarget } from "../../shared/delivery/target-gate.ts";
import { wakeAction } from "../../shared/delivery/wake-action.ts";
import { wakeDue } from "../../shared/delivery/wake-due.ts";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { actionIdOf } from "../../shared/model/idempotency-keys.ts";
import { namedPrincipal } from "../../shared/model/principal.ts";
import type { Route } from "../../shared/routes/route.ts";
import { openStores } from "../../shared/store/open-stores.ts";
import { ParkedActions } from "../../shared/store/parked-actions.ts";
import { collect } from "../../shared/store/streams.ts";
import { type AwsAccount, sent, startAwsAccount } from "../support/aws-account.ts";
import { bodyOf, queueMessage, SandboxQueue } from "../support/aws-queue.ts";
import { bridgeParts, routeOf, scripted } from "../support/bridge-parts.ts";
import { withMethods } from "../support/memory-stores.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";

const DONE: ActionOutcome = { outcome: "done", summary: "accepted by the listener" };
const RETRY: ActionOutcome = { outcome: "retry", summary: "no connection" };
const WAIT: ActionOutcome = { outcome: "wait", summary: "not its turn", afterSeconds: 40 };
const LONG_WAIT: ActionOutcome = { outcome: "wait", summary: "not its turn", afterSeconds: 300 };
const GIVE_UP: ActionOutcome = { outcome: "give_up", summary: "the listener rejects it \u0000\uD800" };

let account: AwsAccount;
let stop: () => Promise<void>;
beforeEach(async () => {
  account = await startAwsAccount();
  for (const [name, value] of Object.entries(account.environment)) vi.stubEnv(name, value);
});
afterEach(async () => {
  await stop();
  await account.stop();
});

/** A function for this route, with one delivery recorded and the message that its rule makes of it. */
async function actFunction(route: Route) {
  const parts = await bridgeParts([route], { markUnrelayed: false });
  stop = parts.stop;
  const delivery = sampleDelivery();
  await parts.deliveries.record(delivery);
  const startedAt = parts.clock.now();
  const missingMs = () => parts.clock.now() - startedAt;
  const deps = { ...parts.deps, ownAccounts: parts.ownAccounts, missingMs };
  const run: QueueDeps["run"] = (message) => actOn(message, deps);
  const handlerOf = (given: QueueDeps["run"], log = silentLog) =>
    queueHandler({
      run: given,
      sqs: sqsClient(),
      queueUrl: account.environment.QUEUE_URL,
      deadLetterQueueUrl: account.environment.DEAD_LETTER_QUEUE_URL,
      clock: parts.clock,
      log,
    });
  const handler = handlerOf(run);
  /** The ids of messages that stay in the queue. */
  const hand = async (...bodies: readonly string[]): Promise<readonly string[]> => {
    const Records = bodies.map((body, at) => queueMessage(`m${at}`, body));
    return (await handler({ Records })).batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
  };
  /** Runs the sweep, and returns the messages that it sends. */
  const sweep = async (send: (body: string) => unknown = () => undefined): Promise<readonly string[]> => {
    const bodies: string[] = [];
    await wakeDue({
      actions: parts.actions,
      parkedActions: new ParkedActions(parts.database.table),
      accessTo: (target) => deps.targetGate.accessTo(target),
      send: async ({ route: name, delivery: id, event = id }) => {
        const body = JSON.stringify({ route: name, entry: { detail: { id: event, delivery: id } } });
        await send(body);
        bodies.push(body);
      },
      hasTime: () => true,
      clock: parts.clock,
      log: silentLog,
    });
    return bodies;
  };
  return { ...parts, deps, delivery, run, handlerOf, handler, hand, sweep, body: bodyOf("docs", entryFor(delivery)) };
}

function entryFor(delivery: Parameters<typeof busEventOf>[0]): BusEvent {
  const busEvent = busEventOf(delivery);
  if (busEvent === undefined) throw new Error("the sample is an event");
  return busEvent;
}

const hidings = () => account.calls.flatMap(({ target, input }) => (target.endsWith("Visibility") ? [input] : []));
const sendings = () => account.calls.flatMap(({ target, input }) => (target.endsWith("SendMessage") ? [input] : []));
const ACTION_ID = actionIdOf("docs", entryFor(sampleDelivery()).detail.eventKey);

describe("a message of a route", () => {
  it("the end of a run sends the message of the action that waits for it, and the action runs with it", async () => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    const { wokenAction } = await import("../../functions/woken-action.ts");
    const actionQueues = `other=nowhere tekton=${account.environment.QUEUE_URL}`;
    const wakes = wokenAction(silentLog, actionQueues);
    const { id: delivery } = parts.delivery;
    const waiting = { state: "due", route: "docs", target: "ci", eventKey: "e-1", delivery } as const;
    await wakes({ ...waiting, action: "tekton" });
    // The function may not write the queue of another kind.
    await wakes({ ...waiting, action: "webhook" });
    const [woken, ...others] = sendings();
    expect(others).toEqual([]);
    expect(woken?.QueueUrl).toBe(account.environment.QUEUE_URL);
    expect(await parts.hand(woken?.MessageBody ?? "")).toEqual([]);
    expect(script.contexts).toHaveLength(1);
  });

  it("a message runs its action, is recorded in the delivery's timeline and leaves the queue", async () => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(script.contexts[0]?.busEvent).toEqual(entryFor(parts.delivery));
    const timeline = await parts.deliveries.timeline(parts.delivery.id);
    expect(timeline.map(({ kind }) => kind).sort()).toEqual(["attempt", "scheduled"]);
    expect(await parts.attempts(parts.delivery.id)).toMatchObject([{ attempt: 1, ...DONE }]);
    expect(account.calls).toEqual([]);
  });

  it("a message that arrives many times, at once and later, runs its action once", async () => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    await parts.hand(parts.body, parts.body, parts.body, parts.body);
    expect(await parts.hand(parts.body, parts.body)).toEqual([]);
    expect(script.contexts).toHaveLength(1);
    expect(await parts.deliveries.timeline(parts.delivery.id)).toHaveLength(2);
  });

  it("a message about an event that another delivery reported only records that in its timeline", async () => {
    const script = scripted([RETRY]);
    const parts = await actFunction(routeOf(script.run));
    const again = { ...sampleDelivery(1), id: "d-reported-again" };
    await parts.deliveries.record(again);
    expect(await parts.hand(parts.body)).toEqual(["m0"]);
    expect(await parts.hand(bodyOf("docs", entryFor(again)))).toEqual([]);
    expect(script.contexts).toHaveLength(1);
    expect(await parts.deliveries.timeline(again.id)).toMatchObject([
      { kind: "already_scheduled", by: parts.delivery.id },
    ]);
  });

  it("a timeline event that failed to be written is written at the next receipt, with the time at which the action was due", async () => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    let failing = true;
    const deliveries: ActDeps["deliveries"] = {
      get: (id) => parts.deliveries.get(id),
      timeline: (id) => parts.deliveries.timeline(id),
      markRepeat: (id, repeated) => parts.deliveries.markRepeat(id, repeated),
      keep: (...given) => parts.deliveries.keep(...given),
      async addToTimeline(...line) {
        if (failing) throw new Fault("store_unavailable", "throttled", { retryable: true });
        await parts.deliveries.addToTimeline(...line);
      },
    };
    const handler = parts.handlerOf((message) => actOn(message, { ...parts.deps, deliveries }));
    const batch = { Records: [queueMessage("m0", parts.body)] };
    const dueAt = parts.clock.now();
    expect((await handler(batch)).batchItemFailures).toHaveLength(1);
    failing = false;
    parts.clock.advance(30_000);
    expect((await handler(batch)).batchItemFailures).toEqual([]);
    expect(script.contexts).toHaveLength(1);
    const timeline = await parts.deliveries.timeline(parts.delivery.id);
    expect(timeline).toMatchObject([{ kind: "scheduled", at: dueAt }, { kind: "attempt" }]);
  });

  it("a message is hidden for the wait that the target asked for, and for the rest of it if it arrives early", async () => {
    const script = scripted([{ ...RETRY, afterSeconds: 40 }, DONE]);
    const parts = await actFunction(routeOf(script.run));
    expect(await parts.hand(parts.body)).toEqual(["m0"]);
    parts.clock.advance(15_500);
    expect(await parts.hand(parts.body)).toEqual(["m0"]);
    parts.clock.advance(24_500);
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(hidings()).toEqual(
      [40, 25].map((VisibilityTimeout) => ({
        QueueUrl: account.environment.QUEUE_URL,
        ReceiptHandle: "receipt-of-m0",
        VisibilityTimeout,
      })),
    );
    expect(script.contexts).toHaveLength(2);
  });

  it("a message is hidden for no longer than SQS allows, whatever the target asks for", async () => {
    const parts = await actFunction(routeOf(scripted([{ ...RETRY, afterSeconds: 86_400 }]).run));
    expect(await parts.hand(parts.body)).toEqual(["m0"]);
    expect(hidings()).toMatchObject([{ VisibilityTimeout: 42_300 }]);
  });

  it("the message of a short wait is hidden, and that of a long one leaves the queue until the sweep sends it", async () => {
    const script = scripted([WAIT, LONG_WAIT, DONE]);
    const parts = await actFunction(routeOf(script.run));
    expect(await parts.hand(parts.body)).toEqual(["m0"]);
    expect(hidings()).toMatchObject([{ VisibilityTimeout: 40 }]);
    expect(await parts.sweep()).toEqual([]);
    parts.clock.advance(40_000);
    expect(await parts.hand(parts.body)).toEqual([]);
    parts.clock.advance(299_000);
    expect(await parts.sweep()).toEqual([]);
    // A copy of the message is not needed either.
    parts.clock.advance(-100_000);
    expect(await parts.hand(parts.body)).toEqual([]);
    parts.clock.advance(101_000);
    expect(await parts.sweep()).toEqual([parts.body]);
    expect(await parts.sweep()).toEqual([]);
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(script.contexts).toHaveLength(3);
    expect(sendings()).toEqual([]);
    expect(await parts.actions.state(ACTION_ID)).toBe("done");
  });

  it("a message that was received often is not hidden for a short wait: it would become a dead letter", async () => {
    const script = scripted([WAIT, DONE]);
    const parts = await actFunction(routeOf(script.run));
    const often = queueMessage("m0", parts.body, RECEIVES_FOR_WAITS + 1);
    expect(await parts.handler({ Records: [often] })).toEqual({ batchItemFailures: [] });
    expect(hidings()).toEqual([]);
    parts.clock.advance(40_000);
    expect(await parts.sweep()).toEqual([parts.body]);
  });

  it.each([
    ["before it sends", true],
    ["after it sent", false],
  ])("a sweep that fails %s sends the message again, and the action runs once", async (_, isBefore) => {
    const script = scripted([LONG_WAIT, DONE]);
    const parts = await actFunction(routeOf(script.run));
    expect(await parts.hand(parts.body)).toEqual([]);
    parts.clock.advance(300_000);
    const sentBodies: string[] = [];
    const failing = (body: string) => {
      if (!isBefore) sentBodies.push(body);
      throw new Error("killed");
    };
    expect(await parts.sweep(failing)).toEqual([]);
    sentBodies.push(...(await parts.sweep()));
    expect(sentBodies).toEqual(isBefore ? [parts.body] : [parts.body, parts.body]);
    expect(await parts.sweep()).toEqual([]);
    // The second one is hidden while the first one runs.
    await parts.hand(...sentBodies);
    expect(await parts.hand(...sentBodies)).toEqual([]);
    expect(script.contexts).toHaveLength(2);
  });

  it("an action that waits again while the sweep sends its message stays in the index", async () => {
    const script = scripted([LONG_WAIT, LONG_WAIT, DONE]);
    const parts = await actFunction(routeOf(script.run));
    await parts.hand(parts.body);
    parts.clock.advance(300_000);
    // The message is received before the sweep has taken the action out of the index.
    expect(await parts.sweep((body) => parts.hand(body))).toEqual([parts.body]);
    expect(script.contexts).toHaveLength(2);
    parts.clock.advance(300_000);
    expect(await parts.sweep()).toEqual([parts.body]);
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(await parts.actions.state(ACTION_ID)).toBe("done");
  });

  it("an action is woken once for all: its message runs it before it was due", async () => {
    const script = scripted([LONG_WAIT, DONE]);
    const parts = await actFunction(routeOf(script.run));
    await parts.hand(parts.body);
    const woken: string[] = [];
    const deps = { ...parts, woken: async ({ route }: { readonly route: string }) => void woken.push(route) };
    expect([await wakeAction(ACTION_ID, deps), await wakeAction(ACTION_ID, deps)]).toEqual([true, true]);
    expect(woken).toEqual(["docs", "docs"]);
    // The process that woke it may have been killed before it sent the message.
    expect(await parts.sweep()).toEqual([parts.body]);
    // The second one is hidden while the first one runs.
    await parts.hand(parts.body, parts.body);
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(script.contexts).toHaveLength(2);
  });

  it("an action that runs, or is tried again, has no entry in the index `due`", async () => {
    const script = scripted([RETRY, DONE]);
    const parts = await actFunction(routeOf(script.run));
    const isIndexed = async () => (await parts.database.table.get({ pk: ACTION_ID, sk: "head" }))?.["queue"];
    expect(await parts.hand(parts.body)).toEqual(["m0"]);
    expect(await isIndexed()).toBeUndefined();
    parts.clock.advance(60_000);
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(await isIndexed()).toBeUndefined();
  });

  it("an action that an earlier release left in the index is sent once, and runs", async () => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    const { id: delivery } = parts.delivery;
    const { eventKey } = entryFor(parts.delivery).detail;
    const earlier = openStores(parts.database.table, { retentionDays: 30, markUnrelayed: true, clock: parts.clock });
    const about = { id: ACTION_ID, route: "docs", action: "tekton", target: "ci", eventKey, delivery };
    await earlier.actions.schedule(about, parts.clock.now());
    // Any action that waits lists its target.
    const other = { ...sampleDelivery(7), id: "d-other" };
    await parts.deliveries.record(other);
    await parts.actions.schedule({ ...about, id: "a-other", delivery: "d-other" }, parts.clock.now());
    const claim = await parts.actions.claim("a-other", parts.clock.now(), laterBy(parts.clock.now(), 1));
    if (claim) await parts.actions.defer(claim, parts.clock.now(), laterBy(parts.clock.now(), 9_000));
    expect(await parts.sweep()).toEqual([parts.body]);
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(script.contexts).toHaveLength(1);
  });

  it("an action that waits since an earlier release and has lost its message runs after what it waits for is decided", async () => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    const { id: delivery } = parts.delivery;
    const { eventKey } = entryFor(parts.delivery).detail;
    const earlier = openStores(parts.database.table, { retentionDays: 30, markUnrelayed: true, clock: parts.clock });
    const now = parts.clock.now();
    const about = { id: ACTION_ID, route: "docs", action: "tekton", target: "ci", eventKey, delivery };
    await earlier.actions.schedule(about, now);
    const claim = await earlier.actions.claim(ACTION_ID, now, laterBy(now, 1));
    if (claim === undefined) throw new Error("the action is due");
    await earlier.actions.defer(claim, now, laterBy(now, 86_400_000));
    expect(await parts.sweep()).toEqual([]);
    parts.clock.advance(60_000);
    await parts.actions.wake(ACTION_ID, parts.clock.now());
    expect(await parts.sweep()).toEqual([parts.body]);
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(script.contexts).toHaveLength(1);
  });

  it.each([
    ["waits", false],
    ["expects a run", true],
  ])(
    "an action that %s since an earlier release is tried again on time, although its message comes early",
    async (_, expects) => {
      const script = scripted([DONE]);
      const parts = await actFunction(routeOf(script.run, expects ? { runsReportedBy: "cluster" } : {}));
      const { id: delivery } = parts.delivery;
      const { eventKey } = entryFor(parts.delivery).detail;
      // It had an entry for each unfinished action, and no list of targets.
      const earlier = openStores(parts.database.table, { retentionDays: 30, markUnrelayed: true, clock: parts.clock });
      const about = { id: ACTION_ID, route: "docs", action: "tekton", target: "ci", eventKey, delivery };
      const now = parts.clock.now();
      const nextAt = laterBy(now, 3_600_000);
      await earlier.actions.schedule(about, now);
      const claim = await earlier.actions.claim(ACTION_ID, now, laterBy(now, 1));
      if (claim === undefined) throw new Error("the action is due");
      if (expects) await earlier.actions.expectRun(claim, now, { at: nextAt, next: "repeat", accepted: {} });
      else await earlier.actions.defer(claim, now, nextAt);
      parts.clock.advance(900_000);
      // Two copies, and a later one: none is needed.
      expect(await parts.hand(parts.body, parts.body)).toEqual([]);
      expect(await parts.hand(parts.body)).toEqual([]);
      parts.clock.advance(2_699_000);
      expect(await parts.sweep()).toEqual([]);
      parts.clock.advance(1_000);
      expect(await parts.sweep()).toEqual([parts.body]);
      expect(await parts.sweep()).toEqual([]);
      expect(await parts.hand(parts.body)).toEqual([]);
      expect(script.contexts).toHaveLength(1);
    },
  );

  it("an action that expects a run has its message sent for its next step, and none after the run's report", async () => {
    const expectation = { withinMs: 120_000, isRepeatable: true, eventId: "id-1", namespace: "ci" };
    const script = scripted([{ outcome: "expect_run", summary: "accepted", expectation }]);
    const parts = await actFunction(routeOf(script.run, { runsReportedBy: "cluster" }));
    expect(await parts.hand(parts.body)).toEqual([]);
    parts.clock.advance(60_000);
    expect(await parts.sweep()).toEqual([]);
    // A message that comes too early, or twice, is not needed.
    expect(await parts.hand(parts.body)).toEqual([]);
    parts.clock.advance(60_000);
    expect(await parts.sweep()).toEqual([parts.body]);
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(script.contexts.map(({ attempt }) => attempt)).toEqual([1, 2]);
    await parts.actions.reportRun(ACTION_ID, { at: parts.clock.now(), by: "d-run" });
    parts.clock.advance(300_000);
    expect(await parts.sweep()).toEqual([]);
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(script.contexts).toHaveLength(2);
    expect(hidings()).toEqual([]);
    expect(await parts.actions.state(ACTION_ID)).toBe("done");
  });

  it("the message of a run that never comes leaves the queue at the end, and is no dead letter", async () => {
    const expectation = { withinMs: 120_000, isRepeatable: false };
    const script = scripted([{ outcome: "expect_run", summary: "accepted", expectation }]);
    const parts = await actFunction(routeOf(script.run, { runsReportedBy: "cluster" }));
    expect(await parts.hand(parts.body)).toEqual([]);
    parts.clock.advance(1_199_999);
    expect(await parts.sweep()).toEqual([]);
    parts.clock.advance(1);
    expect(await parts.hand(...(await parts.sweep()))).toEqual([]);
    expect(sendings()).toEqual([]);
    expect(script.contexts).toHaveLength(1);
    expect(await parts.actions.state(ACTION_ID)).toBe("accepted_without_run");
  });

  it("the message of a paused target leaves the queue, and the sweep sends it after the resume as the first attempt", async () => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    const by = namedPrincipal({ issuer: "https://idp.test", subject: "kim" });
    await pauseTarget("ci", { by, reason: "upgrade" }, parts);
    expect(await parts.hand(parts.body)).toEqual([]);
    account.calls.length = 0;
    for (let minutes = 0; minutes < 40; minutes++) {
      expect(await parts.sweep()).toEqual([]);
      parts.clock.advance(60_000);
    }
    expect(account.calls).toEqual([]);
    const item = await parts.database.table.get({ pk: ACTION_ID, sk: "head" });
    expect(item).toMatchObject({ attempt: 1, waits: 1 });
    const waiting = (await parts.deliveries.timeline(parts.delivery.id)).filter(({ kind }) => kind === "waiting");
    expect(waiting).toMatchObject([{ summary: expect.stringMatching(/^target ci paused by kim since .*: upgrade$/) }]);
    await resumeTarget("ci", parts);
    expect(await parts.hand(...(await parts.sweep()))).toEqual([]);
    expect(await parts.attempts(parts.delivery.id)).toMatchObject([{ attempt: 1, outcome: "done" }]);
  });

  it("a pause that lasts longer than records are kept loses no action: each is claimed twice a day, and runs afterwards", async () => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    const expiresAt = async (pk: string): Promise<number> =>
      Number((await parts.database.table.get({ pk, sk: "head" }))?.["expiresAt"] ?? 0);
    const by = namedPrincipal({ issuer: "https://idp.test", subject: "kim" });
    await pauseTarget("ci", { by, reason: "upgrade" }, parts);
    expect(await parts.hand(parts.body)).toEqual([]);
    let claims = 0;
    for (let hours = 1; hours <= 40 * 24; hours++) {
      parts.clock.advance(3_600_000);
      const bodies = await parts.sweep();
      claims += bodies.length;
      expect(await parts.hand(...bodies)).toEqual([]);
      // The next sweeps of the hour find it claimed.
      if (bodies.length > 0) expect(await parts.sweep()).toEqual([]);
    }
    expect(claims).toBe(80);
    for (const id of [ACTION_ID, parts.delivery.id]) {
      expect(await expiresAt(id)).toBeGreaterThan(parts.clock.now() / 1_000 + 86_400);
    }
    expect((await parts.deliveries.timeline(parts.delivery.id)).filter(({ kind }) => kind === "waiting")).toHaveLength(
      1,
    );
    await resumeTarget("ci", parts);
    expect(await parts.hand(...(await parts.sweep()))).toEqual([]);
    expect(script.contexts.map(({ attempt }) => attempt)).toEqual([1]);
  });

  it("a message reads the state of its target once for each attempt, while it works, while it is paused and afterwards", async () => {
    const script = scripted([RETRY]);
    const parts = await actFunction(routeOf(script.run));
    let reads = 0;
    const admit: ActDeps["targetGate"]["admit"] = (target) => {
      reads += 1;
      return parts.deps.targetGate.admit(target);
    };
    const targetGate = withMethods(parts.deps.targetGate, { admit });
    const handler = parts.handlerOf((message) => actOn(message, { ...parts.deps, targetGate }));
    const readsOf = async (): Promise<number> => {
      reads = 0;
      await handler({ Records: [queueMessage("m0", parts.body)] });
      parts.clock.advance(60_000);
      return reads;
    };
    const by = namedPrincipal({ issuer: "https://idp.test", subject: "kim" });
    expect(await readsOf()).toBe(1);
    await pauseTarget("ci", { by, reason: "upgrade" }, parts);
    expect([await readsOf(), await readsOf()]).toEqual([1, 1]);
    expect(script.contexts).toHaveLength(1);
    await resumeTarget("ci", parts);
    expect([await readsOf(), await readsOf(), await readsOf()]).toEqual([1, 1, 1]);
    expect(script.contexts).toHaveLength(4);
  });

  it("an outage uses up no receives, and the sweep sends one action at a time to a target that is probed", async () => {
    const script = scripted([RETRY]);
    const parts = await actFunction(routeOf(script.run));
    for (let failures = 0; failures < 4; failures++) {
      expect(await parts.hand(parts.body)).toEqual(["m0"]);
      parts.clock.advance(60_000);
    }
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(await parts.actions.state(ACTION_ID)).toBe("gave_up");
    account.calls.length = 0;
    const others = [7, 8, 9].map((n) => ({ ...sampleDelivery(n), id: `d-other-${n}` }));
    for (const other of others) {
      await parts.deliveries.record(other);
      // The breaker is open, so they wait without an attempt.
      expect(await parts.hand(bodyOf("docs", entryFor(other)))).toEqual([]);
    }
    expect(await parts.sweep()).toEqual([]);
    const attemptsBefore = script.contexts.length;
    let hidden: readonly string[] = [];
    for (let probes = 0; probes < 40; probes++) {
      parts.clock.advance(301_000);
      const swept = await parts.sweep();
      expect(swept).toHaveLength(1);
      const bodies = [...hidden, ...swept];
      const left = await parts.hand(...bodies);
      hidden = bodies.filter((_body, at) => left.includes(`m${at}`));
    }
    expect(script.contexts.length - attemptsBefore).toBe(40);
    // Only the first probes follow each other within two minutes.
    expect(hidings().length).toBeLessThan(RECEIVES_FOR_WAITS);
    expect([hidden, sendings()]).toEqual([[], []]);
    const states = await Promise.all(
      others.map((other) => parts.actions.state(actionIdOf("docs", entryFor(other).detail.eventKey))),
    );
    expect(states).toEqual(["due", "due", "due"]);
  });

  it("a message whose action is leased to another owner is hidden until that lease ends", async () => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    const { eventKey } = entryFor(parts.delivery).detail;
    const action = {
      id: ACTION_ID,
      route: "docs",
      action: "tekton",
      target: "ci",
      eventKey,
      delivery: parts.delivery.id,
    };
    await parts.actions.schedule(action, parts.clock.now());
    const lease = leaseMs(parts.deps.routes);
    await parts.actions.claim(ACTION_ID, parts.clock.now(), laterBy(parts.clock.now(), lease));
    expect(await parts.hand(parts.body)).toEqual(["m0"]);
    expect(hidings()).toMatchObject([{ VisibilityTimeout: lease / 1_000 }]);
    parts.clock.advance(lease);
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(script.contexts).toHaveLength(1);
  });

  it("the message of a given-up action goes to the dead letters with the reason, before it leaves the queue", async () => {
    const parts = await actFunction(routeOf(scripted([GIVE_UP]).run));
    account.answers.set("AmazonSQS.SendMessage", () => ({ error: "InternalException" }));
    expect(await parts.hand(parts.body)).toEqual(["m0"]);
    account.calls.length = 0;
    account.answers.set("AmazonSQS.SendMessage", ({ MessageBody = "" }) => sent(MessageBody));
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(sendings()).toMatchObject([
      { QueueUrl: account.environment.DEAD_LETTER_QUEUE_URL, MessageBody: parts.body },
    ]);
  });

  it("the reason in a dead letter has only characters that SQS accepts", async () => {
    const parts = await actFunction(routeOf(scripted([GIVE_UP]).run));
    expect(await parts.hand(parts.body)).toEqual([]);
    const [{ MessageAttributes } = {}] = sendings();
    expect(MessageAttributes?.["reason"]?.StringValue).toBe("the listener rejects it \uFFFD\uFFFD");
  });

  it.each([
    ["that is not JSON", "push!"],
    ["of another shape", '{"route":"docs","entry":{"detail":{"eventKey":7}}}'],
  ])("a message %s goes to the dead letters at once, and delays no other", async (_, body) => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    expect(await parts.hand(body, parts.body)).toEqual([]);
    expect(sendings()).toMatchObject([{ MessageBody: body }]);
    expect(script.contexts).toHaveLength(1);
  });

  it.each([
    ["names a delivery that nobody recorded", "the delivery's record is gone", { delivery: "d-unknown" }],
    ["names an event that the record does not have", "the delivery's record has no such event", { id: "d-1.2" }],
    ["names a record of another kind", "the delivery's record is gone", { delivery: ACTION_ID }],
  ])("a message that %s goes to the dead letters at once", async (_, reason, changes) => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    expect(await parts.hand(parts.body)).toEqual([]);
    const entry = { detail: { id: parts.delivery.id, delivery: parts.delivery.id, ...changes } };
    expect(await parts.hand(JSON.stringify({ route: "docs", entry }))).toEqual([]);
    expect(sendings().map(({ MessageAttributes }) => MessageAttributes?.["reason"]?.StringValue)).toEqual([reason]);
    expect(script.contexts).toHaveLength(1);
  });

  it("a refused message is a warning, with its reason as a metric", async () => {
    const parts = await actFunction(routeOf(scripted([DONE]).run, { matches: () => false }));
    const lines: string[] = [];
    const output = vi.spyOn(process.stdout, "write").mockImplementation((line) => lines.push(String(line)) > 0);
    const handler = parts.handlerOf(parts.run, awsLog("act-tekton", account.environment, parts.clock));
    await handler({ Records: [queueMessage("m0", parts.body)] });
    output.mockRestore();
    const { id: event } = parts.delivery;
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: "warn", messageId: "m0", route: "docs", event, reason: "route_mismatch", refusedMessages: 1 },
    ]);
  });

  it("a message about an event of the bridge itself goes to the dead letters", async () => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    const { actor, page } = parts.delivery.events[0];
    await parts.ownAccounts.record({ site: page.site, account: actor?.id ?? "" }, laterBy(parts.clock.now(), 60_000));
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(sendings()).toHaveLength(1);
    expect(script.contexts).toEqual([]);
  });

  it("an action that waits runs although its route's pattern has changed meanwhile, and no later event does", async () => {
    const script = scripted([WAIT, DONE]);
    let isMatching = true;
    const parts = await actFunction(routeOf(script.run, { matches: () => isMatching }));
    const later = sampleDelivery(2);
    await parts.deliveries.record(later);
    expect(await parts.hand(parts.body)).toEqual(["m0"]);
    isMatching = false;
    parts.clock.advance(40_000);
    expect(await parts.hand(parts.body, bodyOf("docs", entryFor(later)))).toEqual([]);
    expect(script.contexts).toHaveLength(2);
    expect(await parts.actions.state(actionIdOf("docs", entryFor(later).detail.eventKey))).toBeUndefined();
  });

  it("a message of an earlier release, which contains the whole event, runs its action with the recorded event", async () => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    const entry = entryFor(parts.delivery);
    const changed = { ...entry, detail: { ...entry.detail, eventKey: "e-forged", replay: { routes: ["docs"] } } };
    expect(await parts.hand(JSON.stringify({ route: "docs", entry: changed }))).toEqual([]);
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(script.contexts.map(({ busEvent }) => busEvent)).toEqual([entry]);
  });

  it("a message of an unknown route is retried each minute, and runs once a deployment has added the route", async () => {
    const script = scripted([DONE]);
    const parts = await actFunction(routeOf(script.run));
    const before = { ...parts.deps, routes: [] };
    const handler = parts.handlerOf((message) => actOn(message, before));
    const batch = { Records: [queueMessage("m0", parts.body)] };
    expect((await handler(batch)).batchItemFailures).toEqual([{ itemIdentifier: "m0" }]);
    expect(hidings()).toMatchObject([{ VisibilityTimeout: 60 }]);
    expect(sendings()).toEqual([]);
    parts.clock.advance(60_000);
    expect(await parts.hand(parts.body)).toEqual([]);
    expect(script.contexts).toHaveLength(1);
  });

  it("a message of an unknown route is given up after a quarter of an hour", async () => {
    const parts = await actFunction(routeOf(scripted([DONE]).run));
    const body = bodyOf("gone", entryFor(parts.delivery));
    parts.clock.advance(899_999);
    expect(await parts.hand(body)).toEqual(["m0"]);
    parts.clock.advance(1);
    expect(await parts.hand(body)).toEqual([]);
    const [{ MessageAttributes } = {}] = sendings();
    expect(MessageAttributes?.["reason"]?.StringValue).toBe("the route is no longer configured");
  });

  it("the sweep sends an action whose kind has no queue any more to another one, which gives it up or runs it", async () => {
    const parts = await actFunction(routeOf(scripted([LONG_WAIT]).run));
    await parts.hand(parts.body);
    const action = await parts.actions.status(ACTION_ID);
    if (action === undefined) throw new Error("the action waits");
    const { QUEUE_URL, DEAD_LETTER_QUEUE_URL } = account.environment;
    const [own, other] = [`${action.action}=${QUEUE_URL}`, `webhook=${DEAD_LETTER_QUEUE_URL}`];
    await sendDueAction(action, `${other} ${own}`);
    await sendDueAction(action, other);
    expect(sendings().map(({ QueueUrl }) => QueueUrl)).toEqual([QUEUE_URL, DEAD_LETTER_QUEUE_URL]);
    await expect(sendDueAction(action, undefined)).rejects.toThrow("no queue");
  });

  it("an action that waits is given up if its route stays away for a quarter of an hour, and not by a short mistake", async () => {
    const script = scripted([LONG_WAIT, DONE]);
    const parts = await actFunction(routeOf(script.run));
    expect(await parts.hand(parts.body)).toEqual([]);
    parts.clock.advance(3_600_000);
    const [woken = ""] = await parts.sweep();
    const withoutRoutes = (startedAt: number) => {
      const missingMs = () => parts.clock.now() - startedAt;
      const handler = parts.handlerOf((message) => actOn(message, { ...parts.deps, routes: [], missingMs }));
      return async () => (await handler({ Records: [queueMessage("m0", woken)] })).batchItemFailures.length;
    };
    // The message is an hour old, and a process of a bad deployment has just started.
    expect(await withoutRoutes(parts.clock.now())()).toBe(1);
    expect(await parts.actions.status(ACTION_ID)).toMatchObject({ state: "due" });
    const hand = withoutRoutes(parts.clock.now());
    parts.clock.advance(899_999);
    expect(await hand()).toBe(1);
    parts.clock.advance(1);
    expect(await hand()).toBe(0);
    expect(await parts.actions.status(ACTION_ID)).toMatchObject({ state: "gave_up" });
    const [{ MessageAttributes } = {}] = sendings();
    expect(MessageAttributes?.["reason"]?.StringValue).toBe("the route is no longer configured");
    // Once more, after a crash before the message was deleted.
    expect(await hand()).toBe(0);
    expect(await parts.sweep()).toEqual([]);
    expect(script.contexts).toHaveLength(1);
  });

  it("a message stays in the queue if the table is gone, and the rest of its batch does not", async () => {
    const parts = await actFunction(routeOf(scripted([DONE]).run));
    const other = sampleDelivery(2);
    await parts.deliveries.record(other);
    const handler = parts.handlerOf((message) =>
      message.delivery === other.id ? Promise.reject(new Error("gone")) : parts.run(message),
    );
    const Records = [parts.body, bodyOf("docs", entryFor(other))].map((body, at) => queueMessage(`m${at}`, body));
    expect(await handler({ Records })).toEqual({ batchItemFailures: [{ itemIdentifier: "m1" }] });
    expect(account.calls).toEqual([]);
  });
});

const outcomes = fc.constantFrom<ActionOutcome>(DONE, RETRY, WAIT, LONG_WAIT, { ...RETRY, afterSeconds: 90 }, GIVE_UP);
/** For each event: the outcomes of its attempts, and its messages, each from one of two deliveries. */
const events = fc.array(
  fc.record({
    outcomes: fc.array(outcomes, { minLength: 1, maxLength: 7 }),
    messages: fc.array(fc.nat({ max: 1 }), { minLength: 1, maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 4 },
);

const FAR = epochMillis(Number.MAX_SAFE_INTEGER);
/** The sweep runs once a minute. */
const SWEEP_MS = 60_000;

describe("any messages and any outcomes of targets", () => {
  it("every action ends as done or in the dead letters, and no message stays", async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(events, fc.integer({ min: 1, max: 5 }), async (reported, batchSize) => {
        runs += 1;
        const left = new Map(
          reported.map((one, at) => [sampleDelivery(runs * 100 + at).events[0].page.version, [...one.outcomes]]),
        );
        const run: Route["run"] = async ({ busEvent }) => {
          const version = "page" in busEvent.detail ? busEvent.detail.page.version : undefined;
          return left.get(version)?.shift() ?? DONE;
        };
        const parts = await actFunction(routeOf(run));
        const queue = new SandboxQueue(account, parts.clock);
        const dead: string[] = [];
        let again = 0;
        account.answers.set("AmazonSQS.SendMessage", ({ MessageBody = "" }) => {
          dead.push(MessageBody);
          return sent(MessageBody);
        });
        for (const [at, { messages }] of reported.entries()) {
          for (const [n, source] of messages.entries()) {
            const first = sampleDelivery(runs * 100 + at);
            const delivery = source === 0 ? first : { ...first, id: `d-other-${runs}-${at}` };
            await parts.deliveries.record(delivery);
            queue.put(`m${at}-${n}`, bodyOf("docs", entryFor(delivery)));
          }
        }
        const waiting = () => collect(parts.actions.dueBetween("ci", epochMillis(0), FAR), ({ dueAt }) => dueAt);
        for (let round = 0, lastAt = 0; ; round++) {
          if (round > 200) throw new Error("a message stays");
          const nextAt = [queue.nextAt ?? FAR, ...(await waiting())].sort((a, b) => a - b)[0] ?? FAR;
          if (nextAt === FAR) break;
          // What is due at a target that is held stays due: the sweep looks again a minute later.
          const now = parts.clock.now();
          parts.clock.advance(nextAt <= now && now === lastAt ? SWEEP_MS : Math.max(0, nextAt - now));
          lastAt = parts.clock.now();
          for (const body of await parts.sweep()) queue.put(`again-${++again}`, body);
          await queue.deliver(parts.handler, batchSize);
        }
        for (const at of reported.keys()) {
          const { eventKey } = entryFor(sampleDelivery(runs * 100 + at)).detail;
          const state = await parts.actions.state(actionIdOf("docs", eventKey));
          expect(state).toMatch(/^(done|gave_up)$/);
          const ids = [sampleDelivery(runs * 100 + at).id, `d-other-${runs}-${at}`];
          expect(dead.some((body) => ids.includes(JSON.parse(body).entry.detail.delivery))).toBe(state === "gave_up");
        }
        await parts.stop();
      }),
      { numRuns: 30 },
    );
  });
});
