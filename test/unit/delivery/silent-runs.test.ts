import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowOf as rowOfEvent } from "../../../shared/actions/confluence/board-row.ts";
import { type LastReportDeps, recordLastReport, showSilentRuns } from "../../../shared/delivery/silent-runs.ts";
import { Fault } from "../../../shared/host/fault.ts";
import type { Log } from "../../../shared/host/log.ts";
import type { BoardRow } from "../../../shared/model/board.ts";
import { type BoardRun, rowOf, withBuild } from "../../../shared/model/board-runs.ts";
import { isTerminal } from "../../../shared/model/build-order.ts";
import { busEventsOf } from "../../../shared/model/bus-event.ts";
import type { BuildState } from "../../../shared/model/event.ts";
import type { RecordedDelivery, Replay } from "../../../shared/model/recorded-delivery.ts";
import type { Rejection } from "../../../shared/model/rejection.ts";
import { bridgeParts, routeOf, scripted } from "../../support/bridge-parts.ts";
import { memoryStores, withMethods } from "../../support/memory-stores.ts";
import { propertyCases } from "../../support/property-cases.ts";
import { sampleDelivery } from "../../support/samples.ts";
import { buildOf } from "../../support/sandbox-confluence-action.ts";
import { silentLog, testClock } from "../../support/test-doubles.ts";

const MINUTE_MS = 60_000;
const BOUND_MS = 90 * MINUTE_MS;
const DAY_MS = 86_400_000;
const LISTENER = { name: "docs-build", target: "ci", runsReportedBy: "cluster", runsStaleAfterMs: BOUND_MS };
const ROUTES = [LISTENER, { name: "page", target: "wiki" }, { name: "comment", target: "code" }];
const CONFIGURED: Configured = { runReporters: ROUTES, targetHosts: { wiki: [] } };
type Configured = Pick<LastReportDeps, "runReporters" | "targetHosts">;
/** In the order in which a run passes through them. */
const STATES = ["queued", "running", "waiting", "succeeded"] as const satisfies readonly BuildState[];
type State = (typeof STATES)[number];

