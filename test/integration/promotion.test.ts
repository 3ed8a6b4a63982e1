import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { rulesIn } from "../../shared/approvals/configured-rules.ts";
import { grantRulesOf } from "../../shared/config/grant-rules.ts";
import { act } from "../../shared/delivery/act.ts";
import { advanceBulkReplay } from "../../shared/delivery/bulk-replay.ts";
import { lagBetween } from "../../shared/delivery/environment-lag.ts";
import { placedBefore, promote, promotionState } from "../../shared/delivery/promotion.ts";
import type { Replayed } from "../../shared/delivery/replay.ts";
import { rollBack } from "../../shared/delivery/rollback.ts";
import { epochMillis } from "../../shared/host/clock.ts";
import { replayDelivery } from "../../shared/http/replay.ts";
import { policyOf } from "../../shared/identity/policy.ts";
import type { BuildEvent, BuildState, CodeEvent } from "../../shared/model/event.ts";
import { factsOf } from "../../shared/model/event-facts.ts";
import { actionIdOf, deliveryIdOf } from "../../shared/model/idempotency-keys.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { ok, type Result } from "../../shared/model/result.ts";
import { compilePattern } from "../../shared/routes/pattern.ts";
import type { Route } from "../../shared/routes/route.ts";
import { NO_COUNTS } from "../../shared/store/bulk-replays.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { gatedBridge, holder } from "../support/gated-bridge.ts";
import { withMethods } from "../support/memory-stores.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { silentLog, testClock } from "../support/test-doubles.ts";

const none = { call: [], fire: [], replay: [], approve: [], promote: [], summarise: [], pause: [] };
const ROLES = {
  manager: { ...none, approve: ["docs"], promote: ["docs"] },
  "on-call": { ...none, replay: ["*"] },
  release: { ...none, promote: ["docs"] },
};
const PLACE = { route: "docs", from: "staging", to: "production" } as const;
const DIGEST = `sha256:${"d".repeat(64)}`;
const rita = holder("rita", ["release"]);
const rob = holder("rob", ["release"]);

let bridge: Awaited<ReturnType<typeof gatedBridge>>;
/** The roles and the environments of today. */
let roles: typeof ROLES;
let environments: string[];

/** A bridge whose route is as `connectAction` builds it, as far as promotions need it. Shadow mode asks for no approval. */
const open = (approval?: Route["approval"], parts: Parameters<typeof gatedBridge>[4] = {}) =>
  gatedBridge(
    [{ outcome: "done", summary: "accepted" }],
    {
      matches: (busEvent) => busEvent["detail-type"].startsWith("code."),
      runsReportedBy: "cluster",
      runsStaleAfterMs: 90 * 60_000,
      environments,
      reject: async ({ detail }) => {
        if (detail.promotion?.from === undefined) return undefined;
        const rejection = policyOf(roles).rejectRoute(detail.principal, "promote", "docs", [factsOf(detail)]);
        return rejection && { rejection, mode: "enforce" };
      },
      ...(approval ? { approval } : { mode: "shadow" }),
    },
    [],
    undefined,
    { roles: ROLES, ...parts },
  );

beforeEach(async () => {
  roles = { ...ROLES };
  environments = ["staging", "production"];
  bridge = await open();
});
afterEach(() => bridge.stop());

const commit = (n: number): string => String(n).padStart(40, "c");

/** A push of one commit, or of several, after that of `n - 1`. */
function push(n: number, { ref = "refs/heads/main", count = 1, at = commit(n) } = {}) {
  const time = new Date(bridge.clock.now()).toISOString();
  const { events: _, ...sample } = sampleDelivery(n, { source: "code", provider: "gitlab", what: "code.pushed" });
  const name = ref.split("/").at(-1) ?? "";
  const event: CodeEvent = {
    type: ref.startsWith("refs/tags/") ? "code.tagged" : "code.pushed",
    keyParts: [ref, at, time],
    time,
    subject: "platform/docs",
    code: {
      project: "platform/docs",
      ref,
      name,
      change: "updated",
      commit: at,
      before: commit(n - 1),
      commits: [],
      commitCount: count,
      protected: true,
    },
  };
  return bridge.takeIn({
    ...sample,
    id: deliveryIdOf("code", [ref, at]),
    receivedAt: bridge.clock.now(),
    events: [event],
  });
}

/** Fires the run of a delivery. A second passes. */
async function fire<T>(delivery: T): Promise<T> {
  await bridge.runDue();
  bridge.clock.advance(1_000);
  return delivery;
}

/** The cluster reports the end of the run that a delivery fired. */
async function report(
  { id: delivery }: Pick<RecordedDelivery, "id">,
  state: BuildState = "succeeded",
  results?: Readonly<Record<string, string>>,
) {
  bridge.clock.advance(1_000);
  const event: BuildEvent = {
    type: `build.${state}`,
    keyParts: [delivery, state, JSON.stringify(results ?? {})],
    time: new Date(bridge.clock.now()).toISOString(),
    subject: "ci/run",
    origin: { delivery },
    build: { system: "tekton", id: delivery, pipeline: "ci/docs", state, ...(results && { results }) },
  };
  const { events: _, ...sample } = sampleDelivery(1, { source: "cluster", provider: "tekton", what: event.type });
  const id = deliveryIdOf("cluster", [...event.keyParts]);
  await bridge.takeIn({ ...sample, id, receivedAt: bridge.clock.now(), events: [event] });
}

