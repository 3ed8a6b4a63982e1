import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { relay } from "../../shared/delivery/relay.ts";
import { replay } from "../../shared/delivery/replay.ts";
import { laterBy } from "../../shared/host/clock.ts";
import type { ActionContext, ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BuildEvent } from "../../shared/model/event.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import type { Route } from "../../shared/routes/route.ts";
import { openTable } from "../../shared/store/sqlite/open.ts";
import { bridgeParts, routeOf } from "../support/bridge-parts.ts";
import { sampleDelivery } from "../support/samples.ts";
import { PAGE, standaloneBridge } from "../support/standalone-bridge.ts";
import { silentLog, type TestClock, testClock } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const PAGE_EDIT = sampleDelivery();
const LIMIT = 3;
const CONFIG = {
  limits: { bodyBytes: 1_048_576, shutdownSeconds: 10, retentionDays: 30, chainHops: LIMIT },
};
const DONE: ActionOutcome = { outcome: "done", summary: "accepted" };

/** A cluster's report that a run has succeeded. `origin` is what the run's annotation says. */
function report(run: string, origin: string | undefined, id = `d-${run}`): RecordedDelivery {
  const event: BuildEvent = {
    type: "build.succeeded",
    keyParts: [run, "succeeded"],
    time: "2026-11-02T09:03:00.000Z",
    subject: run,
    build: { system: "tekton", id: run, pipeline: "ci/docs", state: "succeeded" },
    ...(origin !== undefined && { origin: { delivery: origin } }),
  };
  return { ...PAGE_EDIT, id, source: "cluster", provider: "tekton", what: event.type, events: [event] };
}

/**
 * A route that starts a run on everything, and one that shows the state of each build. The first attempt of each run is
 * retried.
 */
function looping() {
  const fired: ActionContext[] = [];
  const shown: ActionContext[] = [];
  const again = routeOf(
    async (context) => {
      if (context.attempt === 1) return { outcome: "retry", summary: "the listener was busy" };
      fired.push(context);
      return DONE;
    },
    { name: "again", runsReportedBy: "cluster" },
  );
  const show = routeOf(
    async (context) => {
      shown.push(context);
      return DONE;
    },
    { name: "show", action: "confluence" },
  );
  return { fired, shown, routes: [again, show] };
}

async function partsOf(routes: readonly Route[], options: Parameters<typeof bridgeParts>[1] = {}) {
  const parts = await bridgeParts(routes, { config: CONFIG, ...options });
  const take = async (delivery: RecordedDelivery): Promise<void> => {
    await parts.deliveries.record(delivery);
    await relay(delivery, { ...parts, outbox: parts.deliveries, log: silentLog });
  };
  /** Runs what is due, retries included. */
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 4; round++) {
      await parts.runDue();
      parts.clock.advance(60_000);
    }
  };
  return { ...parts, take, settle };
}

const partsInMemory = async (routes: readonly Route[]) => {
  const parts = await partsOf(routes);
  closing.push(parts.stop);
  return parts;
};

const deliveriesOf = (contexts: readonly ActionContext[]) => contexts.map(({ busEvent }) => busEvent.detail.delivery);

/** The delivery of the n-th run, each run started because of the one before. */
const runs = (count: number) => Array.from({ length: count }, (_, at) => `d-run-${at + 1}`);

