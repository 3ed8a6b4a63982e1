import { type EpochMillis, epochMillis } from "../host/clock.ts";
import { type Attention, type AttentionState, NEEDS_ATTENTION } from "../model/attention.ts";
import { padTime, text } from "./fields.ts";
import { STATE_SHARDS, TABLE } from "./key-schema.ts";
import { collect, mergeNewestFirst } from "./streams.ts";
import type { Fields, Item, Table } from "./table.ts";

/** An entry of the index: a route of a delivery, or a delivery without a route. */
export interface AttentionEntry extends Attention {
  readonly delivery: string;
  /** Undefined for a delivery that was refused or is unusable, as `target` is. */
  readonly route?: string;
  readonly target?: string;
  /** Only for a delivery without a route. */
  readonly source?: string;
}

/** A position in the order of all entries: by the time when the state began, then by the id of the delivery. */
export interface AttentionPosition {
  readonly since: EpochMillis;
  readonly delivery: string;
}

export interface AttentionQuery {
  readonly states: readonly AttentionState[];
  /** Where the entries start, exclusive. */
  readonly before: AttentionPosition;
  readonly notBefore: EpochMillis;
}

/** The index of what a person has to look at. Eventually consistent. Throws `store_unavailable`. */
export class AttentionStore {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  /** Newest first. A delivery has an entry for each of its routes that is in one of the states. */
  async *newestFirst({ states, before, notBefore }: AttentionQuery): AsyncGenerator<AttentionEntry> {
    const { name: index, sortKey } = TABLE.stateIndex;
    const last = positionText(before);
    const partitions = states.flatMap((state) => SHARDS.map((shard) => partitionOf(state, shard)));
    const range = { index, from: padTime(notBefore), to: last, newestFirst: true };
    const streams = partitions.map((partition) => this.#table.select({ ...range, partition }));
    for await (const item of mergeNewestFirst(streams, (one) => text(one, sortKey))) {
      if (text(item, sortKey) !== last) yield entryOf(item);
    }
  }

  /** The entries of a state that began first, oldest first, at most `limit`. */
  async oldest(state: AttentionState, limit: number): Promise<readonly AttentionEntry[]> {
    const { name: index } = TABLE.stateIndex;
    const streams = SHARDS.map((shard) => this.#table.select({ index, partition: partitionOf(state, shard), limit }));
    const found = await Promise.all(streams.map((stream) => collect(stream, entryOf)));
    return found
      .flat()
      .sort((a, b) => a.since - b.since)
      .slice(0, limit);
  }
}

/** The fields that put an item into the index. */
export const attentionFields = ({ state, since }: Attention, delivery: string): Fields => ({
  [TABLE.stateIndex.partitionKey]: partitionOf(state, shardOf(delivery)),
  [TABLE.stateIndex.sortKey]: positionText({ since, delivery }),
});

/** The fields to remove from an item that needs nobody's attention any more. */
export const ATTENTION_FIELDS = [TABLE.stateIndex.partitionKey, TABLE.stateIndex.sortKey] as const;

/** The entry of an item; undefined if it has none. */
export function attentionOf(item: Item): Attention | undefined {
  const [partition, position] = ATTENTION_FIELDS.map((field) => item[field]);
  if (typeof partition !== "string" || typeof position !== "string") return undefined;
  const state = NEEDS_ATTENTION.find((one) => partition.startsWith(`${one}#`));
  return state && { state, since: epochMillis(Number(position.slice(0, 13))) };
}

const SHARDS = Array.from({ length: STATE_SHARDS }, (_, shard) => shard);
const partitionOf = (state: AttentionState, shard: number): string => `${state}#${shard}`;
/** Ids are digests, so their characters are evenly distributed. */
const shardOf = (id: string): number => id.charCodeAt(id.length - 1) % STATE_SHARDS;
const positionText = ({ since, delivery }: AttentionPosition): string => `${padTime(since)}#${delivery}`;

function entryOf(item: Item): AttentionEntry {
  const attention = attentionOf(item);
  // Its partition has only items of one state.
  if (attention === undefined) throw new TypeError("an item of the index of states has no state");
  const { delivery, route, target, source } = item;
  return {
    ...attention,
    delivery: text(item, TABLE.stateIndex.sortKey).slice(14),
    ...(delivery !== undefined && { route: String(route), target: String(target) }),
    ...(typeof source === "string" && { source }),
  };
}
