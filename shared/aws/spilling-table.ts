import { Fault } from "../host/fault.ts";
import { within } from "../host/within.ts";
import type { Fields, ItemKey, Table } from "../store/table.ts";

/** How long the record of a delivery may take. Most senders wait for ten seconds, and the queue needs some of them. */
const RECORD_WITHIN_MS = 4_000;

/**
 * Returns the table of a function that records deliveries. If the record of a delivery cannot be written in time, `spill`
 * puts it into a queue, and the delivery counts as recorded: the sweep writes it later, once. If that fails too, the
 * fault of the table is thrown.
 */
export function spillingTable(table: Table, spill: (item: Fields & ItemKey, fault: Fault) => Promise<void>): Table {
  return {
    create: async (item) => {
      if (item["sk"] !== "head" || item["outcome"] === undefined) return table.create(item);
      try {
        const created = await within(table.create(item), RECORD_WITHIN_MS, "late");
        if (created !== "late") return created;
        throw new Fault("store_unavailable", "the record was not written in time", { retryable: true });
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== "store_unavailable") throw error;
        await spill(item, error);
        return true;
      }
    },
    put: (item) => table.put(item),
    change: (key, change) => table.change(key, change),
    get: (key) => table.get(key),
    select: (selection) => table.select(selection),
  };
}
