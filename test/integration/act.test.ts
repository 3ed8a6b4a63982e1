import { afterEach, describe, expect, it } from "vitest";
import type { Bus } from "../../shared/bus/bus.ts";
import { act, leaseMs } from "../../shared/delivery/act.ts";
import { Paused } from "../../shared/delivery/paused.ts";
import { relay, sweep } from "../../shared/delivery/relay.ts";
import { laterBy } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import { actionIdOf } from "../../shared/model/idempotency-keys.ts";
import type { Route } from "../../shared/routes/route.ts";
import type { Outbox } from "../../shared/store/deliveries.ts";
import { bridgeParts, routeOf, scripted } from "../support/bridge-parts.ts";
import { withMethods } from "../support/memory-stores.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";

const DONE: ActionOutcome = { outcome: "done", summary: "accepted by the listener" };
const ACTION_ID = actionIdOf("docs", busEventOf(sampleDelivery())?.detail.eventKey ?? "");
const RETRY: ActionOutcome = { outcome: "retry", summary: "no connection" };

let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

/** A bridge with this one route, and the first sample delivery recorded and relayed. */
async function withDelivery(route: Route) {
  const parts = await bridgeParts([route]);
  stop = parts.stop;
  const delivery = sampleDelivery();
  await parts.deliveries.record(delivery);
  await relay(delivery, { ...parts, outbox: parts.deliveries, log: silentLog });
  return { ...parts, delivery };
}

