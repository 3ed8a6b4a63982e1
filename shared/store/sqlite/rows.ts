import { Fault } from "../../host/fault.ts";
import { TABLE } from "../key-schema.ts";
import type { Fields, Item, ItemChange, ItemKey, Value } from "../table.ts";

/**
 * Fields with a column of their own: the keys of the table and its index, the expiry, and the field with bytes. `seen` has
 * when a delivery of format 1 was received.
 */
const OWN_COLUMNS = ["pk", "sk", "seen", "queue", "dueAt", "expiresAt", "content"] as const;

/** All other fields are in the column `fields`, as JSON. */
export const COLUMNS = [...OWN_COLUMNS, "fields"] as const;
export type Column = (typeof COLUMNS)[number];

export type Row = Readonly<Partial<Record<(typeof OWN_COLUMNS)[number], Value | null>>> & { readonly fields?: string };

/** How long an open and a close wait for a short lock of another process, such as the end of a backup. */
export const BUSY_MS = 200;

/** Version of the file format, in the file's `user_version`. */
export const FORMAT = 2;

/**
 * Actions that are due and events that are not relayed, and that no queue lists. An item and its index entries are one
 * transaction, so no crash leaves any; a mistake in the bridge or a person with a database tool could. The index of them
 * is empty, so that each start finds out without reading the items.
 */
export const STRANDED = `(queue IS NULL OR dueAt IS NULL) AND sk = 'head' AND (instr(fields, '"state":"due"') > 0
  OR (instr(fields, '"outcome":"event"') > 0 AND instr(fields, '"relayedAt":') = 0))`;

/**
 * The keys of the index of states are no columns, so that a file of an earlier release needs no new format. A text inside
 * another one has its quotes escaped, so the condition finds only the field.
 */
export const STATE_KEYS = {
  partitionKey: `json_extract(fields, '$.${TABLE.stateIndex.partitionKey}')`,
  sortKey: `json_extract(fields, '$.${TABLE.stateIndex.sortKey}')`,
};
const HAS_STATE = `instr(fields, '"${TABLE.stateIndex.partitionKey}":"') > 0`;

/** The condition of each partial index. */
export const PARTIAL_INDEXES = {
  due: "queue IS NOT NULL",
  expiry: "expiresAt IS NOT NULL",
  stranded: STRANDED,
  byState: HAS_STATE,
} as const;

/** The indexes that files of earlier releases lack. */
export const CREATE_LATER_INDEXES = `
  CREATE INDEX IF NOT EXISTS stranded ON items (pk) WHERE ${STRANDED};
  CREATE INDEX IF NOT EXISTS byState ON items (${STATE_KEYS.partitionKey}, ${STATE_KEYS.sortKey}) WHERE ${HAS_STATE};
`;

/** The table and indexes of a new file, with the names of `key-schema.ts`. */
export const CREATE_TABLE = `
  CREATE TABLE items (
    pk TEXT NOT NULL, sk TEXT NOT NULL, seen TEXT, queue TEXT, dueAt INTEGER, expiresAt INTEGER,
    fields TEXT NOT NULL, content BLOB, PRIMARY KEY (pk, sk)
  ) STRICT;
  CREATE INDEX due ON items (queue, dueAt) WHERE ${PARTIAL_INDEXES.due};
  CREATE INDEX expiry ON items (expiresAt) WHERE ${PARTIAL_INDEXES.expiry};
  ${CREATE_LATER_INDEXES}
`;

const INSERT = `INSERT INTO items (${COLUMNS.join(", ")}) VALUES (${COLUMNS.map(() => "?").join(", ")})
  ON CONFLICT (pk, sk) DO`;
export const INSERT_OR_NOTHING = `${INSERT} NOTHING`;
export const INSERT_OR_REPLACE = `${INSERT} UPDATE SET ${COLUMNS.map((one) => `${one} = excluded.${one}`).join(", ")}`;

/** The values of a row in the order of {@link COLUMNS}. */
export function valuesOf(item: Fields & ItemKey): (Value | null)[] {
  const rest: Record<string, string | number> = {};
  for (const [field, value] of Object.entries(item)) {
    if (value === undefined || isColumn(field)) continue;
    if (value instanceof Uint8Array) throw new TypeError(`only "content" may contain bytes, and not "${field}"`);
    rest[field] = value;
  }
  return [...OWN_COLUMNS.map((column) => toColumn(item[column])), JSON.stringify(rest)];
}

/** The columns that a change writes, in the order of {@link COLUMNS}. */
export function columnsOf({ set = {}, add = {}, remove = [] }: ItemChange): ReadonlySet<string | undefined> {
  const fields = [...Object.keys(set), ...Object.keys(add), ...remove].map((field) =>
    isColumn(field) ? field : "fields",
  );
  return new Set(COLUMNS.filter((column) => fields.includes(column)));
}

/** Throws `record_unreadable`. */
export const itemOf = (row: Row): Item =>
  itemIn(
    COLUMNS.map((column) => row[column]),
    COLUMNS,
  );

/**
 * The item whose values are in the order of these columns; what follows them is not read. The driver makes an array in a
 * third of the time of an object, and a list reads hundreds of rows. Throws `record_unreadable`.
 */
export function itemIn(values: readonly (Value | null | undefined)[], columns: readonly Column[]): Item {
  const item: Record<string, Value> = {};
  let fields = "{}";
  columns.forEach((column, at) => {
    const value = values[at];
    if (value === null || value === undefined) return;
    if (column === "fields") fields = String(value);
    else item[column] = typeof value === "string" ? fromText(value) : value;
  });
  try {
    return Object.assign(item, JSON.parse(fields));
  } catch (cause) {
    throw new Fault("record_unreadable", "a stored item is not JSON", { retryable: false, cause });
  }
}

const isColumn = (field: string): boolean => (OWN_COLUMNS as readonly string[]).includes(field);

const toColumn = (value: Value | undefined): Value | null =>
  typeof value === "string" ? toText(value) : (value ?? null);

/**
 * The driver ends a text at its first U+0000, so a column never contains one. Different texts stay different and keep
 * their order.
 */
export const toText = (value: string): string =>
  value.includes("\0") || value.includes("\x01")
    ? value.replaceAll("\x01", "\x01\x02").replaceAll("\0", "\x01\x01")
    : value;

const fromText = (value: string): string =>
  value.includes("\x01") ? value.replaceAll("\x01\x01", "\0").replaceAll("\x01\x02", "\x01") : value;
