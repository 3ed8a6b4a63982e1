import { type EpochMillis, epochMillis, isAhead, laterBy } from "../host/clock.ts";
import type { FlowEntry, FlowSettings, FlowSlot, FlowState, QuietWindow } from "../model/flow.ts";

/** Actions that keep their place while they wait for a slot. The item of a flow stays below 10 KB with them. */
export const MAX_WAITING = 50;

/** The state after a question, the same object if nothing is to be stored, and the answer to it. */
interface Answer<Turn> {
  readonly state: FlowState;
  readonly turn: Turn;
}

export type Superseded = { readonly is: "superseded"; readonly by: FlowEntry };

/** `earlier`: events in the same window. `replaced`: older actions that wait for quiet or for a slot, and will not run. */
type QuietTurn = Superseded | Quiet | Next;
type Quiet = { readonly is: "quiet"; readonly until: EpochMillis; readonly earlier: number } & Replacing;
type Next = { readonly is: "next" } & Replacing;
interface Replacing {
  readonly replaced: readonly FlowEntry[];
}

/**
 * Whether an action may go on, as far as newer events decide that. The first question of an action enters it into the flow.
 * Each later one has the same answer until its window ends, or something newer enters.
 */
export function askQuiet(
  state: FlowState,
  entry: FlowEntry,
  settings: FlowSettings,
  now: EpochMillis,
): Answer<QuietTurn> {
  // Its own request may have started a run: nothing newer takes its place any more.
  const hasSlot = heldSlots(state.slots, now).some(({ action }) => action === entry.action);
  if (settings.waiting === "queue" || hasSlot) return { state, turn: { is: "next", replaced: [] } };
  const { newest } = state;
  const isOwn = newest?.action === entry.action;
  if (newest !== undefined && !isOwn && !isNewer(entry, newest, now))
    return { state, turn: { is: "superseded", by: newest } };
  const entered = isOwn ? state : { ...state, newest: entry, ...windowWith(state, settings, now) };
  const { window, ...rest } = entered;
  // Each time, not only when it enters: the process that stored it may have been killed before it woke them.
  const queued = state.waiting.filter((one) => one.action !== entry.action && isNewer(entry, one, now));
  // What waits for quiet ends with its own quiet time if this wake-up is lost.
  const quieted = isOwn || newest === undefined || state.window === undefined ? [] : [newest];
  const replaced = [...queued, ...quieted.filter(({ action }) => !queued.some((one) => one.action === action))];
  if (window === undefined) return { state: entered, turn: { is: "next", replaced } };
  const until = endOf(window, settings);
  // Windows that began by a clock that was ahead have ended.
  if (settings.quietMs > 0 && now < until && !isAhead(window.lastAt, now))
    return { state: entered, turn: { is: "quiet", until, earlier: window.entries - 1, replaced } };
  const isLimited = settings.running !== undefined && settings.mostMs !== undefined;
  return { state: { ...rest, ...(isLimited && { deferredSince: window.firstAt }) }, turn: { is: "next", replaced } };
}

/**
 * An event joins the window until the newest one before it has gone on, even if its time is over: else events at the very
 * end of each window would defer everything for ever. So they would if each took the place of one that waits for a slot and
 * began a window of its own: it keeps the time when the one before began to wait.
 */
function windowWith(
  state: FlowState,
  { quietMs, running = Infinity }: FlowSettings,
  now: EpochMillis,
): { readonly window?: QuietWindow } {
  const { window, newest, waiting, slots, deferredSince } = state;
  if (quietMs === 0) return window === undefined ? {} : { window };
  if (window === undefined || isAhead(window.lastAt, now)) {
    const waits = waiting.some(({ action }) => action === newest?.action) && heldSlots(slots, now).length >= running;
    const firstAt = waits && deferredSince !== undefined && !isAhead(deferredSince, now) ? deferredSince : now;
    return { window: { firstAt, lastAt: now, entries: 1 } };
  }
  return { window: { ...window, lastAt: now, entries: window.entries + 1 } };
}

