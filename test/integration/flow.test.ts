import { afterEach, describe, expect, it } from "vitest";
import { relayBus } from "../../functions/relay-bus.ts";
import { type ApprovalRules, rulesIn } from "../../shared/approvals/configured-rules.ts";
import { act } from "../../shared/delivery/act.ts";
import { readOutcome } from "../../shared/delivery/delivery-outcomes.ts";
import { relay } from "../../shared/delivery/relay.ts";
import { laterBy } from "../../shared/host/clock.ts";
import { awaitedBy } from "../../shared/http/awaited-cancel.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { BridgeEvent } from "../../shared/model/event.ts";
import type { FlowOptions } from "../../shared/model/flow.ts";
import { actionIdOf, approvalIdOf } from "../../shared/model/idempotency-keys.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { compilePattern } from "../../shared/routes/pattern.ts";
import type { Route } from "../../shared/routes/route.ts";
import type { RoutePattern } from "../../shared/routes/route-pattern.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import type { Fields, ItemChange, ItemKey } from "../../shared/store/table.ts";
import { bridgeParts, routeOf } from "../support/bridge-parts.ts";
import { withMethods } from "../support/memory-stores.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";

const KEY = "$.detail.page.id";
const QUIET: FlowOptions = { key: KEY, quiet: "90s", most: "10m" };
const ONE: FlowOptions = { key: KEY, running: 1 };
// biome-ignore lint/suspicious/noThenProperty: a key of the configuration, which nobody awaits.
const QUEUE: FlowOptions = { ...ONE, then: "queue" };
const ACCEPTED: ActionOutcome = {
  outcome: "expect_run",
  summary: "accepted",
  expectation: { withinMs: 120_000, isRepeatable: false, namespace: "ci" },
};
const DONE: ActionOutcome = { outcome: "done", summary: "accepted" };
const STALE_MS = 90 * 60_000;

let stop: () => Promise<void>;
afterEach(() => stop());

