import { epochMillis } from "../host/clock.ts";
import type { Approval, ApprovalState, Change, Decision, RequestedApproval } from "../model/approval.ts";
import { expiryOf, number, type StoreOptions, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { inGroups } from "./streams.ts";
import { absentOr, type Item, type Table } from "./table.ts";

/**
 * Approvals, and the known changes of what they are about. An open approval is in the index `due`, sorted by the time at
 * which it ends. Every method throws `store_unavailable`.
 */
export class ApprovalStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /** Stores the approval as `requested`, once: a repeat changes nothing. */
  async request(approval: RequestedApproval): Promise<void> {
    const { id, ...request } = approval;
    await this.#table.create({
      ...keyOf(id),
      request: JSON.stringify(request),
      state: "requested" satisfies ApprovalState,
      queue: OPEN_APPROVALS,
      dueAt: approval.until,
      expiresAt: expiryOf(approval.until, this.#options),
    });
  }

  async get(id: string): Promise<Approval | undefined> {
    const item = await this.#table.get(keyOf(id));
    return item?.["request"] === undefined ? undefined : approvalOf(item);
  }

  /**
   * Moves the approval from one of the states `from` to another state. Of any number of concurrent calls one returns
   * true; all others return false and change nothing.
   */
  async move(
    id: string,
    from: readonly ApprovalState[],
    { state, decision, endedAt }: Pick<Approval, "state" | "decision" | "endedAt">,
  ): Promise<boolean> {
    const before = await this.#table.change(keyOf(id), {
      condition: { field: "state", is: "in", values: from },
      set: { state, decision: decision && JSON.stringify(decision), endedAt },
      remove: OPEN_STATES.includes(state) ? [] : [TABLE.dueIndex.partitionKey, TABLE.dueIndex.sortKey],
    });
    return before !== undefined;
  }

  /** Approvals that are `requested` or `granted`, the first to end first, at most `limit`; eventually consistent. */
  async open(limit: number): Promise<readonly Approval[]> {
    const selection = { index: TABLE.dueIndex.name, partition: OPEN_APPROVALS };
    const found: Approval[] = [];
    for await (const items of inGroups(this.#table.select(selection), Math.min(limit, MAX_AT_ONCE))) {
      const approvals = await Promise.all(items.map((item) => this.get(text(item, TABLE.partitionKey))));
      // The index is eventually consistent, so the state is checked again.
      found.push(...approvals.flatMap((one) => (one && OPEN_STATES.includes(one.state) ? [one] : [])));
      if (found.length >= limit) break;
    }
    return found.slice(0, limit);
  }

  /** Stores the newest change of each key; of two changes at one time only the time, without a mark. Idempotent. */
  async recordChange({ key, at, mark }: Change): Promise<void> {
    const newest = await this.#table.change(changeKey(key), {
      condition: absentOr({ field: "at", is: "<", value: at }),
      set: { at, mark, expiresAt: expiryOf(this.#options.clock.now(), this.#options) },
      remove: mark === undefined ? ["mark"] : [],
    });
    if (newest !== undefined) return;
    // The order of two changes at one time is unknown, so an approval about either of them is outdated.
    await this.#table.change(changeKey(key), {
      condition: {
        all: [
          { field: "at", is: "=", value: at },
          mark === undefined ? { field: "mark", is: "present" } : { field: "mark", is: "<>", value: mark },
        ],
      },
      remove: ["mark"],
    });
  }

  async latestChange(key: string): Promise<Change | undefined> {
    const item = await this.#table.get(changeKey(key));
    if (item === undefined) return undefined;
    return { key, at: text(item, "at"), ...(item["mark"] !== undefined && { mark: text(item, "mark") }) };
  }
}

/** The queue of the approvals that are `requested` or `granted`. */
export const OPEN_APPROVALS = "approvals";
const OPEN_STATES: readonly ApprovalState[] = ["requested", "granted"];
/** Maximum approvals that are read concurrently. */
const MAX_AT_ONCE = 100;

const keyOf = (id: string) => ({ pk: id, sk: "head" });
const changeKey = (key: string) => ({ pk: `change#${key}`, sk: "head" });

// This class wrote the texts below from the same types.

function approvalOf(item: Item): Approval {
  const decision = item["decision"] === undefined ? undefined : (JSON.parse(text(item, "decision")) as Decision);
  return {
    id: text(item, TABLE.partitionKey),
    ...(JSON.parse(text(item, "request")) as Omit<RequestedApproval, "id">),
    state: text(item, "state") as ApprovalState,
    ...(decision && { decision }),
    ...(item["endedAt"] !== undefined && { endedAt: epochMillis(number(item, "endedAt")) }),
  };
}
