import fc from "fast-check";
import { expect, it } from "vitest";
import { relayBus } from "../../functions/relay-bus.ts";
import { act } from "../../shared/delivery/act.ts";
import { Paused } from "../../shared/delivery/paused.ts";
import { relay, sweep } from "../../shared/delivery/relay.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BridgeEvent } from "../../shared/model/event.ts";
import type { FlowOptions } from "../../shared/model/flow.ts";
import { actionIdOf, deliveryIdOf } from "../../shared/model/idempotency-keys.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import type { Route } from "../../shared/routes/route.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { bridgeParts, routeOf } from "../support/bridge-parts.ts";
import { withMethods } from "../support/memory-stores.ts";
import { propertyCases } from "../support/property-cases.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";

const WORKERS = 2;
const PAGES = ["98310", "98311"] as const;
const KEY = "$.detail.page.id";
// biome-ignore lint/suspicious/noThenProperty: a key of the configuration, which nobody awaits.
const queue = (running: number): FlowOptions => ({ key: KEY, running, then: "queue" });
const FLOWS: readonly (FlowOptions | undefined)[] = [
  { key: KEY, quiet: "90s", most: "10m", running: 1 },
  { key: KEY, running: 1 },
  // biome-ignore lint/suspicious/noThenProperty: a key of the configuration, which nobody awaits.
  { key: KEY, running: 1, then: "cancel" },
  queue(1),
  queue(2),
  { key: KEY, quiet: "90s" },
  undefined,
];
/** A run that nobody ends ends by itself after this time. Its slot is free later. */
const RUN_MS = 60 * 60_000;
const STALE_MS = 90 * 60_000;

/** The process is killed at this write, before or after it took effect. */
const kill = fc.option(fc.record({ atWrite: fc.nat(9), isAfter: fc.boolean() }), { nil: undefined, freq: 3 });
type Kill = typeof kill extends fc.Arbitrary<infer T> ? T : never;

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("deliver" as const), page: fc.nat(PAGES.length - 1) }) },
  // A worker takes the oldest due action as far as the call of the target, which starts a run or does not.
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("begin" as const),
      worker: fc.nat(WORKERS - 1),
      starts: fc.boolean(),
      kill,
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("end" as const),
      worker: fc.nat(WORKERS - 1),
      answer: fc.constantFrom("accepted", "accepted", "accepted", "unknown", "down", "rejected", "killed"),
      kill,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("endRun" as const),
      run: fc.nat(3),
      report: fc.constantFrom("once", "once", "twice", "lost"),
      kill,
    }),
  },
  // The process in the cluster cancels what is listed, or some of it fails and is tried again.
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("cancel" as const),
      isRefused: fc.boolean(),
      report: fc.constantFrom("once", "once", "twice", "lost"),
      kill,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), seconds: fc.constantFrom(1, 40, 95, 900, 7_200) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "setBack" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("configure" as const), flow: fc.nat(FLOWS.length - 1) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const world = fc.record({ flow: fc.nat(4), steps: fc.array(step, { maxLength: 50, size: "max" }) });

interface Run {
  readonly name: string;
  readonly page: string;
  readonly delivery: string;
  readonly action: string;
  readonly startedMs: number;
  /** It took a slot. */
  readonly isLimited: boolean;
  isEnded: boolean;
}

interface Call {
  readonly hasStarted: boolean;
  readonly answer: (outcome: ActionOutcome | "killed") => void;
  ended: Promise<unknown>;
}

const ACCEPTED: ActionOutcome = {
  outcome: "expect_run",
  summary: "accepted",
  expectation: { withinMs: 120_000, isRepeatable: true, namespace: "ci" },
};
const ANSWERS: Readonly<Record<string, ActionOutcome | "killed">> = {
  accepted: ACCEPTED,
  unknown: { outcome: "retry", summary: "timed out", unknownOutcome: true },
  down: { outcome: "retry", summary: "connection refused" },
  rejected: { outcome: "give_up", summary: "the listener rejected the request (400)" },
  killed: "killed",
};

