import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import type { Approval, ApprovalState, Change, Decision, KnownChange, RequestedApproval } from "../model/approval.ts";
import { expiryOf, number, padTime, type StoreOptions, text } from "./fields.ts";
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
   * true; all others return false and change nothing. An end is listed before it is written, so the list lacks none.
   */
  async move(
    id: string,
    from: readonly ApprovalState[],
    {
      state,
      decision,
      endedAt,
      endedFor,
      reminded,
      asked,
    }: Pick<Approval, "state" | "decision" | "endedAt" | "endedFor" | "reminded" | "asked">,
  ): Promise<boolean> {
    const now = this.#options.clock.now();
    const ended = OPEN_STATES.includes(state) ? undefined : (endedAt ?? decision?.at);
    if (ended !== undefined) await this.#table.put({ ...endKey(ended, id), expiresAt: expiryOf(now, this.#options) });
    const before = await this.#table.change(keyOf(id), {
      condition: { field: "state", is: "in", values: from },
      set: { state, decision: decision && JSON.stringify(decision), endedAt, endedFor, reminded, asked: asked && 1 },
      remove: OPEN_STATES.includes(state) ? [] : [TABLE.dueIndex.partitionKey, TABLE.dueIndex.sortKey],
    });
    return before !== undefined;
  }

  /**
   * Adds a grant to an approval whose state is still the given one. `state`: `granted` if it is the last one that is needed.
   * Of any number of concurrent calls with the same earlier grants one returns true; all others return false and change
   * nothing.
   */
  async grant(
    { id, grants, state: before }: Pick<Approval, "id" | "grants" | "state">,
    grant: Decision,
    state: "requested" | "granted",
  ): Promise<boolean> {
    const isUnchanged = absentOr({ field: "grantCount", is: "=", value: grants.length });
    const item = await this.#table.change(keyOf(id), {
      condition: { all: [{ field: "state", is: "=", value: before }, isUnchanged] },
      set: {
        state,
        grants: JSON.stringify([...grants, grant]),
        grantCount: grants.length + 1,
        ...(state === "granted" && { decision: JSON.stringify(grant) }),
      },
    });
    return item !== undefined;
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

  /** Approvals that ended in a period, the last to end first. `earlier`: where the period of the rest ends, if any. */
  async ended({ from, to, limit, matches }: EndedQuery): Promise<EndedApprovals> {
    const oldest = laterBy(this.#options.clock.now(), -2 * this.#options.retentionDays * DAY_MS);
    const start = from > oldest ? from : oldest;
    const approvals: Approval[] = [];
    for (const month of monthsBetween(start, to)) {
      const selection = {
        partition: `${ENDED}${month}`,
        from: padTime(start),
        to: `${padTime(to)}~`,
        newestFirst: true,
      };
      for await (const item of this.#table.select(selection)) {
        const [at = "", id = ""] = text(item, TABLE.sortKey).split("#");
        const approval = await this.get(id);
        // It was listed, and then ended by somebody else or not at all.
        if (approval === undefined || endOf(approval) !== Number(at) || !matches(approval)) continue;
        if (approvals.length >= limit) return { approvals, earlier: epochMillis(Number(at)) };
        approvals.push(approval);
      }
    }
    return { approvals };
  }

  /** Merges a change into what is known of its key with `withChange`; atomic and idempotent. */
  async recordChange(change: Change): Promise<void> {
    const key = changeKey(change.key);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const item = await this.#table.get(key);
      const known = item && storedChange(change.key, item);
      const next = withChange(known, change);
      if (next === known) return;
      const { at, since, mark, replacedAt } = next;
      const revision = item?.["revision"] === undefined ? 0 : number(item, "revision");
      const before = await this.#table.change(key, {
        condition: absentOr({ field: "revision", is: "=", value: revision }),
        set: {
          at,
          since,
          mark,
          replacedAt,
          revision: revision + 1,
          expiresAt: expiryOf(this.#options.clock.now(), this.#options),
        },
        remove: mark === undefined ? ["mark"] : [],
      });
      if (before !== undefined) return;
    }
    throw new Fault("store_unavailable", "too many concurrent changes of one page or branch", { retryable: true });
  }

  async latestChange(key: string): Promise<KnownChange | undefined> {
    const item = await this.#table.get(changeKey(key));
    if (item === undefined) return undefined;
    const { since: _, ...known } = storedChange(key, item);
    return known;
  }
}