/** One run, the pages that show it, and everything that the bridge records of it. */
function lifeOf(
  uid: string,
  { clock = testClock(), stores = memoryStores({ clock }), log = silentLog, subject = "ci/docs" } = {},
) {
  let configured: Configured = CONFIGURED;
  let writesLeft = Number.POSITIVE_INFINITY;
  const copies: RecordedDelivery[] = [];
  let runs: readonly BoardRun[] = [];
  let lastAt: number | undefined;
  const furthest = { at: -1 };
  /** The process dies at a write: before it, or after it. */
  const mayCrash = async <T>(write: () => Promise<T>): Promise<T> => {
    writesLeft -= 0.5;
    if (writesLeft < 0) throw crash();
    const written = await write();
    writesLeft -= 0.5;
    if (writesLeft < 0) throw crash();
    return written;
  };
  const deps = () => ({
    ...configured,
    reportedRuns: withMethods(stores.reportedRuns, {
      change: (id, change) => mayCrash(() => stores.reportedRuns.change(id, change)),
    }),
    deliveries: withMethods(stores.deliveries, {
      record: (delivery) =>
        mayCrash(async () => {
          const answer = await stores.deliveries.record(delivery);
          if (answer === "recorded") copies.push(delivery);
          return answer;
        }),
    }),
    recorded: () => undefined,
    clock,
    log,
  });
  const deliveryOf = (state: State, changes: Partial<RecordedDelivery>): RecordedDelivery => {
    const at = STATES.indexOf(state);
    const time = new Date(Date.UTC(2026, 10, 2, 8, at)).toISOString();
    const build = buildOf({ id: uid, state, ...(isTerminal(state) && { finishedAt: time }) });
    const type = `build.${state}` as const;
    return {
      ...sampleDelivery(1, { id: `d-${uid}-${state}-${clock.now()}`, source: "cluster", provider: "tekton" }),
      receivedAt: clock.now(),
      what: type,
      events: [{ type, keyParts: [uid, state], time, subject, build }],
      ...changes,
    };
  };
  const process = async (delivery: RecordedDelivery): Promise<void> => {
    for (const busEvent of busEventsOf(delivery)) await recordLastReport(busEvent, deps()).catch(ignoreCrash);
  };
  const onPage = (delivery: RecordedDelivery): void => {
    for (const busEvent of busEventsOf(delivery)) {
      const row = rowOfEvent({ busEvent, origin: busEvent, originProof: "proved" });
      if (row) runs = withBuild(runs, row);
    }
  };
  const originals: RecordedDelivery[] = [];
  return {
    clock,
    stores,
    copies,
    configure: (next: Configured) => {
      configured = next;
    },
    crashAfter: (writes: number) => {
      writesLeft = writes;
    },
    /** Records and relays a report. The relay of a process that dies is repeated. */
    report: async (state: State, changes: Partial<RecordedDelivery> = {}): Promise<RecordedDelivery> => {
      const delivery = deliveryOf(state, changes);
      await stores.deliveries.record(delivery);
      originals.push(delivery);
      if (furthest.at < STATES.length - 1) lastAt = Math.max(lastAt ?? 0, delivery.receivedAt);
      furthest.at = Math.max(furthest.at, STATES.indexOf(state));
      await process(delivery);
      writesLeft = Number.POSITIVE_INFINITY;
      await process(delivery);
      return delivery;
    },
    /** The stream has an old record once more, or a person replays it. */
    repeat: async (n: number, replay?: Replay) => {
      const delivery = originals[n % Math.max(originals.length, 1)];
      if (delivery === undefined) return;
      const repeated = replay ? { ...delivery, id: `${delivery.id}-${n}`, receivedAt: clock.now(), replay } : delivery;
      await stores.deliveries.record(repeated);
      if (replay) originals.push(repeated);
      await process(repeated);
    },
    sweep: async () => {
      await showSilentRuns(deps()).catch(ignoreCrash);
      writesLeft = Number.POSITIVE_INFINITY;
    },
    /** The route that writes the page acts on everything that is recorded, in this order. */
    shownIn: (order: InOrder = (all) => all): BoardRow | undefined => {
      for (const delivery of order([...originals, ...copies])) onPage(delivery);
      return rowOf("row", runs);
    },
    lastAt: () => lastAt,
    furthest: () => STATES[furthest.at],
    isDue: async () => (await stores.reportedRuns.due(clock.now(), 100)).length > 0,
  };
}

const crash = (): Fault => new Fault("store_unavailable", "the process died", { retryable: true });
const ignoreCrash = (error: unknown): void => {
  if (!(error instanceof Fault) || error.code !== "store_unavailable") throw error;
};

type InOrder = (all: readonly RecordedDelivery[]) => readonly RecordedDelivery[];
/** What the page shows of a run's last report: its time, or nothing. */
const markOf = (row: BoardRow | undefined): string | undefined =>
  row?.build.lastReport?.isOverdue ? row.build.lastReport.at : undefined;
const iso = (time: number): string => new Date(time).toISOString();

type Step =
  | { readonly do: "report" | "race"; readonly state: State; readonly crashAfter: number }
  | { readonly do: "sweep"; readonly crashAfter: number }
  | { readonly do: "pass"; readonly minutes: number }
  | { readonly do: "relay again" | "replay"; readonly n: number };

/** Whole numbers: before a write. Halves: after it. */
const crashAfter = fc.oneof({ weight: 2, arbitrary: fc.constant(99) }, fc.constantFrom(0, 0.5, 1, 1.5, 2, 2.5));
const state: fc.Arbitrary<State> = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom<State>("queued", "running", "waiting") },
  fc.constant<State>("succeeded"),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom<"report" | "race">("report", "race"), state, crashAfter }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant<"sweep">("sweep"), crashAfter }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant<"pass">("pass"), minutes: fc.constantFrom(1, 44, 90, 91) }) },
  fc.record({ do: fc.constantFrom<"relay again" | "replay">("relay again", "replay"), n: fc.nat(9) }),
);

const REPLAY: Replay = { of: "d-1", routes: ["page"], isRollback: false };