/** A run of this push that succeeded in staging. */
async function good(n: number, options: Parameters<typeof push>[1] = {}, results?: Readonly<Record<string, string>>) {
  const delivery = await fire(await push(n, options));
  await report(delivery, "succeeded", results);
  return delivery;
}

let keys = 0;
interface Asked {
  readonly by?: typeof rita;
  readonly run: Pick<RecordedDelivery, "id">;
  readonly key?: string;
}
const ordered = (run: string, by: typeof rita, key: string): readonly string[] => [run, by.subject, key];
const ask = ({ by = rita, run, key = `key-${++keys}` }: Asked) =>
  promote({ place: PLACE, run: run.id, by, key: ordered(run.id, by, key), requestId: "request-1" }, bridge.bridge);

const why = (result: Result<unknown>): string => (result.ok ? "placed" : result.rejection.reason);

/** Places a promotion and hands it to the bus. */
async function placed(asked: Asked): Promise<RecordedDelivery> {
  const result = await ask(asked);
  if (!result.ok) throw new Error(JSON.stringify(result.rejection));
  return recorded(result.value);
}

async function recorded({ delivery: id }: Pick<Replayed, "delivery">): Promise<RecordedDelivery> {
  const delivery = await bridge.deliveries.get(id);
  if (delivery === undefined) throw new Error("it is recorded");
  return bridge.takeIn(delivery);
}

const promotions = () => bridge.fired.filter(({ busEvent }) => busEvent.detail.promotion?.from !== undefined);

const denials = async ({ id }: Pick<RecordedDelivery, "id">) =>
  (await bridge.deliveries.timeline(id)).flatMap((line) => (line.kind === "denied" ? [line.refusal.reason] : []));

const rollBackStaging = (key: string) =>
  rollBack(
    { place: { route: "docs", environment: "staging" }, by: holder("mia", ["on-call"]), key: [key], requestId: "r" },
    bridge.bridge,
  );

describe("a promotion", () => {
  it("a promotion fires the commit and the digest of the last good run, also if the branch and the image have moved on", async () => {
    await good(1, {}, { IMAGE_DIGEST: `sha256:${"a".repeat(64)}` });
    const second = await good(2, {}, { IMAGE_DIGEST: DIGEST });
    // A newer run that has not ended, and one that failed, are not the last good one.
    const failed = await fire(await push(3));
    await report(failed, "failed");
    await fire(await push(4));
    const promotion = await fire(await placed({ run: second }));
    expect(promotion).toMatchObject({
      principal: rita,
      replay: {
        of: second.id,
        routes: ["docs"],
        promotion: { from: "staging", to: "production", reference: commit(2), digest: DIGEST },
      },
    });
    expect(promotions()).toHaveLength(1);
    expect(promotions()[0]?.busEvent.detail).toMatchObject({
      code: { commit: commit(2) },
      promotion: { to: "production", reference: commit(2), digest: DIGEST },
    });
    await report(promotion);
    // It is in production now, whatever the run itself reports.
    expect(await bridge.runs.of("docs")).toContainEqual(
      expect.objectContaining({ delivery: promotion.id, end: expect.objectContaining({ environment: "production" }) }),
    );
    expect(why(await ask({ run: second })), "production has it").toBe("promotion_impossible");
  });

  it("a run that is not the newest good one is refused, and so is one that never was", async () => {
    const [first, second] = [await good(1), await good(2)];
    expect(why(await ask({ run: first }))).toBe("promotion_outdated");
    expect(why(await ask({ run: await push(3) }))).toBe("promotion_outdated");
    expect(why(await ask({ run: { id: "d-unknown" } }))).toBe("promotion_outdated");
    expect(why(await ask({ run: second }))).toBe("placed");
  });

  it.each<[string, readonly string[], object, string]>([
    ["without the role", ["on-call"], {}, "role_missing"],
    ["past an environment", ["release"], { environments: ["staging", "canary", "production"] }, "promotion_impossible"],
    ["backwards", ["release"], { environments: ["production", "staging"] }, "promotion_impossible"],
    ["of a route whose runs are not reported", ["release"], { runsReportedBy: undefined }, "promotion_impossible"],
    ["without the digest that the route passes", ["release"], { needsDigest: true }, "promotion_impossible"],
  ])("a promotion %s is refused", async (_, held, { environments: order, ...changes }: Partial<Route>, reason) => {
    const run = await good(1);
    if (order) environments.splice(0, environments.length, ...order);
    const [route] = bridge.bridge.runReporters;
    const deps = { ...bridge.bridge, runReporters: [{ ...route, name: "docs", environments, ...changes }] };
    const by = holder("rita", held);
    const result = await promote({ place: PLACE, run: run.id, by, key: ["k"], requestId: "r" }, deps);
    expect(why(result)).toBe(reason);
  });

  it("nothing but the digest of one image counts", async () => {
    const run = await good(1, {}, { IMAGE_DIGEST: "latest", api_IMAGE_DIGEST: DIGEST });
    const [first] = await bridge.runs.of("docs");
    expect(first?.end).not.toHaveProperty("digest");
    // A deployment that is reported after the run keeps the run's digest.
    await report(run, "succeeded", { "image-digest": DIGEST });
    await report(run, "succeeded", { environment: "staging" });
    expect((await bridge.runs.of("docs"))[0]?.end?.digest).toBe(DIGEST);
  });
});

