import type { EpochMillis } from "../host/clock.ts";
import { expiryOf, type StoreOptions, text } from "./fields.ts";
import { TABLE } from "./key-schema.ts";
import { endLease, takeLease } from "./lease.ts";
import { collect } from "./streams.ts";
import type { Item, Table } from "./table.ts";

/** The messages of one target about one approval. */
export interface MessageAddress {
  readonly target: string;
  readonly approval: string;
}

/** What is known of them. */
export interface MessageRecord {
  /** The steps that were sent, by their names. */
  readonly sent: readonly string[];
  /** The messages that the target's API can change. */
  readonly messages: readonly { readonly channel: string; readonly ts: string }[];
}

/** The exclusive right to send messages about one approval for a time. */
export interface MessageLease {
  /** Starts at 1 and is never used twice for the same address. */
  readonly owner: number;
  readonly record: MessageRecord;
}

/** A message that was not sent alone, because the target had enough messages in that minute. */
export interface HeldMessage extends MessageAddress {
  readonly step: string;
}

/** `sent`: together with others. `left_out`: nobody had to be asked any more. */
export type HeldEnd = "sent" | "left_out";

/**
 * The messages about approvals: what was sent to each target, and what is held until it is sent together with others. Every
 * method throws `store_unavailable`.
 */
export class ApprovalMessageStore {
  readonly #table: Table;
  readonly #options: StoreOptions;

  constructor(table: Table, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  /**
   * Makes the caller the only sender of messages about the approval until `until`. Undefined if another caller is at `now`.
   */
  async lease(address: MessageAddress, now: EpochMillis, until: EpochMillis): Promise<MessageLease | undefined> {
    const before = await this.#table.change(keyOf(address), takeLease(now, until, expiryOf(now, this.#options)));
    if (before === undefined) return undefined;
    return { owner: Number(before["owner"] ?? 0) + 1, record: recordIn(before) };
  }

  /** Ends the lease and stores what is known. False, and no change, if the lease no longer belongs to this owner. */
  async release(address: MessageAddress, { owner }: MessageLease, record: MessageRecord): Promise<boolean> {
    return (await this.#table.change(keyOf(address), endLease(owner, record))) !== undefined;
  }

  /** Holds a message. A repeat changes nothing, also after it was taken. */
  async hold(message: HeldMessage): Promise<void> {
    const now = this.#options.clock.now();
    await this.#table.create({
      ...keyOf(message),
      sk: `${HELD}${message.step}`,
      queue: queueOf(message.target),
      dueAt: now,
      expiresAt: expiryOf(now, this.#options),
    });
  }

  /** What became of a message. Undefined if it was never held. Strongly consistent. */
  async heldState(message: HeldMessage): Promise<"held" | HeldEnd | undefined> {
    const item = await this.#table.get({ ...keyOf(message), sk: `${HELD}${message.step}` });
    if (item === undefined) return undefined;
    if (item[TABLE.dueIndex.partitionKey] !== undefined) return "held";
    return item["end"] === "left_out" ? "left_out" : "sent";
  }

  /** The messages that a target's are held, the first held first, at most `limit`; eventually consistent. */
  async held(target: string, limit: number): Promise<readonly HeldMessage[]> {
    const selection = { index: TABLE.dueIndex.name, partition: queueOf(target), limit };
    return collect(this.#table.select(selection), (item) => heldIn(target, item));
  }

  /** Ends the holding of a message. No change if it is not held. */
  async take(message: HeldMessage, end: HeldEnd): Promise<void> {
    await this.#table.change(
      { ...keyOf(message), sk: `${HELD}${message.step}` },
      {
        condition: { field: TABLE.dueIndex.partitionKey, is: "present" },
        set: { end },
        remove: [TABLE.dueIndex.partitionKey, TABLE.dueIndex.sortKey],
      },
    );
  }
}

const HELD = "held#";
const queueOf = (target: string): string => `messages#${target}`;
/** A name of a target has no `#`. */
const keyOf = ({ target, approval }: MessageAddress) => ({ pk: `message#${target}#${approval}`, sk: "head" });

const heldIn = (target: string, item: Item): HeldMessage => ({
  target,
  approval: text(item, TABLE.partitionKey).slice(`message#${target}#`.length),
  step: text(item, TABLE.sortKey).slice(HELD.length),
});

// This class wrote the text from the same type.

const recordIn = (item: Item): MessageRecord =>
  item["record"] === undefined ? { sent: [], messages: [] } : (JSON.parse(text(item, "record")) as MessageRecord);
