import { buildOrder } from "../delivery/build-order.ts";
import type { BuildPart } from "../delivery/event.ts";
import type { Clock } from "../host/clock.ts";
import type { BoardRow, BoardStore, PageAddress } from "./boards.ts";
import type { DynamoDbTable } from "./dynamodb-table.ts";
import { expiryOf, type Retention, text } from "./fields.ts";
import { collect } from "./streams.ts";
import { TABLE } from "./table.ts";

export class DynamoDbBoards implements BoardStore {
  readonly #table: DynamoDbTable;
  readonly #options: Retention & { readonly clock: Clock };

  constructor(table: DynamoDbTable, options: Retention & { readonly clock: Clock }) {
    this.#table = table;
    this.#options = options;
  }

  async advance(page: PageAddress, row: BoardRow): Promise<boolean> {
    const before = await this.#table.change(
      { pk: boardOf(page), sk: `${ROW}${row.pipeline}` },
      {
        text: "SET #order = :order, #build = :build, #delivery = :delivery, #expiresAt = :expiresAt",
        condition: "attribute_not_exists(#order) OR #order <= :order",
        names: { "#order": "order", "#build": "build", "#delivery": "delivery", "#expiresAt": TABLE.timeToLive },
        values: {
          ":order": buildOrder(row.build),
          ":build": JSON.stringify(row.build),
          ":delivery": row.delivery,
          ":expiresAt": expiryOf(this.#options.clock.now(), this.#options),
        },
      },
    );
    return before !== undefined;
  }

  async rows(page: PageAddress): Promise<readonly BoardRow[]> {
    const selection = {
      text: "#pk = :pk AND begins_with(#sk, :prefix)",
      names: { "#pk": TABLE.partitionKey, "#sk": TABLE.sortKey },
      values: { ":pk": boardOf(page), ":prefix": ROW },
      consistent: true,
    } as const;
    return collect(this.#table.select(selection), (item) => ({
      pipeline: text(item, TABLE.sortKey).slice(ROW.length),
      // Written by `advance` from the same type.
      build: JSON.parse(text(item, "build")) as BuildPart,
      delivery: text(item, "delivery"),
    }));
  }
}

const ROW = "row#";

/** The id goes first and holds no `#`: Confluence's ids are digits, and configured ones are checked. */
const boardOf = (page: PageAddress): string => `page#${page.id}#${page.site}`;
