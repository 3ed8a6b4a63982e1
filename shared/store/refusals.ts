import * as v from "valibot";
import { type EpochMillis, epochMillis, toSeconds } from "../host/clock.ts";
import { number, padTime, text } from "./fields.ts";
import type { Item, ItemKey, Table } from "./table.ts";

/** The requests for one source that were refused for one reason in one window. */
export interface RefusalCount {
  readonly source: string;
  readonly reason: string;
  /** When the window began. */
  readonly window: EpochMillis;
  readonly count: number;
  /** When the last of them arrived. */
  readonly lastAt: EpochMillis;
  /** The ids of the newest requests, the newest first: at most {@link KEPT_REQUESTS} are kept. */
  readonly requests: readonly string[];
  /** When the source was last proved before it; undefined if it is not known. */
  readonly goodAt?: EpochMillis;
}

/** Request ids that are kept of each count. */
export const KEPT_REQUESTS = 5;

/** The length of a window. */
export const WINDOW_MS = 300_000;

export const windowOf = (at: EpochMillis): EpochMillis => epochMillis(Math.floor(at / WINDOW_MS) * WINDOW_MS);

/**
 * Counts of refused requests that nobody proved. All are in one partition, by window: they are few, whatever arrives, and
 * they are read together. Every method throws `store_unavailable`.
 */
export class RefusalStore {
  readonly #table: Table;

  constructor(table: Table) {
    this.#table = table;
  }

  /**
   * Adds to the count of a window, and puts the ids of requests before those of earlier calls. Several processes may add at
   * once: a call whose ids would replace those of another one reads again.
   */
  async add({ source, reason, window, count, lastAt, requests, goodAt }: RefusalCount): Promise<void> {
    // Neither the name of a source nor a reason contains a `#`.
    const key = { pk: PARTITION, sk: `${padTime(window)}#${source}#${reason}` };
    for (;;) {
      const stored = await this.#table.get(key);
      const known = stored === undefined ? undefined : countOf(stored);
      const isNewer = known === undefined || known.lastAt <= lastAt;
      const ids = isNewer ? [...requests, ...(known?.requests ?? [])] : [...known.requests, ...requests];
      const changed = await this.#table.change(key, {
        condition: stored === undefined ? UNKNOWN : { field: "requests", is: "=", value: text(stored, "requests") },
        add: { count },
        set: {
          source,
          reason,
          window,
          lastAt: isNewer ? lastAt : known.lastAt,
          requests: JSON.stringify([...new Set(ids)].slice(0, KEPT_REQUESTS)),
          goodAt: goodAt ?? known?.goodAt,
          expiresAt: toSeconds(window) + RETENTION_SECONDS,
        },
      });
      if (changed !== undefined) return;
    }
  }

  /** Remembers which record stands for a refused request. `id`: its own, or one that goes with it from system to system. */
  async addRepeat({ id, delivery, at }: { id: string; delivery: string; at: EpochMillis }): Promise<void> {
    await this.#table.put({ ...repeatKey(id), delivery, expiresAt: toSeconds(at) + RETENTION_SECONDS });
  }

  /** The id of the record that stands for a request; undefined if none is remembered. */
  async repeatOf(id: string): Promise<string | undefined> {
    const item = await this.#table.get(repeatKey(id));
    return item && text(item, "delivery");
  }

  /** The newest windows that begin in this time, at most `limit` counts. */
  async list({ from, to, limit }: { from: EpochMillis; to: EpochMillis; limit: number }): Promise<RefusalCount[]> {
    const range = { from: padTime(windowOf(from)), to: `${padTime(to)}#\u{10ffff}` };
    const found: RefusalCount[] = [];
    for await (const item of this.#table.select({ partition: PARTITION, ...range, newestFirst: true, limit }))
      found.push(countOf(item));
    return found;
  }
}

const PARTITION = "refusals";
const repeatKey = (id: string): ItemKey => ({ pk: `refused#${id.toLowerCase()}`, sk: "repeat" });
const UNKNOWN = { field: "requests", is: "absent" } as const;

/** Two weeks: on-call looks at them within days, and a log is kept longer. */
export const RETENTION_SECONDS = 14 * 86_400;

const countOf = (item: Item): RefusalCount => {
  const { goodAt } = item;
  return {
    source: text(item, "source"),
    reason: text(item, "reason"),
    window: epochMillis(number(item, "window")),
    count: number(item, "count"),
    lastAt: epochMillis(number(item, "lastAt")),
    requests: v.parse(ids, text(item, "requests")),
    ...(typeof goodAt === "number" && { goodAt: epochMillis(goodAt) }),
  };
};

const ids = v.pipe(v.string(), v.parseJson(), v.array(v.string()));