describe("promotions of several people", () => {
  it("two people who promote the same run at once get one run, and each key its answer for ever", async () => {
    const run = await good(1);
    const [one, other] = await Promise.all([ask({ run, key: "one" }), ask({ run, key: "two", by: rob })]);
    if (!one.ok || !other.ok) throw new Error("both are answered");
    expect(other.value.delivery).toBe(one.value.delivery);
    expect([one.value.status, other.value.status].sort()).toEqual(["accepted", "duplicate"]);
    const promotion = await fire(await recorded(one.value));
    expect(await ask({ run, by: rob }), "while its run goes on").toMatchObject({
      value: { delivery: promotion.id, status: "duplicate" },
    });
    await report(promotion);
    await good(2);
    const winner = promotion.principal.subject === "rita" ? { by: rita, key: "one" } : { by: rob, key: "two" };
    expect(await ask({ run, ...winner })).toMatchObject({ value: { delivery: promotion.id, status: "duplicate" } });
    expect(promotions()).toHaveLength(1);
  });

  it("a promotion of a newer run waits for the run that deploys to the environment, and only one of two fires", async () => {
    const first = await good(1);
    const running = await fire(await placed({ run: first }));
    const second = await good(2);
    expect(why(await ask({ run: second, by: rob }))).toBe("promotion_running");
    await report(running, "failed");
    expect(why(await ask({ run: first })), "the older one is outdated now").toBe("promotion_outdated");
    const next = await fire(await placed({ run: second, by: rob }));
    expect(promotions().map(({ busEvent }) => busEvent.detail.delivery)).toEqual([running.id, next.id]);
  });

  it("a promotion that was placed before another run deployed there waits for its end", async () => {
    const before = await fire(await placed({ run: await good(1) }));
    await report(before);
    const asked = await ask({ run: await good(2) });
    if (!asked.ok) throw new Error(JSON.stringify(asked.rejection));
    // Somebody runs the first promotion again, and it fires before the second is published.
    const again = await fire(await bridge.replay(before, holder("mia", ["on-call"])));
    const promotion = await fire(await recorded(asked.value));
    expect(promotions().map(({ busEvent }) => busEvent.detail.delivery)).toEqual([before.id]);
    expect((await bridge.deliveries.timeline(promotion.id)).filter(({ kind }) => kind === "waiting")).toHaveLength(1);
    // The end of the run wakes it.
    await report(again);
    await bridge.runDue();
    expect(promotions().map(({ busEvent }) => busEvent.detail.delivery)).toEqual([before.id, promotion.id]);
  });

  /** A promotion that waits for a run of an earlier one. `waits` attempts it for the first time. */
  async function aboutToWait() {
    const before = await fire(await placed({ run: await good(1) }));
    await report(before);
    const asked = await ask({ run: await good(2) });
    if (!asked.ok) throw new Error(JSON.stringify(asked.rejection));
    const running = await fire(await bridge.replay(before, holder("mia", ["on-call"])));
    const promotion = await recorded(asked.value);
    return { running, promotion, action: actionIdOf("docs", busEventOf(promotion)?.detail.eventKey ?? "") };
  }

  it("a promotion whose awaited run ends while it is about to wait is due at once", async () => {
    const { running, promotion, action } = await aboutToWait();
    const defer: typeof bridge.actions.defer = async (...given) => {
      await report(running);
      return bridge.actions.defer(...given);
    };
    await act(action, { ...bridge.deps, actions: withMethods(bridge.actions, { defer }) });
    await bridge.runDue();
    expect(promotions().map(({ busEvent }) => busEvent.detail.delivery)).toContain(promotion.id);
  });

  it("an end that is reported again wakes what a killed process did not, and one that is never reported delays it", async () => {
    const { running, promotion, action } = await aboutToWait();
    await bridge.runDue();
    const fired = () => promotions().some(({ busEvent }) => busEvent.detail.delivery === promotion.id);
    const end = { succeeded: true, at: new Date(bridge.clock.now()).toISOString(), environment: "production" };
    // The process that recorded the end was killed before it woke anything.
    await bridge.runs.record("docs", { delivery: running.id, beganAt: end.at, end });
    await bridge.runDue();
    expect(fired()).toBe(false);
    expect((await bridge.actions.status(action))?.dueAt).toBeLessThanOrEqual(bridge.clock.now() + 600_000);
    await report(running);
    await bridge.runDue();
    expect(fired()).toBe(true);
  });

  it("what waits for the run of another environment is not woken", async () => {
    const { promotion, action } = await aboutToWait();
    await bridge.runDue();
    const { dueAt } = (await bridge.actions.status(action)) ?? {};
    await report(await fire(await push(3)), "failed");
    expect(await bridge.actions.status(action)).toMatchObject({ state: "due", dueAt });
    expect(promotions().some(({ busEvent }) => busEvent.detail.delivery === promotion.id)).toBe(false);
  });

  it("a run whose end is never reported does not block its environment for ever", async () => {
    const run = await good(1);
    await fire(await placed({ run }));
    const second = await good(2);
    expect(why(await ask({ run: second }))).toBe("promotion_running");
    bridge.clock.advance(91 * 60_000);
    expect(why(await ask({ run: second }))).toBe("placed");
  });

  it("the same run is promoted again after its promotion failed, and once", async () => {
    const run = await good(1);
    const failed = await fire(await placed({ run, key: "one" }));
    await report(failed, "failed");
    expect(await ask({ run, key: "one" }), "the same key").toMatchObject({ value: { delivery: failed.id } });
    const again = await fire(await placed({ run, key: "two" }));
    expect(again.id).not.toBe(failed.id);
    expect(promotions()).toHaveLength(2);
  });

  it("a key that was answered with the promotion of somebody else keeps that answer, whatever became of it", async () => {
    const run = await good(1);
    const first = await fire(await placed({ run }));
    const robs = { run, by: rob, key: "S2" };
    const same = { value: { delivery: first.id, replayOf: run.id, status: "duplicate" } };
    expect(await ask(robs)).toMatchObject(same);
    await report(first, "failed");
    expect(await ask(robs), "after it failed").toMatchObject(same);
    const [one, other] = await Promise.all([ask(robs), ask(robs)]);
    expect([one, other], "twice at once").toMatchObject([same, same]);
    await good(2);
    expect(await ask(robs), "after a newer run").toMatchObject(same);
    expect(promotions()).toHaveLength(1);
  });
});

