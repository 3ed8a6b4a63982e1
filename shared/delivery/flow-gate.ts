import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { ActionOutcome } from "../model/action-outcome.ts";
import type { BusEvent } from "../model/bus-event.ts";
import type { FlowEntry, FlowId, FlowSettings, FlowSlot, FlowState } from "../model/flow.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { eventIn } from "../model/timeline.ts";
import { whyEmpty } from "../routes/fill.ts";
import { flowSettings } from "../routes/flow.ts";
import type { Route } from "../routes/route.ts";
import type { ActionStatus, Claim } from "../store/actions.ts";
import type { FlowStore } from "../store/flows.ts";
import { askForCancel, type CancelRunDeps, endCancel } from "./cancel-run.ts";
import { type FlowingRoute, flowIdOf, nameOf } from "./flow-id.ts";
import {
  askQuiet,
  askSlot,
  awaitedBy,
  isOutdatedWait,
  type SlotTurn,
  type Superseded,
  withoutSlot,
  withoutWaiting,
  withUnknownRun,
} from "./flow-turns.ts";
import { type WakeActionDeps, wakeAction } from "./wake-action.ts";

interface FlowGateDeps extends CancelRunDeps, WakeActionDeps {
  readonly flows: Pick<FlowStore, "get" | "save">;
}

/** An attempt of a route's action for an event. */
export interface FlowAttempt {
  readonly route: FlowingRoute &
    Pick<Route, "action" | "runsReportedBy" | "runNamespaces" | "runsStaleAfterMs" | "maxAttemptMs">;
  readonly claim: Pick<Claim, "id" | "mayRun" | "run">;
  readonly busEvent: BusEvent;
  readonly delivery: Pick<RecordedDelivery, "receivedAt">;
}

/** Time until a slot is free whose attempt may still run: the margin of its lease. */
const MARGIN_MS = 30_000;

/** Time until an action asks again that has no place in a queue, which is full. */
const CROWDED_MS = 60_000;

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 50;

/**
 * Decides when an action of a route with `flow` may go on: whether something newer takes its place, and whether its run has
 * a slot. Only a route with `flow` loads it. Any number of processes may share the state: each write is conditional on
 * the revision that was read.
 */
export class FlowGate {
  readonly #deps: FlowGateDeps;

  constructor(deps: FlowGateDeps) {
    this.#deps = deps;
  }

  /** The outcome of an attempt that must not go on: it waits for quiet, or something newer took its place. */
  async enter(attempt: FlowAttempt): Promise<ActionOutcome | undefined> {
    const { route, claim, busEvent } = attempt;
    const flow = settingsOf(route);
    // An accepted request is not taken back.
    if (flow === undefined || claim.run !== undefined) return undefined;
    const id = flowIdOf(route, flow, busEvent);
    if (id === undefined) return withoutKey(route.name, flow, busEvent);
    const turn = await this.#change(id, (state, now) => askQuiet(state, entryOf(attempt), flow, now));
    if (turn.is === "superseded") return superseded(route.name, turn);
    await this.#wake(turn.replaced, turn.replaced.length);
    if (turn.is === "next") return undefined;
    const earlier = turn.earlier === 0 ? "" : `, in place of ${turn.earlier} earlier`;
    return this.#wait(`waits for quiet until ${toIso(turn.until)}${earlier}`, turn.until);
  }

