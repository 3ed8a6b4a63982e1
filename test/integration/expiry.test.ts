import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { Paused } from "../../shared/delivery/paused.ts";
import { type RelayDeps, sweep } from "../../shared/delivery/relay.ts";
import { epochSeconds, toSeconds } from "../../shared/host/clock.ts";
import type { Log, LogFields } from "../../shared/host/log.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import { busEventsOf } from "../../shared/model/bus-event.ts";
import { approvalIdOf } from "../../shared/model/idempotency-keys.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import { clean } from "../../shared/store/sqlite/expiry.ts";
import { openMemoryTable, openTable } from "../../shared/store/sqlite/open.ts";
import { bridgeParts, routeOf, scripted } from "../support/bridge-parts.ts";
import { sampleDelivery } from "../support/samples.ts";
import { silentLog, type TestClock, testClock } from "../support/test-doubles.ts";

const DAY_MS = 86_400_000;
/** Cleanings on each day of a test. */
const CLEANINGS = 4;
/** The retention of `bridgeParts`. */
const RETENTION_DAYS = 30;
/** After a jump of the clock: four days without a deletion, and two days of grace. */
const HOLD_DAYS = 7;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A bridge with one route, whose cleaning runs only when a test runs it. */
async function bridge({
  clock = testClock(),
  database = openMemoryTable(),
  outcomes = [{ outcome: "done", summary: "created" }] as readonly ActionOutcome[],
} = {}) {
  const lines: (LogFields & { readonly message: string })[] = [];
  const log: Log = { ...silentLog, warn: (fields, message) => lines.push({ ...fields, message }) };
  const script = scripted(outcomes);
  const parts = await bridgeParts([routeOf(script.run)], { clock, database });
  closers.push(() => parts.stop());
  const { deliveries, ownAccounts, bus } = parts;
  const relaying: RelayDeps = { bus, deliveries, outbox: deliveries, ownAccounts, clock, log: silentLog };
  const retention = { retentionDays: RETENTION_DAYS, clock };
  const cleanOnce = () => clean({ table: database.table, retention, log });
  return {
    ...parts,
    lines,
    runs: () => script.contexts.length,
    /** Records a delivery now. */
    async receive(n: number) {
      const delivery = sampleDelivery(n, { receivedAt: clock.now() });
      await deliveries.record(delivery);
      return delivery.id;
    },
    relay: () => sweep(relaying, new Paused()),
    clean: cleanOnce,
    /** The bridge is up for so many days, and cleans a few times a day. */
    async up(days: number) {
      for (let time = 0; time < days * CLEANINGS; time++) {
        await cleanOnce();
        clock.advance(DAY_MS / CLEANINGS);
      }
    },
  };
}

/** The time until the outbox lists a delivery. */
const pass = (clock: TestClock, ms = 5_000): void => clock.advance(ms);

