import type { Clock, EpochMillis } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { AttentionState } from "../model/attention.ts";
import { busEventsOf } from "../model/bus-event.ts";
import {
  type AboutRoute,
  type DeliveryOutcome,
  type DeliveryState,
  type KnownAction,
  outcomeOf,
  type RouteOutcome,
} from "../model/delivery-state.ts";
import { actionIdOf, occurrenceKeyOf } from "../model/idempotency-keys.ts";
import type { DeliverySummary, RecordedDelivery } from "../model/recorded-delivery.ts";
import type { TimelineEvent } from "../model/timeline.ts";
import type { ActionStore } from "../store/actions.ts";
import type { AttentionEntry, AttentionPosition, AttentionStore } from "../store/attention.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { inGroups } from "../store/streams.ts";

export interface OutcomeDeps {
  readonly deliveries: Pick<DeliveryStore, "get" | "timeline">;
  readonly actions: Pick<ActionStore, "status">;
  readonly clock: Pick<Clock, "now">;
}

/** Deliveries whose outcomes are read at once. */
const AT_ONCE = 16;

/** What became of a delivery whose record and timeline are read already. Reads one record for each route that acted. */
export async function readOutcome(
  delivery: RecordedDelivery,
  timeline: readonly TimelineEvent[],
  { actions, clock }: Pick<OutcomeDeps, "actions" | "clock">,
): Promise<DeliveryOutcome | undefined> {
  const scheduled = timeline.filter((line) => line.kind === "scheduled");
  const known = await Promise.all(
    scheduled.map(async (line): Promise<readonly (readonly [string, KnownAction])[]> => {
      const id = actionIdIn(line, delivery, timeline);
      const status = id === undefined ? undefined : await actions.status(id);
      return status === undefined ? [] : [[keyOf(line), status]];
    }),
  );
  const byRoute = new Map(known.flat());
  return outcomeOf({ delivery, timeline, actionOf: (about) => byRoute.get(keyOf(about)), now: clock.now() });
}

const keyOf = ({ route, event }: AboutRoute): string => `${route} ${event ?? ""}`;

/** The id of the action of a route for an event of a delivery; undefined if the delivery has no such event. */
export function actionIdIn(
  { route, event }: AboutRoute,
  delivery: RecordedDelivery,
  timeline: readonly TimelineEvent[],
): string | undefined {
  const published = busEventsOf(delivery).find(({ detail }) => detail.id === (event ?? delivery.id));
  const line = timeline.find((one) => one.kind === "scheduled" && one.route === route && one.event === event);
  const occurrence = (line?.kind === "scheduled" && line.occurrence) || 1;
  return published && actionIdOf(route, occurrenceKeyOf(published.detail.eventKey, occurrence));
}

/** A delivery, and what became of it. */
export interface DeliveryWithOutcome {
  readonly delivery: RecordedDelivery | DeliverySummary;
  readonly outcome: DeliveryOutcome | undefined;
}

/**
 * What became of each of these deliveries, in their order. Reads a few records of each event. `readsEvery`: also the record
 * of each other delivery.
 */
export async function outcomesOf(
  summaries: readonly DeliverySummary[],
  deps: OutcomeDeps,
  { readsEvery = false }: { readonly readsEvery?: boolean } = {},
): Promise<readonly DeliveryWithOutcome[]> {
  const outcomes: DeliveryWithOutcome[] = [];
  for (let at = 0; at < summaries.length; at += AT_ONCE) {
    const group = summaries.slice(at, at + AT_ONCE);
    const read = group.map((one) => withOutcome(one, { ...deps, isRead: readsEvery || one.outcome === "event" }));
    outcomes.push(...(await Promise.all(read)));
  }
  return outcomes;
}

async function withOutcome(
  summary: DeliverySummary,
  { isRead, ...deps }: OutcomeDeps & { readonly isRead: boolean },
): Promise<DeliveryWithOutcome> {
  if (!isRead) {
    const now = deps.clock.now();
    return {
      delivery: summary,
      outcome: outcomeOf({ delivery: summary, timeline: [], actionOf: () => undefined, now }),
    };
  }
  const [delivery, timeline] = await Promise.all([
    // A list shows a record that cannot be read, so its state must not fail either.
    deps.deliveries.get(summary.id).catch(undefinedIfUnreadable),
    deps.deliveries.timeline(summary.id).catch(undefinedIfUnreadable),
  ]);
  // Without its whole timeline, the state would be a guess.
  if (timeline === undefined) return { delivery: delivery ?? summary, outcome: undefined };
  if (delivery !== undefined) return { delivery, outcome: await readOutcome(delivery, timeline, deps) };
  const evidence = { delivery: summary, timeline, actionOf: () => undefined, now: deps.clock.now() };
  return { delivery: summary, outcome: outcomeOf(evidence) };
}

