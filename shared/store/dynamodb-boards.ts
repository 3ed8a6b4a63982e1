import { buildOrder, isTerminal } from "../delivery/build-order.ts";
import type { BuildPart } from "../delivery/event.ts";
import type { Clock, EpochMillis } from "../host/clock.ts";
import type {
  Board,
  BoardRow,
  BoardStore,
  EndedRun,
  PageAddress,
  PageLease,
  PageRecord,
  ShownBuild,
} from "./boards.ts";
import type { DynamoDbTable } from "./dynamodb-table.ts";
import { expiryOf, type Retention, text } from "./fields.ts";
import type { Item } from "./item.ts";
import { collect } from "./streams.ts";
import { TABLE } from "./table.ts";

/** An item for each row, and one for the page: a partition, so that a board is read in one query. */
export class DynamoDbBoards implements BoardStore {
  readonly #table: DynamoDbTable;
  readonly #options: Retention & { readonly clock: Clock };

  constructor(table: DynamoDbTable, options: Retention & { readonly clock: Clock }) {
    this.#table = table;
    this.#options = options;
  }

  async advance(page: PageAddress, { key, build, delivery }: Omit<BoardRow, "ended">): Promise<boolean> {
    const item = { pk: boardOf(page), sk: `${ROW}${key}` };
    const hasEnded = isTerminal(build.state);
    const values = { ":order": buildOrder(build), ":expiresAt": this.#expiry() };
    // What ended before is never ahead of what the row shows, so one condition serves for both.
    const before = await this.#table.change(item, {
      text: `SET #order = :order, #build = :build, #delivery = :delivery, ${hasEnded ? SET_ENDED : SET_EXPIRY}`,
      condition: "attribute_not_exists(#order) OR #order <= :order",
      names: { ...EXPIRY, "#order": "order", "#build": "build", "#delivery": "delivery", ...(hasEnded && ENDED) },
      values: {
        ...values,
        ":build": JSON.stringify(build),
        ":delivery": delivery,
        ...(hasEnded && { ":ended": endedText(build) }),
      },
    });
    if (before !== undefined || !hasEnded) return before !== undefined;
    const late = await this.#table.change(item, {
      text: `SET ${SET_ENDED}`,
      condition: "attribute_exists(#order) AND (attribute_not_exists(#endedOrder) OR #endedOrder <= :order)",
      names: { ...EXPIRY, ...ENDED, "#order": "order" },
      values: { ...values, ":ended": endedText(build) },
    });
    return late !== undefined;
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
    return { rows: rows.map(rowOf), record: own ? recordOf(own) : {} };
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
const ENDED = { "#endedOrder": "endedOrder", "#ended": "ended" } as const;
const SET_ENDED = `#endedOrder = :order, #ended = :ended, ${SET_EXPIRY}`;

/** The id goes first and holds no `#`: Confluence's ids are digits, and configured ones are checked. */
const boardOf = (page: PageAddress): string => `page#${page.id}#${page.site}`;
const pageOf = (page: PageAddress) => ({ pk: boardOf(page), sk: PAGE });

function endedText({ state, number, url }: BuildPart): string {
  return JSON.stringify({ state, number, url } satisfies { [K in keyof EndedRun]: unknown });
}

// The texts below were written by this class from the same types.

function rowOf(item: Item): BoardRow {
  const build = JSON.parse(text(item, "build")) as ShownBuild;
  const ended = item["ended"] === undefined ? undefined : (JSON.parse(text(item, "ended")) as EndedRun);
  return {
    key: text(item, TABLE.sortKey).slice(ROW.length),
    build,
    ...(ended && !isTerminal(build.state) && { ended }),
    delivery: text(item, "delivery"),
  };
}

const recordOf = (item: Item): PageRecord =>
  item["record"] === undefined ? {} : (JSON.parse(text(item, "record")) as PageRecord);
