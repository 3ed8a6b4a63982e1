import { afterEach, describe, expect, it } from "vitest";
import { act, attempt } from "../../shared/delivery/act.ts";
import { Lane } from "../../shared/delivery/lane.ts";
import { relay } from "../../shared/delivery/relay.ts";
import { pauseTarget, resumeTarget, TargetGate } from "../../shared/delivery/target-gate.ts";
import { laterBy, toIso } from "../../shared/host/clock.ts";
import type { Log, LogFields } from "../../shared/host/log.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import { namedPrincipal } from "../../shared/model/principal.ts";
import type { Route } from "../../shared/routes/route.ts";
import { bridgeParts, type PartsOptions, routeOf, scripted } from "../support/bridge-parts.ts";
import { sampleDelivery } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const DONE: ActionOutcome = { outcome: "done", summary: "accepted by the listener" };
const DOWN: ActionOutcome = { outcome: "retry", summary: "connection refused" };
const KIM = namedPrincipal({ issuer: "https://idp.example.com", subject: "kim", trustEntry: "people" });
const PAUSE = { by: KIM, reason: "upgrade of the cluster" };

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** A bridge with this route, and some deliveries that it matches. */
async function withDeliveries(route: Route, count: number, options: PartsOptions = {}) {
  const parts = await bridgeParts([route], options);
  stops.push(parts.stop);
  const deliver = async (at: number): Promise<string> => {
    const delivery = sampleDelivery(at);
    await parts.deliveries.record(delivery);
    await relay(delivery, { ...parts, outbox: parts.deliveries, log: silentLog });
    return delivery.id;
  };
  const ids: string[] = [];
  for (let at = 0; at < count; at++) {
    ids.push(await deliver(at));
    parts.clock.advance(1);
  }
  const waits = async (id: string): Promise<readonly string[]> =>
    (await parts.deliveries.timeline(id)).flatMap((line) => (line.kind === "waiting" ? [line.summary] : []));
  return { ...parts, ids, deliver, waits };
}

type Parts = Awaited<ReturnType<typeof withDeliveries>>;

/** A lane of the target `ci`, as a new process has it. `claims` counts the attempts that it makes. */
function laneOf({ actions, clock, deps }: Parts) {
  const lane = { claims: 0 };
  const one = new Lane("ci", {
    actions,
    accessTo: (target) => deps.targetGate.accessTo(target),
    clock,
    log: silentLog,
    attempt: (id) => {
      lane.claims += 1;
      return attempt(id, deps);
    },
  });
  stops.push(() => one.stop());
  return Object.assign(lane, { nudge: () => one.nudge(), stop: () => one.stop(), waiting: () => one.waiting() });
}

