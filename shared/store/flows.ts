import { hash } from "node:crypto";
import type { FlowId, FlowState } from "../model/flow.ts";
import { EMPTY_FLOW } from "../model/flow.ts";
import { expiryOf, number, type StoreOptions, text } from "./fields.ts";
import type { ItemKey, Table } from "./table.ts";

/** A flow as it was read. */
export interface StoredFlow {
  readonly state: FlowState;
  /** 0: nothing is stored. */
  readonly revision: number;
}

/** The flows of routes: an item for each text of a route's key. Every method throws `store_unavailable`. */
export class FlowStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /** Strongly consistent. */
  async get(id: FlowId): Promise<StoredFlow> {
    const item = await this.#table.get(keyOf(id));
    if (item === undefined) return { state: EMPTY_FLOW, revision: 0 };
    // Written by `save` from the same type.
    return { state: JSON.parse(text(item, "flow")) as FlowState, revision: number(item, "revision") };
  }

  /** Stores a state as the next revision. False, and no change, if `revision` is no longer the stored one. */
  async save(id: FlowId, { state, revision }: StoredFlow): Promise<boolean> {
    const before = await this.#table.change(keyOf(id), {
      condition: revision === 0 ? { field: "revision", is: "absent" } : { field: "revision", is: "=", value: revision },
      set: {
        flow: JSON.stringify(state),
        revision: revision + 1,
        expiresAt: expiryOf(this.#options.clock.now(), this.#options),
      },
    });
    return before !== undefined;
  }
}

/** Senders choose the texts of keys, and they may be long. The name of a route contains no `#`. */
const keyOf = ({ route, key }: FlowId): ItemKey => ({
  pk: `flow#${route}#${hash("sha256", key, "base64url")}`,
  sk: "flow",
});
