import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Bus } from "../../shared/bus/bus.ts";
import { Lane } from "../../shared/delivery/lane.ts";
import { relay } from "../../shared/delivery/relay.ts";
import { RelayWorker } from "../../shared/delivery/relay-worker.ts";
import type { Clock } from "../../shared/host/clock.ts";
import { bridgeParts } from "../support/bridge-parts.ts";
import { sampleDelivery } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

let parts: Awaited<ReturnType<typeof bridgeParts>>;
let clock: Clock;
beforeEach(async () => {
  parts = await bridgeParts([]);
  clock = parts.clock;
});
afterEach(() => parts.stop());

/** Work that counts how much of it runs at once, and that ends when it is released. */
class HeldWork {
  running = 0;
  mostRunning = 0;
  started = 0;
  readonly #held: (() => void)[] = [];
  #isOpen = false;

  async run(): Promise<void> {
    this.started += 1;
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    if (!this.#isOpen) await new Promise<void>((resolve) => this.#held.push(resolve));
    this.running -= 1;
  }

  releaseOne(): void {
    this.#held.shift()?.();
  }

  /** Ends all running work. Later work ends at once. */
  releaseAll(): void {
    this.#isOpen = true;
    for (const release of this.#held.splice(0)) release();
  }
}

describe("the lane of a target", () => {
  it("a lane runs exactly eight actions at once, and starts the next when one ends", async () => {
    const { actions } = parts;
    const ids = Array.from({ length: 24 }, (_, n) => `action-${String(n).padStart(2, "0")}`);
    for (const id of ids) {
      const action = { id, route: "docs", action: "tekton", target: "ci", eventKey: id, delivery: "d-1" };
      await actions.schedule(action, clock.now());
    }
    const work = new HeldWork();
    const done: string[] = [];
    const attempt = async (id: string) => {
      await work.run();
      const claim = await actions.claim(id, clock.now(), clock.now());
      if (claim !== undefined) await actions.complete(claim);
      done.push(id);
      return { result: "finished" } as const;
    };
    const lane = new Lane("ci", { accessTo: async () => "free", actions, clock, log: silentLog, attempt });
    lane.nudge();
    await until(
      "eight actions to run",
      () => work.running,
      (running) => running >= 8,
    );
    work.releaseOne();
    await until(
      "a ninth action to start",
      () => work.started,
      (started) => started >= 9,
    );
    expect(work.running).toBe(8);
    work.releaseAll();
    await until(
      "every action to end",
      () => done.length,
      (count) => count >= ids.length,
    );
    await lane.stop();
    expect(work.mostRunning).toBe(8);
    expect(new Set(done)).toEqual(new Set(ids));
  });

  it("a lane that stops starts no action that it has just found due", async () => {
    const { actions } = parts;
    const action = { id: "action-1", route: "docs", action: "tekton", target: "ci", eventKey: "1", delivery: "d-1" };
    await actions.schedule(action, clock.now());
    const reading = new HeldWork();
    const started: string[] = [];
    const lane = new Lane("ci", {
      accessTo: async () => "free",
      actions: {
        due: async (...query) => {
          await reading.run();
          return actions.due(...query);
        },
        dueBetween: (...query) => actions.dueBetween(...query),
        expireLeases: async () => undefined,
        correctDueTimes: async () => undefined,
      },
      clock,
      log: silentLog,
      attempt: async (id) => {
        started.push(id);
        return { result: "finished" };
      },
    });
    lane.nudge();
    await until("the lane to read its queue", () => reading.running === 1);
    const stopped = lane.stop();
    reading.releaseAll();
    await stopped;
    expect(started).toEqual([]);
    expect(await actions.due("ci", clock.now(), 9)).toEqual(["action-1"]);
  });
});

describe("the relay of one machine", () => {
  it("at most 32 deliveries are relayed at once after their commit, and the sweep relays the rest", async () => {
    const { deliveries, ownAccounts } = parts;
    const recorded = Array.from({ length: 40 }, (_, n) => sampleDelivery(n + 1));
    for (const delivery of recorded) await deliveries.record(delivery);
    // The sweep skips new deliveries, which are relayed right after their commit.
    parts.clock.advance(60_000);
    const work = new HeldWork();
    const bus: Bus = {
      publish: async (busEvents) => {
        await work.run();
        return parts.bus.publish(busEvents);
      },
    };
    const deps = { deliveries, outbox: deliveries, ownAccounts, clock, log: silentLog };
    const worker = new RelayWorker(() => ({ ...deps, bus }));
    /** Relays one delivery without the worker. A surplus delivery of the worker reaches the bus before this ends. */
    const untilSurplusWouldShow = async () => {
      for (const delivery of recorded.slice(-1)) await relay(delivery, { ...deps, bus: parts.bus });
    };
    for (const delivery of recorded) worker.recorded(delivery);
    await until(
      "32 deliveries to reach the bus",
      () => work.running,
      (running) => running >= 32,
    );
    await untilSurplusWouldShow();
    expect(work.running).toBe(32);
    expect(work.mostRunning).toBe(32);
    work.releaseOne();
    const offerOneMore = (): number => {
      worker.recorded(sampleDelivery(33));
      return work.started;
    };
    await until("a 33rd delivery to be relayed", offerOneMore, (started) => started === 33);
    for (const delivery of recorded.slice(32)) worker.recorded(delivery);
    await untilSurplusWouldShow();
    expect(work.running).toBe(32);
    expect(work.mostRunning).toBe(32);
    work.releaseAll();
    worker.start();
    await until(
      "an empty outbox",
      () => deliveries.unrelayed(clock.now(), 100),
      ({ length }) => length === 0,
    );
    await worker.stop();
    expect(work.mostRunning).toBe(32);
  });

  it("a delivery that is recorded after the relay stopped stays in the outbox", async () => {
    const { deliveries, ownAccounts, bus } = parts;
    const delivery = sampleDelivery();
    await deliveries.record(delivery);
    parts.clock.advance(60_000);
    const deps = { deliveries, outbox: deliveries, ownAccounts, clock, log: silentLog, bus };
    const worker = new RelayWorker(() => deps);
    await worker.stop();
    worker.recorded(delivery);
    // It would wait for a relay under way.
    await worker.stop();
    expect(await deliveries.unrelayed(clock.now(), 9)).toEqual([delivery.id]);
  });
});
