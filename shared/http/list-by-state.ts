import {
  type DeliveryWithOutcome,
  deliveriesInStates,
  isSelected,
  type OutcomeDeps,
  type OutcomeFilter,
  outcomesOf,
} from "../delivery/delivery-outcomes.ts";
import { type EpochMillis, epochMillis } from "../host/clock.ts";
import type { AttentionState } from "../model/attention.ts";
import { type DeliveryState, needsAttention } from "../model/delivery-state.ts";
import type { ListedDelivery } from "../model/lookup-terms.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import type { AttentionStore } from "../store/attention.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import type { ListQuery } from "../store/delivery-list.ts";

export interface ListByStateDeps extends OutcomeDeps {
  readonly deliveries: OutcomeDeps["deliveries"] & Pick<DeliveryStore, "list">;
  readonly attention: Pick<AttentionStore, "newestFirst">;
}

export interface ListByState extends Pick<ListQuery, "notBefore" | "limit" | "terms"> {
  readonly before: ListQuery["before"];
  /** The newest time at which a state may have begun. */
  readonly notAfter: EpochMillis;
  readonly filter: OutcomeFilter;
  /** The filters that the summary decides. */
  readonly isShown: (one: ListedDelivery | RecordedDelivery) => boolean;
  /** Whether the caller may read it; undefined if the caller may read every delivery. */
  readonly isReadable: ((delivery: Pick<RecordedDelivery, "events">) => boolean) | undefined;
}

export interface PageWithOutcomes {
  readonly found: readonly DeliveryWithOutcome[];
  readonly next?: ListQuery["before"];
}

/** Maximum number of deliveries whose records one list request reads. */
const READ_LIMIT = 500;
/** Summaries that are read at once. */
const STEP = 100;

/**
 * The deliveries of which a route, a target or a state is wanted. If each wanted state needs a person, they come from the
 * index of states: exact, and in the order in which their states began. Otherwise the states are derived while listing.
 *
 * For a caller who may not read every delivery, a page that ends at its limit goes on to the end of that second, so that
 * `next` is a whole second and never the time and the id of a delivery that the caller may not know.
 */
export function listByState(list: ListByState, deps: ListByStateDeps): Promise<PageWithOutcomes> {
  const { states } = list.filter;
  return areAttended(states) ? listIndexed({ ...list, states }, deps) : listDerived(list, deps);
}

const areAttended = (states: readonly DeliveryState[] | undefined): states is readonly AttentionState[] =>
  states?.every(needsAttention) ?? false;

async function listIndexed(
  {
    states,
    filter,
    before,
    notAfter,
    notBefore,
    limit,
    isShown,
    isReadable,
  }: ListByState & {
    readonly states: readonly AttentionState[];
  },
  deps: ListByStateDeps,
): Promise<PageWithOutcomes> {
  const position = { since: before.receivedAt, delivery: before.id };
  const span = { ...filter, states, before: position, notAfter, notBefore };
  const found: DeliveryWithOutcome[] = [];
  let read = 0;
  let second: EpochMillis | undefined;
  for await (const entry of deliveriesInStates(span, deps)) {
    const { since, delivery: id } = entry.position;
    if (second !== undefined && since < second) return { found, next: endOf(second) };
    read += 1;
    const one = entry.found;
    if (one !== undefined && isShown(one.delivery) && (isReadable?.(one.delivery) ?? true)) {
      found.push(one);
      if (found.length === limit) return { found, next: { receivedAt: since, id } };
    }
    if (read >= READ_LIMIT && isReadable === undefined) return { found, next: { receivedAt: since, id } };
    if (read >= READ_LIMIT) second ??= secondOf(since);
  }
  return { found };
}

async function listDerived(
  { filter, before: start, notBefore, limit, terms, isShown, isReadable }: ListByState,
  deps: ListByStateDeps,
): Promise<PageWithOutcomes> {
  const found: DeliveryWithOutcome[] = [];
  const readsEvery = isReadable !== undefined;
  let before = start;
  let second: EpochMillis | undefined;
  for (let read = 0; ; read += STEP) {
    if (read >= READ_LIMIT && isReadable === undefined) return { found, next: before };
    if (read >= READ_LIMIT) second ??= secondOf(before.receivedAt);
    const from = epochMillis(Math.max(notBefore, second ?? 0));
    const page = await deps.deliveries.list({
      before,
      notBefore: from,
      limit: STEP,
      scanLimit: STEP,
      matches: () => true,
      ...(terms && { terms }),
    });
    for (const one of await outcomesOf(page.deliveries.filter(isShown), deps, { readsEvery })) {
      const isOpen = isReadable === undefined || ("bodyDigest" in one.delivery && isReadable(one.delivery));
      if (!isOpen || !isSelected(one.outcome, filter)) continue;
      found.push(one);
      const { receivedAt, id } = one.delivery;
      if (found.length === limit) return { found, next: { receivedAt, id } };
    }
    if (page.next === undefined) return second === undefined ? { found } : { found, next: endOf(second) };
    before = page.next;
  }
}

const secondOf = (time: EpochMillis): EpochMillis => epochMillis(Math.floor(time / 1_000) * 1_000);
/** "0" sorts before every id. */
const endOf = (second: EpochMillis): ListQuery["before"] => ({ receivedAt: second, id: "0" });
