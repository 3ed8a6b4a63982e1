import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Lane } from "../../shared/delivery/lane.ts";
import { Paused } from "../../shared/delivery/paused.ts";
import { SWEEP_SIZE, sweep } from "../../shared/delivery/relay.ts";
import { RelayWorker } from "../../shared/delivery/relay-worker.ts";
import { laterBy } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { Log, LogFields } from "../../shared/host/log.ts";
import type { Claim } from "../../shared/store/actions.ts";
import { DATABASE_FILE, type OpenTable, openTable } from "../../shared/store/sqlite/open.ts";
import { type AllStores, openAllStores } from "../support/all-stores.ts";
import { withMethods } from "../support/memory-stores.ts";
import { sampleDelivery } from "../support/samples.ts";
import { silentLog, type TestClock, testClock } from "../support/test-doubles.ts";

let folder: string;
let database: OpenTable;
let stores: AllStores;
let clock: TestClock;
let lines: (LogFields & { readonly message: string })[];
let log: Log;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  folder = await mkdtemp(join(tmpdir(), "drawbridge-stuck-"));
  database = openTable(folder, silentLog);
  clock = testClock();
  stores = openAllStores(database.table, { retentionDays: 30, markUnrelayed: true, singleProcess: true, clock });
  lines = [];
  log = { ...silentLog, error: (fields, message) => lines.push({ ...fields, message }) };
});
afterEach(async () => {
  database.close();
  vi.useRealTimers();
  await rm(folder, { recursive: true });
});

async function finish(claim: Claim) {
  await stores.actions.complete(claim);
  return { result: "finished" } as const;
}

/** Makes items unreadable, as damage of the disk or a mistake of a person does. */
function spoil(where: string): void {
  const other = new DatabaseSync(join(folder, DATABASE_FILE));
  other.exec(`UPDATE items SET fields = 'no JSON' WHERE ${where}`);
  other.close();
}