describe("the mark of a run without a report", () => {
  it("is on the page exactly if the last report is too old and the run has not ended, whatever happened before", async () => {
    const clock = testClock();
    const stores = memoryStores({ clock });
    let lives = 0;
    const take = async (life: ReturnType<typeof lifeOf>, one: Step): Promise<void> => {
      if ("crashAfter" in one) life.crashAfter(one.crashAfter);
      if (one.do === "pass") clock.advance(one.minutes * MINUTE_MS);
      if (one.do === "relay again") await life.repeat(one.n);
      if (one.do === "replay") await life.repeat(one.n, REPLAY);
      if (one.do === "report") await life.report(one.state);
      if (one.do === "race") await Promise.all([life.sweep(), life.report(one.state)]);
      if (one.do === "sweep") await life.sweep();
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), fc.infiniteStream(fc.nat()), async (steps, ranks) => {
        lives += 1;
        const life = lifeOf(`run-${lives}`, { stores, clock });
        for (const one of steps) await take(life, one);
        for (let round = 0; round < 4; round++) await life.sweep();
        const [last, furthest] = [life.lastAt(), life.furthest()];
        if (last === undefined) return;
        const row = life.shownIn((all) =>
          all
            .map((one) => ({ one, rank: ranks.next().value ?? 0 }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ one }) => one),
        );
        const isOverdue = furthest !== "succeeded" && clock.now() - last >= BOUND_MS;
        expect([row?.build.state, markOf(row)]).toEqual([furthest, isOverdue ? iso(last) : undefined]);
        for (const { replay } of life.copies) expect(replay?.routes).toEqual(["page"]);
        await life.report("succeeded");
        expect(await life.isDue()).toBe(false);
      }),
      propertyCases("silent runs", { weight: 5 }),
    );
  });

  it("is not made while no route writes pages, or no target's runs are reported, and can be made after that again", async () => {
    for (const without of [{ targetHosts: {} }, { runReporters: ROUTES.slice(1) }]) {
      const life = lifeOf("run-1");
      await life.report("running");
      life.configure({ ...CONFIGURED, ...without });
      life.clock.advance(BOUND_MS);
      await life.sweep();
      await life.report("running");
      expect([life.copies, await life.isDue()]).toEqual([[], false]);
      life.configure(CONFIGURED);
      life.clock.advance(MINUTE_MS);
      const { receivedAt } = await life.report("running");
      life.clock.advance(BOUND_MS);
      await life.sweep();
      expect(markOf(life.shownIn())).toBe(iso(receivedAt));
    }
  });

  it("has the time of the target that a run's name shows, and else the longest of the source's targets", async () => {
    const slow = { ...LISTENER, name: "nightly", runsStaleAfterMs: 2 * BOUND_MS };
    const key = `e-${"a".repeat(26)}`;
    for (const [subject, overdueMs] of [
      [`ci/docs-build-${key}`, BOUND_MS],
      [`ci/nightly-${key}`, 2 * BOUND_MS],
      ["ci/build-7", 2 * BOUND_MS],
    ] as const) {
      const life = lifeOf("run-1", { subject });
      life.configure({ ...CONFIGURED, runReporters: [...ROUTES, slow] });
      await life.report("running");
      life.clock.advance(overdueMs - 1);
      await life.sweep();
      expect(life.copies).toHaveLength(0);
      life.clock.advance(1);
      await life.sweep();
      expect(life.copies).toHaveLength(1);
    }
  });

  it("is made in time although a clock that was ahead recorded the report, and the next report ends it", async () => {
    const life = lifeOf("run-1");
    const { clock, stores } = life;
    clock.set(DAY_MS);
    await life.report("running");
    clock.set(-DAY_MS);
    await stores.reportedRuns.correctDueTimes(clock.now());
    await life.sweep();
    expect(life.copies).toEqual([]);
    const since = clock.now();
    clock.advance(BOUND_MS);
    await life.sweep();
    expect(markOf(life.shownIn())).toBe(iso(since));
    await life.report("running");
    await life.sweep();
    expect(markOf(life.shownIn())).toBeUndefined();
  });

  it("is given up if the record of the report cannot be read, and other runs get theirs", async () => {
    const lines: string[] = [];
    const log: Log = { ...silentLog, error: (_, line) => void lines.push(line) };
    const life = lifeOf("run-1", { log });
    const other = lifeOf("run-2", life);
    const { id } = await life.report("running");
    await other.report("running");
    life.clock.advance(BOUND_MS);
    const get = life.stores.deliveries.get.bind(life.stores.deliveries);
    life.stores.deliveries.get = async (one) => {
      if (one === id) throw new Fault("record_unreadable", "the record is from a later release", { retryable: false });
      return get(one);
    };
    await life.sweep();
    expect([await life.isDue(), lines]).toEqual([false, [expect.stringContaining("cannot be read")]]);
    expect(life.copies).toMatchObject([{ events: [{ build: { id: "run-2" } }] }]);
  });

  it("is made from a report that shadow mode did not accept under no circumstances, and no such report ends one", async () => {
    const unproved: Partial<RecordedDelivery> = { refusal: { reason: "signature_mismatch", header: "x-signature" } };
    const life = lifeOf("run-1");
    await life.report("running", unproved);
    life.clock.advance(BOUND_MS);
    await life.sweep();
    expect(life.copies).toEqual([]);
    const { receivedAt } = await life.report("running");
    life.clock.advance(BOUND_MS);
    await life.report("waiting", unproved);
    await life.sweep();
    expect(life.copies).toMatchObject([{ replay: { lastReport: { at: iso(receivedAt), isOverdue: true } } }]);
  });
});

