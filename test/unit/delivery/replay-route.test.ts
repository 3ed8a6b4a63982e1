import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ReplayRouteDeps,
  replayableOf,
  replaySeen,
  type Seen,
  seenNow,
} from "../../../shared/delivery/replay-route.ts";
import { laterBy } from "../../../shared/host/clock.ts";
import { Fault } from "../../../shared/host/fault.ts";
import { busEventsOf } from "../../../shared/model/bus-event.ts";
import { isSafeToRerun } from "../../../shared/model/delivery-state.ts";
import type { Principal } from "../../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import { compilePattern } from "../../../shared/routes/pattern.ts";
import { bridgeParts, routeOf } from "../../support/bridge-parts.ts";
import { propertyCases } from "../../support/property-cases.ts";
import { sampleDelivery } from "../../support/samples.ts";
import { testClock } from "../../support/test-doubles.ts";

const ROUTE = "docs";
const personOf = (subject: string): Principal => ({
  issuer: "https://login.example.test",
  subject,
  method: "oidc",
  credential: "key-1",
  trustEntry: "people",
  roles: [],
});

interface Selected extends Seen {
  readonly id: string;
}

/** A bridge whose route fails for every delivery, until `fixed` is true. */
async function brokenBridge(count: number) {
  const world = { fixed: false };
  const run = routeOf(async () =>
    world.fixed ? { outcome: "done", summary: "fired" } : { outcome: "give_up", summary: "refused" },
  );
  const clock = testClock();
  const parts = await bridgeParts([run], { clock });
  const { deliveries, actions, bus } = parts;
  const pattern = compilePattern({ source: [{ prefix: "" }] });
  if (!pattern.ok) throw new Error("the pattern is valid");
  const patterns = async () => [{ name: ROUTE, pattern: pattern.pattern, target: "ci", mode: "enforce" as const }];
  const recorded = new Set<string>();
  /** Writes until the process that asks for replays ends. */
  let left = Number.POSITIVE_INFINITY;
  const mayDie =
    <Args extends unknown[], Value>(write: (...args: Args) => Promise<Value>) =>
    async (...args: Args): Promise<Value> => {
      left -= 1;
      if (left < 0) throw new Fault("store_unavailable", "the process ended", { retryable: true });
      return write(...args);
    };
  const deps: ReplayRouteDeps = {
    deliveries: {
      get: (id) => deliveries.get(id),
      timeline: (id) => deliveries.timeline(id),
      record: mayDie(async (delivery: RecordedDelivery) => {
        const outcome = await deliveries.record(delivery);
        if (outcome === "recorded") recorded.add(delivery.id);
        return outcome;
      }),
      addToTimeline: mayDie((id: string, line) => deliveries.addToTimeline(id, line)),
    },
    actions: { status: (id) => actions.status(id), answer: mayDie((id: string) => actions.answer(id)) },
    patterns,
    recorded: () => undefined,
    clock,
  };
  const known = async (id: string) => {
    const of = await deliveries.get(id);
    if (of === undefined) throw new Error(`${id} is recorded`);
    return replayableOf(of, deps);
  };
  const ids = Array.from({ length: count }, (_, at) => sampleDelivery(at).id);
  const published = new Set<string>();
  const relay = async (): Promise<void> => {
    for (const id of [...ids, ...recorded]) {
      const delivery = published.has(id) ? undefined : await deliveries.get(id);
      if (delivery === undefined) continue;
      published.add(id);
      await bus.publish(busEventsOf(delivery));
    }
    await parts.runDue();
  };
  for (const [at] of ids.entries()) await deliveries.record(sampleDelivery(at));
  await relay();
  return {
    world,
    clock,
    recorded,
    deliveries,
    relay,
    stop: parts.stop,
    /** What is safe to run again now. */
    async select(): Promise<readonly Selected[]> {
      const selected = await Promise.all(
        [...ids, ...recorded].map(async (id) => ({ id, ...seenNow(ROUTE, await known(id)) })),
      );
      return selected.filter(({ all }) => all.every(isSafeToRerun)).filter(({ state }) => state === "given_up");
    },
    async replay(by: string, { id, ...seen }: Selected, { isForced = false } = {}) {
      const order = { by: personOf(by), reason: `by ${by}`, requestId: "request-1", replayable: await known(id) };
      return replaySeen({ ...order, route: ROUTE, seen, isForced }, deps);
    },
    known,
    diesAfter: (writes: number): void => {
      left = writes;
    },
  };
}

/** The new deliveries that replay this one. */
async function replaysOf(id: string, { recorded, deliveries }: Awaited<ReturnType<typeof brokenBridge>>) {
  const all = await Promise.all([...recorded].map((one) => deliveries.get(one)));
  return all.filter((one) => one?.replay?.of === id);
}