describe("a bridge that was down for longer than the retention", () => {
  it("a due action runs, although its lane begins only weeks after the start", async () => {
    const { receive, relay, clock, up, runDue, attempts, runs } = await bridge();
    const id = await receive(1);
    pass(clock);
    await relay();
    clock.advance(400 * DAY_MS);
    await up(HOLD_DAYS + RETENTION_DAYS);
    await runDue();
    expect(await attempts(id)).toMatchObject([{ outcome: "done" }]);
    expect(runs()).toBe(1);
  });

  it("an event that was not relayed is relayed, and its action runs", async () => {
    const { receive, relay, clock, up, runDue, attempts } = await bridge();
    const id = await receive(1);
    clock.advance(400 * DAY_MS);
    await up(HOLD_DAYS + RETENTION_DAYS);
    expect(await relay()).toBe(1);
    await runDue();
    expect(await attempts(id)).toMatchObject([{ outcome: "done" }]);
  });

  it("an action that was done before the crash is not run again by the relay of its delivery", async () => {
    const { receive, deliveries, bus, clock, up, runDue, relay, runs } = await bridge();
    const id = await receive(1);
    const { unrelayed: _, ...delivery } = (await deliveries.get(id)) ?? sampleDelivery(1);
    // The process dies between the action and the removal of the mark.
    await bus.publish(busEventsOf(delivery));
    await runDue();
    clock.advance(400 * DAY_MS);
    await up(1);
    expect(await relay()).toBe(1);
    await runDue();
    expect(runs()).toBe(1);
  });

  it("an approval that was granted is kept as long as its action waits", async () => {
    const { receive, relay, clock, up, actions, approvals } = await bridge();
    await receive(1);
    pass(clock);
    await relay();
    const [action = ""] = await actions.due("ci", clock.now(), 1);
    const claim = await actions.claim(action, clock.now(), clock.now());
    if (claim === undefined) throw new Error("a due action can be claimed");
    const id = approvalIdOf(claim.route, claim.eventKey);
    await approvals.request({
      id,
      route: claim.route,
      action,
      delivery: claim.delivery,
      subject: "98310",
      approvers: [],
      requester: sourcePrincipal("wiki", "hub-signature", "current"),
      requestedAt: clock.now(),
      until: clock.now(),
    });
    await approvals.move(id, ["requested"], { state: "granted" });
    clock.advance(400 * DAY_MS);
    await up(HOLD_DAYS + RETENTION_DAYS);
    expect(await approvals.get(id)).toMatchObject({ state: "granted" });
  });

  it("what is done is deleted four days after the start, and the log says so at the start", async () => {
    const { receive, relay, clock, up, clean, runDue, deliveries, lines } = await bridge();
    const id = await receive(1);
    await clean();
    pass(clock);
    await relay();
    await runDue();
    clock.advance(400 * DAY_MS);
    await up(3);
    expect(await deliveries.get(id)).toBeDefined();
    expect(lines).toMatchObject([{ days: 400, message: expect.stringContaining("nothing is deleted for 4 days") }]);
    await up(2);
    expect(await deliveries.get(id)).toBeUndefined();
    expect(lines).toHaveLength(1);
  });

  it("a machine that is off at weekends deletes what has expired", async () => {
    const { receive, relay, clock, up, runDue, deliveries } = await bridge();
    const id = await receive(1);
    pass(clock);
    await relay();
    await runDue();
    for (let week = 0; week < 6; week++) {
      await up(5);
      clock.advance(2 * DAY_MS);
    }
    expect(await deliveries.get(id)).toBeUndefined();
  });
});

describe("expiry while the bridge is up", () => {
  it("work that waits for longer than the retention is kept, and expires after it is done", async () => {
    const { receive, relay, clock, up, runDue, deliveries, actions, runs } = await bridge();
    const id = await receive(1);
    pass(clock);
    await relay();
    const [action = ""] = await actions.due("ci", clock.now(), 1);
    await up(3 * RETENTION_DAYS);
    expect(await runDue()).toBe(1);
    expect(await actions.state(action)).toBe("done");
    await up(RETENTION_DAYS + 3);
    expect(await actions.state(action)).toBeUndefined();
    expect(await deliveries.get(id)).toBeUndefined();
    expect(runs()).toBe(1);
  });

  it("each attempt of an action that goes on waiting gives itself and its delivery more time, for a database that deletes by time alone", async () => {
    const waits = { outcome: "wait", afterSeconds: 600, summary: "waits for an approval" } as const;
    const database = openMemoryTable();
    const fails = { outcome: "retry", summary: "no connection" } as const;
    const { receive, relay, clock, runDue, actions } = await bridge({
      database,
      outcomes: [waits, waits, fails, waits],
    });
    const id = await receive(1);
    pass(clock);
    await relay();
    const [action = ""] = await actions.due("ci", clock.now(), 1);
    const daysLeft = async (pk: string) =>
      Math.round(
        (Number((await database.table.get({ pk, sk: "head" }))?.["expiresAt"]) - toSeconds(clock.now())) / 86_400,
      );
    for (const days of [0, RETENTION_DAYS - 1, RETENTION_DAYS - 1]) {
      clock.advance(days * DAY_MS);
      await runDue();
      expect(await daysLeft(action)).toBe(RETENTION_DAYS);
      expect(await daysLeft(id)).toBe(RETENTION_DAYS);
    }
  });

  it("what is done is deleted two days after its expiry", async () => {
    const { receive, relay, clock, up, runDue, deliveries } = await bridge();
    const id = await receive(1);
    pass(clock);
    await relay();
    await runDue();
    await up(RETENTION_DAYS + 1);
    expect(await deliveries.get(id)).toBeDefined();
    await up(2);
    expect(await deliveries.get(id)).toBeUndefined();
    expect(await deliveries.timeline(id)).toEqual([]);
  });
});