describe("an action", () => {
  it("an action runs once, however often it is relayed and claimed", async () => {
    const script = scripted([DONE]);
    const parts = await withDelivery(routeOf(script.run));
    await relay(parts.delivery, { ...parts, outbox: parts.deliveries, log: silentLog });
    const [id = ""] = await parts.actions.due("ci", parts.clock.now(), 10);
    await Promise.all(Array.from({ length: 20 }, () => act(id, parts.deps)));
    await parts.runDue();
    expect(script.contexts).toHaveLength(1);
    expect(script.contexts[0]?.busEvent).toEqual(busEventOf(parts.delivery));
    expect(parts.nudged).toEqual(["ci"]);
    expect(await parts.attempts(parts.delivery.id)).toMatchObject([{ attempt: 1, ...DONE }]);
  });

  it("an action runs once for an event that two deliveries report, and the second one's timeline says so", async () => {
    const script = scripted([DONE]);
    const parts = await withDelivery(routeOf(script.run));
    const repeated = { ...sampleDelivery(1), id: "d-reported-again" };
    await parts.deliveries.record(repeated);
    await relay(repeated, { ...parts, outbox: parts.deliveries, log: silentLog });
    await parts.runDue();
    expect(script.contexts).toHaveLength(1);
    expect(await parts.deliveries.timeline("d-reported-again")).toMatchObject([
      { kind: "already_scheduled", route: "docs", by: parts.delivery.id },
    ]);
  });

  it("an action is due again after the wait that the target asked for, and not before", async () => {
    const script = scripted([{ ...RETRY, afterSeconds: 40 }, DONE]);
    const parts = await withDelivery(routeOf(script.run));
    await parts.runDue();
    parts.clock.advance(39_999);
    expect(await parts.runDue()).toBe(0);
    parts.clock.advance(1);
    await parts.runDue();
    expect(await parts.attempts(parts.delivery.id)).toMatchObject([
      { attempt: 1, outcome: "retry", nextAt: laterBy(parts.delivery.receivedAt, 39_999) },
      { attempt: 2, outcome: "done" },
    ]);
  });

  it("an action is given up after the last attempt, and the timeline says why", async () => {
    const script = scripted([RETRY]);
    const parts = await withDelivery(routeOf(script.run));
    for (let round = 0; round < 8; round++) {
      await parts.runDue();
      parts.clock.advance(60_000);
    }
    const attempts = await parts.attempts(parts.delivery.id);
    expect(attempts.map(({ outcome }) => outcome)).toEqual(["retry", "retry", "retry", "retry", "give_up"]);
    expect(attempts[4]?.summary).toBe("given up after 5 attempts: no connection");
    expect(await parts.actions.state(ACTION_ID)).toBe("gave_up");
  });

  it("a waiting action runs as often as needed, with one timeline event and no attempt counted", async () => {
    const wait: ActionOutcome = { outcome: "wait", summary: "not its turn", afterSeconds: 20 };
    const script = scripted([...Array.from({ length: 30 }, () => wait), RETRY, wait, DONE]);
    const parts = await withDelivery(routeOf(script.run));
    const firstRunAt = parts.clock.now();
    while ((await parts.actions.state(ACTION_ID)) === "due") {
      await parts.runDue();
      parts.clock.advance(20_000);
    }
    expect(script.contexts.map(({ attempt }) => attempt)).toEqual([...Array.from({ length: 31 }, () => 1), 2, 2]);
    expect(await parts.deliveries.timeline(parts.delivery.id)).toMatchObject([
      { kind: "scheduled" },
      { kind: "waiting", route: "docs", action: "tekton", summary: "not its turn", at: firstRunAt },
      { kind: "attempt", attempt: 1, outcome: "retry" },
      { kind: "attempt", attempt: 2, outcome: "done" },
    ]);
  });

  it("a long wait replaces a preceding short one in the timeline, with the time at which it began", async () => {
    const short: ActionOutcome = { outcome: "wait", summary: "not its turn", afterSeconds: 20 };
    const long: ActionOutcome = { outcome: "wait", summary: "someone has to act", afterSeconds: 20, isLong: true };
    const parts = await withDelivery(routeOf(scripted([short, long, long, short, long, DONE]).run));
    const firstRunAt = parts.clock.now();
    while ((await parts.actions.state(ACTION_ID)) === "due") {
      await parts.runDue();
      parts.clock.advance(20_000);
    }
    expect(await parts.deliveries.timeline(parts.delivery.id)).toMatchObject([
      { kind: "scheduled" },
      { kind: "waiting", summary: "someone has to act", at: laterBy(firstRunAt, 20_000) },
      { kind: "attempt", attempt: 1, outcome: "done" },
    ]);
  });

  it("a waiting action runs again when it asked to, and after an hour at the latest", async () => {
    const waits = [0.25, 86_400].map(
      (afterSeconds) => ({ outcome: "wait", summary: "not yet", afterSeconds }) as const,
    );
    const parts = await withDelivery(routeOf(scripted([...waits, DONE]).run));
    expect(await act(ACTION_ID, parts.deps)).toEqual({ result: "waits", at: laterBy(parts.clock.now(), 250) });
    parts.clock.advance(250);
    expect(await act(ACTION_ID, parts.deps)).toEqual({ result: "waits", at: laterBy(parts.clock.now(), 3_600_000) });
    parts.clock.advance(3_600_000);
    expect(await act(ACTION_ID, parts.deps)).toEqual({ result: "finished" });
  });

  it("an action is retried after a retryable fault and given up after another, with the reason but no cause", async () => {
    const faults = [
      new Fault("target_unreachable", "listener.example.test: no connection", {
        retryable: true,
        retryAfterSeconds: 7,
      }),
      new Fault("target_answer_too_large", "too long", { retryable: false }),
    ];
    const parts = await withDelivery(routeOf(scripted(faults).run));
    await parts.runDue();
    parts.clock.advance(7_000);
    await parts.runDue();
    expect(await parts.attempts(parts.delivery.id)).toMatchObject([
      { outcome: "retry", summary: "target_unreachable: listener.example.test: no connection" },
      { outcome: "give_up", summary: "target_answer_too_large: too long" },
    ]);
  });

  it("an action that throws an unexpected error is retried, and nothing of the error's text is stored", async () => {
    const parts = await withDelivery(routeOf(scripted([new TypeError("canary-value"), DONE]).run));
    await parts.runDue();
    parts.clock.advance(60_000);
    await parts.runDue();
    const attempts = await parts.attempts(parts.delivery.id);
    expect(attempts).toMatchObject([{ outcome: "retry", unknownOutcome: true }, { outcome: "done" }]);
    expect(JSON.stringify(attempts)).not.toContain("canary-value");
  });

  it("the timeline says that an attempt was interrupted if its owner vanished", async () => {
    const parts = await withDelivery(routeOf(scripted([DONE]).run));
    await parts.actions.claim(ACTION_ID, parts.clock.now(), laterBy(parts.clock.now(), 40_000));
    parts.clock.advance(40_000);
    await parts.runDue();
    expect(await parts.attempts(parts.delivery.id)).toMatchObject([
      { attempt: 1, outcome: "retry", unknownOutcome: true, summary: expect.stringContaining("ended before") },
      { attempt: 2, outcome: "done" },
    ]);
  });

  it("an attempt whose process crashed after writing its timeline event keeps that event", async () => {
    const parts = await withDelivery(routeOf(scripted([DONE]).run));
    const complete = () => Promise.reject(new Error("killed here"));
    const actions = withMethods(parts.actions, { complete });
    await expect(act(ACTION_ID, { ...parts.deps, actions })).rejects.toThrow("killed here");
    parts.clock.advance(leaseMs(parts.deps.routes));
    await parts.runDue();
    expect(await parts.attempts(parts.delivery.id)).toMatchObject([
      { attempt: 1, outcome: "done", summary: "accepted by the listener" },
      { attempt: 2, outcome: "done" },
    ]);
  });

  it("an owner whose lease passed to another records its attempt, and does not complete the action", async () => {
    const script = scripted([DONE]);
    let parts: Awaited<ReturnType<typeof withDelivery>>;
    const slow: Route["run"] = async (context) => {
      // The clock passes the end of the lease during the work, and a second owner takes over.
      parts.clock.advance(leaseMs([{ maxAttemptMs: 10_000 }]));
      await parts.actions.claim(ACTION_ID, parts.clock.now(), laterBy(parts.clock.now(), 10_000));
      return script.run(context);
    };
    parts = await withDelivery(routeOf(slow));
    await parts.runDue();
    expect(await parts.attempts(parts.delivery.id)).toMatchObject([{ attempt: 1, outcome: "done" }]);
    expect(await parts.actions.state(ACTION_ID)).toBe("due");
  });

  it("the lease is longer than the longest attempt", () => {
    expect(leaseMs([{ maxAttemptMs: 10_000 }, { maxAttemptMs: 60_000 }])).toBeGreaterThan(60_000);
  });

  it("an action whose route is missing waits for a quarter of an hour, uses up no attempt, and is then given up", async () => {
    const parts = await withDelivery(routeOf(scripted([DONE]).run));
    const removedMs = parts.clock.monotonic();
    const without = { ...parts.deps, routes: [], missingMs: () => parts.clock.monotonic() - removedMs };
    const results: string[] = [];
    for (let looks = 0; looks < 1_000 && results.at(-1) !== "gave_up"; looks++) {
      const { result, ...rest } = await act(ACTION_ID, without);
      results.push(result);
      if ("at" in rest) parts.clock.advance(rest.at - parts.clock.now());
    }
    expect(parts.clock.monotonic() - removedMs).toBe(900_000);
    expect(results.length).toBeLessThan(25);
    expect(new Set(results.slice(0, -1))).toEqual(new Set(["waits"]));
    const timeline = await parts.deliveries.timeline(parts.delivery.id);
    expect(timeline.filter(({ kind }) => kind === "waiting")).toHaveLength(1);
    expect(await parts.attempts(parts.delivery.id)).toMatchObject([
      { attempt: 1, outcome: "give_up", summary: "the route is no longer configured" },
    ]);
  });

  it("an action whose route comes back runs within a minute, with all its attempts", async () => {
    const script = scripted([RETRY, DONE]);
    const parts = await withDelivery(routeOf(script.run));
    expect(await act(ACTION_ID, parts.deps)).toMatchObject({ result: "again" });
    parts.clock.advance(60_000);
    const without = { ...parts.deps, routes: [], missingMs: () => 300_000 };
    expect(await act(ACTION_ID, without)).toEqual({ result: "waits", at: laterBy(parts.clock.now(), 60_000) });
    parts.clock.advance(60_000);
    expect(await act(ACTION_ID, parts.deps)).toEqual({ result: "finished" });
    expect(script.contexts.map(({ attempt }) => attempt)).toEqual([1, 2]);
  });
});