describe("a replay of a promotion", () => {
  const mia = holder("mia", ["on-call"]);
  const both = holder("ines", ["on-call", "release"]);

  /** Somebody runs a delivery again, over the API. */
  async function again(of: Pick<RecordedDelivery, "id">, by: typeof rita, key = `key-${++keys}`, body: object = {}) {
    const pattern = compilePattern({ source: [{ prefix: "" }] });
    if (!pattern.ok) throw new Error("the pattern is valid");
    const patterns = [{ name: "docs", pattern: pattern.pattern, target: "ci", mode: "enforce" as const }];
    const request = {
      method: "POST",
      url: new URL(`https://bridge.example.test/v1/deliveries/${of.id}/replay`),
      body: Buffer.from(JSON.stringify({ route: "docs", ...body })),
      headers: new Headers({ authorization: "Bearer token", "idempotency-key": key }),
      receivedAt: bridge.clock.now(),
      requestId: "request-1",
    };
    return replayDelivery(request, of.id, {
      ...bridge.bridge,
      tokens: { verify: async () => ok({ principal: by, claims: {} }) },
      trustEntries: ["people"],
      policy: policyOf(roles),
      rejectOverRate: async () => undefined,
      patterns: async () => patterns,
      recorded: () => undefined,
    });
  }

  it("cannot start in production what never was there: it is judged as a promotion by whoever replays it", async () => {
    await good(1);
    const second = await good(2);
    const refused = await placed({ run: second });
    const rollback = await rollBackStaging("back");
    if (!rollback.ok) throw new Error("there is an earlier run");
    await fire(await recorded(rollback.value));
    expect(await denials(refused)).toEqual(["promotion_outdated"]);
    expect(why(await again(refused, mia)), "without the permission").toBe("role_missing");
    expect(why(await again(refused, both)), "with it").toBe("promotion_outdated");
    const expected = {
      state: "not_fired",
      since: new Date((await bridge.deliveries.timeline(refused.id)).at(-1)?.at ?? 0).toISOString(),
    };
    expect(why(await again(refused, mia, "seen", { expected, force: true }))).toBe("role_missing");
    await bridge.later();
    expect(promotions()).toHaveLength(0);
    expect(bridge.fired.filter(({ busEvent }) => busEvent.detail.promotion?.to === "production")).toHaveLength(0);
  });

  it("of one that failed is a new promotion of the same run, once for each key", async () => {
    const run = await good(1);
    const failed = await fire(await placed({ run }));
    await report(failed, "failed");
    expect(why(await again(failed, mia))).toBe("role_missing");
    const result = await again(failed, both, "again");
    if (!result.ok) throw new Error(JSON.stringify(result.rejection));
    const promotion = await fire(await recorded(result.value));
    expect(promotion).toMatchObject({ principal: both, replay: { of: run.id, promotion: { from: "staging" } } });
    const same = { value: { delivery: promotion.id, status: "duplicate" } };
    expect(await again(failed, both, "again"), "while it runs").toMatchObject(same);
    await report(promotion, "failed");
    expect(await again(failed, both, "again"), "after it failed").toMatchObject(same);
    expect(promotions()).toHaveLength(2);
  });

  it("starts no second run beside one that goes on, and goes back to one that was good", async () => {
    const promotion = await fire(await placed({ run: await good(1) }));
    expect(why(await again(promotion, mia)), "its own run goes on").toBe("promotion_running");
    await report(promotion);
    const result = await again(promotion, mia, "once");
    if (!result.ok) throw new Error(JSON.stringify(result.rejection));
    const repeat = await fire(await recorded(result.value));
    expect(await again(promotion, mia, "once"), "the same key").toMatchObject({
      value: { delivery: repeat.id, status: "duplicate" },
    });
    expect(why(await again(promotion, mia)), "its replay goes on").toBe("promotion_running");
    expect(why(await again(repeat, mia)), "a replay of the replay").toBe("promotion_running");
    await report(repeat, "failed");
    expect(why(await again(repeat, mia))).toBe("placed");
  });

  it("of two that are ordered before either fires, one runs, and the other is judged when that run has ended", async () => {
    const promotion = await fire(await placed({ run: await good(1) }));
    await report(promotion);
    const orders = [await again(promotion, mia), await again(promotion, both)];
    bridge.clock.advance(1_000);
    const [one, other] = await Promise.all(orders.map((order) => recorded(order.ok ? order.value : { delivery: "" })));
    if (one === undefined || other === undefined) throw new Error("both are placed");
    const fired = () => bridge.fired.filter(({ busEvent }) => busEvent.detail.replay?.of === promotion.id).length;
    await fire(one);
    await bridge.later(15);
    expect(fired()).toBe(1);
    expect(await denials(other), "while it runs").toEqual([]);
    await report(one);
    await bridge.runDue();
    expect(fired()).toBe(1);
    expect(await denials(other), "production has it").toEqual(["promotion_impossible"]);
    expect(why(await again(promotion, mia)), "one that is ordered now").toBe("placed");
  });

  it("fires after all if the one before it failed", async () => {
    const promotion = await fire(await placed({ run: await good(1) }));
    await report(promotion);
    const orders = [await again(promotion, mia), await again(promotion, both)];
    const [one, other] = await Promise.all(orders.map((order) => recorded(order.ok ? order.value : { delivery: "" })));
    if (one === undefined || other === undefined) throw new Error("both are placed");
    await fire(one);
    await report(one, "failed");
    await bridge.runDue();
    expect(bridge.fired.at(-1)?.busEvent.detail.delivery).toBe(other.id);
    expect(await denials(other)).toEqual([]);
  });

  it("in bulk starts nothing that never was there either", async () => {
    const failed = await fire(await placed({ run: await good(1) }));
    await report(failed, "failed");
    const bulk = async (by: typeof rita) => {
      const claim = { id: "r-1", by, reason: "again", requestId: `bulk-${by.subject}`, isForced: true, rate: 10 };
      let counted = {};
      await advanceBulkReplay("r-1", {
        ...bridge.bridge,
        policy: policyOf(roles),
        patterns: async () => [],
        recorded: () => undefined,
        log: silentLog,
        bulkReplays: async () => ({
          due: async () => ["r-1"],
          claim: async () => ({ ...claim, total: 1, handled: 0, counts: NO_COUNTS, owner: 1 }) as never,
          plan: async () => [{ delivery: failed.id, route: "docs", state: "ran" as const, since: bridge.clock.now() }],
          advance: async (_, { counts }) => {
            counted = counts;
            return true;
          },
        }),
      });
      return counted;
    };
    expect(await bulk(mia)).toMatchObject({ refused: 1, accepted: 0 });
    expect(await bulk(both)).toMatchObject({ refused: 0, accepted: 1 });
  });
});