describe("a wrong clock at the start", () => {
  it("a clock that is 100 days ahead for some days deletes nothing, and a used token stays used", async () => {
    const { receive, relay, clock, up, runDue, deliveries, replayCache, lines } = await bridge();
    const id = await receive(1);
    pass(clock);
    await relay();
    await runDue();
    const until = epochSeconds(toSeconds(clock.now()) + 600);
    await replayCache.take("token", "the first use", until);
    await up(1);
    clock.set(100 * DAY_MS);
    await up(4);
    clock.set(-100 * DAY_MS);
    await up(3);
    expect(await deliveries.get(id)).toBeDefined();
    expect(await deliveries.timeline(id)).not.toEqual([]);
    expect(await replayCache.take("token", "another use", until)).toBe(false);
    expect(lines.map(({ days }) => days)).toEqual([100, -100]);
  });

  it("a clock that is years behind at the first start, and is then corrected, costs no work and no record", async () => {
    const clock = testClock("2006-01-01T00:00:00Z");
    const { receive, relay, up, runDue, deliveries, attempts } = await bridge({ clock });
    const done = await receive(1);
    pass(clock);
    await relay();
    await runDue();
    const due = await receive(2);
    pass(clock);
    await relay();
    await up(1);
    clock.set(Date.parse("2026-11-02T09:00:00Z") - clock.now());
    await up(HOLD_DAYS);
    expect(await deliveries.get(done)).toBeDefined();
    await runDue();
    expect(await attempts(due)).toMatchObject([{ outcome: "done" }]);
    await up(RETENTION_DAYS);
    expect(await deliveries.get(done)).toBeUndefined();
  });
});

describe("a cleaning that ends in the middle", () => {
  it("the next start continues it: what waits is there, and what has expired goes", async () => {
    const folder = await mkdtemp(join(tmpdir(), "drawbridge-expiry-"));
    closers.push(() => rm(folder, { recursive: true }));
    const clock = testClock();
    const first = openTable(folder, silentLog);
    const expiresAt = toSeconds(clock.now());
    const create = (n: number) =>
      Promise.all([
        first.table.create({ pk: `old-${n}`, sk: "head", expiresAt }),
        first.table.create({ pk: `d-${n}`, sk: "head", expiresAt }),
        first.table.create({
          pk: `a-${n}`,
          sk: "head",
          queue: "act#ci",
          dueAt: n,
          delivery: `d-${n}`,
          route: "docs",
          eventKey: `e-${n}`,
          expiresAt,
        }),
      ]);
    await Promise.all(Array.from({ length: 250 }, (_, n) => create(n)));
    clock.advance(9 * DAY_MS);
    const retention = { retentionDays: RETENTION_DAYS, clock };
    const cleaning = clean({ table: first.table, retention, log: silentLog });
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    first.close();
    await expect(cleaning).rejects.toMatchObject({ code: "store_unavailable" });
    const second = openTable(folder, silentLog);
    closers.push(() => second.close());
    for (let time = 0; time < HOLD_DAYS * CLEANINGS; time++) {
      await clean({ table: second.table, retention, log: silentLog });
      clock.advance(DAY_MS / CLEANINGS);
    }
    for (let n = 0; n < 250; n++) {
      expect(await second.table.get({ pk: `old-${n}`, sk: "head" })).toBeUndefined();
      expect(await second.table.get({ pk: `d-${n}`, sk: "head" })).toBeDefined();
      expect(await second.table.get({ pk: `a-${n}`, sk: "head" })).toBeDefined();
    }
  });
});