const STEPS = fc.oneof(
  { weight: 3, arbitrary: fc.record({ step: fc.constant("select" as const), by: fc.constantFrom("dana", "robin") }) },
  {
    weight: 4,
    arbitrary: fc.record({
      step: fc.constant("run" as const),
      by: fc.constantFrom("dana", "robin"),
      dies: fc.option(fc.nat(8)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ step: fc.constant("both" as const), dies: fc.option(fc.nat(12)) }) },
  { weight: 3, arbitrary: fc.record({ step: fc.constant("relay" as const), fixed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ step: fc.constant("wait" as const), ms: fc.nat(600_000) }) },
);

describe("routes that are run again for the state in which they were seen", () => {
  it("whoever starts, dies and starts again whenever: each failure runs again at most once, and in the end once", async () => {
    const steps = fc.array(STEPS, { maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const bridge = await brokenBridge(3);
        const selections = new Map<string, readonly Selected[]>();
        const run = async (by: string): Promise<void> => {
          for (const one of selections.get(by) ?? []) {
            const replayed = await bridge.replay(by, one);
            if (!replayed.ok) expect(replayed.rejection.reason).toBe("replay_outdated");
            expect(await replaysOf(one.id, bridge)).toHaveLength(1);
          }
        };
        try {
          for (const taking of taken) {
            if (taking.step === "select") selections.set(taking.by, await bridge.select());
            if (taking.step === "wait") bridge.clock.advance(taking.ms);
            if (taking.step === "relay") {
              bridge.world.fixed = taking.fixed;
              await bridge.relay();
            }
            if (taking.step === "run" || taking.step === "both") {
              bridge.diesAfter(taking.dies ?? Number.POSITIVE_INFINITY);
              const starters = taking.step === "both" ? ["dana", "robin"] : [taking.by];
              for (const ended of await Promise.allSettled(starters.map(run)))
                if (ended.status === "rejected") expect(ended.reason).toMatchObject({ code: "store_unavailable" });
              bridge.diesAfter(Number.POSITIVE_INFINITY);
            }
          }
          bridge.world.fixed = true;
          for (;;) {
            selections.set("dana", await bridge.select());
            if (selections.get("dana")?.length === 0) break;
            await run("dana");
            await bridge.relay();
          }
          for (const at of [0, 1, 2]) expect(await replaysOf(sampleDelivery(at).id, bridge)).toHaveLength(1);
          for (const id of bridge.recorded) expect((await replaysOf(id, bridge)).length).toBeLessThanOrEqual(1);
        } finally {
          await bridge.stop();
        }
      }),
      propertyCases("replays of what was seen", { weight: 10 }),
    );
  });

  it("the first record counts: a repeat by somebody else does not change who ran it again and why", async () => {
    const bridge = await brokenBridge(1);
    const [selected] = await bridge.select();
    if (selected === undefined) throw new Error("it failed");
    bridge.diesAfter(1);
    await expect(bridge.replay("dana", selected)).rejects.toMatchObject({ code: "store_unavailable" });
    bridge.diesAfter(Number.POSITIVE_INFINITY);
    expect(await bridge.replay("robin", selected)).toMatchObject({ ok: true, value: { status: "duplicate" } });
    const lines = (await bridge.deliveries.timeline(selected.id)).filter(({ kind }) => kind === "replayed");
    expect(lines).toMatchObject([{ by: { subject: "dana" }, reason: "by dana" }]);
    await bridge.stop();
  });

  it("a route that ran meanwhile is left alone, and one that ran is not run again without force", async () => {
    const bridge = await brokenBridge(1);
    const [selected] = await bridge.select();
    if (selected === undefined) throw new Error("it failed");
    bridge.world.fixed = true;
    await bridge.replay("dana", selected);
    await bridge.relay();
    const since = laterBy(bridge.clock.now(), -1);
    const outdated = { reason: "replay_outdated", state: "superseded" };
    expect(await bridge.replay("robin", { ...selected, since })).toMatchObject({ ok: false, rejection: outdated });
    const [replay = ""] = bridge.recorded;
    const now = { id: replay, ...seenNow(ROUTE, await bridge.known(replay)) };
    expect(now.state).toBe("ran");
    const unsafe = { reason: "replay_unsafe", state: "ran" };
    expect(await bridge.replay("robin", now)).toMatchObject({ ok: false, rejection: unsafe });
    expect(await bridge.replay("robin", now, { isForced: true })).toMatchObject({ ok: true });
    expect(await bridge.replay("dana", now, { isForced: true })).toMatchObject({ value: { status: "duplicate" } });
    await bridge.stop();
  });
});