describe("the key of a caller, without the run", () => {
  const find = (key: string, by = rita) =>
    placedBefore({ place: PLACE, by, keyOf: (run) => ordered(run, by, key) }, bridge.bridge);

  it("finds what it placed: while it waits, after its end, after a newer good run, and after a promotion of that one", async () => {
    const run = await good(1);
    expect(await find("one")).toBeUndefined();
    const promotion = await placed({ run, key: "one" });
    const first = { delivery: promotion.id, replayOf: run.id };
    expect(await find("one"), "before it fires").toEqual(first);
    await fire(undefined);
    await report(promotion);
    expect(await find("one"), "production has it").toEqual(first);
    const second = await good(2);
    expect(await find("one"), "another run is the newest good one").toEqual(first);
    const other = await fire(await placed({ run: second, key: "two" }));
    expect([await find("one"), await find("two")]).toEqual([first, { delivery: other.id, replayOf: second.id }]);
  });

  it("finds the promotion that was tried again with it after the first failed", async () => {
    const run = await good(1);
    const failed = await fire(await placed({ run, key: "one" }));
    await report(failed, "failed");
    const again = await fire(await placed({ run, key: "two" }));
    expect((await find("two"))?.delivery).toBe(again.id);
    expect((await find("one"))?.delivery).toBe(failed.id);
  });

  it("finds nothing for another key, for another person, and for whoever may not promote any more", async () => {
    await fire(await placed({ run: await good(1), key: "one" }));
    expect([await find("two"), await find("one", rob)]).toEqual([undefined, undefined]);
    expect(await find("one", holder("rita", ["on-call"]))).toBeUndefined();
  });
});

