import * as v from "valibot";
import { afterEach, describe, expect, it } from "vitest";
import { relayBus } from "../../functions/relay-bus.ts";
import { rulesIn } from "../../shared/approvals/configured-rules.ts";
import { AuditLog } from "../../shared/delivery/audit-log.ts";
import { advanceBulkReplays } from "../../shared/delivery/bulk-replay.ts";
import { relay } from "../../shared/delivery/relay.ts";
import { laterBy } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { LogFields } from "../../shared/host/log.ts";
import {
  type BulkPreview,
  type BulkReplaysApi,
  getBulkReplay,
  listBulkReplays,
  orderBulkReplay,
  previewBulkReplay,
  type ShownBulkReplay,
  stopBulkReplay,
} from "../../shared/http/bulk-replays.ts";
import { type ReplayApi, replayDelivery } from "../../shared/http/replay.ts";
import { policyOf, role } from "../../shared/identity/policy.ts";
import { sha256Hex } from "../../shared/model/idempotency-keys.ts";
import type { Principal } from "../../shared/model/principal.ts";
import type { Rejection } from "../../shared/model/rejection.ts";
import type { ReceivedRequest } from "../../shared/model/request.ts";
import { ok, type Result } from "../../shared/model/result.ts";
import { compilePattern } from "../../shared/routes/pattern.ts";
import type { Route } from "../../shared/routes/route.ts";
import { NO_COUNTS, type PlannedReplay } from "../../shared/store/bulk-replays.ts";
import { bridgeParts, routeOf } from "../support/bridge-parts.ts";
import { sampleDelivery } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";

