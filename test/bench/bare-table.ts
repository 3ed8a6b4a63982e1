import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";

export interface BareTable {
  /** Resolves after the commit. A row that is there stays as it is. */
  insert(id: string, body: Uint8Array): Promise<void>;
  close(): void;
}

/**
 * The minimum for a durable store: one table of ids and bodies in SQLite, with the driver and the pragmas of the bridge.
 * Inserts of one turn of the event loop share a transaction.
 */
export function openBareTable(folder: string): BareTable {
  const database = new DatabaseSync(join(folder, "bare.db"));
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec("CREATE TABLE items (id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT");
  const statement = database.prepare("INSERT INTO items VALUES (?, ?) ON CONFLICT DO NOTHING");
  let group: { readonly id: string; readonly body: Uint8Array; readonly resolve: () => void }[] = [];
  const commit = (): void => {
    const inserts = group;
    group = [];
    database.exec("BEGIN IMMEDIATE");
    for (const { id, body } of inserts) statement.run(id, body);
    database.exec("COMMIT");
    for (const { resolve } of inserts) resolve();
  };
  return {
    insert: (id, body) =>
      new Promise((resolve) => {
        group.push({ id, body, resolve });
        if (group.length === 1) setImmediate(commit);
      }),
    close: () => database.close(),
  };
}
