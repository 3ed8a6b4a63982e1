import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { DatabaseSync } from "@photostructure/sqlite";
import { unpackContent } from "../../shared/store/delivery-content.ts";
import { DATABASE_FILE } from "../../shared/store/sqlite/open.ts";
import { COLUMNS, itemOf, type Row } from "../../shared/store/sqlite/rows.ts";
import type { Item } from "../../shared/store/table.ts";
import type { Output } from "./canaries.ts";

/** Every item in a data folder: its content unpacked, without the body that was received. */
export function storedItems(folder: string): readonly Output[] {
  const database = new DatabaseSync(join(folder, DATABASE_FILE), { readOnly: true });
  // The columns of every row.
  const rows = database.prepare(`SELECT ${COLUMNS.join(", ")} FROM items`).all() as Row[];
  database.close();
  return rows.map(itemOf).map((stored) => {
    const { content: _, ...item } = stored;
    const kind = String(item["pk"]).split(/[-#]/)[0];
    return { where: `an item of ${kind}`, text: JSON.stringify({ ...item, ...unpacked(kind, stored) }) };
  });
}

function unpacked(kind: string | undefined, item: Item): object {
  if (item["content"] === undefined) return {};
  return kind === "list" ? listed(item["content"]) : received(item);
}

function received(item: Item): object {
  const { body: _, ...rest } = unpackContent(item);
  return rest;
}

/** A page of the list. */
const listed = (content: Item[string]): object => ({
  deliveries: inflateSync(content as Uint8Array).toString("utf8"),
});