const ROLES = v.parse(v.record(v.string(), role), {
  "on-call": { call: ["deliveries"], replay: ["*"] },
  reader: { call: ["deliveries"] },
  docs: { call: ["deliveries"], replay: ["*"], in: { spaces: ["NOWHERE"] } },
});

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A bridge whose route `docs` was refused for `count` deliveries, and works now. The others worked. */
async function failedBridge(count: number, others: readonly Route[] = []) {
  const world = { works: false, shadow: false, routes: ["docs", ...others.map(({ name }) => name)] };
  const rules = new Map<string, ReturnType<typeof rulesIn>>();
  const run = routeOf(async () =>
    world.works ? { outcome: "done", summary: "fired" } : { outcome: "give_up", summary: "refused" },
  );
  const parts = await bridgeParts([run, ...others]);
  closing.push(parts.stop);
  const { deliveries, clock, ownAccounts, bulkReplays } = parts;
  const relaying = {
    bus: relayBus(parts.bridge, parts.bus),
    deliveries,
    outbox: deliveries,
    ownAccounts,
    clock,
    log: silentLog,
  };
  const pattern = compilePattern({ source: [{ prefix: "" }] });
  if (!pattern.ok) throw new Error("the pattern is valid");
  const recorded: string[] = [];
  const logged: LogFields[] = [];
  let allowed = Number.POSITIVE_INFINITY;
  const api: BulkReplaysApi & ReplayApi = {
    ...parts,
    deliveries: Object.assign(Object.create(deliveries), {
      get: deliveries.get.bind(deliveries),
      timeline: deliveries.timeline.bind(deliveries),
      list: deliveries.list.bind(deliveries),
      lookUpsReachTo: deliveries.lookUpsReachTo.bind(deliveries),
      addToTimeline: deliveries.addToTimeline.bind(deliveries),
      async record(delivery: Parameters<typeof deliveries.record>[0]) {
        if (delivery.outcome === "audit") return deliveries.record(delivery);
        allowed -= 1;
        if (allowed < 0) throw new Fault("store_unavailable", "the process ended", { retryable: true });
        const outcome = await deliveries.record(delivery);
        if (outcome === "recorded") recorded.push(delivery.id);
        return outcome;
      },
    }),
    // The token is the name of the caller and the role.
    tokens: {
      verify: async ({ token }) => {
        const [subject = "", held = ""] = token.split("/");
        const principal = {
          issuer: "https://idp.test",
          subject,
          method: "oidc",
          credential: "k",
          roles: [held],
        } as const;
        return ok({ principal: { ...principal, trustEntry: "people" }, claims: {} });
      },
    },
    trustEntries: ["people"],
    policy: policyOf(ROLES),
    rules,
    patterns: async () =>
      world.routes.map((name) => {
        const mode = world.shadow ? "shadow" : "enforce";
        return { name, pattern: pattern.pattern, target: "ci", mode };
      }),
    runReporters: [],
    sourceNames: ["wiki"],
    auditLog: new AuditLog({ deliveries, log: silentLog }),
    rejectOverRate: async () => undefined,
    withAccess: async (by: Principal) => by,
    recorded: () => undefined,
    log: { ...silentLog, warn: (fields) => void logged.push(fields) },
  };
  const requestOf = (by: string, body: object, key: string | null): ReceivedRequest => ({
    method: "POST",
    url: new URL("https://bridge.example.test/v1/replays"),
    headers: new Headers({ authorization: `Bearer ${by}`, ...(key !== null && { "idempotency-key": key }) }),
    body: Buffer.from(JSON.stringify(body)),
    receivedAt: clock.now(),
    requestId: `request of ${by} ${key}`,
  });
  for (let at = 0; at < count; at += 1) {
    const delivery = { ...sampleDelivery(at), receivedAt: clock.now() };
    await deliveries.record(delivery);
    await relay(delivery, relaying);
  }
  await parts.runDue();
  world.works = true;
  const query = { state: "given_up" };
  return {
    ...parts,
    world,
    rules,
    api,
    recorded,
    logged,
    order: (
      by: string,
      { key = "1", ...body }: { readonly key?: string | null; readonly [member: string]: unknown } = {},
    ) => orderBulkReplay(requestOf(by, { query, reason: "INC-1", ...body }, key), api),
    preview: (by: string, body: object = { query }) => previewBulkReplay(requestOf(by, body, "0"), api),
    replayOne: (by: string, id: string, body: object, key: string | null = "0") =>
      replayDelivery(requestOf(by, body, key), id, api),
    show: (by: string, id: string) => getBulkReplay(requestOf(by, {}, "0"), id, api),
    list: (by: string) => listBulkReplays(requestOf(by, {}, "0"), api),
    stopOrder: (by: string, id: string) => stopBulkReplay(requestOf(by, {}, "0"), id, api),
    /** Works on the orders until none is due. */
    async work(): Promise<void> {
      while ((await advanceBulkReplays(api)) > 0);
    },
    /** Relays what was recorded, and runs it. */
    async settle(): Promise<void> {
      for (const id of recorded) {
        const delivery = await deliveries.get(id);
        if (delivery?.unrelayed) await relay(delivery, relaying);
      }
      await parts.runDue();
    },
    diesAfter: (records: number): void => {
      allowed = records;
    },
    bulkReplays: await bulkReplays(),
  };
}

/** Damages the timeline of a delivery. */
const damage = ({ database }: Awaited<ReturnType<typeof failedBridge>>, delivery: string) =>
  database.table.put({ pk: delivery, sk: "t#damaged", at: 1, entry: "{", expiresAt: 9_999_999_999 });

function answerOf<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.rejection));
  return result.value;
}
const rejectionOf = (result: Result<object>): Rejection["reason"] | undefined =>
  result.ok ? undefined : result.rejection.reason;

const FAILED = 25;
const WOULD_RUN: BulkPreview = {
  deliveries: FAILED,
  total: FAILED,
  routes: [{ route: "docs", state: "given_up", runs: FAILED, unsafe: 0, replayed: 0, unmatched: 0, forbidden: 0 }],
};