/** A route with this flow, and the cluster whose runs `cluster` reports. The outcomes of its calls come in turn. */
async function flowing(
  first: FlowOptions | undefined,
  outcomes: readonly ActionOutcome[] = [ACCEPTED],
  { patterns = [] }: { readonly patterns?: readonly RoutePattern[] } = {},
) {
  let flow = first;
  const fired: string[] = [];
  const memory = openMemoryTable();
  const flowCalls: string[] = [];
  const counted =
    <Key extends ItemKey, Rest extends unknown[], Out>(name: string, call: (key: Key, ...rest: Rest) => Promise<Out>) =>
    (key: Key, ...rest: Rest): Promise<Out> => {
      if (key.pk.startsWith("flow#")) flowCalls.push(name);
      return call(key, ...rest);
    };
  const table = withMethods(memory.table, {
    get: counted("get", (key: ItemKey) => memory.table.get(key)),
    create: counted("create", (item: Fields & ItemKey) => memory.table.create(item)),
    put: counted("put", (item: Fields & ItemKey) => memory.table.put(item)),
    change: counted("change", (key: ItemKey, change: ItemChange) => memory.table.change(key, change)),
  });
  const route: Route = {
    ...routeOf(
      async ({ busEvent }) => {
        fired.push(busEvent.detail.delivery);
        return outcomes[Math.min(fired.length, outcomes.length) - 1] ?? ACCEPTED;
      },
      { runsReportedBy: "cluster", runNamespaces: ["ci"], runsStaleAfterMs: STALE_MS },
    ),
    matches: (busEvent) => busEvent["detail-type"] === "page.updated",
    get flow() {
      return flow as FlowOptions;
    },
  };
  const rules = new Map<string, ApprovalRules>();
  const reported: RecordedDelivery[] = [];
  const parts = await bridgeParts([route], {
    database: { table, close: memory.close },
    rules,
    patterns: async () => patterns,
    recorded: (delivery) => void reported.push(delivery),
  });
  stop = parts.stop;
  const { deliveries, ownAccounts, actions, clock, approvals } = parts;
  const woken: string[] = [];
  const bridge = {
    ...parts.bridge,
    woken: async ({ delivery }: { readonly delivery: string }) => void woken.push(delivery),
  };
  const bus = relayBus(bridge, parts.bus);
  const relaying = { bus, deliveries, outbox: deliveries, ownAccounts, clock, log: silentLog };
  let saves = 0;
  const record = async (changes: Partial<RecordedDelivery> = {}): Promise<RecordedDelivery> => {
    saves += 1;
    const sample = sampleDelivery(saves, { receivedAt: clock.now() });
    const delivery: RecordedDelivery = { ...sample, ...changes };
    await deliveries.record(delivery);
    await relay(delivery, relaying);
    return delivery;
  };
  const later = async (seconds: number): Promise<void> => {
    const end = clock.now() + seconds * 1_000;
    while (clock.now() < end) {
      clock.advance(Math.min(5_000, end - clock.now()));
      await parts.runDue();
    }
  };
  const idOf = (delivery: RecordedDelivery): string => actionIdOf("docs", busEventOf(delivery)?.detail.eventKey ?? "");
  const approvalOf = async (delivery: RecordedDelivery) => {
    const approval = await approvals.get(approvalIdOf("docs", busEventOf(delivery)?.detail.eventKey ?? ""));
    if (approval === undefined) throw new Error("nobody was asked");
    return approval;
  };
  return {
    ...parts,
    fired,
    /** What the bridge itself recorded about waits, in words. */
    shown: () =>
      reported
        .flatMap(({ events }) => events ?? [])
        .flatMap((event) =>
          "flow" in event ? [`${event.type} ${event.flow.of}${event.flow.text ? `: ${event.flow.text}` : ""}`] : [],
        ),
    rules,
    approvalOf,
    /** Runs of the route need a grant from now on. */
    askPeople: () =>
      Object.assign(parts.deps.routes[0] ?? {}, { approval: { expiresMinutes: 60, approvers: () => ["lead"] } }),
    /** A person grants the run of a delivery, and it is attempted again. */
    grant: async (delivery: RecordedDelivery) => {
      const by = {
        id: "p-lead",
        issuer: "corp",
        subject: "kim",
        roles: ["lead"],
        method: "jwt",
        credential: "corp",
      } as const;
      await approvals.grant(await approvalOf(delivery), { by, at: clock.now() }, "granted");
      await actions.wake(idOf(delivery), clock.now());
      await parts.runDue();
    },
    woken,
    flowCalls,
    configure: (next: FlowOptions | undefined) => {
      flow = next;
    },
    record,
    /** A page was saved, and what is due runs. */
    save: async (changes: Partial<RecordedDelivery> = {}): Promise<RecordedDelivery> => {
      const delivery = await record(changes);
      await parts.runDue();
      return delivery;
    },
    later,
    idOf,
    status: (delivery: RecordedDelivery) => actions.status(idOf(delivery)),
    outcome: async (delivery: RecordedDelivery) =>
      (await readOutcome(delivery, await deliveries.timeline(delivery.id), parts.bridge))?.routes[0],
    /** The cluster reports a state of the run that a delivery fired. */
    report: async (delivery: RecordedDelivery, state: "running" | "succeeded", changes: Partial<BridgeEvent> = {}) => {
      const name = `docs-${busEventOf(delivery)?.detail.eventKey}`;
      const event = {
        type: `build.${state}`,
        keyParts: [name, state],
        time: new Date(clock.now()).toISOString(),
        subject: `ci/${name}`,
        build: { system: "tekton", id: name, pipeline: "ci/docs", state },
        origin: { namespace: "ci", delivery: delivery.id },
        ...changes,
      } as BridgeEvent;
      const id = `d-${state}-${delivery.id}`.slice(0, 40);
      const sample = sampleDelivery();
      const reported = { ...sample, id, source: "cluster", provider: "tekton", events: [event] } as const;
      await deliveries.record(reported);
      await relay(reported, relaying);
    },
  };
}

