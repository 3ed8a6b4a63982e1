import type { EpochMillis } from "../host/clock.ts";
import { queueOfAction } from "./actions.ts";
import { queueOfDelivery } from "./deliveries.ts";
import { TABLE } from "./key-schema.ts";
import type { Item, ItemKey, Table } from "./table.ts";

/**
 * `unreadable`: the item cannot be decoded. `in no queue`: work is due, and nothing would find it. `in a queue`: nothing is
 * to be done, and a queue has it.
 */
export type ItemProblem = "unreadable" | "in no queue" | "in a queue";

/** Returns what is wrong with an action or a delivery; undefined if nothing is, and for other items. */
export function problemOf(item: Item): ItemProblem | undefined {
  try {
    const wanted = wantedQueueOf(item);
    if (wanted === undefined) return undefined;
    const queue = item[TABLE.dueIndex.partitionKey];
    if (wanted.queue === undefined) return queue === undefined ? undefined : "in a queue";
    return queue === wanted.queue && item[TABLE.dueIndex.sortKey] !== undefined ? undefined : "in no queue";
  } catch {
    // The decoders throw faults and syntax errors.
    return "unreadable";
  }
}

/** Puts an item into the queue that it belongs to, due at `now`, or out of a queue. False if it was changed meanwhile. */
export async function repairQueue(table: Table, item: Item & ItemKey, now: EpochMillis): Promise<boolean> {
  const { partitionKey } = TABLE.dueIndex;
  const queue = item[partitionKey];
  const before = await table.change(
    { pk: item.pk, sk: item.sk },
    {
      condition:
        typeof queue === "string"
          ? { field: partitionKey, is: "=", value: queue }
          : { field: partitionKey, is: "absent" },
      ...changeOf(wantedQueueOf(item)?.queue, now),
    },
  );
  return before !== undefined;
}

function changeOf(queue: string | undefined, now: EpochMillis) {
  const { partitionKey, sortKey } = TABLE.dueIndex;
  return queue === undefined ? { remove: [partitionKey, sortKey] } : { set: { [partitionKey]: queue, [sortKey]: now } };
}

/** The queue that an action or a delivery belongs to. Undefined for other items. Throws if the item cannot be decoded. */
function wantedQueueOf(item: Item): { readonly queue: string | undefined } | undefined {
  if (item[TABLE.sortKey] !== "head") return undefined;
  return queueOfDelivery(item) ?? queueOfAction(item);
}