describe("an order to run many deliveries again", () => {
  it("it runs what its preview counted, and shows who ordered it, why and how far it is", async () => {
    const bridge = await failedBridge(FAILED);
    expect(answerOf(await bridge.preview("dana/on-call"))).toEqual(WOULD_RUN);
    const order = answerOf(await bridge.order("dana/on-call"));
    expect(order).toMatchObject({ state: "running", total: FAILED, handled: 10, reason: "INC-1" });
    expect(order.by).toMatchObject({ id: "people:dana" });
    await bridge.work();
    const done = answerOf(await bridge.show("robin/on-call", order.id));
    expect(done).toMatchObject({ state: "done", handled: FAILED, counts: { accepted: FAILED, duplicate: 0 } });
    expect(new Set(bridge.recorded).size).toBe(FAILED);
    await bridge.settle();
    expect(answerOf(await bridge.preview("dana/on-call"))).toMatchObject({ total: 0 });
    const [line] = (await bridge.deliveries.timeline(sampleDelivery(0).id)).filter(({ kind }) => kind === "replayed");
    expect(line).toMatchObject({ by: { subject: "dana" }, reason: "INC-1" });
  });

  it("its preview says whether what runs again waits for an approval, by the configuration of now", async () => {
    const bridge = await failedBridge(1);
    expect(answerOf(await bridge.preview("dana/on-call")).routes[0]).not.toHaveProperty("needsApproval");
    bridge.rules.set("docs", rulesIn({}));
    expect(answerOf(await bridge.preview("dana/on-call")).routes).toMatchObject([{ runs: 1, needsApproval: true }]);
    bridge.world.shadow = true;
    expect(answerOf(await bridge.preview("dana/on-call")).routes[0]).not.toHaveProperty("needsApproval");
  });

  it("two people who order the same at once run it once, and so do orders that overlap", async () => {
    const bridge = await failedBridge(FAILED);
    const orders = await Promise.all([bridge.order("dana/on-call"), bridge.order("robin/on-call")]);
    await bridge.work();
    await bridge.settle();
    expect(bridge.recorded).toHaveLength(FAILED);
    const counts = await Promise.all(
      orders.map(async (order) => answerOf(await bridge.show("dana/on-call", answerOf(order).id)).counts),
    );
    expect(counts.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(FAILED);
    expect(counts.reduce((sum, { duplicate, outdated }) => sum + duplicate + outdated, 0)).toBe(FAILED);
  });

  it("a process that ends in the middle leaves a step, which runs again after its lease and runs nothing twice", async () => {
    const bridge = await failedBridge(FAILED);
    bridge.diesAfter(14);
    const { id } = answerOf(await bridge.order("dana/on-call"));
    await expect(bridge.work()).rejects.toMatchObject({ code: "store_unavailable" });
    bridge.diesAfter(Number.POSITIVE_INFINITY);
    await bridge.work();
    expect(answerOf(await bridge.show("dana/on-call", id))).toMatchObject({ state: "running", handled: 10 });
    bridge.clock.advance(61_000);
    await bridge.work();
    const done = answerOf(await bridge.show("dana/on-call", id));
    expect(done).toMatchObject({ state: "done", counts: { accepted: FAILED, duplicate: 0, outdated: 0, refused: 0 } });
    expect(bridge.recorded).toHaveLength(FAILED);
  });

  it("one that is stopped runs nothing more, and a new order runs what is left", async () => {
    const bridge = await failedBridge(FAILED);
    const { id } = answerOf(await bridge.order("dana/on-call"));
    expect(rejectionOf(await bridge.stopOrder("max/reader", id))).toBe("role_missing");
    const stopped = answerOf(await bridge.stopOrder("robin/on-call", id));
    expect(stopped).toMatchObject({ state: "stopped", handled: 10, stoppedBy: { id: "people:robin" } });
    bridge.clock.advance(61_000);
    await bridge.work();
    expect(bridge.recorded).toHaveLength(10);
    expect(answerOf(await bridge.stopOrder("robin/on-call", id))).toEqual(stopped);
    const next = answerOf(await bridge.order("robin/on-call"));
    expect(next.total).toBe(FAILED - 10);
    await bridge.work();
    expect(bridge.recorded).toHaveLength(FAILED);
  });

  it("a delivery that changed after the order is left alone, and counted", async () => {
    const bridge = await failedBridge(FAILED);
    const { id } = answerOf(await bridge.order("dana/on-call"));
    const plan = await bridge.bulkReplays.plan(id);
    const last = plan.at(-1)?.delivery ?? "";
    await answerOf(await bridge.order("robin/on-call", { deliveries: [last], key: "single" }));
    await bridge.work();
    const { counts } = answerOf(await bridge.show("dana/on-call", id));
    expect(counts.accepted + counts.duplicate + counts.outdated).toBe(FAILED);
    expect(counts.accepted).toBe(FAILED - 1);
    expect(bridge.recorded).toHaveLength(FAILED);
  });

  it("what ran is run again only with force, and then once for each order that saw it", async () => {
    const bridge = await failedBridge(1);
    const { id } = sampleDelivery(0);
    answerOf(await bridge.order("dana/on-call"));
    await bridge.settle();
    const [replay = ""] = bridge.recorded;
    const selected = { deliveries: [replay, id], query: {} };
    const safe = answerOf(await bridge.preview("dana/on-call", selected));
    expect(safe.routes.map(({ state, runs, unsafe }) => [state, runs, unsafe])).toEqual([
      ["ran", 0, 1],
      ["superseded", 0, 1],
    ]);
    expect(answerOf(await bridge.order("dana/on-call", { ...selected, key: "2" }))).toMatchObject({
      total: 0,
      state: "done",
    });
    expect(answerOf(await bridge.order("dana/on-call", { ...selected, force: true, key: "3" })).counts.accepted).toBe(
      2,
    );
    expect(bridge.recorded).toHaveLength(3);
  });

  it("a search for what ran, ordered again with force, does not find what it ran", async () => {
    const bridge = await failedBridge(2);
    answerOf(await bridge.order("dana/on-call"));
    await bridge.settle();
    await bridge.replayOne("dana/on-call", bridge.recorded[0] ?? "", { route: "docs" }, "by hand");
    await bridge.settle();
    bridge.world.works = false;
    const ran = { query: { state: "ran,superseded" }, force: true };
    const [before] = answerOf(await bridge.preview("dana/on-call", ran)).routes;
    // The three replays ran. The two deliveries that failed are answered by them, and may be run again once.
    expect(before).toMatchObject({ state: "ran", runs: 0, replayed: 3 });
    for (const [key, accepted] of [
      ["2", 2],
      ["3", 0],
      ["4", 0],
    ] as const) {
      expect(answerOf(await bridge.order("dana/on-call", { ...ran, key })).counts.accepted).toBe(accepted);
      await bridge.settle();
    }
    const { total, routes } = answerOf(await bridge.preview("dana/on-call", ran));
    expect([total, routes.map(({ runs, replayed }) => [runs, replayed])]).toEqual([
      0,
      [
        [0, 3],
        [0, 2],
      ],
    ]);
    // One that is named is wanted.
    const named = { deliveries: [bridge.recorded[0] ?? ""], query: {}, force: true, key: "5" };
    expect(answerOf(await bridge.order("dana/on-call", named)).counts.accepted).toBe(1);
  });

  it("what matches only today is found by its route or target, though it acted on no delivery, and runs once", async () => {
    const bridge = await failedBridge(3);
    bridge.world.routes = ["docs", "new"];
    for (const place of [{ route: "new" }, { target: "ci", route: "new" }]) {
      const today = { query: place, today: true };
      expect(answerOf(await bridge.preview("dana/on-call", today))).toMatchObject({
        total: 3,
        routes: [{ route: "new", state: "unmatched", runs: 3 }],
      });
    }
    const elsewhere = { query: { target: "elsewhere" }, today: true };
    expect(answerOf(await bridge.preview("dana/on-call", elsewhere)).total).toBe(0);
    const today = { query: { route: "new" }, today: true };
    expect(answerOf(await bridge.order("dana/on-call", { ...today, key: "1" })).counts.accepted).toBe(3);
    const { total, routes } = answerOf(await bridge.preview("dana/on-call", today));
    expect(total).toBe(0);
    expect(routes).toContainEqual(expect.objectContaining({ route: "new", state: "unmatched", replayed: 3 }));
    expect(answerOf(await bridge.order("dana/on-call", { ...today, key: "2" })).total).toBe(0);
  });

  it("a slower one runs its rate in each step", async () => {
    const bridge = await failedBridge(5);
    expect(answerOf(await bridge.order("dana/on-call", { rate: 2 }))).toMatchObject({ handled: 2, state: "running" });
    await advanceBulkReplays(bridge.api);
    expect(bridge.recorded).toHaveLength(4);
    for (const rate of [0, 11, 1.5])
      expect(rejectionOf(await bridge.order("dana/on-call", { rate, key: "wrong" }))).toBe("body_invalid");
  });

  it("a route that ran is not run again for the replay of another one, also not for the routes of today", async () => {
    let ran = 0;
    const other = routeOf(
      async () => {
        ran += 1;
        return { outcome: "done", summary: "fired" };
      },
      { name: "notes" },
    );
    const bridge = await failedBridge(1, [other]);
    bridge.world.works = false;
    const today = { query: { state: "given_up" }, today: true };
    for (const key of ["1", "2", "3"]) {
      expect(answerOf(await bridge.order("dana/on-call", { ...today, key }))).toMatchObject({
        routes: ["docs"],
        counts: { accepted: 1 },
      });
      await bridge.settle();
    }
    expect(ran).toBe(1);
    const [replay = ""] = bridge.recorded;
    const single = await bridge.replayOne("dana/on-call", replay, { route: "notes", today: true });
    expect(rejectionOf(single)).toBe("replay_impossible");
  });

  it("a delivery that cannot be read is counted as refused, and the others run", async () => {
    const bridge = await failedBridge(FAILED);
    const { id } = answerOf(await bridge.order("dana/on-call"));
    const plan = await bridge.bulkReplays.plan(id);
    const damaged = plan[12]?.delivery ?? "";
    await damage(bridge, damaged);
    await bridge.work();
    expect(bridge.logged).toEqual([{ replay: id, delivery: damaged, route: "docs", reason: "record_unreadable" }]);
    const { counts, state } = answerOf(await bridge.show("dana/on-call", id));
    expect([state, counts.accepted, counts.refused]).toEqual(["done", FAILED - 1, 1]);
    expect(bridge.recorded).toHaveLength(FAILED - 1);
  });

  it("a delivery that cannot be read is not selected, by a query or by its id, and the others are", async () => {
    const bridge = await failedBridge(3);
    const ids = [0, 1, 2].map((at) => sampleDelivery(at).id);
    await damage(bridge, ids[1] ?? "");
    expect(answerOf(await bridge.preview("dana/on-call"))).toMatchObject({ total: 2 });
    expect(answerOf(await bridge.preview("dana/on-call", { query: {} }))).toMatchObject({ total: 2 });
    expect(answerOf(await bridge.preview("dana/on-call", { deliveries: ids }))).toMatchObject({ total: 2 });
    expect(answerOf(await bridge.order("dana/on-call")).counts).toMatchObject({ accepted: 2, refused: 0 });
  });

  it("a plan that is lost refuses what is left, and what was refused before stays counted", async () => {
    const bridge = await failedBridge(FAILED);
    const first = answerOf(await bridge.order("dana/on-call"));
    await bridge.stopOrder("dana/on-call", first.id);
    const stored = await bridge.bulkReplays.get(first.id);
    if (stored === undefined) throw new Error("it is stored");
    const left = (await bridge.bulkReplays.plan(first.id)).slice(10);
    const { endedAt: _, stoppedBy: __, ...rest } = stored;
    const order = { ...rest, id: "r-1", state: "running", total: left.length, handled: 0, counts: NO_COUNTS } as const;
    await bridge.bulkReplays.create(order, left);
    await damage(bridge, left[0]?.delivery ?? "");
    await advanceBulkReplays(bridge.api);
    expect(await bridge.bulkReplays.get("r-1")).toMatchObject({ counts: { accepted: 9, refused: 1 } });
    const sk = `plan ${sha256Hex(JSON.stringify(left))}`;
    await bridge.database.table.put({ pk: "r-1", sk, content: new Uint8Array([1]), expiresAt: 9_999_999_999 });
    await bridge.work();
    expect(await bridge.bulkReplays.get("r-1")).toMatchObject({ state: "done", counts: { accepted: 9, refused: 6 } });
  });

  it("one that is stopped during a step counts what the step ran, once", async () => {
    const bridge = await failedBridge(FAILED);
    const { id } = answerOf(await bridge.order("dana/on-call"));
    const now = bridge.clock.now();
    const claim = await bridge.bulkReplays.claim(id, now, laterBy(now, 60_000));
    if (claim === undefined) throw new Error("it is due");
    answerOf(await bridge.stopOrder("robin/on-call", id));
    const progress = { handled: 20, counts: { ...claim.counts, accepted: 19, outdated: 1 } };
    expect(await bridge.bulkReplays.advance({ ...claim, owner: claim.owner - 1 }, progress, now)).toBe(false);
    expect(await bridge.bulkReplays.advance(claim, progress, now)).toBe(true);
    const stopped = answerOf(await bridge.show("dana/on-call", id));
    expect(stopped).toMatchObject({ state: "stopped", handled: 20, counts: { accepted: 19, outdated: 1 } });
    const late = { handled: FAILED, counts: { ...claim.counts, accepted: FAILED } };
    expect(await bridge.bulkReplays.advance(claim, late, now)).toBe(false);
    expect(answerOf(await bridge.show("dana/on-call", id))).toEqual(stopped);
    bridge.clock.advance(61_000);
    await bridge.work();
    expect(answerOf(await bridge.show("dana/on-call", id))).toEqual(stopped);
  });

  it("it has at most 1,000 replays, and says that there may be more", async () => {
    const bridge = await failedBridge(1);
    bridge.world.routes = Array.from({ length: 1_010 }, (_, at) => `route-${at}`);
    const all = { deliveries: [sampleDelivery(0).id], query: {}, today: true };
    expect(answerOf(await bridge.preview("dana/on-call", all))).toMatchObject({ total: 1_000, isCut: true });
    const { id, total } = answerOf(await bridge.order("dana/on-call", all));
    expect([total, (await bridge.bulkReplays.plan(id)).length]).toEqual([1_000, 1_000]);
    bridge.world.routes = bridge.world.routes.slice(0, 999);
    expect(answerOf(await bridge.preview("dana/on-call", all)).isCut).toBeUndefined();
  });
});

describe("the idempotency key of an order", () => {
  it("the same request again is the same order, whatever matches meanwhile, also if nothing matched", async () => {
    const bridge = await failedBridge(2);
    const none = { query: { state: "given_up", source: "wiki", text: "nothing-has-this" } };
    const first: ShownBulkReplay = answerOf(await bridge.order("dana/on-call", { ...none, key: "empty" }));
    expect(first).toMatchObject({ state: "done", total: 0, handled: 0 });
    bridge.clock.advance(3_600_000);
    // A request with the key of an earlier one is that one.
    expect(answerOf(await bridge.order("dana/on-call", { key: "empty" }))).toEqual(first);
    expect(bridge.recorded).toHaveLength(0);
    const other = answerOf(await bridge.order("robin/on-call", { key: "empty" }));
    expect(other.id).not.toBe(first.id);
    expect(bridge.recorded).toHaveLength(2);
    expect(answerOf(await bridge.order("robin/on-call", { key: "empty" })).id).toBe(other.id);
    expect(bridge.recorded).toHaveLength(2);
  });

  it.each([null, ""])(
    "without one (%j), equal requests within one second are one order, and others are not",
    async (key) => {
      const bridge = await failedBridge(2);
      const [first, second] = [sampleDelivery(0).id, sampleDelivery(1).id];
      const orderOf = async (id: string) =>
        answerOf(await bridge.order("dana/on-call", { deliveries: [id], query: {}, key }));
      const one = await orderOf(first);
      expect((await orderOf(first)).id).toBe(one.id);
      expect((await orderOf(second)).id).not.toBe(one.id);
      bridge.clock.advance(1_000);
      expect((await orderOf(first)).id).not.toBe(one.id);
      expect(bridge.recorded).toHaveLength(2);
      await bridge.settle();
      const replay = async () =>
        answerOf(await bridge.replayOne("dana/on-call", first, { route: "docs" }, key)).delivery;
      const single = await replay();
      expect(await replay()).toBe(single);
      bridge.clock.advance(1_000);
      expect(await replay()).not.toBe(single);
    },
  );

  it("two requests with one key at once and different selections: the order runs the plan of the one that made it", async () => {
    const bridge = await failedBridge(0);
    const planned = ["a", "b", "c"].map((delivery) => ({ delivery, route: "docs", state: "given_up" }) as const);
    const plans = [planned.slice(0, 1), planned.slice(1)];
    const template = answerOf(await bridge.order("dana/on-call"));
    const stored = await bridge.bulkReplays.get(template.id);
    if (stored === undefined) throw new Error("it is stored");
    const create = (plan: readonly PlannedReplay[]) =>
      bridge.bulkReplays.create({ ...stored, id: "r-1", total: plan.length }, plan);
    expect((await Promise.all(plans.map(create))).sort()).toEqual([false, true]);
    const order = await bridge.bulkReplays.get("r-1");
    const plan = await bridge.bulkReplays.plan("r-1");
    expect(plan).toHaveLength(order?.total ?? 0);
    await Promise.all(plans.map(create));
    expect(await bridge.bulkReplays.plan("r-1")).toEqual(plan);
  });
});

describe("who may order and see it", () => {
  it("a caller without `replay` gets a preview that says so, and no order", async () => {
    const bridge = await failedBridge(2);
    const { total, routes } = answerOf(await bridge.preview("max/reader"));
    expect([total, routes[0]?.forbidden]).toEqual([0, 2]);
    expect(rejectionOf(await bridge.order("max/reader"))).toBe("role_missing");
    const nothing = { query: { text: "nothing-has-this" }, key: "nothing" };
    expect(rejectionOf(await bridge.order("max/reader", nothing))).toBe("role_missing");
    expect(await bridge.bulkReplays.list(100)).toEqual([]);
    expect(bridge.recorded).toHaveLength(0);
  });

  it("a caller who may read only some deliveries selects none of the others, and sees only own orders", async () => {
    const bridge = await failedBridge(2);
    const { id } = answerOf(await bridge.order("dana/on-call"));
    const selected = { deliveries: [sampleDelivery(0).id] };
    expect(answerOf(await bridge.preview("ines/docs", selected))).toEqual({ deliveries: 0, total: 0, routes: [] });
    expect(rejectionOf(await bridge.show("ines/docs", id))).toBe("replay_unknown");
    expect(rejectionOf(await bridge.stopOrder("ines/docs", id))).toBe("replay_unknown");
    const own = answerOf(await bridge.order("ines/docs"));
    expect(own.total).toBe(0);
    expect(answerOf(await bridge.list("ines/docs")).replays.map((one) => one.id)).toEqual([own.id]);
    expect(answerOf(await bridge.list("dana/on-call")).replays).toHaveLength(2);
  });

  it("the list has the newest 100 orders", async () => {
    const bridge = await failedBridge(0);
    const { id } = answerOf(await bridge.order("dana/on-call"));
    const stored = await bridge.bulkReplays.get(id);
    if (stored === undefined) throw new Error("it is stored");
    for (let at = 1; at <= 100; at += 1)
      await bridge.bulkReplays.create({ ...stored, id: `r-${at}`, orderedAt: laterBy(stored.orderedAt, at) }, []);
    const listed = answerOf(await bridge.list("dana/on-call")).replays.map((one) => one.id);
    expect(listed).toEqual(Array.from({ length: 100 }, (_, at) => `r-${100 - at}`));
  });

  it("the audit has who ordered and who stopped, and why", async () => {
    const bridge = await failedBridge(FAILED);
    const { id } = answerOf(await bridge.order("dana/on-call"));
    await bridge.stopOrder("robin/on-call", id);
    const { deliveries } = await bridge.deliveries.list({
      before: { receivedAt: bridge.clock.now(), id: "~" },
      notBefore: bridge.clock.now(),
      limit: 100,
      scanLimit: 1_000,
      matches: ({ outcome }) => outcome === "audit",
    });
    const acts = deliveries.map(({ what, subject, principal }) => `${principal.subject}: ${what} ${subject}`).sort();
    expect(acts).toEqual([`dana: replays_ordered ${id}: ${FAILED}, INC-1`, `robin: replays_stopped ${id}`]);
  });
});