export function undefinedIfUnreadable(error: unknown): undefined {
  if (error instanceof Fault && error.code === "record_unreadable") return undefined;
  throw error;
}

/** Which states, and of which routes. A delivery matches if one of its routes has all of it, or itself one of the states. */
export interface OutcomeFilter {
  readonly states?: readonly DeliveryState[] | undefined;
  readonly route?: string | undefined;
  readonly target?: string | undefined;
}

/** The routes of a delivery that the filter selects. */
const selectedRoutes = (
  { routes }: DeliveryOutcome,
  { states, route, target }: OutcomeFilter,
): readonly RouteOutcome[] =>
  routes.filter(
    (one) =>
      (states === undefined || states.includes(one.state)) &&
      (route === undefined || one.route === route) &&
      (target === undefined || one.target === target),
  );

export function isSelected(outcome: DeliveryOutcome | undefined, filter: OutcomeFilter): boolean {
  if (outcome === undefined)
    return filter.states === undefined && filter.route === undefined && filter.target === undefined;
  if (selectedRoutes(outcome, filter).length > 0) return true;
  const { states, route, target } = filter;
  return route === undefined && target === undefined && (states === undefined || states.includes(outcome.state));
}

export interface AttentionSpan extends OutcomeFilter {
  readonly states: readonly AttentionState[];
  /** Where it starts, exclusive; it continues with earlier states. */
  readonly before: AttentionPosition;
  /** The newest and the oldest time at which a state may have begun. */
  readonly notAfter: EpochMillis;
  readonly notBefore: EpochMillis;
}

export interface AttendedDelivery {
  readonly position: AttentionPosition;
  /** Undefined if the entry does not count: the state has changed, or a newer entry has the delivery. */
  readonly found: { readonly delivery: RecordedDelivery; readonly outcome: DeliveryOutcome } | undefined;
}

/**
 * Yields the entries of the index, newest first, with their deliveries. A delivery counts once, with the newest of its
 * states that the filter selects. The index may be behind its items, so each entry is compared with them.
 */
export async function* deliveriesInStates(
  span: AttentionSpan,
  deps: OutcomeDeps & { readonly attention: Pick<AttentionStore, "newestFirst"> },
): AsyncGenerator<AttendedDelivery> {
  let last: AttentionEntry | undefined;
  for await (const group of inGroups(deps.attention.newestFirst(span), AT_ONCE)) {
    const found = await Promise.all(group.map((entry) => deliveryAt(entry, span, deps)));
    for (const [at, entry] of group.entries()) {
      // Two routes of a delivery may have entered their states in one millisecond.
      const isRepeated = last?.delivery === entry.delivery && last.since === entry.since;
      last = entry;
      yield { position: entry, found: isRepeated ? undefined : found[at] };
    }
  }
}

async function deliveryAt(
  entry: AttentionEntry,
  span: AttentionSpan,
  deps: OutcomeDeps,
): Promise<AttendedDelivery["found"]> {
  const { route, target, notAfter } = span;
  if (route !== undefined && entry.route !== route) return undefined;
  if (target !== undefined && entry.target !== target) return undefined;
  const found = await readWithOutcome(entry.delivery, deps);
  if (found === undefined) return undefined;
  const { outcome } = found;
  const routes = selectedRoutes(outcome, span).filter(({ since }) => since <= notAfter);
  const newest = routes.length > 0 ? Math.max(...routes.map(({ since }) => since)) : outcome.since;
  const isCurrent = newest === entry.since && (routes.length > 0 || outcome.state === entry.state);
  return isCurrent ? found : undefined;
}

/**
 * A delivery and what became of it. Undefined if one of its records is gone or cannot be read: the delivery may expire some
 * time before its action does.
 */
export async function readWithOutcome(id: string, deps: OutcomeDeps): Promise<AttendedDelivery["found"]> {
  const delivery = await deps.deliveries.get(id).catch(undefinedIfUnreadable);
  if (delivery === undefined) return undefined;
  const timeline = await deps.deliveries.timeline(id).catch(undefinedIfUnreadable);
  const outcome = timeline && (await readOutcome(delivery, timeline, deps));
  return outcome && { delivery, outcome };
}