  /**
   * The outcome of an attempt that has no slot. Undefined: it may call its target, and {@link leave} follows. Nothing is
   * cancelled for one that people may still deny.
   */
  async take(attempt: FlowAttempt, { isGranted }: { readonly isGranted: boolean }): Promise<ActionOutcome | undefined> {
    const { route, claim, busEvent } = attempt;
    const flow = settingsOf(route);
    const id = flow && flowIdOf(route, flow, busEvent);
    if (!limits(flow) || id === undefined) return undefined;
    const question = {
      entry: entryOf(attempt),
      settings: flow,
      boundMs: route.runsStaleAfterMs ?? route.maxAttemptMs + MARGIN_MS,
      mayRun: claim.mayRun,
      isAccepted: claim.run !== undefined,
      eventKey: busEvent.detail.eventKey,
    };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const turn = await this.#change(id, (state, now) => askSlot(state, { ...question, now }));
      if (turn.is === "run") return undefined;
      if (turn.is === "full") {
        if (flow.cancels && isGranted) await askForCancel(route, turn.behind, busEvent.detail.id, this.#deps);
        const isOutdated = () => this.#isOutdated(id, flow, claim.id);
        const inFlow = turn.isNext ? turn.behind.map(nameOf) : [];
        return { ...this.#wait(waitsBehind(turn.behind), turn.until), isOutdated, inFlow };
      }
      if (turn.is !== "after") return this.#outcomeOf(turn, route.name);
      const others = await this.#unfinished(id, turn.others);
      if (others.length > 0) {
        const dueAt = epochMillis(Math.min(...others.map((one) => one.dueAt ?? 0)));
        const until = epochMillis(Math.max(dueAt, laterBy(this.#deps.clock.now(), 1_000)));
        const summary = `waits for the turn of ${others.slice(0, 1).map(nameOf)}, which is before it`;
        return { ...this.#wait(summary, until), isOutdated: () => this.#isOutdated(id, flow, claim.id), inFlow: [] };
      }
    }
    throw contended();
  }

  #outcomeOf(turn: Exclude<SlotTurn, { readonly is: "run" | "after" | "full" }>, route: string): ActionOutcome {
    switch (turn.is) {
      case "superseded":
        return superseded(route, turn);
      case "over":
        return { outcome: "give_up", summary: "its slot in the flow has ended, and another run may have it" };
      case "crowded": {
        const until = laterBy(this.#deps.clock.now(), CROWDED_MS);
        return { ...this.#wait("waits for a place in the queue of its flow, which is full", until), inFlow: [] };
      }
    }
  }

  /**
   * Records what a call says about the slot of its action: free, or kept for the run that it may have started. Never throws:
   * the call has had its effect, and the slot has a bound.
   */
  async leave(attempt: FlowAttempt, outcome: ActionOutcome): Promise<void> {
    const { route, claim, busEvent } = attempt;
    const flow = settingsOf(route);
    const id = flow && flowIdOf(route, flow, busEvent);
    if (!limits(flow) || id === undefined) return;
    const after = afterCall(outcome, route);
    if (after === "kept") return;
    try {
      await this.#change(id, (state) => ({
        state:
          after === "unknown"
            ? withUnknownRun(state, claim.id)
            : withoutSlot(state, claim.id, { unlessMayRun: after === "unless_may_run" }),
        turn: undefined,
      }));
      if (after !== "unknown") await this.#wakeNext(id, flow);
    } catch (error) {
      this.#deps.log.error({ route: route.name, error: kindOf(error) }, "a slot could not be freed");
    }
  }

  /**
   * Frees the slot of an action whose run has ended, or was not reported in time, and wakes what waits for it.
   * `unlessMayRun`: only if no request of it may have started a run. `isCancelled`: the run was reported as cancelled.
   */
  async end(
    route: FlowingRoute & Pick<Route, "runsReportedBy">,
    busEvent: BusEvent,
    {
      action,
      unlessMayRun,
      isCancelled = false,
    }: { readonly action: string; readonly unlessMayRun: boolean; readonly isCancelled?: boolean },
  ): Promise<void> {
    const flow = settingsOf(route);
    const id = flow && flowIdOf(route, flow, busEvent);
    if (!limits(flow) || id === undefined) return;
    await this.#change(id, (state) => ({
      state: withoutSlot(state, action, { unlessMayRun }),
      turn: undefined,
    }));
    if (flow.cancels && route.runsReportedBy !== undefined && !unlessMayRun)
      await endCancel(route.runsReportedBy, action, { isCancelled }, this.#deps);
    // Also if it was free before: the process that freed it may have been killed before it woke the next one.
    await this.#wakeNext(id, flow);
  }

  async #isOutdated(id: FlowId, flow: FlowSettings & { readonly running: number }, action: string): Promise<boolean> {
    const { state } = await this.#deps.flows.get(id);
    return isOutdatedWait(state, action, flow, this.#deps.clock.now());
  }

  async #wakeNext(id: FlowId, flow: FlowSettings & { readonly running: number }): Promise<void> {
    const { state } = await this.#deps.flows.get(id);
    await this.#wake(state.waiting, awaitedBy(state, flow, this.#deps.clock.now()).length);
  }