const endOf = ({ firstAt, lastAt }: QuietWindow, { quietMs, mostMs }: FlowSettings): EpochMillis => {
  const quietAt = laterBy(lastAt, quietMs);
  return mostMs === undefined ? quietAt : epochMillis(Math.min(quietAt, laterBy(firstAt, mostMs)));
};

/**
 * By the time of receipt. One in the future is of a clock that was ahead: such an entry is older than those that came after
 * the clock was set back.
 */
function isNewer(entry: FlowEntry, than: FlowEntry, now: EpochMillis): boolean {
  const isOwnAhead = isAhead(entry.receivedAt, now);
  const isOtherAhead = isAhead(than.receivedAt, now);
  if (isOwnAhead !== isOtherAhead) return isOtherAhead;
  return entry.receivedAt === than.receivedAt ? idOf(entry) > idOf(than) : entry.receivedAt > than.receivedAt;
}

/** The events of a delivery are numbered from 2 on: `d-1.2`, `d-1.10`. */
const idOf = ({ delivery, event = delivery }: FlowEntry): string =>
  `${delivery} ${String(event.length).padStart(3, "0")} ${event}`;

export type SlotTurn =
  | Superseded
  | { readonly is: "run" }
  /** No slot is free before `until`, unless a run ends before. `behind`: what has them. `isNext`: none waits before it. */
  | {
      readonly is: "full";
      readonly until: EpochMillis;
      readonly behind: readonly FlowSlot[];
      readonly isNext: boolean;
    }
  /** A slot is free, and these are before it. */
  | { readonly is: "after"; readonly others: readonly FlowEntry[] }
  /** It has no place in the queue, which is full. */
  | { readonly is: "crowded" }
  /** The target accepted a request of it, and its slot was freed since. */
  | { readonly is: "over" };

interface SlotQuestion {
  readonly entry: FlowEntry;
  readonly settings: FlowSettings & { readonly running: number };
  /** Longest time in milliseconds until a slot is free again. */
  readonly boundMs: number;
  /** An earlier attempt may have started a run. */
  readonly mayRun: boolean;
  /** The target accepted a request of an earlier attempt. */
  readonly isAccepted: boolean;
  /** Of the event, as its run is named. */
  readonly eventKey: string;
  readonly now: EpochMillis;
}

/** Whether an action may call its target now. The slot is then its own until it is freed, or its bound. */
export function askSlot(before: FlowState, question: SlotQuestion): Answer<SlotTurn> {
  const { entry, settings, boundMs, isAccepted, eventKey, now } = question;
  const state = { ...before, slots: heldSlots(before.slots, now) };
  const isSelf = ({ action }: { readonly action: string }): boolean => action === entry.action;
  const own = state.slots.find(isSelf);
  const others = state.slots.filter((slot) => !isSelf(slot));
  const queue = state.waiting.filter((one) => !isSelf(one));
  const mayRun = own?.mayRun || question.mayRun;
  const taken = (): Answer<SlotTurn> => {
    const slot: FlowSlot = {
      action: entry.action,
      delivery: entry.delivery,
      since: now,
      freeAt: laterBy(now, boundMs),
      ...(mayRun && { mayRun: true }),
      ...(entry.event !== undefined && { event: entry.event }),
      ...(settings.cancels && { eventKey }),
    };
    const { deferredSince: _, ...rest } = state;
    return { state: { ...rest, slots: [...others, slot], waiting: queue }, turn: { is: "run" } };
  };
  // A slot in which nothing runs is lost if fewer runs may go on at once than before.
  if (own !== undefined && (mayRun || others.length < settings.running)) return taken();
  if (isAccepted) return { state: before, turn: { is: "over" } };
  const { newest } = state;
  const unslotted = own === undefined ? before : { ...state, slots: others };
  if (settings.waiting === "newest" && newest !== undefined && !isSelf(newest))
    return { state: unslotted, turn: { is: "superseded", by: newest } };
  const ahead = settings.waiting === "newest" ? [] : queue.filter((one) => isNewer(entry, one, now));
  const free = settings.running - others.length;
  if (ahead.length < free) return taken();
  const isFull = settings.waiting === "queue" && queue.length >= MAX_WAITING && !state.waiting.some(isSelf);
  const waits = settings.waiting === "newest" ? [entry] : [...ahead, entry, ...queue.slice(ahead.length)];
  const waiting = isFull ? state.waiting : waits;
  const isSame =
    waiting.length === before.waiting.length && waiting.every((one, at) => isSameEntry(one, before.waiting[at]));
  const isUnchanged = isSame && others.every((slot, at) => slot === unslotted.slots[at]);
  const waited = isUnchanged ? unslotted : { ...unslotted, slots: others, waiting };
  if (free > 0)
    return { state: waited, turn: isFull ? { is: "crowded" } : { is: "after", others: ahead.slice(0, free) } };
  if (isFull) return { state: waited, turn: { is: "crowded" } };
  const until = epochMillis(Math.min(...others.map(({ freeAt }) => freeAt)));
  return { state: waited, turn: { is: "full", until, behind: others, isNext: ahead.length === 0 } };
}

