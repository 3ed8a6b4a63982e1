import * as driver from "@photostructure/sqlite";

/** One call that may change a file: `exec`, or `run` of a prepared statement. */
export interface DriverCall {
  readonly file: string;
  readonly sql: string;
  readonly when: "before" | "after";
}

/** Called before and after each call, in its stack. `after` only if the call succeeded. */
type Watcher = (call: DriverCall) => void;

let watcher: Watcher | undefined;
let checkpointPages: number | undefined;

/** Replaces the watcher. Undefined: nobody watches. */
export function watchDriver(next: Watcher | undefined): void {
  watcher = next;
}

/** The pages of the write-ahead log after which each database opened from now on copies them into its file. */
export function checkpointAfter(pages: number): void {
  checkpointPages = pages;
}

function watched<T>(file: string, sql: string, call: () => T): T {
  watcher?.({ file, sql, when: "before" });
  const result = call();
  watcher?.({ file, sql, when: "after" });
  return result;
}

/**
 * The driver, with a watcher of its calls. The bundles of the torture have it in place of `@photostructure/sqlite`, so the
 * product's own code opens it. The driver's own methods cannot be replaced, because they are neither writable nor
 * configurable.
 */
export class DatabaseSync extends driver.DatabaseSync {
  readonly #file: string;

  constructor(file: string, options: driver.DatabaseSyncOptions = {}) {
    super(file, options);
    this.#file = file;
    if (checkpointPages !== undefined) super.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`);
  }

  override exec(sql: string): void {
    watched(this.#file, sql, () => super.exec(sql));
  }

  override prepare(sql: string): driver.StatementSyncInstance {
    const statement = super.prepare(sql);
    const run = statement.run.bind(statement);
    const value = (...parameters: unknown[]) => watched(this.#file, sql, () => run(...parameters));
    return Object.defineProperty(statement, "run", { value });
  }
}