interface EndedQuery {
  /** Inclusive. Records that are older than they are kept are not looked for. */
  readonly from: EpochMillis;
  /** Inclusive. */
  readonly to: EpochMillis;
  /** Maximum number of matching approvals. */
  readonly limit: number;
  readonly matches: (approval: Approval) => boolean;
}

interface EndedApprovals {
  readonly approvals: readonly Approval[];
  readonly earlier?: EpochMillis;
}

const DAY_MS = 86_400_000;
const ENDED = "ended#";
const monthOf = (time: EpochMillis): string => toIso(time).slice(0, 7);
const endKey = (at: EpochMillis, id: string) => ({ pk: `${ENDED}${monthOf(at)}`, sk: `${padTime(at)}#${id}` });

const endOf = ({ state, endedAt, decision }: Approval): EpochMillis | undefined =>
  OPEN_STATES.includes(state) ? undefined : (endedAt ?? decision?.at);

/** Newest first. No month has fewer than 28 days. */
function monthsBetween(from: EpochMillis, to: EpochMillis): readonly string[] {
  const months = new Set<string>();
  for (let at = to; at > from; at = laterBy(at, -28 * DAY_MS)) months.add(monthOf(at));
  return [...months, ...(months.has(monthOf(from)) || from > to ? [] : [monthOf(from)])];
}

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 50;

/** What is stored of a key. `since`: when its mark became the newest. */
type StoredChange = KnownChange & { readonly since: string };

/**
 * Merges a reported change. The newest mark counts, in whatever order changes are reported; of two marks at one time,
 * none. A mark that came after another one, or came back, is known to be a replacement. Returns `known` itself if the
 * change adds nothing.
 */
export function withChange(known: StoredChange | undefined, { key, at, mark }: Change): StoredChange {
  const reported = { key, at, since: at, ...(mark !== undefined && { mark }) };
  if (known === undefined) return reported;
  const isSame = mark !== undefined && mark === known.mark;
  if (at > known.at) return isSame ? { ...known, at } : { ...reported, replacedAt: at };
  if (isSame || (at === known.at && known.mark === undefined)) return known;
  if (at === known.at) return { key, at, since: at, replacedAt: at };
  // It was the newest once: what is newest now has replaced it, or has come back after it.
  const since = at < known.since ? known.since : known.at;
  return known.replacedAt !== undefined && known.replacedAt >= since ? known : { ...known, since, replacedAt: since };
}

/** The queue of the approvals that are `requested` or `granted`. */
export const OPEN_APPROVALS = "approvals";
const OPEN_STATES: readonly ApprovalState[] = ["requested", "granted"];
/** Maximum approvals that are read concurrently. */
const MAX_AT_ONCE = 100;

const keyOf = (id: string) => ({ pk: id, sk: "head" });
const changeKey = (key: string) => ({ pk: `change#${key}`, sk: "head" });

const storedChange = (key: string, item: Item): StoredChange => ({
  key,
  at: text(item, "at"),
  since: item["since"] === undefined ? text(item, "at") : text(item, "since"),
  ...(item["mark"] !== undefined && { mark: text(item, "mark") }),
  ...(item["replacedAt"] !== undefined && { replacedAt: text(item, "replacedAt") }),
});

// This class wrote the texts below from the same types.

/** Earlier releases stored the one grant as the decision only. */
function grantsOf(item: Item, decision: Decision | undefined): readonly Decision[] {
  if (item["grants"] !== undefined) return JSON.parse(text(item, "grants")) as readonly Decision[];
  return decision && ["granted", "fired"].includes(text(item, "state")) ? [decision] : [];
}

function approvalOf(item: Item): Approval {
  const decision = item["decision"] === undefined ? undefined : (JSON.parse(text(item, "decision")) as Decision);
  return {
    id: text(item, TABLE.partitionKey),
    ...(JSON.parse(text(item, "request")) as Omit<RequestedApproval, "id">),
    state: text(item, "state") as ApprovalState,
    grants: grantsOf(item, decision),
    ...(decision && { decision }),
    ...(item["endedAt"] !== undefined && { endedAt: epochMillis(number(item, "endedAt")) }),
    ...(item["asked"] !== undefined && { asked: true }),
    ...(item["reminded"] !== undefined && { reminded: number(item, "reminded") }),
    ...(item["endedFor"] !== undefined && { endedFor: text(item, "endedFor") }),
  };
}
