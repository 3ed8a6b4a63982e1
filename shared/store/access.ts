import { type EpochMillis, epochMillis, laterBy, toIso } from "../host/clock.ts";
import {
  type Access,
  type AccessDecision,
  type AccessState,
  MAX_OPEN_MS,
  type RequestedAccess,
} from "../model/access.ts";
import { sha256Hex } from "../model/idempotency-keys.ts";
import type { Principal } from "../model/principal.ts";
import { expiryOf, number, padTime, type StoreOptions, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import type { Item, ItemKey, Table } from "./table.ts";

type Holder = Pick<Principal, "issuer" | "subject">;

/** The newest requests of one person that are read. Nobody may place more within the time in which one may be open. */
export const MAX_OWN = 20;

/**
 * Requests for roles that end by themselves. Those of one person are numbered, and are one partition, so that one read finds
 * the roles that the person holds. Every method throws `store_unavailable`.
 */
export class AccessStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /**
   * Stores a request. False if the number in its id is taken: of any number of requests of one person at once, one is
   * stored. It is listed before it is stored, so the list lacks none.
   */
  async create({ id, key, role, minutes, reason, by, requestedAt, ...access }: Access): Promise<boolean> {
    const expiresAt = expiryOf(requestedAt, this.#options);
    await this.#table.put({ pk: listOf(requestedAt), sk: `${padTime(requestedAt)}#${id}`, expiresAt });
    const request = { key, role, minutes, reason, by, requestedAt } satisfies Omit<RequestedAccess, "id">;
    return this.#table.create({
      ...keyOf(id),
      request: JSON.stringify(request),
      state: access.state,
      until: access.until,
      expiresAt,
    });
  }

  /** Strongly consistent. */
  async get(id: string): Promise<Access | undefined> {
    if (!isAccessId(id)) return undefined;
    const item = await this.#table.get(keyOf(id));
    return item && accessOf(item);
  }

  /** The newest requests of a person, the newest first; strongly consistent. */
  async of(holder: Holder): Promise<readonly Access[]> {
    const selection = { partition: accessHolderOf(holder), newestFirst: true, limit: MAX_OWN };
    return collect(this.#table.select(selection), accessOf);
  }

  /**
   * All requests of the time in which one may be open, the newest first. There is no limit, because so many closed ones
   * would hide an open one. {@link MAX_OWN} bounds them for each person.
   */
  async recent(): Promise<readonly Access[]> {
    const now = this.#options.clock.now();
    const found = new Map<string, Access>();
    // A clock that was ahead may have written a request of tomorrow.
    for (const day of [DAY_MS, 0, -DAY_MS, -2 * DAY_MS].map((ms) => laterBy(now, ms))) {
      const from = padTime(laterBy(now, -MAX_OPEN_MS));
      for await (const item of this.#table.select({ partition: listOf(day), from, newestFirst: true })) {
        const [, id = ""] = text(item, TABLE.sortKey).split("#");
        const access = found.has(id) ? undefined : await this.get(id);
        if (access !== undefined) found.set(id, access);
      }
    }
    return [...found.values()];
  }

  /** Stores that the state is recorded as an event, unless somebody decided meanwhile. */
  async markReported({ id, state }: Access, reported: AccessState): Promise<void> {
    await this.#table.change(keyOf(id), { condition: { field: "state", is: "=", value: state }, set: { reported } });
  }

  /** Stores a decision, if `before` is still what is stored. False, and no change, if somebody else decided meanwhile. */
  async decide(before: Access, { state, until, decision, end }: Access): Promise<boolean> {
    const changed = await this.#table.change(keyOf(before.id), {
      condition: { field: "state", is: "=", value: before.state },
      set: {
        state,
        until,
        decision: decision && JSON.stringify(decision),
        end: end && JSON.stringify(end),
        expiresAt: expiryOf(this.#options.clock.now(), this.#options),
      },
    });
    return changed !== undefined;
  }
}

const DAY_MS = 86_400_000;
const ID = /^x-[0-9a-f]{32}-[1-9]\d{0,8}$/;

/** Whether it is the id of a request for a role. An approval never has such an id. */
export const isAccessId = (id: string): boolean => ID.test(id);

const accessHolderOf = ({ issuer, subject }: Holder): string =>
  `x-${sha256Hex(JSON.stringify([issuer, subject])).slice(0, 32)}`;

/** The id of the `n`-th request of a person. */
export const accessIdOf = (holder: Holder, n: number): string => `${accessHolderOf(holder)}-${n}`;

/** The number of a request in its id. */
export const accessNumberOf = (id: string): number => Number(id.split("-")[2]);

const keyOf = (id: string): ItemKey => {
  const [prefix, holder, n = ""] = id.split("-");
  return { pk: `${prefix}-${holder}`, sk: n.padStart(9, "0") };
};

const listOf = (time: EpochMillis): string => `access#${toIso(time).slice(0, 10)}`;

// This class wrote the texts below from the same types.
function accessOf(item: Item): Access {
  const decision = decisionIn(item, "decision");
  const end = decisionIn(item, "end");
  return {
    id: `${text(item, TABLE.partitionKey)}-${Number(text(item, TABLE.sortKey))}`,
    ...(JSON.parse(text(item, "request")) as Omit<RequestedAccess, "id">),
    state: text(item, "state") as Access["state"],
    until: epochMillis(number(item, "until")),
    ...(decision && { decision }),
    ...(end && { end }),
    ...(item["reported"] !== undefined && { reported: text(item, "reported") as AccessState }),
  };
}

const decisionIn = (item: Item, field: string): AccessDecision | undefined =>
  item[field] === undefined ? undefined : (JSON.parse(text(item, field)) as AccessDecision);