describe("the relay", () => {
  it("a delivery that the bus did not accept stays in the outbox, and a later sweep publishes it", async () => {
    const parts = await bridgeParts([]);
    stop = parts.stop;
    const delivery = sampleDelivery();
    await parts.deliveries.record(delivery);
    let broken = true;
    const bus: Bus = { publish: async () => [broken ? { published: false, code: "throttled" } : { published: true }] };
    const deps = { ...parts, bus, outbox: parts.deliveries, log: silentLog };
    parts.clock.advance(3_000);
    expect(await sweep(deps, new Paused())).toBe(1);
    expect(await sweep(deps, new Paused())).toBe(0);
    broken = false;
    parts.clock.advance(5_000);
    expect(await sweep(deps, new Paused())).toBe(1);
    expect((await parts.deliveries.get(delivery.id))?.relayedAt).toBe(parts.clock.now());
    expect(await sweep(deps, new Paused())).toBe(0);
  });

  it("the matched actions are stored before the delivery leaves the outbox", async () => {
    const parts = await bridgeParts([routeOf(scripted([DONE]).run)]);
    stop = parts.stop;
    const delivery = sampleDelivery();
    await parts.deliveries.record(delivery);
    const { deliveries } = parts;
    const outbox: Outbox = {
      mark: (id, now, at) => deliveries.mark(id, now, at),
      unrelayed: (now, limit) => deliveries.unrelayed(now, limit),
      defer: (id, now, at) => deliveries.defer(id, now, at),
      correctDueTimes: (now) => deliveries.correctDueTimes(now),
      markRelayed: () => Promise.reject(new Error("killed here")),
    };
    await relay(delivery, { ...parts, outbox, log: silentLog });
    expect(await parts.actions.due("ci", parts.clock.now(), 10)).toHaveLength(1);
    parts.clock.advance(3_000);
    expect(await parts.deliveries.unrelayed(parts.clock.now(), 10)).toEqual([delivery.id]);
  });

  it("the sweep continues with the other deliveries if one fails", async () => {
    const failing = routeOf(scripted([DONE]).run, {
      matches: ({ detail }) => {
        if (detail.delivery === sampleDelivery(1).id) throw new TypeError("a mistake in a pattern");
        return true;
      },
    });
    const parts = await bridgeParts([failing]);
    stop = parts.stop;
    for (const n of [1, 2, 3]) await parts.deliveries.record(sampleDelivery(n));
    parts.clock.advance(3_000);
    await sweep({ ...parts, outbox: parts.deliveries, log: silentLog }, new Paused());
    parts.clock.advance(5_000);
    expect(await parts.deliveries.unrelayed(parts.clock.now(), 10)).toEqual([sampleDelivery(1).id]);
    expect(await parts.actions.due("ci", parts.clock.now(), 10)).toHaveLength(2);
  });
});
