import type { EpochMillis } from "../../host/clock.ts";
import { Fault } from "../../host/fault.ts";
import type { BoardRow, PageAddress, ShownBuild } from "../../model/board.ts";
import { type BoardRun, isShown, rowOf, runOf, withBuild } from "../../model/board-runs.ts";
import type { Board, BoardStore, PageLease, PageRecord } from "../boards.ts";
import { expiryOf, type StoreOptions, text } from "./fields.ts";
import type { Item } from "./item.ts";
import { TABLE } from "./key-schema.ts";
import { collect } from "./streams.ts";
import type { DynamoDbTable, ItemKey } from "./table.ts";

/** One item for each row and one for the page, all in one partition, so that a board is read in one query. */
export class DynamoDbBoards implements BoardStore {
  readonly #table: DynamoDbTable;
  readonly #options: StoreOptions;

  constructor(table: DynamoDbTable, options: StoreOptions) {
    this.#table = table;
    this.#options = options;
  }

  async advance(page: PageAddress, { key, ...reported }: Omit<BoardRow, "ended">): Promise<boolean> {
    const at = { pk: boardOf(page), sk: `${ROW}${key}` };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const item = await this.#table.get(at);
      const before = item === undefined ? [] : runsOf(item);
      const runs = withBuild(before, reported);
      if (runs === before || (await this.#write(at, runs, revisionOf(item)))) return isShown(reported, runs);
    }
    throw new Fault("store_unavailable", "too many concurrent writes of the same row", { retryable: true });
  }

  async #write(row: ItemKey, runs: readonly BoardRun[], revision: number): Promise<boolean> {
    const before = await this.#table.change(row, {
      text: `SET #runs = :runs, #revision = :next, ${SET_EXPIRY}`,
      condition: "attribute_not_exists(#revision) OR #revision = :revision",
      names: { ...EXPIRY, "#runs": "runs", "#revision": "revision" },
      values: {
        ":runs": JSON.stringify(runs),
        ":revision": revision,
        ":next": revision + 1,
        ":expiresAt": this.#expiry(),
      },
    });
    return before !== undefined;
  }

  async read(page: PageAddress): Promise<Board> {
    const selection = {
      text: "#pk = :pk",
      names: { "#pk": TABLE.partitionKey },
      values: { ":pk": boardOf(page) },
      consistent: true,
    } as const;
    const items = await collect(this.#table.select(selection), (item) => item);
    const rows = items.filter((item) => text(item, TABLE.sortKey).startsWith(ROW));
    const own = items.find((item) => text(item, TABLE.sortKey) === PAGE);
    return { rows: rows.flatMap((item) => rowOf(keyOf(item), runsOf(item)) ?? []), record: own ? recordOf(own) : {} };
  }

  async lease(page: PageAddress, now: EpochMillis, until: EpochMillis): Promise<PageLease | undefined> {
    const before = await this.#table.change(pageOf(page), {
      text: `SET #owner = if_not_exists(#owner, :none) + :one, #leasedUntil = :until, ${SET_EXPIRY}`,
      condition: "attribute_not_exists(#leasedUntil) OR #leasedUntil <= :now",
      names: { ...EXPIRY, "#owner": "owner", "#leasedUntil": "leasedUntil" },
      values: { ":none": 0, ":one": 1, ":until": until, ":now": now, ":expiresAt": this.#expiry() },
    });
    if (before === undefined) return undefined;
    return { owner: Number(before["owner"] ?? 0) + 1, record: recordOf(before) };
  }

  async release(page: PageAddress, { owner }: PageLease, record: PageRecord): Promise<boolean> {
    const before = await this.#table.change(pageOf(page), {
      text: "SET #record = :record REMOVE #leasedUntil",
      condition: "#owner = :owner AND attribute_exists(#leasedUntil)",
      names: { "#record": "record", "#owner": "owner", "#leasedUntil": "leasedUntil" },
      values: { ":record": JSON.stringify(record), ":owner": owner },
    });
    return before !== undefined;
  }

  #expiry(): number {
    return expiryOf(this.#options.clock.now(), this.#options);
  }
}

const ROW = "row#";
const PAGE = "page";

const EXPIRY = { "#expiresAt": TABLE.timeToLive } as const;
const SET_EXPIRY = "#expiresAt = :expiresAt";

/** Each lost race means that another writer succeeded, so this limit is never reached in practice. */
const MAX_TRIES = 50;

/** The id is first and contains no `#`: ids of Confluence are digits, and configured ids are checked. */
const boardOf = (page: PageAddress): string => `page#${page.id}#${page.site}`;
const pageOf = (page: PageAddress) => ({ pk: boardOf(page), sk: PAGE });

const keyOf = (item: Item): string => text(item, TABLE.sortKey).slice(ROW.length);

/** Rows written before revisions existed have none. */
const revisionOf = (item: Item | undefined): number => Number(item?.["revision"] ?? 0);

// This class wrote the texts below from the same types.

/** A row written before runs were stored has only its newest build; its `order` and `endedOrder` are not read. */
function runsOf(item: Item): readonly BoardRun[] {
  if (item["runs"] !== undefined) return JSON.parse(text(item, "runs")) as readonly BoardRun[];
  return [runOf({ build: JSON.parse(text(item, "build")) as ShownBuild, delivery: text(item, "delivery") })];
}

const recordOf = (item: Item): PageRecord =>
  item["record"] === undefined ? {} : (JSON.parse(text(item, "record")) as PageRecord);