describe("a promotion that waits", () => {
  const GATED = { expiresMinutes: 600, approvers: () => ["manager"] };
  const max = holder("max");

  beforeEach(async () => {
    await bridge.stop();
    bridge = await open(GATED);
  });

  /** A run that somebody approved, and that succeeded in staging. */
  async function goodWithApproval(n: number, options: Parameters<typeof push>[1] = {}) {
    const delivery = await fire(await push(n, options));
    expect((await bridge.decide(delivery, "grant", max)).ok).toBe(true);
    await bridge.later();
    await report(delivery);
    return delivery;
  }

  /** Another run that succeeded in staging now. */
  function newer() {
    const at = new Date(bridge.clock.now()).toISOString();
    return { delivery: "d-newer", beganAt: at, end: { succeeded: true, at, environment: "staging" } };
  }

  const waits = async (run: RecordedDelivery) => fire(await placed({ run }));

  it("asks for an approval that is bound to the commit of the good run, and a push to the branch does not void it", async () => {
    const run = await goodWithApproval(1);
    const promotion = await waits(run);
    expect(await bridge.approvalOf(promotion)).toMatchObject({
      requester: rita,
      state: "requested",
      reference: { value: commit(1), mark: commit(1) },
    });
    expect(why(await bridge.decide(promotion, "grant", rita)), "by whoever asks").toBe("role_missing");
    await push(2);
    expect(why(await bridge.decide(promotion, "grant", max))).toBe("placed");
    await bridge.later();
    expect(promotions().map(({ approvedRef }) => approvedRef)).toEqual([commit(1)]);
  });

  const MAIN = { detail: { code: { ref: ["refs/heads/main"] } } };
  const to = (environment: string) => ({ detail: { promotion: { to: [environment] } } });
  it.each<[string, readonly object[], string]>([
    ["of the branch", [MAIN], "requested"],
    ["of the first environment", [to("staging")], "requested"],
    ["of the branch or the environment", [{ detail: { $or: [MAIN.detail, to("production").detail] } }], "requested"],
    ["of its environment", [MAIN, to("production")], "fired"],
  ])("a rule %s grants pushes, and a promotion only if it names the environment", async (_, events, state) => {
    await bridge.stop();
    const grantedBy = events.map((event, at) => ({ id: `rule-${at}`, when: { event } }));
    bridge = await open(GATED, {
      rules: new Map([["docs", rulesIn({ grantedBy })]]),
      grantRules: async () => grantRulesOf({ rules: [["docs", grantedBy]], presets: {} }),
    });
    const run = await good(1);
    expect((await bridge.approvalOf(run)).state).toBe("fired");
    const promotion = await waits(run);
    await bridge.later();
    expect((await bridge.approvalOf(promotion)).state).toBe(state);
    expect(promotions()).toHaveLength(state === "fired" ? 1 : 0);
  });

  it("does not fire a tag that has moved, although it was granted", async () => {
    const tag = { ref: "refs/tags/v1" };
    const run = await goodWithApproval(1, tag);
    const promotion = await waits(run);
    expect(why(await bridge.decide(promotion, "grant", max))).toBe("placed");
    bridge.clock.advance(1_000);
    await push(2, tag);
    await bridge.later();
    expect(promotions()).toHaveLength(0);
    expect((await bridge.approvalOf(promotion)).state).toBe("superseded");
  });

  it.each<[string, (run: RecordedDelivery) => Promise<unknown>, string]>([
    ["a newer run is good", async () => bridge.runs.record("docs", newer()), "promotion_outdated"],
    [
      "the run reports another digest",
      async (run) => report(run, "succeeded", { IMAGE_DIGEST: DIGEST }),
      "promotion_outdated",
    ],
    ["its role is removed", async () => void Object.assign(roles, { release: none }), "role_missing"],
    ["its environment is removed", async () => void environments.splice(1, 1, "canary"), "promotion_impossible"],
  ])("does not fire if %s meanwhile, although it was granted", async (_, change, reason) => {
    const run = await goodWithApproval(1);
    const promotion = await waits(run);
    expect(why(await bridge.decide(promotion, "grant", max))).toBe("placed");
    await change(run);
    await bridge.later();
    expect(promotions()).toHaveLength(0);
    expect(await denials(promotion)).toEqual([reason]);
    expect((await bridge.approvalOf(promotion)).state, "it has not fired").toBe("granted");
  });

  it("refused at the very moment after its approval fired starts nothing, and the same run needs a new approval", async () => {
    const run = await goodWithApproval(1);
    const promotion = await waits(run);
    expect(why(await bridge.decide(promotion, "grant", max))).toBe("placed");
    bridge.clock.advance(60_000);
    const hold: typeof bridge.deps.hold = async (...given) => {
      const gate = await bridge.deps.hold(...given);
      await bridge.runs.record("docs", newer());
      return gate;
    };
    const action = actionIdOf("docs", busEventOf(promotion)?.detail.eventKey ?? "");
    await act(action, { ...bridge.deps, hold });
    await act(action, bridge.deps);
    expect(promotions()).toHaveLength(0);
    expect(await denials(promotion)).toEqual(["promotion_outdated"]);
    expect((await bridge.approvalOf(promotion)).state).toBe("fired");
    expect(why(await bridge.decide(promotion, "deny", max)), "nobody decides it any more").not.toBe("placed");
  });
});