describe("quiet", () => {
  it("forty saves of a page in five minutes are one run of the last version, and each other says by what it was replaced", async () => {
    const { save, later, fired, outcome, clock } = await flowing(QUIET);
    const saves: RecordedDelivery[] = [];
    for (let n = 0; n < 40; n++) {
      saves.push(await save());
      clock.advance(7_500);
    }
    await later(120);
    const last = saves.at(-1);
    expect(fired).toEqual([last?.id]);
    for (const one of saves.slice(0, -1)) {
      const found = await outcome(one);
      expect(found).toMatchObject({ state: "superseded" });
      expect(found?.why).toBe(`superseded by ${found?.of}, which is newer in the flow of route docs`);
    }
    expect(await outcome(saves[38] ?? sampleDelivery())).toMatchObject({ of: last?.id });
  });

  it("what waits says until when, and is due exactly then", async () => {
    const { save, deliveries, status, clock, runDue, fired } = await flowing(QUIET);
    await save();
    clock.advance(10_000);
    const second = await save();
    const until = clock.now() + 90_000;
    expect(await status(second)).toMatchObject({ state: "due", dueAt: until });
    const waits = (await deliveries.timeline(second.id)).find(({ kind }) => kind === "waiting");
    expect(waits).toMatchObject({
      summary: `waits for quiet until ${new Date(until).toISOString()}, in place of 1 earlier`,
    });
    clock.advance(89_999);
    await runDue();
    expect(fired).toEqual([]);
    clock.advance(1);
    await runDue();
    expect(fired).toEqual([second.id]);
  });

  it("what waits for quiet is superseded as soon as something newer comes, and not again when its own time is over", async () => {
    const { save, later, outcome, clock, attempts, fired, runDue } = await flowing(QUIET);
    const first = await save();
    clock.advance(10_000);
    const second = await save();
    // It is due at once, long before its own time.
    await runDue();
    expect(await outcome(first)).toMatchObject({ state: "superseded", of: second.id });
    expect(fired).toEqual([]);
    await later(200);
    expect(await attempts(first.id)).toHaveLength(1);
    expect(fired).toEqual([second.id]);
  });

  it("of two events of one delivery, the timeline names the one that took the place of the other", async () => {
    const { save, later, deliveries, fired } = await flowing(QUIET);
    const { events } = sampleDelivery(1);
    const [event] = events ?? [];
    if (event === undefined) throw new Error("the sample is an event");
    const second = { ...event, keyParts: [...event.keyParts, "second"] };
    const both = await save({ events: [event, second] } as Partial<RecordedDelivery>);
    await later(200);
    const attempts = (await deliveries.timeline(both.id)).filter((line) => line.kind === "attempt");
    const left = attempts.find(({ endedAs }) => endedAs === "superseded");
    expect(left).toMatchObject({
      summary: `superseded by ${both.id}.2, which is newer in the flow of route docs`,
      supersededBy: both.id,
    });
    expect(left?.event).toBeUndefined();
    expect(fired).toEqual([both.id]);
  });

  it("one approval is asked for forty saves, and none stays open for those that were left out", async () => {
    const { save, later, deps } = await flowing(QUIET);
    const asked: string[] = [];
    Object.assign(deps, {
      hold: async ({ busEvent }: { readonly busEvent: { readonly detail: { readonly delivery: string } } }) => {
        asked.push(busEvent.detail.delivery);
        return {};
      },
    });
    for (let n = 0; n < 39; n++) {
      await save();
      await later(5);
    }
    const last = await save();
    await later(120);
    expect(asked).toEqual([last.id]);
  });

  it("an event without the key is given up: it runs with no other page's", async () => {
    const { save, fired, outcome } = await flowing({ ...QUIET, key: "$.detail.page.space" });
    const [event] = sampleDelivery(1).events;
    const { space: _, ...page } = event.page;
    const delivery = await save({ events: [{ ...event, page } as typeof event] });
    expect(fired).toEqual([]);
    expect(await outcome(delivery)).toMatchObject({
      state: "given_up",
      why: "not fired: the key of the flow of route docs is $.detail.page.space, and the event has no detail.page.space",
    });
  });

  it("what waits runs when its time comes, each for itself, after the route has lost its flow", async () => {
    const { save, later, fired, configure } = await flowing(QUIET);
    const saves = [await save(), await save()];
    configure(undefined);
    await later(100);
    expect(fired).toEqual(saves.map(({ id }) => id));
  });

  it("a replay of what was left out enters the flow as the newest", async () => {
    const { save, later, fired, outcome, clock } = await flowing(QUIET);
    const first = await save();
    clock.advance(5_000);
    await save();
    await later(100);
    fired.length = 0;
    const replay = {
      of: first.id,
      routes: ["docs"],
      isRollback: false,
      principal: { id: "p", issuer: "i", subject: "kim" },
    };
    const again = await save({ replay } as Partial<RecordedDelivery>);
    await later(100);
    expect(fired).toEqual([again.id]);
    expect(await outcome(first)).toMatchObject({ state: "superseded" });
  });

  it("a route without a flow neither reads nor writes one, and one with a flow writes two items more", async () => {
    const plain = await flowing(undefined, [DONE]);
    await plain.save();
    expect(plain.fired).toHaveLength(1);
    expect(plain.flowCalls).toEqual([]);
    await plain.stop();
    const newest = await flowing(QUIET, [DONE]);
    await newest.save();
    expect(newest.flowCalls).toEqual(["get", "change"]);
    await newest.later(90);
    expect(newest.fired).toHaveLength(1);
    expect(newest.flowCalls).toEqual(["get", "change", "get", "change"]);
  });

  it("the approval of what something newer replaced is over, and nobody decides it any more", async () => {
    const { save, later, outcome, askPeople, approvalOf, fired } = await flowing({ ...ONE, key: "deploys" });
    askPeople();
    const first = await save();
    const [event] = sampleDelivery(2).events;
    const second = await save({ events: [{ ...event, page: { ...event.page, id: "98311" } } as typeof event] });
    expect((await approvalOf(first)).state).toBe("requested");
    await later(65);
    expect(await approvalOf(first)).toMatchObject({
      state: "superseded",
      endedFor: `superseded by version 2 of the page, ${second.id}`,
    });
    expect(await outcome(first)).toMatchObject({ state: "superseded", of: second.id });
    expect((await approvalOf(second)).state).toBe("requested");
    expect(fired).toEqual([]);
  });
});