/** Workers and a relay over one table, and a cluster that runs what it is asked for, one step at a time. */
async function openWorld(first: number) {
  let flow = FLOWS[first];
  let worker = 0;
  let starts = false;
  let called: (() => void) | undefined;
  let killing: Kill;
  let killed: (() => void) | undefined;
  const calls: (Call | undefined)[] = [undefined, undefined];
  const delivered: {
    readonly id: string;
    readonly action: string;
    readonly page: string;
    readonly receivedAt: number;
    /** The clock was set back since: its time of receipt is in the future, and says nothing about the order. */
    isFromBefore?: true;
  }[] = [];
  /** Nobody may have looked again after they were stored as waiting: the bound of the slot ends their wait. */
  const killedActions = new Set<string>();
  let isReconfigured = false;
  /** A request that was accepted while more runs were allowed is not taken back. */
  let mostRunning = flow?.running ?? 1;
  const rejected = new Set<string>();
  const runs: Run[] = [];
  const violations: string[] = [];
  const memory = openMemoryTable();
  const never = new Promise<never>(() => undefined);

  /**
   * Ends the process at the chosen write: nothing after it happens. The writes of the list are not counted: they wait for
   * each other in the memory of a process, which this world keeps after a kill.
   */
  const write =
    <In extends readonly [{ readonly pk: string }, ...unknown[]], Out>(effect: (...given: In) => Promise<Out>) =>
    async (...given: In): Promise<Out> => {
      if (killing === undefined || /^(?:list|find|count|index|hour)/.test(given[0].pk)) return effect(...given);
      const { atWrite, isAfter } = killing;
      killing = atWrite === 0 ? undefined : { atWrite: atWrite - 1, isAfter };
      if (atWrite > 0) return effect(...given);
      if (isAfter) await effect(...given);
      killed?.();
      return never;
    };
  const table = withMethods(memory.table, {
    create: write((item) => memory.table.create(item)),
    put: write((item) => memory.table.put(item)),
    change: write((key, change) => memory.table.change(key, change)),
  });
  /** Runs one process until it ends or is killed. */
  const within = async (by: Kill, work: () => Promise<unknown>): Promise<"ended" | "killed"> => {
    killing = by;
    const death = new Promise<"killed">((resolve) => {
      killed = () => resolve("killed");
    });
    const how = await Promise.race([work().then(() => "ended" as const), death]);
    killing = undefined;
    return how;
  };

  const isActive = ({ isEnded, startedMs }: Run): boolean => !isEnded && parts.clock.monotonic() - startedMs < RUN_MS;
  const startRun = (page: string, delivery: string, eventKey: string): void => {
    const name = `docs-${eventKey}`;
    if (runs.some((run) => run.name === name)) return;
    const others = runs.filter((run) => run.page === page && run.isLimited && isActive(run));
    if (flow?.running !== undefined && others.length >= mostRunning)
      violations.push(`${others.length + 1} runs of page ${page} at once`);
    runs.push({
      name,
      page,
      delivery,
      action: actionIdOf("docs", eventKey),
      startedMs: parts.clock.monotonic(),
      isLimited: flow?.running !== undefined,
      isEnded: false,
    });
  };
  const route: Route = {
    ...routeOf(
      async ({ busEvent }) => {
        const { detail } = busEvent;
        if (starts && "page" in detail) startRun(detail.page.id, detail.delivery, detail.eventKey);
        const hasStarted = runs.some(({ delivery }) => delivery === detail.delivery);
        const answer = await new Promise<ActionOutcome | "killed">((resolve) => {
          calls[worker] = { hasStarted, answer: resolve, ended: Promise.resolve() };
          called?.();
        });
        if (answer === "killed") return never;
        if (answer.outcome === "give_up") rejected.add(detail.delivery);
        return answer;
      },
      { runsReportedBy: "cluster", runNamespaces: ["ci"], runsStaleAfterMs: STALE_MS },
    ),
    matches: (busEvent) => busEvent["detail-type"] === "page.updated",
    get flow() {
      return flow as FlowOptions;
    },
  };
  const parts = await bridgeParts([route], { database: { table, close: memory.close } });
  const { deliveries, ownAccounts, actions, clock } = parts;
  const relaying = {
    bus: relayBus(parts.bridge, parts.bus),
    deliveries,
    outbox: deliveries,
    ownAccounts,
    clock,
    log: silentLog,
  };

  const callOf = (one: number): Call | undefined => calls[one];

  async function begin(one: number, by: Kill): Promise<void> {
    if (calls[one] !== undefined) return;
    await actions.correctDueTimes("ci", clock.now());
    const [id] = await actions.due("ci", clock.now(), 1);
    if (id === undefined) return;
    worker = one;
    const reached = new Promise<void>((resolve) => {
      called = resolve;
    });
    let ended: Promise<unknown> = Promise.resolve();
    const how = await within(by, () => {
      ended = act(id, parts.deps);
      return Promise.race([reached, ended]);
    });
    if (how === "killed") killedActions.add(id);
    const call = callOf(one);
    if (call === undefined) return;
    call.ended = ended;
    if (how === "killed") calls[one] = undefined;
  }

  async function end(one: number, answer: ActionOutcome | "killed", by: Kill): Promise<void> {
    const call = calls[one];
    if (call === undefined) return;
    calls[one] = undefined;
    // What started a run was reached, and was not refused.
    const isPossible = !call.hasStarted || answer === "killed" || answer === ACCEPTED || answer === ANSWERS["unknown"];
    const given = isPossible ? answer : ACCEPTED;
    await within(by, async () => {
      call.answer(given);
      if (given !== "killed") await call.ended;
    });
  }

  let reports = 0;
  async function report(run: Run, state: "queued" | "succeeded" | "cancelled", by: Kill): Promise<void> {
    reports += 1;
    const event: BridgeEvent = {
      type: `build.${state}`,
      keyParts: [run.name, state, String(reports)],
      time: new Date(clock.now()).toISOString(),
      subject: `ci/${run.name}`,
      build: { system: "tekton", id: run.name, pipeline: "ci/docs", state },
      origin: { namespace: "ci", delivery: run.delivery },
    };
    const record: RecordedDelivery = {
      ...sampleDelivery(),
      id: deliveryIdOf("cluster", [String(reports)]),
      source: "cluster",
      provider: "tekton",
      receivedAt: clock.now(),
      what: event.type,
      events: [event],
    };
    // The sender tries again until it is recorded.
    await deliveries.record(record);
    await within(by, () => relay(record, relaying));
  }
  const reported = new Set<Run>();
  const reportStarts = async (): Promise<void> => {
    for (const run of runs.filter((one) => !reported.has(one))) {
      reported.add(run);
      await report(run, "queued", undefined);
    }
  };

  async function apply(one: Step): Promise<void> {
    switch (one.kind) {
      case "deliver": {
        const page = PAGES[one.page] ?? PAGES[0];
        const sample = sampleDelivery(delivered.length + 1, { receivedAt: clock.now() });
        const [event] = sample.events;
        const record: RecordedDelivery = {
          ...sample,
          events: [{ ...event, page: { ...event.page, id: page } } as typeof event],
        };
        await deliveries.record(record);
        const action = actionIdOf("docs", busEventOf(record)?.detail.eventKey ?? "");
        delivered.push({ id: record.id, action, page, receivedAt: record.receivedAt });
        await relay(record, relaying);
        return clock.advance(1);
      }
      case "begin":
        starts = one.starts;
        return begin(one.worker, one.kill);
      case "end":
        return end(one.worker, ANSWERS[one.answer] ?? "killed", one.kill);
      case "endRun": {
        await reportStarts();
        const run = runs.filter(isActive)[one.run];
        if (run === undefined) return;
        run.isEnded = true;
        if (one.report === "lost") return;
        await report(run, "succeeded", one.kill);
        if (one.report === "twice") await report(run, "succeeded", undefined);
        return;
      }
      case "cancel": {
        await reportStarts();
        // A route that cancels nothing any more lists nothing.
        if (one.isRefused || flow?.then !== "cancel") return;
        for (const { action, run: name, delivery, by } of await (await parts.runCancels()).of("cluster")) {
          if (!isNewer(by, delivery)) violations.push(`${delivery} is cancelled for ${by}, which is older`);
          const run = runs.find((each) => each.name === name && isActive(each));
          if (run?.action !== action) continue;
          run.isEnded = true;
          if (one.report === "lost") continue;
          await report(run, "cancelled", one.kill);
          // The relay processes a report again whose process was killed.
          if (one.report === "twice" || one.kill !== undefined) await report(run, "cancelled", undefined);
          const lines = await deliveries.timeline(delivery);
          if (!lines.some((line) => line.kind === "cancel" && line.state === "cancelled" && line.by === by))
            violations.push(`${delivery} was cancelled for ${by} without a record`);
        }
        return;
      }
      case "pass":
        await reportStarts();
        clock.advance(one.seconds * 1_000);
        await sweep(relaying, new Paused());
        return;
      case "setBack":
        for (const record of delivered) record.isFromBefore = true;
        return clock.set(-3 * 3_600_000);
      case "configure":
        flow = FLOWS[one.flow];
        mostRunning = Math.max(mostRunning, flow?.running ?? 1);
        isReconfigured = true;
    }
  }

  const isNewer = (one: string, other: string): boolean => {
    const [newer, older] = [one, other].map((id) => delivered.find((record) => record.id === id));
    if (newer === undefined || older === undefined) return false;
    return newer.page === older.page && (older.isFromBefore || newer.receivedAt > older.receivedAt);
  };

  const isOwned = async (id: string) => (await memory.table.get({ pk: id, sk: "head" }))?.["owned"] === 1;

  /**
   * What was replaced while it waited for a slot is due, or has ended: at the latest when the attempt of what is newer was
   * stored. An attempt that was killed is made again when its lease ends.
   */
  async function checkReplaced(): Promise<void> {
    if (flow?.running === undefined || flow.then === "queue" || isReconfigured) return;
    const now = clock.now();
    await actions.correctDueTimes("ci", now);
    for (const page of PAGES) {
      const { newest, slots } = (await (await parts.flows()).get({ route: "docs", key: page })).state;
      if (newest === undefined || newest.receivedAt > now || (await isOwned(newest.action))) continue;
      for (const { id, action } of delivered.filter((one) => one.page === page && one.receivedAt < newest.receivedAt)) {
        if (slots.some((slot) => slot.action === action)) continue;
        const status = await actions.status(action);
        if (
          status?.state !== "due" ||
          (status.dueAt ?? 0) <= now ||
          (await isOwned(action)) ||
          killedActions.has(action)
        )
          continue;
        const waits = (await deliveries.timeline(id)).some(
          (line) => line.kind === "waiting" && line.summary.startsWith("waits for the end of the run"),
        );
        if (waits) violations.push(`${id} waits, and ${newest.delivery} took its place`);
      }
    }
  }

  /** From now on everything works, each run is reported as ended, and nothing new comes. */
  async function recover(): Promise<void> {
    starts = true;
    for (let rounds = 0; rounds < 400; rounds++) {
      for (const one of calls.keys()) await end(one, ACCEPTED, undefined);
      await begin(0, undefined);
      await end(0, ACCEPTED, undefined);
      await reportStarts();
      for (const run of runs.filter(isActive)) {
        run.isEnded = true;
        await report(run, "succeeded", undefined);
      }
      const unfinished: string[] = [];
      for await (const name of actions.unfinishedRoutes("ci")) unfinished.push(name);
      if (unfinished.length === 0) return;
      await actions.correctDueTimes("ci", clock.now());
      if ((await actions.due("ci", clock.now(), 1)).length === 0) clock.advance(95_000);
    }
    throw new Error("an action is stuck");
  }

  async function check(): Promise<void> {
    await sweep(relaying, new Paused());
    await recover();
    expect(violations).toEqual([]);
    for (const [at, { id, page, receivedAt, isFromBefore }] of delivered.entries()) {
      const attempts = await parts.attempts(id);
      const left = attempts.find(({ endedAs }) => endedAs === "superseded");
      const hasRun = runs.some(({ delivery }) => delivery === id);
      // Newer is what was received later. What came before a clock was set back may also have the later time, or take the
      // place of what was received in a future that is over.
      const newer = delivered.filter(
        (one, index) =>
          one.page === page && (index > at || (index < at && (isFromBefore || one.receivedAt > receivedAt))),
      );
      if (left === undefined) {
        const isFinal = attempts.some(
          ({ outcome }) => outcome === "give_up" || outcome === "accepted" || outcome === "done",
        );
        expect(hasRun || rejected.has(id) || isFinal, `${id} has neither run nor ended`).toBe(true);
        continue;
      }
      expect(newer.length, "the newest was left out").toBeGreaterThan(0);
      expect(newer.map((one) => one.id)).toContain(left.supersededBy);
      expect(left.summary).toContain(left.supersededBy);
    }
  }
  return { apply, checkReplaced, check, stop: parts.stop };
}

it("no two runs of a key at once, the newest always runs, and nothing is left out without a record, whatever is killed, lost or repeated", async () => {
  await fc.assert(
    fc.asyncProperty(world, async ({ flow, steps }) => {
      const opened = await openWorld(flow);
      try {
        for (const one of steps) {
          await opened.apply(one);
          await opened.checkReplaced();
        }
        await opened.check();
      } finally {
        await opened.stop();
      }
    }),
    propertyCases("flow", { weight: 8 }),
  );
}, 600_000);
