import type { ListedDeliveries, ListedDelivery } from "./responses.ts";

export interface TailDeps {
  /** Reads a page of `GET /v1/deliveries`, newest first. Throws a Fault if the bridge cannot be reached. */
  readonly list: (query: Readonly<Record<string, string>>) => Promise<ListedDeliveries>;
  /** With `state`, a delivery is placed by the time at which its state began, and is read again in a later state. */
  readonly filters: Readonly<Record<string, string>>;
  /** ISO 8601: print what was received since then; undefined for the newest `last`. */
  readonly since: string | undefined;
  readonly last: number;
}

/**
 * A delivery is listed when it is committed, which is later than it was received, and two processes of a bridge have two
 * clocks. So each read begins this long before the newest delivery that was known at the last read.
 */
export const LOOKBACK_MS = 60_000;

const PAGE = "200";
/** With `state`: how many deliveries are remembered. More are not in a state for people within minutes. */
const MAX_SEEN = 10_000;
/** How many pages are searched for the newest deliveries of a filter at the start. */
const MAX_FIRST_PAGES = 5;

/**
 * Reads deliveries that were not read before, each once. Only a read that succeeds counts: after one that failed, the next
 * read has what it would have had. So a bridge may be restarted in between.
 */
export class DeliveryTail {
  readonly #deps: TailDeps;
  /** What was returned, with its time, as far as it can be listed again. */
  readonly #seen = new Map<string, number>();
  /** No read looks further back. It only grows. */
  #fromMs: number | undefined;
  #isFirst: boolean;

  constructor(deps: TailDeps) {
    this.#deps = deps;
    this.#isFirst = deps.since === undefined;
    if (deps.since !== undefined) this.#fromMs = Date.parse(deps.since);
  }

  /** The deliveries that came since the last read, the oldest first. */
  async read(): Promise<readonly ListedDelivery[]> {
    // This comes first: what it misses was committed later, and is in a later read.
    const newestMs = await this.#newest();
    const nextFromMs = newestMs === undefined ? this.#fromMs : Math.max(this.#fromMs ?? 0, newestMs - LOOKBACK_MS);
    // Only the newest are returned first; the older ones that the next read lists again are known from now on.
    const older = this.#isFirst && nextFromMs !== undefined ? await this.#readSince(nextFromMs) : [];
    const listed = this.#isFirst ? await this.#readLast() : await this.#readSince(this.#fromMs);
    const found = listed
      .filter((one) => !this.#seen.has(this.#keyOf(one)))
      .toSorted((a, b) => (positionOf(a) < positionOf(b) ? -1 : 1));
    this.#isFirst = false;
    for (const one of [...older, ...found]) this.#seen.set(this.#keyOf(one), Date.parse(one.receivedAt));
    this.#fromMs = nextFromMs;
    this.#forget();
    return found;
  }

  get #isByState(): boolean {
    return this.#deps.filters["state"] !== undefined;
  }

  #keyOf({ id, stateSince = "" }: ListedDelivery): string {
    return this.#isByState ? `${id} ${stateSince}` : id;
  }

  /** A delivery can come into a state long after it was received, so with `state` only the number counts. */
  #forget(): void {
    for (const [key, receivedMs] of this.#seen) {
      const isOld = this.#isByState ? this.#seen.size > MAX_SEEN : receivedMs < (this.#fromMs ?? 0);
      if (isOld) this.#seen.delete(key);
    }
  }

  /** When the newest delivery was received that the caller may read; undefined if there is none. */
  async #newest(): Promise<number | undefined> {
    const { deliveries } = await this.#deps.list({ limit: "1" });
    return deliveries[0] && Date.parse(deliveries[0].receivedAt);
  }

  async #readLast(): Promise<readonly ListedDelivery[]> {
    const found: ListedDelivery[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MAX_FIRST_PAGES; page += 1) {
      const limit = String(this.#deps.last - found.length);
      const { deliveries, next } = await this.#deps.list({ ...this.#deps.filters, limit, ...(cursor && { cursor }) });
      found.push(...deliveries);
      cursor = next;
      if (next === undefined || found.length >= this.#deps.last) break;
    }
    return found;
  }

  async #readSince(fromMs: number | undefined): Promise<readonly ListedDelivery[]> {
    const since = fromMs === undefined ? {} : { since: new Date(fromMs).toISOString() };
    const found: ListedDelivery[] = [];
    let cursor: string | undefined;
    do {
      const query = { ...this.#deps.filters, ...since, limit: PAGE, ...(cursor && { cursor }) };
      const { deliveries, next } = await this.#deps.list(query);
      found.push(...deliveries);
      cursor = next;
    } while (cursor !== undefined);
    return found;
  }
}

/** The order in which deliveries were received. A time in ISO 8601 always has the same length. */
const positionOf = ({ receivedAt, id }: ListedDelivery): string => `${receivedAt} ${id}`;