  /** Makes so many of the actions due that still wait. */
  async #wake(entries: readonly FlowEntry[], most: number): Promise<void> {
    let left = most;
    for (const { action } of entries) {
      if (left === 0) return;
      if (await wakeAction(action, this.#deps)) left -= 1;
    }
  }

  /** Those that can still have a turn. The others leave the queue. */
  async #unfinished(
    id: FlowId,
    entries: readonly FlowEntry[],
  ): Promise<readonly (FlowEntry & Pick<ActionStatus, "dueAt">)[]> {
    const found = await Promise.all(
      entries.map(async (entry) => ({ entry, status: await this.#deps.actions.status(entry.action) })),
    );
    const ended = found.filter(({ status }) => status?.state !== "due").map(({ entry }) => entry.action);
    if (ended.length > 0) await this.#change(id, (state) => ({ state: withoutWaiting(state, ended), turn: undefined }));
    return found.flatMap(({ entry, status }) =>
      status?.state === "due" ? [{ ...entry, ...(status.dueAt !== undefined && { dueAt: status.dueAt }) }] : [],
    );
  }

  async #change<Turn>(
    id: FlowId,
    next: (state: FlowState, now: EpochMillis) => { readonly state: FlowState; readonly turn: Turn },
  ): Promise<Turn> {
    const { flows, clock } = this.#deps;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { state: before, revision } = await flows.get(id);
      const { state, turn } = next(before, clock.now());
      if (state === before || (await flows.save(id, { state, revision }))) return turn;
    }
    throw contended();
  }

  #wait(summary: string, until: EpochMillis): Extract<ActionOutcome, { readonly outcome: "wait" }> {
    const afterSeconds = Math.max((until - this.#deps.clock.now()) / 1_000, 0.001);
    return { outcome: "wait", summary, afterSeconds, until, isLong: true };
  }
}

const contended = (): Fault =>
  new Fault("store_unavailable", "too many concurrent writes of one flow", { retryable: true });

const settingsOf = ({ flow }: Pick<Route, "flow">): FlowSettings | undefined => flow && flowSettings(flow);

const limits = (flow: FlowSettings | undefined): flow is FlowSettings & { readonly running: number } =>
  flow?.running !== undefined;

const entryOf = ({ claim, busEvent: { detail }, delivery }: FlowAttempt): FlowEntry => ({
  action: claim.id,
  delivery: detail.delivery,
  ...eventIn(detail),
  receivedAt: delivery.receivedAt,
});

const withoutKey = (route: string, { key }: FlowSettings, busEvent: BusEvent): ActionOutcome => ({
  outcome: "give_up",
  summary: `not fired: the key of the flow of route ${route} is ${key}, and ${whyEmpty(busEvent, key)}`,
});

const superseded = (route: string, { by }: Superseded): ActionOutcome => ({
  outcome: "done",
  summary: `superseded by ${nameOf(by)}, which is newer in the flow of route ${route}`,
  endedAs: "superseded",
  supersededBy: by.delivery,
});

const waitsBehind = (slots: readonly FlowSlot[]): string =>
  `waits for the end of the run of ${slots.map(nameOf).join(" or ")}`;

/**
 * What becomes of the slot after a call. A request that failed for sure started nothing: in a queue the action keeps its
 * place until it is tried again, else something newer may go on before it.
 */
function afterCall(
  outcome: ActionOutcome,
  { runsReportedBy, flow }: Pick<Route, "runsReportedBy" | "flow">,
): "kept" | "unknown" | "free" | "unless_may_run" {
  switch (outcome.outcome) {
    case "expect_run":
      return "kept";
    case "done":
      if (outcome.endedAs !== undefined) return "unless_may_run";
      return runsReportedBy === undefined ? "free" : "kept";
    case "retry":
      if (outcome.unknownOutcome) return "unknown";
      return flow?.then === "queue" ? "kept" : "unless_may_run";
    case "give_up":
    case "wait":
      return "unless_may_run";
  }
}