describe("a paused target", () => {
  it("no action runs until the target is resumed, also after a restart, and then all run, the oldest first", async () => {
    const script = scripted([DONE]);
    const parts = await withDeliveries(routeOf(script.run), 20);
    const since = parts.clock.now();
    await pauseTarget("ci", PAUSE, parts);
    const summary = `target ci paused by kim since ${toIso(since)}: upgrade of the cluster`;
    const first = laneOf(parts);
    first.nudge();
    const last = parts.ids.at(-1) ?? "";
    await until(
      "every timeline to have the pause",
      () => parts.waits(last),
      (lines) => lines.length === 1,
    );
    for (const id of parts.ids) expect(await parts.waits(id)).toEqual([summary]);
    // Those that ran at once when the lane saw the pause are claimed once more.
    expect(first.claims).toBeLessThanOrEqual(28);
    const before = first.claims;
    expect(await first.waiting()).toBeUndefined();

    parts.clock.advance(3_600_000);
    const late = await parts.deliver(20);
    first.nudge();
    await until(
      "the new action to wait",
      () => parts.waits(late),
      (lines) => lines.length === 1,
    );
    expect(first.claims).toBe(before + 1);
    expect(await first.waiting()).toBeUndefined();
    await first.stop();

    const second = laneOf(parts);
    second.nudge();
    await until(
      "the new process to see the pause",
      async () => second.claims,
      (claims) => claims >= 21,
    );
    expect(script.contexts).toEqual([]);
    await resumeTarget("ci", parts);
    parts.clock.advance(1);
    second.nudge();
    await until(
      "all actions to run",
      async () => script.contexts.length,
      (count) => count === 21,
    );
    const order = script.contexts.map(({ busEvent }) => busEvent.detail.delivery);
    // Eight run at once, and may overtake each other.
    expect(order.slice(0, 16)).toEqual(expect.arrayContaining(parts.ids.slice(0, 8)));
    expect(order.slice(-8)).toContain(late);
    expect(await parts.waits(parts.ids[0] ?? "")).toEqual([summary]);
    expect(await parts.attempts(parts.ids[0] ?? "")).toMatchObject([{ attempt: 1, ...DONE }]);
  });

  it("an attempt under way ends, and a second pause changes nothing", async () => {
    let end: (() => void) | undefined;
    const run = () =>
      new Promise<ActionOutcome>((resolve) => {
        end = () => resolve(DONE);
      });
    const parts = await withDeliveries(routeOf(run), 1);
    const running = parts.runDue();
    await until(
      "the attempt to start",
      async () => end,
      (started) => started !== undefined,
    );
    const paused = await pauseTarget("ci", PAUSE, parts);
    expect(await pauseTarget("ci", { by: KIM, reason: "another" }, parts)).toEqual(paused);
    end?.();
    await running;
    expect(await parts.attempts(parts.ids[0] ?? "")).toMatchObject([{ attempt: 1, ...DONE }]);
  });

  it("an action is kept for as long as the pause lasts, however long that is", async () => {
    const parts = await withDeliveries(routeOf(scripted([DONE]).run), 1);
    await pauseTarget("ci", PAUSE, parts);
    const [id = ""] = await parts.actions.due("ci", parts.clock.now(), 1);
    for (let day = 0; day < 40; day++) {
      await act(id, parts.deps);
      parts.clock.advance(86_400_000);
    }
    const item = await parts.database.table.get({ pk: id, sk: "head" });
    expect(Number(item?.["expiresAt"]) * 1_000).toBeGreaterThan(laterBy(parts.clock.now(), 86_400_000));
  });

  it("a route whose target changed waits for its own target only", async () => {
    const script = scripted([DONE]);
    const parts = await withDeliveries(routeOf(script.run), 1);
    await pauseTarget("ci", PAUSE, parts);
    const moved = routeOf(script.run, { target: "other" });
    await parts.runDue();
    const [id = ""] = await parts.actions.due("ci", parts.clock.now(), 1);
    expect(await act(id, { ...parts.deps, routes: [moved] })).toEqual({ result: "finished" });
  });

  it("a target that no route has any more holds nothing in its queue, although it is paused or was broken", async () => {
    const parts = await withDeliveries(routeOf(scripted([DOWN]).run), 6);
    await parts.runDue();
    expect(await parts.deps.targetGate.accessTo("ci")).toBe("broken");
    await pauseTarget("ci", PAUSE, parts);
    expect(await parts.deps.targetGate.accessTo("ci")).toBe("paused");
    const { targets, clock } = parts;
    const without = new TargetGate({ targets, targetNames: new Set(["other"]), leaseMs: 1_000, clock, log: silentLog });
    expect(await without.accessTo("ci")).toBe("free");
    clock.advance(3_600_000);
    expect(await without.accessTo("ci")).toBe("free");
  });

  it("an action whose route moved to a paused target leaves the lane of the earlier one alone", async () => {
    const script = scripted([DONE]);
    const parts = await withDeliveries(routeOf(script.run, { target: "other" }), 0);
    await pauseTarget("other", PAUSE, parts);
    const id = "a-1";
    const delivery = sampleDelivery();
    await parts.deliveries.record(delivery);
    await parts.actions.schedule(
      { id, route: "docs", action: "tekton", target: "ci", eventKey: "e", delivery: delivery.id },
      parts.clock.now(),
    );
    const result = await act(id, parts.deps);
    expect(result).toMatchObject({ result: "waits" });
    expect(result).not.toHaveProperty("hold");
    expect(await parts.actions.due("ci", parts.clock.now(), 1)).toEqual([]);
  });
});

/** A log that keeps its lines about targets. */
function targetLog() {
  const lines: LogFields[] = [];
  const keep: Log["info"] = (fields) => {
    if (fields["breaker"] !== undefined) lines.push(fields);
  };
  return { lines, log: { ...silentLog, info: keep, warn: keep, error: keep } satisfies Log };
}

