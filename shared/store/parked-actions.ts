import { type ParkedAction, WAITING_TARGETS } from "./actions.ts";
import { text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import type { Table } from "./table.ts";

/** The actions that wait in AWS without a message: only the sweep reads them. Every method throws `store_unavailable`. */
export class ParkedActions {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  /** The targets of which any action ever waited. */
  targets(): Promise<readonly string[]> {
    return collect(this.#table.select({ partition: WAITING_TARGETS }), (item) => text(item, TABLE.sortKey));
  }

  /**
   * Takes an action out of the index `due`, after its message was sent. No change if it was claimed or woken since it was
   * read: it may wait again by then.
   */
  async remove(id: string, { dueAt, claims }: ParkedAction): Promise<void> {
    await this.#table.change(
      { pk: id, sk: "head" },
      {
        condition: {
          all: [
            { field: TABLE.dueIndex.sortKey, is: "=", value: dueAt },
            { field: "attempt", is: "=", value: claims },
            { field: "owned", is: "absent" },
          ],
        },
        remove: [TABLE.dueIndex.partitionKey],
      },
    );
  }
}