describe("runs at once", () => {
  it("a second deployment waits for the end of the first, and is woken by it", async () => {
    const { save, report, fired, woken, status, runDue, clock, deliveries } = await flowing(QUEUE);
    const first = await save();
    clock.advance(1_000);
    const second = await save();
    expect(fired).toEqual([first.id]);
    const waits = (await deliveries.timeline(second.id)).find(({ kind }) => kind === "waiting");
    expect(waits).toMatchObject({ summary: `waits for the end of the run of ${first.id}` });
    expect((await status(second))?.dueAt).toBe(clock.now() - 1_000 + STALE_MS);
    clock.advance(60_000);
    await report(first, "running");
    expect(woken).toEqual([]);
    await report(first, "succeeded");
    expect(woken).toEqual([second.id]);
    await runDue();
    expect(fired).toEqual([first.id, second.id]);
  });

  it("while a run goes on, only the newest waits for it", async () => {
    const { save, report, fired, runDue, outcome, clock } = await flowing(ONE);
    const saves: RecordedDelivery[] = [];
    for (let n = 0; n < 4; n++) {
      saves.push(await save());
      clock.advance(1_000);
    }
    const [first, second, third, last] = saves;
    if (!first || !second || !third || !last) throw new Error("four were saved");
    await runDue();
    expect(await outcome(second)).toMatchObject({ state: "superseded", of: third.id });
    expect(await outcome(third)).toMatchObject({ state: "superseded", of: last.id });
    expect(await outcome(last)).toMatchObject({ state: "pending" });
    await report(first, "succeeded");
    await runDue();
    expect(fired).toEqual([first.id, last.id]);
  });

  it("what is replaced while it is about to wait does not wait", async () => {
    const { save, record, fired, deps, actions, idOf, outcome, runDue, clock } = await flowing(ONE);
    const first = await save();
    const second = await record();
    clock.advance(1_000);
    const third = await record();
    // The newer one enters after the older has asked for the slot, and before that is stored as waiting.
    const defer: typeof actions.defer = async (...given) => {
      await act(idOf(third), deps);
      return actions.defer(...given);
    };
    await act(idOf(second), { ...deps, actions: withMethods(actions, { defer }) });
    await runDue();
    expect(await outcome(second)).toMatchObject({ state: "superseded", of: third.id });
    expect(fired).toEqual([first.id]);
  });

  it("somebody who saves every minute while a run goes on defers the next one no longer than that run", async () => {
    const { save, later, report, fired, runDue } = await flowing({ ...QUIET, running: 1 });
    const first = await save();
    await later(90);
    await report(first, "running");
    for (let minute = 0; minute < 15; minute++) {
      await save();
      await later(60);
    }
    const last = await save();
    await report(first, "succeeded");
    await runDue();
    expect(fired).toEqual([first.id, last.id]);
  });

  it("without any report of a run, the slot is free when the run was expected, long before its bound", async () => {
    const { save, later, fired, woken } = await flowing(QUEUE);
    const first = await save();
    const second = await save();
    await later(20 * 60 + 60);
    expect(woken).toEqual([]);
    expect(fired).toEqual([first.id, second.id]);
  });

  it("a run whose end is never reported holds its slot until its bound", async () => {
    const { save, report, later, fired, clock } = await flowing(QUEUE);
    const first = await save();
    await report(first, "running");
    const second = await save();
    await later(STALE_MS / 1_000 - 10);
    expect(fired).toEqual([first.id]);
    clock.advance(10_000);
    await later(10);
    expect(fired).toEqual([first.id, second.id]);
  });

  it("a rejected request frees the slot at once, and one of unknown outcome keeps it", async () => {
    const rejected = await flowing(QUEUE, [{ outcome: "give_up", summary: "rejected (400)" }, ACCEPTED]);
    await rejected.record();
    const next = await rejected.save();
    await rejected.runDue();
    expect(rejected.fired.at(-1)).toBe(next.id);
    await rejected.stop();

    const unknown = await flowing(ONE, [{ outcome: "retry", summary: "timed out", unknownOutcome: true }, ACCEPTED]);
    const first = await unknown.save();
    const second = await unknown.save();
    expect(unknown.fired).toEqual([first.id]);
    await unknown.later(60);
    // It is tried again before the newer one, because its first request may have started a run.
    expect(unknown.fired).toEqual([first.id, first.id]);
    await unknown.report(first, "succeeded");
    await unknown.runDue();
    expect(unknown.fired).toEqual([first.id, first.id, second.id]);
  });

  it("an action that is given up after its last attempt leaves the slot to the next in the queue", async () => {
    const refused: ActionOutcome = { outcome: "retry", summary: "connection refused" };
    const { save, later, fired, outcome } = await flowing(QUEUE, [...Array(5).fill(refused), ACCEPTED]);
    const first = await save();
    const second = await save();
    await later(10 * 60);
    expect(fired).toEqual([...Array(5).fill(first.id), second.id]);
    expect(await outcome(first)).toMatchObject({ state: "given_up" });
  });

  it("an action that is given up keeps its slot if one of its requests may have started a run", async () => {
    const refused: ActionOutcome = { outcome: "retry", summary: "connection refused" };
    const unknown: ActionOutcome = { outcome: "retry", summary: "timed out", unknownOutcome: true };
    const { save, later, fired, outcome } = await flowing(QUEUE, [unknown, ...Array(4).fill(refused), ACCEPTED]);
    const first = await save();
    const second = await save();
    await later(10 * 60);
    expect(await outcome(first)).toMatchObject({ state: "given_up" });
    expect(fired).not.toContain(second.id);
    await later(STALE_MS / 1_000);
    expect(fired.at(-1)).toBe(second.id);
  });

  it("an action that must not fire any more when it is tried again leaves the slot", async () => {
    const { save, later, fired, deps } = await flowing(QUEUE, [{ outcome: "retry", summary: "down" }, ACCEPTED]);
    const first = await save();
    const second = await save();
    Object.assign(deps.routes[0] ?? {}, {
      reject: async ({ detail }: { readonly detail: { readonly delivery: string } }) =>
        detail.delivery === first.id ? { rejection: { reason: "role_missing" }, mode: "enforce" } : undefined,
    });
    await later(60);
    expect(fired).toEqual([first.id, second.id]);
  });

  it.each([
    ["in a namespace that the target does not list", () => ({ origin: { namespace: "other" } })],
    ["of another route for the same event", (key: string) => ({ subject: `ci/other-${key}` })],
    ["under a name that no request gave it", () => ({ subject: "ci/docs-x7f2q" })],
  ])("a run %s only claims the delivery, and frees nothing", async (_, claim) => {
    const { save, report, fired, runDue, flows } = await flowing(QUEUE);
    const first = await save();
    const second = await save();
    const { origin, ...claimed } = { origin: {}, ...claim(busEventOf(first)?.detail.eventKey ?? "") };
    await report(first, "succeeded", {
      ...claimed,
      origin: { namespace: "ci", delivery: first.id, ...origin },
    } as Partial<BridgeEvent>);
    await runDue();
    expect(fired).toEqual([first.id]);
    const { state } = await (await flows()).get({ route: "docs", key: "98310" });
    expect(state.slots).toMatchObject([{ delivery: first.id }]);
    expect(state.waiting).toMatchObject([{ delivery: second.id }]);
  });

  it("a run with a proof frees the slot of its own action, whatever another route does", async () => {
    const { save, report, fired, runDue, deps } = await flowing(QUEUE);
    Object.assign(deps.routes[0] ?? {}, { originKey: { current: { ref: "env:KEY" } } });
    const first = await save();
    const second = await save();
    const eventKey = busEventOf(first)?.detail.eventKey;
    const origin = { namespace: "ci", delivery: first.id, proved: { route: "docs", eventKey } };
    await report(first, "succeeded", { origin } as Partial<BridgeEvent>);
    await runDue();
    expect(fired).toEqual([first.id, second.id]);
  });

  it("a run that ends while the next action is about to wait wakes it nevertheless", async () => {
    const { save, record, report, fired, deps, actions, flows, idOf, runDue, clock } = await flowing(QUEUE);
    const first = await save();
    const second = await record();
    let isEnded = false;
    // The end comes after the action has asked for the slot, and before it is stored as waiting.
    const defer: typeof actions.defer = async (...given) => {
      if (!isEnded) await report(first, "succeeded");
      isEnded = true;
      return actions.defer(...given);
    };
    await act(idOf(second), { ...deps, actions: withMethods(actions, { defer }) });
    expect(isEnded).toBe(true);
    expect((await actions.status(idOf(second)))?.dueAt).toBe(clock.now());
    await runDue();
    expect(fired).toEqual([first.id, second.id]);
    expect((await (await flows()).get({ route: "docs", key: "98310" })).state.slots).toHaveLength(1);
  });

  it("an end that is reported again wakes what a killed process did not", async () => {
    const { save, report, woken, flows, clock } = await flowing(QUEUE);
    const first = await save();
    const second = await save();
    // The process that freed the slot ended before it woke anything.
    const { state, revision } = await (await flows()).get({ route: "docs", key: "98310" });
    await (await flows()).save({ route: "docs", key: "98310" }, { state: { ...state, slots: [] }, revision });
    clock.advance(1_000);
    await report(first, "succeeded");
    expect(woken).toEqual([second.id]);
  });

  it("an action that has ended without a run does not hold up the queue", async () => {
    const { save, report, fired, actions, idOf, runDue, clock, woken } = await flowing(QUEUE);
    const first = await save();
    const second = await save();
    const third = await save();
    clock.advance(STALE_MS - 1_000);
    // A person withdrew it, or its route rejects it now.
    const bound = laterBy(clock.now(), STALE_MS);
    const claim = await actions.claim(idOf(second), bound, bound);
    expect(claim && (await actions.giveUp(claim, clock.now()))).toBe(true);
    await report(first, "succeeded");
    expect(woken).toEqual([third.id]);
    await runDue();
    expect(fired).toEqual([first.id, third.id]);
  });
});