describe("a rollback", () => {
  it("a run that was rolled back is not promoted: while the rollback waits, when it fired, and when it failed", async () => {
    const first = await good(1);
    const second = await good(2);
    const waiting = await placed({ run: second });
    const rollback = await rollBackStaging("one");
    if (!rollback.ok) throw new Error("there is an earlier run");
    expect(why(await ask({ run: second })), "ordered, and not fired yet").toBe("promotion_outdated");
    const fired = await recorded(rollback.value);
    await fire(fired);
    expect(await denials(waiting), "judged again before it fires").toEqual(["promotion_outdated"]);
    expect(why(await ask({ run: second })), "while it runs").toBe("promotion_outdated");
    await report(fired, "failed");
    expect(why(await ask({ run: second })), "after it failed").toBe("promotion_outdated");
    expect(why(await ask({ run: first }))).toBe("promotion_outdated");
    await report(fired, "succeeded");
    // What it went back to is the last good run.
    const promotion = await placed({ run: fired });
    expect(promotion.replay?.promotion?.reference).toBe(commit(1));
  });

  it("a rollback in production deploys there again, and is no promotion that is judged", async () => {
    const one = await good(1);
    const first = await fire(await placed({ run: one }));
    await report(first);
    const two = await good(2);
    await report(await fire(await placed({ run: two })));
    const place = { route: "docs", environment: "production" };
    const mia = holder("mia", ["on-call"]);
    const rollback = await rollBack({ place, by: mia, key: ["back"], requestId: "r" }, bridge.bridge);
    if (!rollback.ok) throw new Error(JSON.stringify(rollback.rejection));
    const again = await fire(await recorded(rollback.value));
    expect(bridge.fired.at(-1)?.busEvent.detail).toMatchObject({
      delivery: again.id,
      code: { commit: commit(1) },
      promotion: { to: "production", reference: commit(1) },
    });
    await report(again);
    // What was rolled back in production may be promoted there again.
    expect(why(await ask({ run: two }))).toBe("placed");
  });
});

describe("a crash", () => {
  it("a process that ends after the record and before the firing loses nothing, and the same key fires nothing twice", async () => {
    await bridge.stop();
    const database = openMemoryTable();
    const clock = testClock();
    bridge = await open(undefined, { database, clock });
    const run = await good(1);
    // The record is there, and nothing was told to the bus. The timeline of the run has no line of it yet either.
    const { deliveries } = bridge;
    const dying = {
      ...bridge.bridge,
      deliveries: {
        get: (id: string) => deliveries.get(id),
        record: (one: RecordedDelivery) => deliveries.record(one),
        timeline: (id: string) => deliveries.timeline(id),
        answerTo: (key: string) => deliveries.answerTo(key),
        rememberAnswer: (...answer: Parameters<typeof deliveries.rememberAnswer>) =>
          deliveries.rememberAnswer(...answer),
        addToTimeline: async () => {
          throw new Error("the process ended");
        },
      },
    };
    const order = { place: PLACE, run: run.id, by: rita, key: ["rita", "once"], requestId: "r" };
    await expect(promote(order, dying)).rejects.toThrow("the process ended");
    bridge = await open(undefined, { database, clock });
    const repeated = await promote(order, bridge.bridge);
    if (!repeated.ok) throw new Error(JSON.stringify(repeated.rejection));
    expect(repeated.value.status).toBe("duplicate");
    await fire(await recorded(repeated.value));
    await fire(await recorded(repeated.value));
    expect(promotions()).toHaveLength(1);
  });
});