/** Lets all work that needs no timer happen. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
}

const actionOf = (id: string) => ({
  id,
  route: "docs",
  action: "tekton",
  target: "ci",
  eventKey: id,
  delivery: "d-1",
});

describe("a lane whose oldest actions cannot be read", () => {
  it("it runs the actions behind them, and looks at the unreadable ones again only after growing pauses", async () => {
    for (let n = 0; n < 20; n++) await stores.actions.schedule(actionOf(`bad-${n}`), clock.now());
    clock.advance(1);
    await stores.actions.schedule(actionOf("good"), clock.now());
    spoil("pk LIKE 'bad-%'");
    let polls = 0;
    const attempts: string[] = [];
    const actions = withMethods(stores.actions, {
      due: (...given) => {
        polls += 1;
        return stores.actions.due(...given);
      },
    });
    const attempt = async (id: string) => {
      attempts.push(id);
      const claim = await stores.actions.claim(id, clock.now(), clock.now());
      return claim && finish(claim);
    };
    const lane = new Lane("ci", { accessTo: async () => "free", actions, clock, log, attempt });
    lane.nudge();
    await settled();
    expect(await stores.actions.state("good")).toBe("done");
    expect(attempts).toHaveLength(21);
    expect(lines).toHaveLength(20);
    expect(lines[0]).toMatchObject({ error: "record_unreadable", pauseMs: 1_000 });

    const before = polls;
    await settled();
    expect(polls).toBe(before);

    for (let second = 0; second < 60; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      await settled();
    }
    // The first attempt, and those after 1, 2, 4, 8 and 16 seconds, each up to one poll late.
    expect(attempts.filter((id) => id === "bad-0").length).toBeLessThanOrEqual(6);
    expect(polls - before).toBeLessThan(60 * 8);
    await lane.stop();
  });

  it("an action that is due and cannot be claimed is skipped in the same way", async () => {
    await stores.actions.schedule(actionOf("a-1"), clock.now());
    let attempts = 0;
    const attempt = async () => {
      attempts += 1;
      return undefined;
    };
    const lane = new Lane("ci", { accessTo: async () => "free", actions: stores.actions, clock, log, attempt });
    lane.nudge();
    await settled();
    expect(attempts).toBe(1);
    expect(lines).toMatchObject([{ action: "a-1", pauseMs: 1_000 }]);
    await vi.advanceTimersByTimeAsync(2_000);
    await settled();
    expect(attempts).toBe(2);
    await lane.stop();
  });
});

describe("the work of a lane that waits for too long", () => {
  it("a lane with due actions that finishes none is stalled after 5 minutes, and a lane that is behind only waits", async () => {
    for (let n = 0; n < 9; n++) await stores.actions.schedule(actionOf(`a-${n}`), clock.now());
    let end = (): void => undefined;
    const attempt = async (id: string) => {
      const claim = await stores.actions.claim(id, clock.now(), clock.now());
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      return claim && finish(claim);
    };
    const lane = new Lane("ci", { accessTo: async () => "free", actions: stores.actions, clock, log, attempt });
    lane.nudge();
    await settled();
    expect(await lane.waiting()).toBeUndefined();
    clock.advance(300_001);
    expect(await lane.waiting()).toEqual({ target: "ci", problem: "stalled" });
    end();
    await settled();
    expect(await lane.waiting()).toBeUndefined();
    clock.advance(299_998);
    expect(await lane.waiting()).toBeUndefined();
    clock.advance(1);
    end();
    await settled();
    expect(await lane.waiting()).toEqual({ target: "ci", problem: "overdue" });
  });
});

describe("a lane whose target answers every attempt with an error", () => {
  it("the lane is failing after 10 minutes, until an attempt succeeds or the last of its actions is given up", async () => {
    let result: "again" | "gave_up" | "finished" | "waits" = "again";
    const attempt = async (id: string) => {
      const claim = await stores.actions.claim(id, clock.now(), clock.now());
      if (claim === undefined) return undefined;
      if (result === "gave_up") await stores.actions.giveUp(claim, clock.now());
      else if (result === "finished") await stores.actions.complete(claim);
      else await stores.actions.release(claim, clock.now(), laterBy(clock.now(), 60_000));
      return { result };
    };
    const lane = new Lane("ci", { accessTo: async () => "free", actions: stores.actions, clock, log, attempt });
    const minutes = async (count: number): Promise<void> => {
      for (let minute = 0; minute < count; minute++) {
        clock.advance(60_000);
        lane.nudge();
        await settled();
      }
    };
    for (const end of ["finished", "gave_up"] as const) {
      result = "again";
      await stores.actions.schedule(actionOf(end), clock.now());
      lane.nudge();
      await settled();
      await minutes(10);
      expect(await lane.waiting()).toBeUndefined();
      await minutes(1);
      expect(await lane.waiting()).toEqual({ target: "ci", problem: "failing" });
      result = end;
      await minutes(1);
      expect(await lane.waiting()).toBeUndefined();
    }
    result = "waits";
    await stores.actions.schedule(actionOf("waits"), clock.now());
    await minutes(20);
    expect(await lane.waiting()).toBeUndefined();
    await lane.stop();
  });
});

describe("a lane whose store fails", () => {
  it("it tries once per poll, writes few lines, and runs the action at the first poll after the outage", async () => {
    await stores.actions.schedule(actionOf("a-1"), clock.now());
    let isDown = true;
    let attempts = 0;
    const attempt = async (id: string) => {
      attempts += 1;
      if (isDown) throw new Fault("store_unavailable", "the disk is full", { retryable: true });
      const claim = await stores.actions.claim(id, clock.now(), clock.now());
      return claim && finish(claim);
    };
    const lane = new Lane("ci", { accessTo: async () => "free", actions: stores.actions, clock, log, attempt });
    lane.nudge();
    for (let second = 0; second < 100; second++) {
      await settled();
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(attempts).toBeGreaterThan(90);
    expect(attempts).toBeLessThan(110);
    expect(lines.length).toBeLessThan(10);
    isDown = false;
    await vi.advanceTimersByTimeAsync(1_000);
    await settled();
    expect(await stores.actions.state("a-1")).toBe("done");
    await lane.stop();
  });
});

describe("a sweep whose oldest deliveries cannot be relayed", () => {
  it("it relays the deliveries behind them, and does not start itself again and again", async () => {
    for (let n = 0; n < SWEEP_SIZE; n++) await stores.deliveries.record(sampleDelivery(n));
    spoil("queue = 'relay'");
    const good = sampleDelivery(SWEEP_SIZE);
    await stores.deliveries.record(good);
    clock.advance(60_000);
    let sweeps = 0;
    const deliveries = withMethods(stores.deliveries, {
      unrelayed: (...given) => {
        sweeps += 1;
        return stores.deliveries.unrelayed(...given);
      },
    });
    const { ownAccounts } = stores;
    const bus = { publish: async (events: readonly unknown[]) => events.map(() => ({ published: true }) as const) };
    const worker = new RelayWorker(() => ({ bus, deliveries, outbox: deliveries, ownAccounts, clock, log }));
    worker.start();
    await settled();
    expect((await stores.deliveries.get(good.id))?.relayedAt).toBe(clock.now());
    expect(sweeps).toBe(2);
    await settled();
    expect(sweeps).toBe(2);
    await worker.stop();
  });

  it("an entry without an event is paused, and its pauses grow", async () => {
    const { events: _, ...eventless } = sampleDelivery();
    await database.table.create({ pk: "d-ghost", sk: "other", queue: "relay", dueAt: 0 });
    await stores.deliveries.record(eventless);
    await stores.deliveries.mark(eventless.id, clock.now(), clock.now());
    const paused = new Paused();
    const bus = { publish: async () => [] };
    const { deliveries, ownAccounts } = stores;
    const deps = { bus, deliveries, outbox: deliveries, ownAccounts, clock, log };
    expect(await sweep(deps, paused)).toBe(2);
    expect(await sweep(deps, paused)).toBe(0);
    vi.advanceTimersByTime(1_000);
    expect(await sweep(deps, paused)).toBe(2);
    vi.advanceTimersByTime(1_000);
    expect(await sweep(deps, paused)).toBe(0);
    expect(lines.map(({ pauseMs }) => pauseMs)).toEqual([1_000, 1_000, 2_000, 2_000]);
  });
});
