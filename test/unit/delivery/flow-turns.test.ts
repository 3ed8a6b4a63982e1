import { describe, expect, it } from "vitest";
import {
  askQuiet,
  askSlot,
  awaitedBy,
  isOutdatedWait,
  MAX_WAITING,
  withoutSlot,
  withUnknownRun,
} from "../../../shared/delivery/flow-turns.ts";
import { type EpochMillis, epochMillis, laterBy } from "../../../shared/host/clock.ts";
import { EMPTY_FLOW, type FlowEntry, type FlowSettings, type FlowState } from "../../../shared/model/flow.ts";

const NOON = epochMillis(Date.parse("2026-11-30T12:00:00Z"));
const at = (seconds: number): EpochMillis => laterBy(NOON, seconds * 1_000);
const BOUND_MS = 5_400_000;

const entry = (n: number, receivedAt = at(n)): FlowEntry => ({ action: `a-${n}`, delivery: `d-${n}`, receivedAt });
const QUIET: FlowSettings = { key: "k", quietMs: 90_000, mostMs: 600_000, waiting: "newest" };
const ONE = { key: "k", quietMs: 0, running: 1, waiting: "newest" } as const satisfies FlowSettings;
const QUEUE = { ...ONE, waiting: "queue" } as const satisfies FlowSettings;

const slotFor = (state: FlowState, one: FlowEntry, settings: FlowSettings & { running: number }, now = at(0)) =>
  askSlot(state, { entry: one, settings, boundMs: BOUND_MS, mayRun: false, isAccepted: false, eventKey: "e-1", now });

