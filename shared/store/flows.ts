import { hash } from "node:crypto";
import type { FlowId, FlowState } from "../model/flow.ts";
import { EMPTY_FLOW } from "../model/flow.ts";
import type { StoreOptions } from "./fields.ts";
import { RevisedValues } from "./revised-values.ts";
import type { ItemKey, Table } from "./table.ts";

/** A flow as it was read. */
export interface StoredFlow {
  readonly state: FlowState;
  /** 0: nothing is stored. */
  readonly revision: number;
}

/** The flows of routes: an item for each text of a route's key. Every method throws `store_unavailable`. */
export class FlowStore {
  readonly #flows: RevisedValues<FlowState>;

  constructor(table: Table, options: StoreOptions) {
    this.#flows = new RevisedValues({ table, options }, { attribute: "flow", empty: EMPTY_FLOW });
  }

  /** Strongly consistent. */
  async get(id: FlowId): Promise<StoredFlow> {
    const { value: state, revision } = await this.#flows.get(keyOf(id));
    return { state, revision };
  }

  /** Stores a state as the next revision. False, and no change, if `revision` is no longer the stored one. */
  save(id: FlowId, { state, revision }: StoredFlow): Promise<boolean> {
    return this.#flows.save(keyOf(id), { value: state, revision });
  }
}

/** Senders choose the texts of keys, and they may be long. The name of a route contains no `#`. */
const keyOf = ({ route, key }: FlowId): ItemKey => ({
  pk: `flow#${route}#${hash("sha256", key, "base64url")}`,
  sk: "flow",
});
