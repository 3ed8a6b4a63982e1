import { type EpochMillis, epochMillis } from "../host/clock.ts";
import { number } from "./fields.ts";
import type { Table } from "./table.ts";

/**
 * Until when all deliveries were exported as traces, on one machine. It does not expire. Every method throws
 * `store_unavailable`.
 */
export class ExportCursor {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  /** Undefined if nothing was exported yet. */
  async read(): Promise<EpochMillis | undefined> {
    const item = await this.#table.get(KEY);
    return item === undefined ? undefined : epochMillis(number(item, "at"));
  }

  write(at: EpochMillis): Promise<void> {
    return this.#table.put({ ...KEY, at });
  }
}

const KEY = { pk: "traces", sk: "exported" };