describe("a granted run that waits for a slot", () => {
  /** The second of two granted runs, which waits for the first. */
  async function waiting(flow: FlowOptions) {
    const flows = await flowing({ ...flow, key: "deploys" });
    flows.askPeople();
    let pages = 0;
    const savePage = (): Promise<RecordedDelivery> => {
      pages += 1;
      flows.clock.advance(1_000);
      const [event] = sampleDelivery(pages).events;
      return flows.save({ events: [{ ...event, page: { ...event.page, id: `9000${pages}` } } as typeof event] });
    };
    const first = await savePage();
    await flows.grant(first);
    expect(flows.fired).toEqual([first.id]);
    const second = await savePage();
    await flows.grant(second);
    expect((await flows.deliveries.timeline(second.id)).find(({ kind }) => kind === "waiting")).toMatchObject({
      summary: `waits for the end of the run of ${first.id}`,
    });
    expect((await flows.approvalOf(second)).state).toBe("granted");
    expect((await flows.approvalOf(first)).state).toBe("fired");
    const end = async (): Promise<void> => {
      await flows.report(first, "succeeded");
      await flows.runDue();
    };
    return { ...flows, savePage, first, second, end };
  }

  it("does not wait for what was received before it and still waits for people", async () => {
    const { end, savePage, grant, report, runDue, fired, first, second } = await waiting(QUEUE);
    const third = await savePage();
    const fourth = await savePage();
    await grant(fourth);
    await end();
    await report(second, "succeeded");
    await runDue();
    expect(fired).toEqual([first.id, second.id, fourth.id]);
    await grant(third);
    expect(fired).toHaveLength(3);
    await report(fourth, "succeeded");
    await runDue();
    expect(fired).toEqual([first.id, second.id, fourth.id, third.id]);
  });

  it("fires when the slot is free, and its approval has fired then", async () => {
    const { end, fired, first, second, approvalOf } = await waiting(QUEUE);
    await end();
    expect(fired).toEqual([first.id, second.id]);
    expect((await approvalOf(second)).state).toBe("fired");
  });

  it("can be withdrawn, and holds no slot then", async () => {
    const { end, fired, first, second, approvalOf, approvals, savePage, grant, clock } = await waiting(QUEUE);
    const { id } = await approvalOf(second);
    expect(await approvals.move(id, ["granted"], { state: "withdrawn", endedAt: clock.now() })).toBe(true);
    await end();
    expect(fired).toEqual([first.id]);
    const third = await savePage();
    await grant(third);
    expect(fired).toEqual([first.id, third.id]);
  });

  it("withdrawn at the very moment it takes the slot, leaves the slot", async () => {
    const { report, first, second, approvalOf, approvals, deps, idOf, fired, flows, clock } = await waiting(QUEUE);
    const { id } = await approvalOf(second);
    await report(first, "succeeded");
    const hold: typeof deps.hold = (input, beforeFiring) =>
      deps.hold(input, async (asked) => {
        const notNow = await beforeFiring(asked);
        await approvals.move(id, ["granted"], { state: "withdrawn", endedAt: clock.now() });
        return notNow;
      });
    await act(idOf(second), { ...deps, hold });
    expect((await (await flows()).get({ route: "docs", key: "deploys" })).state.slots).toEqual([]);
    expect(fired).toEqual([first.id]);
  });

  it("waits for the next window if its window has closed meanwhile", async () => {
    const { end, fired, first, second, approvalOf, rules, clock, flows } = await waiting(QUEUE);
    const day = new Date(clock.now() + 2 * 86_400_000).toISOString();
    const days = [(["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const)[new Date(day).getUTCDay()] ?? "sun"];
    rules.set("docs", rulesIn({ windows: [{ days, from: "00:00", to: "24:00", zone: "Etc/UTC" }] }));
    await end();
    expect(fired).toEqual([first.id]);
    expect((await approvalOf(second)).state).toBe("granted");
    expect((await (await flows()).get({ route: "docs", key: "deploys" })).state.slots).toEqual([]);
  });

  it("needs further people if the route asks for more of them meanwhile", async () => {
    const { end, fired, first, second, approvalOf, rules } = await waiting(QUEUE);
    rules.set("docs", rulesIn({ approvers: 2 }));
    await end();
    expect(fired).toEqual([first.id]);
    expect((await approvalOf(second)).state).toBe("requested");
  });

  describe("and has the run before it cancelled", () => {
    // biome-ignore lint/suspicious/noThenProperty: a key of the configuration, which nobody awaits.
    const CANCEL: FlowOptions = { ...ONE, then: "cancel" };
    /** For what the run is to be cancelled, as the process in the cluster gets to know it. */
    async function cancelling() {
      const flows = await waiting(CANCEL);
      const [route] = flows.deps.routes;
      const [cancel] = await (await flows.runCancels()).of("cluster");
      if (route === undefined || cancel === undefined) throw new Error("it is stored");
      const cancelledFor = () => awaitedBy(cancel, route, flows.bridge);
      expect(await cancelledFor()).toBe(flows.second.id);
      return { ...flows, cancelledFor };
    }

    it("not after it was withdrawn", async () => {
      const { cancelledFor, second, approvalOf, approvals, clock } = await cancelling();
      const { id } = await approvalOf(second);
      await approvals.move(id, ["granted"], { state: "withdrawn", endedAt: clock.now() });
      expect(await cancelledFor()).toBeUndefined();
    });

    it("not while it needs further people", async () => {
      const { cancelledFor, rules } = await cancelling();
      rules.set("docs", rulesIn({ approvers: 2 }));
      expect(await cancelledFor()).toBeUndefined();
      rules.set("docs", rulesIn({}));
      expect(await cancelledFor()).toBeDefined();
    });

    it("not after the key of the flow has changed, nor after the run has ended", async () => {
      const { cancelledFor, configure, end } = await cancelling();
      configure({ ...CANCEL, key: "others" });
      expect(await cancelledFor()).toBeUndefined();
      configure({ ...CANCEL, key: "deploys" });
      expect(await cancelledFor()).toBeDefined();
      await end();
      expect(await cancelledFor()).toBeUndefined();
    });

    it("not while something newer still waits for people, and then for that", async () => {
      const { cancelledFor, savePage, grant } = await cancelling();
      const third = await savePage();
      expect(await cancelledFor()).toBeUndefined();
      await grant(third);
      expect(await cancelledFor()).toBe(third.id);
    });
  });

  it("is superseded by something newer, and so is its approval", async () => {
    const { runDue, savePage, second, approvalOf, outcome } = await waiting(ONE);
    const third = await savePage();
    await runDue();
    expect(await outcome(second)).toMatchObject({ state: "superseded", of: third.id });
    expect((await approvalOf(second)).state).toBe("superseded");
  });
});

describe("what waits for a slot is shown", () => {
  const compiled = compilePattern({ "detail-type": [{ prefix: "flow." }] });
  if (!compiled.ok) throw new Error("the pattern is valid");
  const patterns: readonly RoutePattern[] = [
    { name: "status", pattern: compiled.pattern, target: "wiki", mode: "enforce" },
  ];
  /** A page is saved each second. */
  async function open(flow: FlowOptions, outcomes?: readonly ActionOutcome[]) {
    const flows = await flowing(flow, outcomes, { patterns });
    const save = async () => {
      flows.clock.advance(1_000);
      return flows.save();
    };
    return { ...flows, save };
  }

  it("with what it waits for, once for each reason, until it runs", async () => {
    const { save, report, runDue, shown, later, fired } = await open(QUEUE);
    const [first, second, third] = [await save(), await save(), await save()];
    const waits = [
      `flow.waiting ${second.id}: waits for the end of the run of ${first.id}`,
      `flow.waiting ${third.id}: waits for its turn`,
    ];
    await later(60);
    expect(shown()).toEqual(waits);
    await report(first, "succeeded");
    await runDue();
    expect(fired).toEqual([first.id, second.id]);
    waits.push(`flow.ended ${second.id}`);
    expect(shown()).toEqual(waits);
    await report(second, "succeeded");
    await runDue();
    expect(fired).toHaveLength(3);
    waits.push(`flow.ended ${third.id}`);
    expect(shown()).toEqual(waits);
    await report(third, "succeeded");
    await later(600);
    expect(shown()).toEqual(waits);
  });

  it("until something newer takes its place, which then waits for the same run", async () => {
    const { save, runDue, shown } = await open(ONE);
    const [first, second] = [await save(), await save()];
    const third = await save();
    await runDue();
    expect(shown()).toEqual([
      `flow.waiting ${second.id}: waits for the end of the run of ${first.id}`,
      `flow.waiting ${third.id}: waits for the end of the run of ${first.id}`,
      `flow.ended ${second.id}`,
    ]);
  });

  it("until it runs without a flow, if its route has lost it", async () => {
    const { save, configure, later, shown, fired } = await open(ONE);
    const [first, second] = [await save(), await save()];
    configure(undefined);
    await later(STALE_MS / 1_000 + 10);
    expect(fired).toEqual([first.id, second.id]);
    expect(shown().at(-1)).toBe(`flow.ended ${second.id}`);
  });

  it("again after a failure, if another run has the slot then", async () => {
    const failed: ActionOutcome = { outcome: "retry", summary: "no connection to 10.0.0.7" };
    const { save, report, runDue, shown, later } = await open(ONE, [ACCEPTED, failed, ACCEPTED]);
    const [first, second] = [await save(), await save()];
    await report(first, "succeeded");
    await runDue();
    expect(shown().at(-1)).toBe(`flow.waiting ${second.id}: waits for another attempt`);
    await later(60);
    expect(shown().at(-1)).toBe(`flow.ended ${second.id}`);
    expect(shown().join()).not.toContain("10.0.0.7");
  });

  it.each(["defer", "expectRun"] as const)("once, if the process is killed before `%s`", async (method) => {
    const { save, record, report, runDue, idOf, deps, actions, clock, shown, fired } = await open(ONE);
    const first = await save();
    const second = method === "defer" ? await record() : await save();
    const dies = async (): Promise<never> => {
      throw new Error("the process ended");
    };
    if (method === "expectRun") await report(first, "succeeded");
    await act(idOf(second), { ...deps, actions: withMethods(actions, { [method]: dies }) }).catch(() => undefined);
    clock.advance(600_000);
    await runDue();
    const waits = `flow.waiting ${second.id}: waits for the end of the run of ${first.id}`;
    expect(shown()).toEqual(method === "defer" ? [waits] : [waits, `flow.ended ${second.id}`]);
    expect(new Set(fired).has(second.id)).toBe(method === "expectRun");
  });

  it("not if no route takes it, nor what waits only for quiet", async () => {
    const unseen = await flowing(ONE);
    await unseen.save();
    await unseen.save();
    expect(unseen.shown()).toEqual([]);
    await stop();
    const { save, later, shown, fired } = await open({ ...QUIET, running: 1 });
    const only = await save();
    await later(120);
    expect(fired).toEqual([only.id]);
    expect(shown()).toEqual([]);
  });
});