describe("a target that keeps failing", () => {
  it("actions lose no attempt while their target is down for an hour, one is tried at a time, and all run afterwards", async () => {
    let isDown = true;
    const calls: number[] = [];
    const run: Route["run"] = async () => {
      calls.push(parts.clock.now());
      return isDown ? DOWN : DONE;
    };
    const { lines, log } = targetLog();
    const parts = await withDeliveries(routeOf(run), 30, { log });
    const downAt = parts.clock.now();
    while (parts.clock.now() < downAt + 3_600_000) {
      await parts.runDue();
      parts.clock.advance(60_000);
    }
    // Five failures open the breaker, then probes at growing distances of up to five minutes.
    expect(calls.length).toBeLessThan(5 + 20);
    expect(lines.every(({ breaker }) => breaker === "open")).toBe(true);
    isDown = false;
    parts.clock.advance(300_000);
    for (let rounds = 0; rounds < 5; rounds++) {
      await parts.runDue();
      parts.clock.advance(60_000);
    }
    for (const id of parts.ids) {
      const attempts = await parts.attempts(id);
      expect(attempts.at(-1)).toMatchObject(DONE);
      expect(attempts.at(-1)?.attempt).toBeLessThanOrEqual(3);
    }
    expect(lines.at(-1)).toMatchObject({ target: "ci", breaker: "closed", failedInARow: 0 });
    expect(await parts.targets.get("ci")).not.toHaveProperty("breaker");
  });

  it("a rejected event, and a target that works, open no breaker and write nothing", async () => {
    const outcomes: ActionOutcome[] = [
      { outcome: "give_up", summary: "the listener rejected the request (400)" },
      { outcome: "retry", summary: "others kept writing the page", targetAnswered: true },
      DONE,
    ];
    const parts = await withDeliveries(routeOf(scripted(outcomes).run), 20);
    await parts.runDue();
    expect(await parts.targets.get("ci")).toEqual({ target: "ci", revision: 0 });
  });

  it("a success between failures keeps the breaker closed", async () => {
    const outcomes = Array.from({ length: 40 }, (_, at) => (at % 5 === 4 ? DONE : DOWN));
    const parts = await withDeliveries(routeOf(scripted(outcomes).run), 40);
    for (const id of await parts.actions.due("ci", parts.clock.now(), 40)) await act(id, parts.deps);
    expect((await parts.targets.get("ci")).breaker).toBeUndefined();
  });

  it("the breaker is open for as long as the target asked for, and a resume makes a probe due at once", async () => {
    const script = scripted([...Array.from({ length: 5 }, () => ({ ...DOWN, afterSeconds: 1_800 })), DONE]);
    const parts = await withDeliveries(routeOf(script.run), 7);
    await parts.runDue();
    expect(script.contexts).toHaveLength(5);
    parts.clock.advance(1_799_000);
    await parts.runDue();
    expect(script.contexts).toHaveLength(5);
    const { breaker } = await parts.targets.get("ci");
    expect(await parts.waits(parts.ids[6] ?? "")).toEqual([
      `target ci has not worked since ${toIso(breaker?.open?.since ?? parts.clock.now())}: connection refused`,
    ]);
    await resumeTarget("ci", parts);
    await parts.runDue();
    expect(script.contexts.length).toBeGreaterThan(5);
  });

  it("a lane tries one action at a time while the breaker is open, and all of them once the target works", async () => {
    let isDown = true;
    let running = 0;
    let mostRunning = 0;
    let calls = 0;
    const run: Route["run"] = async () => {
      calls += 1;
      running += 1;
      mostRunning = Math.max(mostRunning, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return isDown ? DOWN : DONE;
    };
    const parts = await withDeliveries(routeOf(run), 40);
    const lane = laneOf(parts);
    lane.nudge();
    await until(
      "the breaker to open",
      () => parts.deps.targetGate.accessTo("ci"),
      (access) => access === "broken",
    );
    await until(
      "the rest to wait",
      () => parts.waits(parts.ids[39] ?? ""),
      (lines) => lines.length === 1,
    );
    await until("the calls made meanwhile to end", async () => running === 0);
    mostRunning = 0;
    const before = calls;
    for (let probes = 1; probes <= 4; probes++) {
      parts.clock.advance(300_001);
      lane.nudge();
      await until(
        "a probe",
        async () => calls,
        (count) => count >= before + probes,
      );
      // The breaker is open while a probe runs too, so its end is seen by what it counted.
      await until(
        "its end",
        async () => (await parts.targets.get("ci")).breaker?.failures,
        (failures) => failures === 5 + probes,
      );
    }
    expect(mostRunning).toBe(1);
    expect(await lane.waiting()).toEqual({ target: "ci", problem: "failing" });
    isDown = false;
    parts.clock.advance(300_001);
    lane.nudge();
    await until(
      "all actions to end",
      () => parts.actions.due("ci", laterBy(parts.clock.now(), 86_400_000), 100),
      (due) => due.length === 0,
    );
    for (const id of parts.ids) expect((await parts.attempts(id)).at(-1)).toMatchObject(DONE);
  });
});
