import { epochMillis } from "../../host/clock.ts";
import type { Approval, ApprovalState, Change, Decision, RequestedApproval } from "../../model/approval.ts";
import type { ApprovalStore } from "../approvals.ts";
import { expiryOf, number, type StoreOptions, text } from "./fields.ts";
import type { Item } from "./item.ts";
import { TABLE } from "./key-schema.ts";
import { inGroups } from "./streams.ts";
import type { DynamoDbTable } from "./table.ts";

/** An open approval is in the index `due`, sorted by the time at which it ends. */
export class DynamoDbApprovals implements ApprovalStore {
  readonly #table: DynamoDbTable;
  readonly #options: StoreOptions;

  constructor(table: DynamoDbTable, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  async request(approval: RequestedApproval): Promise<void> {
    const { id, ...request } = approval;
    await this.#table.create({
      ...keyOf(id),
      request: JSON.stringify(request),
      state: "requested" satisfies ApprovalState,
      queue: OPEN,
      dueAt: approval.until,
      expiresAt: expiryOf(approval.until, this.#options),
    });
  }

  async get(id: string): Promise<Approval | undefined> {
    const item = await this.#table.get(keyOf(id));
    return item?.["request"] === undefined ? undefined : approvalOf(item);
  }

  async move(
    id: string,
    from: readonly ApprovalState[],
    { state, decision, endedAt }: Pick<Approval, "state" | "decision" | "endedAt">,
  ): Promise<boolean> {
    const isOpen = OPEN_STATES.includes(state);
    const sets = [
      "#state = :state",
      ...(decision ? ["#decision = :decision"] : []),
      ...(endedAt ? ["#endedAt = :endedAt"] : []),
    ];
    const before = await this.#table.change(keyOf(id), {
      text: `SET ${sets.join(", ")}${isOpen ? "" : " REMOVE #queue, #dueAt"}`,
      condition: `#state IN (${from.map((_, at) => `:from${at}`).join(", ")})`,
      names: {
        "#state": "state",
        ...(decision && { "#decision": "decision" }),
        ...(endedAt && { "#endedAt": "endedAt" }),
        ...(!isOpen && DUE_NAMES),
      },
      values: {
        ":state": state,
        ...Object.fromEntries(from.map((one, at) => [`:from${at}`, one])),
        ...(decision && { ":decision": JSON.stringify(decision) }),
        ...(endedAt && { ":endedAt": endedAt }),
      },
    });
    return before !== undefined;
  }

  async open(limit: number): Promise<readonly Approval[]> {
    const selection = {
      index: TABLE.dueIndex.name,
      text: "#queue = :queue",
      names: { "#queue": TABLE.dueIndex.partitionKey },
      values: { ":queue": OPEN },
    } as const;
    const found: Approval[] = [];
    for await (const items of inGroups(this.#table.select(selection), Math.min(limit, MAX_AT_ONCE))) {
      const approvals = await Promise.all(items.map((item) => this.get(text(item, TABLE.partitionKey))));
      // The index is eventually consistent, so the state is checked again.
      found.push(...approvals.flatMap((one) => (one && OPEN_STATES.includes(one.state) ? [one] : [])));
      if (found.length >= limit) break;
    }
    return found.slice(0, limit);
  }

  async recordChange({ key, at, mark }: Change): Promise<void> {
    const newest = await this.#table.change(changeKey(key), {
      text: `SET #at = :at, #expiresAt = :expiresAt${mark === undefined ? " REMOVE #mark" : ", #mark = :mark"}`,
      condition: "attribute_not_exists(#at) OR #at < :at",
      names: { "#at": "at", "#mark": "mark", "#expiresAt": TABLE.timeToLive },
      values: {
        ":at": at,
        ":expiresAt": expiryOf(this.#options.clock.now(), this.#options),
        ...(mark !== undefined && { ":mark": mark }),
      },
    });
    if (newest !== undefined) return;
    // The order of two changes at one time is unknown, so an approval about either of them is outdated.
    await this.#table.change(changeKey(key), {
      text: "REMOVE #mark",
      condition: `#at = :at AND ${mark === undefined ? "attribute_exists(#mark)" : "#mark <> :mark"}`,
      names: { "#at": "at", "#mark": "mark" },
      values: { ":at": at, ...(mark !== undefined && { ":mark": mark }) },
    });
  }

  async latestChange(key: string): Promise<Change | undefined> {
    const item = await this.#table.get(changeKey(key));
    if (item === undefined) return undefined;
    return { key, at: text(item, "at"), ...(item["mark"] !== undefined && { mark: text(item, "mark") }) };
  }
}

const OPEN = "approvals";
const OPEN_STATES: readonly ApprovalState[] = ["requested", "granted"];
/** Maximum approvals that are read concurrently. */
const MAX_AT_ONCE = 100;
const DUE_NAMES = { "#queue": TABLE.dueIndex.partitionKey, "#dueAt": TABLE.dueIndex.sortKey } as const;

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