describe("a copy with which pages show the last report", () => {
  const copyOfReport = async () => {
    const life = lifeOf("run-1");
    const report = await life.report("running");
    life.clock.advance(BOUND_MS);
    await life.sweep();
    const [copy] = life.copies;
    if (copy === undefined) throw new Error("the report is overdue");
    return { copy, report };
  };

  it("is what was reported, by the same sender, with a key of its own", async () => {
    const { copy, report } = await copyOfReport();
    const [of, again] = [busEventsOf(report)[0], busEventsOf(copy)[0]];
    const { id, delivery, eventKey, replay, ...rest } = again?.detail ?? {};
    expect(of?.detail).toMatchObject(rest);
    expect([id, delivery]).toEqual([copy.id, copy.id]);
    expect(eventKey).not.toBe(of?.detail.eventKey);
    expect(copy.principal).toEqual(report.principal);
    expect(replay).toMatchObject({
      of: report.id,
      lastReport: { at: iso(report.receivedAt), isOverdue: true, turn: 1 },
    });
  });

  it("has the row of the report with the name of who started the run, and only the mark besides", async () => {
    const life = lifeOf("run-1");
    const time = iso(life.clock.now());
    const build = buildOf({ id: "run-1", state: "running", startedBy: "Kim" });
    for (const names of [{ build }, { build: buildOf({ state: "running" }), actor: { id: "u-7", name: "Robin" } }]) {
      const event = { type: "build.running", keyParts: [time], time, subject: "ci/docs", ...names } as const;
      const report = await life.report("running", { id: `d-${names.build.id}`, events: [event] });
      life.clock.advance(BOUND_MS);
      await life.sweep();
      const copy = life.copies.at(-1);
      const [reported, again] = [report, copy].map((one) => {
        const [busEvent] = one ? busEventsOf(one) : [];
        return busEvent && rowOfEvent({ busEvent, origin: busEvent, originProof: "proved" });
      });
      expect(reported?.build.starter?.name).toBeDefined();
      const lastReport = { at: iso(report.receivedAt), isOverdue: true, turn: 1 };
      expect(again).toEqual({ ...reported, delivery: copy?.id, build: { ...reported?.build, lastReport } });
    }
  });

  it("needs the roles of its sender, because nobody asked for it", async () => {
    const { copy } = await copyOfReport();
    const { lastReport: _, ...askedFor } = copy.replay ?? REPLAY;
    const ran: string[] = [];
    for (const delivery of [copy, { ...copy, id: "d-asked", replay: askedFor }]) {
      const { contexts, run } = scripted([{ outcome: "done", summary: "shown" }]);
      const rejection: Rejection = { reason: "role_missing", role: "fire: [page]" };
      const parts = await bridgeParts([
        routeOf(run, { name: "page", reject: async () => ({ rejection, mode: "enforce" }) }),
      ]);
      await parts.deliveries.record(delivery);
      await parts.bus.publish(busEventsOf(delivery));
      await parts.runDue();
      await parts.stop();
      ran.push(...contexts.map(({ busEvent }) => busEvent.detail.delivery));
    }
    expect(ran).toEqual(["d-asked"]);
  });
});
