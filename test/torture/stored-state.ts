import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { attentionOf } from "../../shared/store/attention.ts";
import { TABLE } from "../../shared/store/key-schema.ts";
import { DATABASE_FILE, openTable } from "../../shared/store/sqlite/open.ts";
import { STATE_KEYS } from "../../shared/store/sqlite/rows.ts";
import type { Item } from "../../shared/store/table.ts";
import { silentLog } from "../support/test-doubles.ts";
import { INDEXES, type IndexKeys, type Items, listedIn, nameOf } from "./checked-table.ts";
import { DatabaseSync } from "./watched-driver.ts";

/** The bytes of a database and of its write-ahead log. */
export interface Files {
  readonly database: Buffer;
  readonly log: Buffer;
}

const readIfThere = (path: string): Buffer => (existsSync(path) ? readFileSync(path) : Buffer.alloc(0));

export function readFiles(folder: string): Files {
  const path = join(folder, DATABASE_FILE);
  return { database: readIfThere(path), log: readIfThere(`${path}-wal`) };
}

export function writeFiles(folder: string, { database, log }: Files): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, DATABASE_FILE), database);
  writeFileSync(join(folder, `${DATABASE_FILE}-wal`), log);
}

/**
 * How the database of the folder differs from the expected items: a damaged file, another item, or an index that does not
 * list exactly the items that have its keys. `except`: a field whose value differs in each process.
 */
export async function differences(folder: string, expected: Items, except = ""): Promise<readonly string[]> {
  const { table, close } = openTable(folder, silentLog);
  const database = new DatabaseSync(join(folder, DATABASE_FILE));
  try {
    const found: string[] = [];
    const check = database.prepare("PRAGMA integrity_check").all() as { readonly integrity_check: string }[];
    if (check[0]?.integrity_check !== "ok") found.push(`the file is damaged: ${JSON.stringify(check)}`);
    const { count } = database.prepare("SELECT count(*) AS count FROM items").get() as { readonly count: number };
    if (count !== expected.size) found.push(`there are ${count} items, not ${expected.size}`);
    for (const [name, item] of expected) {
      const stored = await table.get({ pk: String(item["pk"]), sk: String(item["sk"]) });
      if (!isDeepStrictEqual({ ...stored, [except]: 0 }, { ...item, [except]: 0 }))
        found.push(`${name} is ${shown(stored)}, not ${shown(item)}`);
    }
    found.push(...[...expected.values()].flatMap(attentionFaultOf));
    for (const index of INDEXES) {
      const listed: string[] = [];
      for (const partition of partitionsOf(database, expected, index)) {
        for await (const item of table.select({ index: index.name, partition }))
          listed.push(
            JSON.stringify([
              partition,
              item[index.sortKey],
              nameOf({ pk: String(item["pk"]), sk: String(item["sk"]) }),
            ]),
          );
      }
      if (!isDeepStrictEqual(listed.sort(), listedIn(expected, index)))
        found.push(`the index ${index.name} lists ${listed.length} items, not those that have its keys`);
    }
    return found;
  } finally {
    database.close();
    close();
  }
}

/** The states in the index that an action of each state may have; "none" if it may have none. */
const ATTENTION: Readonly<Record<string, readonly string[]>> = {
  due: ["none", "retrying", "waiting"],
  expecting_run: ["none", "retrying"],
  accepted_without_run: ["accepted_without_run"],
  done: ["none"],
  gave_up: ["given_up", "cut"],
};

/** What is wrong with the entry of an action in the index of states, after whatever commit. */
function attentionFaultOf(item: Item): readonly string[] {
  const allowed = item["eventKey"] === undefined ? undefined : ATTENTION[String(item["state"])];
  const { state = "none" } = attentionOf(item) ?? {};
  return allowed === undefined || allowed.includes(state)
    ? []
    : [`an action is ${item["state"]}, and listed as ${state}`];
}

/** Every partition that the index has, and every one that it must have. */
function partitionsOf(database: InstanceType<typeof DatabaseSync>, expected: Items, { partitionKey }: IndexKeys) {
  const key = partitionKey === TABLE.stateIndex.partitionKey ? STATE_KEYS.partitionKey : partitionKey;
  const rows = database.prepare(`SELECT DISTINCT ${key} AS partition FROM items WHERE ${key} IS NOT NULL`).all() as {
    readonly partition: string;
  }[];
  const expectedOnes = [...expected.values()].flatMap((item) =>
    item[partitionKey] === undefined ? [] : [String(item[partitionKey])],
  );
  return new Set([...rows.map(({ partition }) => partition), ...expectedOnes]);
}

const shown = (item: object | undefined): string => JSON.stringify(item)?.slice(0, 300) ?? "missing";