describe("a command on a page", () => {
  const promotionsOf = async ({ id }: RecordedDelivery) =>
    (await bridge.deliveries.timeline(id)).flatMap((line) => (line.kind === "replayed" ? [line] : []));

  it("a label promotes what was good when it was put, once, however often and late it is reported", async () => {
    const run = await good(1);
    const time = new Date(bridge.clock.now()).toISOString();
    const label = () => bridge.label("drawbridge-promote-docs", "mia", { receivedAt: bridge.clock.now() }, time);
    expect(await bridge.decided(await label())).toMatchObject([{ about: "docs", decision: "promote" }]);
    const [line] = await promotionsOf(run);
    expect(line).toMatchObject({ promotedTo: "production", by: { actor: "mia" } });
    await fire(await recorded({ delivery: line?.delivery ?? "" }));
    const newer = await good(2);
    await label();
    expect([await promotionsOf(run), await promotionsOf(newer)]).toMatchObject([[{}], []]);
    expect(promotions()).toHaveLength(1);
  });

  it("a label that found the promotion of somebody else promotes nothing after that one failed", async () => {
    const run = await good(1);
    const first = await fire(await placed({ run }));
    const time = new Date(bridge.clock.now()).toISOString();
    const label = () => bridge.label("drawbridge-promote-docs", "mia", { receivedAt: bridge.clock.now() }, time);
    await label();
    await report(first, "failed");
    const [decided] = await bridge.decided(await label());
    expect(decided).toMatchObject({ about: "docs", decision: "promote" });
    expect(decided?.refusal).toBeUndefined();
    expect(await promotionsOf(run)).toHaveLength(1);
  });

  it.each<[string, string, string[], string]>([
    ["of somebody without the role", "tom", [], "role_missing"],
    ["that names no environments, of a route with three", "mia", ["eu"], "promotion_impossible"],
  ])("a label %s promotes nothing, and says why", async (_, person, more, reason) => {
    environments.push(...more);
    const run = await good(1);
    const label = await bridge.label("drawbridge-promote-docs", person);
    expect(await bridge.decided(label)).toMatchObject([{ refusal: { reason } }]);
    expect(await promotionsOf(run)).toEqual([]);
  });
});

describe("what people see", () => {
  it("the state of two environments names the run, what it replaces and how many commits are missing", async () => {
    const first = await good(1);
    const state = async () => {
      const found = await promotionState({ place: PLACE, by: rita }, bridge.bridge);
      return found.ok ? found.value : found.rejection;
    };
    expect(await state()).toMatchObject({ promotable: { run: { delivery: first.id }, reference: commit(1) } });
    expect(await lagBetween(PLACE, bridge.bridge)).toMatchObject({
      text: "production has no good run yet, staging has ccccccc",
    });
    await report(await fire(await placed({ run: first })));
    expect(await state()).toMatchObject({ problem: { reason: "promotion_impossible" } });
    await good(2, { count: 2 });
    await good(3);
    expect(await lagBetween(PLACE, bridge.bridge)).toMatchObject({
      commits: 3,
      text: "production is 3 commits behind staging",
    });
    // The push between 3 and 5 is not known.
    await good(5);
    const unknown = await lagBetween(PLACE, bridge.bridge);
    expect(unknown).not.toHaveProperty("commits");
    expect(unknown?.text).toMatch(/^production does not match staging: staging has \w{7}, production \w{7}$/);
  });

  it("an environment that has more commits than the one before it is ahead, and lacks none", async () => {
    const old = await good(1);
    const newer = await good(2);
    await report(await fire(await placed({ run: newer })));
    // Staging gets the older commit again.
    await report(await fire(await bridge.replay(old, holder("mia", ["on-call"]))), "succeeded");
    const lag = await lagBetween(PLACE, bridge.bridge);
    expect(lag).toMatchObject({ text: "production is 1 commit ahead of staging" });
    expect(lag).not.toHaveProperty("commits");
  });

  it("each end of a run records what could be promoted, once for each two runs that are compared", async () => {
    const compiled = compilePattern({ "detail-type": [{ prefix: "flow." }] });
    if (!compiled.ok) throw new Error("the pattern is valid");
    const shown: string[] = [];
    await bridge.stop();
    bridge = await open(undefined, {
      patterns: async () => [{ name: "status", pattern: compiled.pattern, target: "wiki", mode: "enforce" }],
      recorded: ({ events }) => {
        for (const event of events ?? [])
          if ("flow" in event) shown.push(`${event.type}: ${event.flow.text ?? ""} for ${event.origin.delivery}`);
      },
    });
    const first = await good(1);
    await report(await fire(await placed({ run: first })));
    await good(2, { count: 2 });
    const third = await good(3);
    await report(third);
    await report(await fire(await push(4)), "failed");
    await report(await fire(await placed({ run: third })));
    expect(shown).toEqual([
      `flow.behind: production has no good run yet, staging has ccccccc for ${first.id}`,
      `flow.level:  for ${first.id}`,
      expect.stringMatching(/^flow\.behind: production is 2 commits behind staging for d-/),
      `flow.behind: production is 3 commits behind staging for ${third.id}`,
      `flow.level:  for ${third.id}`,
    ]);
  });

  it("a command refuses a run that ended after it was given", async () => {
    await good(1);
    const asOf = bridge.clock.now();
    await good(2);
    const order = { place: PLACE, by: rita, key: ["comment"], requestId: "r" };
    expect(why(await promote({ ...order, run: { asOf } }, bridge.bridge))).toBe("promotion_outdated");
    const later = epochMillis(bridge.clock.now());
    expect(why(await promote({ ...order, run: { asOf: later } }, bridge.bridge))).toBe("placed");
  });
});