const isSameEntry = (one: FlowEntry, other: FlowEntry | undefined): boolean => one.action === other?.action;

/**
 * The slots that are not free by themselves. One that was taken by a clock that was ahead is counted from now on: its run
 * may have begun just before the clock was set back.
 */
const heldSlots = (slots: readonly FlowSlot[], now: EpochMillis): readonly FlowSlot[] =>
  slots
    .map((slot) =>
      isAhead(slot.since, now) ? { ...slot, since: now, freeAt: laterBy(now, slot.freeAt - slot.since) } : slot,
    )
    .filter(({ freeAt }) => freeAt > now);

/** Frees the slot of an action. `unlessMayRun`: only if no request of it may have started a run. */
export function withoutSlot(
  state: FlowState,
  action: string,
  { unlessMayRun }: { readonly unlessMayRun: boolean },
): FlowState {
  const own = state.slots.find((slot) => slot.action === action);
  if (own === undefined || (unlessMayRun && own.mayRun)) return state;
  return { ...state, slots: state.slots.filter((slot) => slot !== own) };
}

/** Marks that the call of an action may have started a run. */
export const withUnknownRun = (state: FlowState, action: string): FlowState =>
  state.slots.some((slot) => slot.action === action && !slot.mayRun)
    ? { ...state, slots: state.slots.map((slot) => (slot.action === action ? { ...slot, mayRun: true } : slot)) }
    : state;

/** An action that has ended waits for no slot. */
export const withoutWaiting = (state: FlowState, ended: readonly string[]): FlowState => ({
  ...state,
  waiting: state.waiting.filter(({ action }) => !ended.includes(action)),
});

/**
 * Whether an action that was stored as waiting has to ask again: it could have a slot now, or something newer took its
 * place.
 */
export function isOutdatedWait(
  state: FlowState,
  action: string,
  settings: FlowSettings & { readonly running: number },
  now: EpochMillis,
): boolean {
  const { newest, waiting } = state;
  const own = waiting.find((one) => one.action === action);
  if (own === undefined || awaitedBy(state, settings, now).includes(own)) return true;
  return settings.waiting === "newest" && newest !== undefined && newest.action !== action && isNewer(newest, own, now);
}

/** The actions that wait for a slot and could have one now. */
export const awaitedBy = (
  { slots, waiting }: FlowState,
  { running }: { readonly running: number },
  now: EpochMillis,
): readonly FlowEntry[] => waiting.slice(0, Math.max(0, running - heldSlots(slots, now).length));