describe("quiet", () => {
  it("forty events within five minutes are one run of the newest, and each other names what took its place", () => {
    let state: FlowState = EMPTY_FLOW;
    for (let n = 0; n < 40; n++) state = askQuiet(state, entry(n, at(n * 7)), QUIET, at(n * 7)).state;
    const quietAt = 39 * 7 + 90;
    expect(askQuiet(state, entry(39, at(39 * 7)), QUIET, at(quietAt - 1)).turn).toEqual({
      is: "quiet",
      until: at(quietAt),
      earlier: 39,
      replaced: [],
    });
    for (let n = 0; n < 39; n++)
      expect(askQuiet(state, entry(n, at(n * 7)), QUIET, at(quietAt)).turn).toMatchObject({
        is: "superseded",
        by: { delivery: "d-39" },
      });
    expect(askQuiet(state, entry(39, at(39 * 7)), QUIET, at(quietAt)).turn).toMatchObject({ is: "next" });
  });

  it("events that never stop do not put the newest off for longer than the limit", () => {
    let state: FlowState = EMPTY_FLOW;
    let seconds = 0;
    for (; seconds < 3_600; seconds += 60) {
      const asked = askQuiet(state, entry(seconds), QUIET, at(seconds));
      state = asked.state;
      if (asked.turn.is === "next") break;
    }
    expect(seconds).toBe(600);
    // The window is over: the next event begins another one.
    expect(askQuiet(state, entry(660), QUIET, at(660)).turn).toEqual({
      is: "quiet",
      until: at(750),
      earlier: 0,
      replaced: [],
    });
  });

  it("an event that takes the place of one that waits for a slot waits no longer for it than the first", () => {
    const settings = { ...QUIET, running: 1 };
    const full = slotFor(EMPTY_FLOW, entry(0), settings).state;
    const goesOn = askQuiet(askQuiet(full, entry(1), settings, at(1)).state, entry(1), settings, at(91));
    expect(goesOn.turn).toEqual({ is: "next", replaced: [] });
    const waits = slotFor(goesOn.state, entry(1), settings, at(91));
    expect(waits.turn.is).toBe("full");
    // Within the longest time it waits for quiet, and after it at once: the first came after a second.
    expect(askQuiet(waits.state, entry(550), settings, at(550)).turn).toMatchObject({ is: "quiet", until: at(601) });
    const late = askQuiet(waits.state, entry(700), settings, at(700));
    expect(late.turn).toEqual({ is: "next", replaced: [entry(1)] });
    // With its slot, the next event begins anew. So it does while the newest waits for people, and for no slot.
    const free = withoutSlot(late.state, "a-0", { unlessMayRun: false });
    const taken = slotFor(free, entry(700), settings, at(710)).state;
    for (const state of [taken, late.state])
      expect(askQuiet(state, entry(720), settings, at(720)).turn).toMatchObject({ is: "quiet", until: at(810) });
  });

  it("an action that asks again has the same answer, and nothing is stored", () => {
    const { state, turn } = askQuiet(EMPTY_FLOW, entry(0), QUIET, at(0));
    const again = askQuiet(state, entry(0), QUIET, at(30));
    expect(again.turn).toEqual(turn);
    expect(again.state).toBe(state);
  });

  it("an older delivery that comes late is left out", () => {
    const { state } = askQuiet(EMPTY_FLOW, entry(50), QUIET, at(50));
    expect(askQuiet(state, entry(10), QUIET, at(60)).turn).toMatchObject({
      is: "superseded",
      by: { delivery: "d-50" },
    });
  });

  it("of several events of one delivery the last one is the newest", () => {
    const events = ["d-1", "d-1.2", "d-1.10"].map(
      (event, n): FlowEntry => ({
        action: `a-${n}`,
        delivery: "d-1",
        event,
        receivedAt: at(0),
      }),
    );
    let state: FlowState = EMPTY_FLOW;
    for (const one of events.toReversed()) state = askQuiet(state, one, QUIET, at(0)).state;
    expect(state.newest?.event).toBe("d-1.10");
  });

  it("a clock that is set back holds nothing: what came before is older, and its window is over", () => {
    const ahead = 3 * 3_600;
    const { state } = askQuiet(EMPTY_FLOW, entry(ahead), QUIET, at(ahead));
    expect(askQuiet(state, entry(ahead), QUIET, at(0)).turn).toMatchObject({ is: "next" });
    const after = askQuiet(state, entry(1), QUIET, at(1));
    expect(after.turn).toMatchObject({ is: "quiet", until: at(91) });
    expect(askQuiet(after.state, entry(ahead), QUIET, at(2)).turn).toMatchObject({ by: { delivery: "d-1" } });
  });

  it("what waits for a slot is replaced by something newer, and by nothing older", () => {
    const waits = (n: number) =>
      slotFor({ ...slotFor(EMPTY_FLOW, entry(0), ONE).state, newest: entry(n) }, entry(n), ONE);
    const { state } = waits(2);
    expect(isOutdatedWait(state, "a-2", ONE, at(3))).toBe(false);
    const newer = askQuiet(state, entry(3), ONE, at(3));
    expect(newer.turn).toEqual({ is: "next", replaced: [entry(2)] });
    // Also when it asks again: whoever stored it may have been killed before it woke them.
    expect(askQuiet(newer.state, entry(3), ONE, at(4)).turn).toEqual(newer.turn);
    expect(isOutdatedWait(newer.state, "a-2", ONE, at(4))).toBe(true);
    const queued = { ...EMPTY_FLOW, waiting: [entry(1), entry(3)] };
    expect(askQuiet(queued, entry(2), ONE, at(4)).turn).toEqual({ is: "next", replaced: [entry(1)] });
  });

  it("what has a slot goes on, although something newer has come", () => {
    const { state } = slotFor(EMPTY_FLOW, entry(0), ONE);
    const { state: newer } = askQuiet(state, entry(1), ONE, at(1));
    expect(askQuiet(newer, entry(0), ONE, at(2)).turn).toMatchObject({ is: "next" });
  });
});