describe("routes that start each other's runs", () => {
  it("the chain is cut after as many runs as the limit allows, and the states of the last run are still shown", async () => {
    const { fired, shown, routes } = looping();
    const { take, settle, deliveries, actions, clock } = await partsInMemory(routes);
    await take(PAGE_EDIT);
    await settle();
    for (let run = 1; run <= LIMIT; run++) {
      await take(report(`run-${run}`, run === 1 ? PAGE_EDIT.id : `d-run-${run - 1}`));
      await settle();
    }
    expect(deliveriesOf(fired)).toEqual([PAGE_EDIT.id, ...runs(LIMIT - 1)]);
    expect(deliveriesOf(shown)).toEqual([PAGE_EDIT.id, ...runs(LIMIT)]);
    const timeline = await deliveries.timeline(`d-run-${LIMIT}`);
    expect(timeline).toContainEqual(expect.objectContaining({ kind: "cut", route: "again", hops: LIMIT }));
    expect(timeline).toContainEqual(
      expect.objectContaining({
        kind: "attempt",
        route: "again",
        outcome: "give_up",
        summary: 'not fired: 3 runs in a row led to this event, and "limits.chainHops" allows no more',
      }),
    );
    expect(await actions.due("ci", laterBy(clock.now(), 86_400_000), 10)).toEqual([]);
  });

  it("the chain has the same length if each run is reported twice and every report meets a new process", async () => {
    const folder = await mkdtemp(join(tmpdir(), "drawbridge-chain-"));
    closing.push(() => rm(folder, { recursive: true }));
    const { fired, routes } = looping();
    const clock: TestClock = testClock();
    const inNewProcess = async (delivery: RecordedDelivery) => {
      const parts = await partsOf(routes, { database: openTable(folder, silentLog), clock });
      await parts.take(delivery);
      await parts.runDue();
      await parts.stop();
      const next = await partsOf(routes, { database: openTable(folder, silentLog), clock });
      clock.advance(60_000);
      await next.settle();
      const timeline = await next.deliveries.timeline(delivery.id);
      await next.stop();
      return timeline.map(({ kind }) => kind);
    };
    await inNewProcess(PAGE_EDIT);
    for (let run = 1; run < LIMIT; run++) {
      const origin = run === 1 ? PAGE_EDIT.id : `d-run-${run - 1}`;
      expect(await inNewProcess(report(`run-${run}`, origin))).not.toContain("cut");
      expect(await inNewProcess(report(`run-${run}`, origin, `d-run-${run}-twin`))).not.toContain("cut");
    }
    expect(await inNewProcess(report(`run-${LIMIT}`, `d-run-${LIMIT - 1}`))).toContain("cut");
    expect(deliveriesOf(fired)).toEqual([PAGE_EDIT.id, ...runs(LIMIT - 1)]);
  });

  it("any number of events of one run are one hop", async () => {
    const { fired, routes } = looping();
    const { take, settle } = await partsInMemory(routes);
    await take(PAGE_EDIT);
    await settle();
    const reports = Array.from({ length: 5 }, (_, at) => report(`task-${at}`, PAGE_EDIT.id));
    for (const one of reports) await take(one);
    await settle();
    expect(new Set(deliveriesOf(fired))).toEqual(new Set([PAGE_EDIT.id, ...reports.map(({ id }) => id)]));
  });

  it("a person's replay of the cut delivery starts a run, which begins a new chain", async () => {
    const { fired, routes } = looping();
    const parts = await partsInMemory(routes);
    const { take, settle, deliveries, bridge } = parts;
    await take(PAGE_EDIT);
    await settle();
    for (let run = 1; run <= LIMIT; run++) {
      await take(report(`run-${run}`, run === 1 ? PAGE_EDIT.id : `d-run-${run - 1}`));
      await settle();
    }
    const of = await deliveries.get(`d-run-${LIMIT}`);
    if (of === undefined) throw new Error("the last report is not recorded");
    const by = sourcePrincipal("people", "test", "current");
    const order = { of, routes: ["again"], by, isRollback: false, key: ["again"], requestId: "r-1" };
    const again = await replay(order, { ...bridge, recorded: () => undefined });
    const recorded = await deliveries.get(again.delivery);
    if (recorded === undefined) throw new Error("the replay is not recorded");
    await take(recorded);
    await settle();
    await take(report("run-later", again.delivery));
    await settle();
    expect(deliveriesOf(fired).slice(LIMIT)).toEqual([again.delivery, "d-run-later"]);
  });

  it("claims that form a circle are cut", async () => {
    const { fired, routes } = looping();
    const { take, settle, deliveries } = await partsInMemory(routes);
    await take(report("one", "d-two"));
    await settle();
    await take(report("two", "d-one"));
    await settle();
    expect(deliveriesOf(fired)).toEqual(["d-one"]);
    expect(await deliveries.timeline("d-two")).toContainEqual(expect.objectContaining({ kind: "cut" }));
  });

  it("a report that claims a delivery on which no route acted is the first of its own chain", async () => {
    const { fired, routes } = looping();
    const { take, settle } = await partsInMemory(routes);
    await take(report("one", undefined));
    await settle();
    await take(report("two", "d-unknown"));
    await settle();
    expect(deliveriesOf(fired)).toEqual(["d-one", "d-two"]);
  });
});

describe("a route that starts runs on requests for an approval", () => {
  it("the chain is cut although each run is traced back to its first cause only", async () => {
    const fired: ActionContext[] = [];
    const onRequest = routeOf(
      async (context) => {
        fired.push(context);
        return DONE;
      },
      {
        name: "on-request",
        runsReportedBy: "cluster",
        matches: ({ detail }) => detail.type === "approval.requested",
      },
    );
    const gated = routeOf(async () => DONE, {
      name: "gated",
      runsReportedBy: "cluster",
      matches: ({ detail }) => detail.type !== "approval.requested",
      approval: { expiresMinutes: 60, approvers: () => ["lead"] },
    });
    const parts = await partsInMemory([onRequest, gated]);
    await parts.take(PAGE_EDIT);
    for (let run = 1; run <= LIMIT + 2; run++) {
      await parts.runDue();
      const requests = (await parts.deliveries.unrelayed(laterBy(parts.clock.now(), 60_000), 100)).map((id) =>
        parts.deliveries.get(id),
      );
      for (const request of await Promise.all(requests)) if (request) await parts.take(request);
      await parts.runDue();
      const last = fired.at(-1);
      if (last !== undefined) await parts.take(report(`run-${fired.length}`, last.busEvent.detail.delivery));
    }
    expect(fired).toHaveLength(LIMIT);
  });
});

describe("a route that starts a run on the end of each run of its cluster", () => {
  it("the bridge starts as many runs as the limit allows, and no more", async () => {
    const failures: string[] = [];
    const bridge = await standaloneBridge({
      log: { ...silentLog, error: (_, message) => void failures.push(message) },
      sections: { limits: { chainHops: LIMIT } },
      changes: {
        routes: { again: { when: { "detail-type": ["build.succeeded"] }, do: { tekton: { target: "listener" } } } },
      },
    });
    closing.push(bridge.stop);
    const content = {
      timestamp: 1_793_600_000_000,
      event: "page_updated",
      userKey: "robin",
      page: { id: Number(PAGE) },
    };
    expect((await bridge.pageEdit(content)).status).toBe(202);
    const cut = () => failures.filter((message) => message.includes("limits.chainHops"));
    await until("the chain to be cut", cut, (messages) => messages.length > 0);
    await bridge.listener.settled();
    expect([bridge.listener.requests.length, cut().length]).toEqual([LIMIT, 1]);
  });
});