describe("slots", () => {
  it("one action has the slot, and the same action finds its own again", () => {
    const { state, turn } = slotFor(EMPTY_FLOW, entry(0), ONE);
    expect(turn).toEqual({ is: "run" });
    expect(slotFor(state, entry(0), ONE, at(10)).turn).toEqual({ is: "run" });
    expect(slotFor({ ...state, newest: entry(1) }, entry(1), ONE, at(10)).turn).toMatchObject({
      is: "full",
      until: laterBy(NOON, BOUND_MS),
    });
  });

  it("a slot is free at its bound, and not before", () => {
    const { state } = slotFor(EMPTY_FLOW, entry(0), ONE);
    const waits = slotFor(state, entry(1), ONE, laterBy(NOON, BOUND_MS - 1)).turn;
    expect(waits.is).toBe("full");
    expect(slotFor(state, entry(1), ONE, laterBy(NOON, BOUND_MS)).turn).toEqual({ is: "run" });
  });

  it("a slot that was taken by a clock that was ahead lasts its bound from now on, and no longer", () => {
    const { state } = slotFor(EMPTY_FLOW, entry(0), ONE, at(36_000));
    const asked = slotFor(state, entry(1), ONE, at(0));
    expect(asked.turn).toMatchObject({ is: "full", until: laterBy(NOON, BOUND_MS) });
    expect(slotFor(asked.state, entry(1), ONE, laterBy(NOON, BOUND_MS)).turn).toEqual({ is: "run" });
  });

  it("with fewer runs at once than before, nothing starts until enough have ended", () => {
    const two = { ...QUEUE, running: 2 };
    const first = slotFor(EMPTY_FLOW, entry(0), two).state;
    const both = slotFor(first, entry(1), two).state;
    const waits = slotFor(both, entry(2), QUEUE);
    expect(waits.turn.is).toBe("full");
    const oneLeft = withoutSlot(waits.state, "a-0", { unlessMayRun: false });
    expect(awaitedBy(oneLeft, QUEUE, at(1))).toEqual([]);
    expect(slotFor(oneLeft, entry(2), QUEUE, at(1)).turn.is).toBe("full");
    const none = withoutSlot(oneLeft, "a-1", { unlessMayRun: false });
    expect(awaitedBy(none, QUEUE, at(1)).map(({ action }) => action)).toEqual(["a-2"]);
  });

  it("with fewer runs at once than before, a slot in which nothing runs is lost, and one whose run may go on is not", () => {
    const two = { ...QUEUE, running: 2 };
    const both = slotFor(slotFor(EMPTY_FLOW, entry(0), two).state, entry(1), two).state;
    const waits = slotFor(both, entry(0), QUEUE, at(1));
    expect(waits.turn).toMatchObject({ is: "full", behind: [{ action: "a-1" }] });
    expect(waits.state).toMatchObject({ slots: [{ action: "a-1" }], waiting: [{ action: "a-0" }] });
    expect(slotFor(waits.state, entry(1), QUEUE, at(2)).turn).toEqual({ is: "run" });
    expect(slotFor(withUnknownRun(both, "a-0"), entry(0), QUEUE, at(1)).turn).toEqual({ is: "run" });
  });

  it("a queue goes in the order of receipt, in whatever order its actions ask", () => {
    let state = slotFor(EMPTY_FLOW, entry(0), QUEUE).state;
    for (const n of [3, 1, 2]) state = slotFor(state, entry(n), QUEUE).state;
    expect(state.waiting.map(({ action }) => action)).toEqual(["a-1", "a-2", "a-3"]);
    const free = withoutSlot(state, "a-0", { unlessMayRun: false });
    expect(slotFor(free, entry(2), QUEUE).turn).toMatchObject({ is: "after", others: [{ action: "a-1" }] });
    expect(slotFor(free, entry(1), QUEUE).turn).toEqual({ is: "run" });
  });

  it("a full queue keeps its size, and what has no place in it asks again", () => {
    let state = slotFor(EMPTY_FLOW, entry(0), QUEUE).state;
    for (let n = 1; n <= MAX_WAITING; n++) state = slotFor(state, entry(n), QUEUE).state;
    const crowded = slotFor(state, entry(99), QUEUE);
    expect(crowded.turn).toEqual({ is: "crowded" });
    expect(crowded.state).toBe(state);
    expect(JSON.stringify(state).length).toBeLessThan(10_000);
  });

  it("a request that may have started a run keeps its slot when it ends without one", () => {
    const asked = askSlot(EMPTY_FLOW, {
      entry: entry(0),
      settings: ONE,
      boundMs: BOUND_MS,
      mayRun: true,
      isAccepted: false,
      eventKey: "e-0",
      now: at(0),
    });
    expect(withoutSlot(asked.state, "a-0", { unlessMayRun: true })).toBe(asked.state);
    expect(withoutSlot(asked.state, "a-0", { unlessMayRun: false }).slots).toEqual([]);
  });

  it("an accepted request whose slot has ended is not sent again", () => {
    const asked = { entry: entry(0), settings: ONE, boundMs: BOUND_MS, eventKey: "e-0", now: at(0) };
    const question = { ...asked, mayRun: true, isAccepted: true };
    expect(askSlot(EMPTY_FLOW, question).turn).toEqual({ is: "over" });
  });
});
