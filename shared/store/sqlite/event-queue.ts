import { statfsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type DatabaseSyncInstance } from "@photostructure/sqlite";
import * as v from "valibot";
import { epochMillis } from "../../host/clock.ts";
import { Fault } from "../../host/fault.ts";
import type { ArrivedEvent, EventQueue, QueuedEvent, QueueSize, Skipped } from "../event-queue.ts";
import { causeOf, isDamage } from "./errors.ts";
import { createFolder, folderFault, lockFolder } from "./open.ts";
import { closeToOthers, makePrivate } from "./private-file.ts";
import { BUSY_MS } from "./rows.ts";

export interface QueueLimits {
  /** Bytes of all events that wait, as stored. */
  readonly bytes: number;
  readonly deadLetters: number;
  /** Bytes of the disk that an added event leaves free: SQLite needs some of them to remove one. */
  readonly freeBytes: number;
}

export interface OpenQueue {
  readonly queue: EventQueue;
  close(): void;
}

const QUEUE_FILE = "events.db";

/**
 * Opens the queue in a data folder, and creates both if they are missing. One process at a time may open a folder. Throws
 * `configuration_invalid` or `store_damaged` with the cause and what to do.
 */
export function openEventQueue(folder: string, limits: QueueLimits): OpenQueue {
  try {
    createFolder(folder);
    const lock = lockFolder(folder);
    try {
      return openLocked(folder, lock, limits);
    } catch (error) {
      lock.close();
      throw error;
    }
  } catch (error) {
    throw isDamage(error) ? damaged(error) : folderFault(folder, error);
  }
}

function openLocked(folder: string, lock: DatabaseSyncInstance, limits: QueueLimits): OpenQueue {
  const file = join(folder, QUEUE_FILE);
  makePrivate(file);
  for (const suffix of ["-wal", "-shm"]) closeToOthers(`${file}${suffix}`);
  const database = new DatabaseSync(file, { timeout: BUSY_MS });
  try {
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${CREATE}`);
    const close = (): void => {
      database.close();
      if (lock.isOpen) lock.close();
    };
    return { queue: new SqliteEventQueue(database, { limits, freeBytes: () => freeBytesOf(folder) }), close };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Opens a queue in memory, which ends with the process. */
export function openMemoryQueue(limits: QueueLimits): OpenQueue {
  const database = new DatabaseSync(":memory:");
  database.exec(CREATE);
  return {
    queue: new SqliteEventQueue(database, { limits, freeBytes: () => Number.POSITIVE_INFINITY }),
    close: () => database.close(),
  };
}

/** An id is never used again, so the order of arrival is the order of the ids. */
const CREATE = `
  CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, lane TEXT NOT NULL, bytes INTEGER NOT NULL, receivedAt INTEGER NOT NULL,
    dead TEXT, headers TEXT NOT NULL, body TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS waiting ON events (lane, id) WHERE dead IS NULL;
  CREATE INDEX IF NOT EXISTS buried ON events (id) WHERE dead IS NOT NULL`;

interface Row {
  readonly id: number;
  readonly lane: string;
  readonly headers: string;
  readonly body: string;
  readonly receivedAt: number;
}

interface Room {
  readonly limits: QueueLimits;
  /** Returns the bytes of the disk that are free. */
  readonly freeBytes: () => number;
}

class SqliteEventQueue implements EventQueue {
  readonly #database: DatabaseSyncInstance;
  readonly #limits: QueueLimits;
  readonly #freeBytes: () => number;
  /** Of the events that wait. Only this process writes. */
  #bytes: number;

  constructor(database: DatabaseSyncInstance, { limits, freeBytes }: Room) {
    this.#database = database;
    this.#limits = limits;
    this.#freeBytes = freeBytes;
    this.#bytes = this.#waitingBytes();
  }

  add({ lane, headers, body, receivedAt }: ArrivedEvent): boolean {
    const head = JSON.stringify(headers);
    const bytes = Buffer.byteLength(head) + Buffer.byteLength(body);
    if (this.#bytes + bytes > this.#limits.bytes) return false;
    if (this.#freeBytes() - bytes < this.#limits.freeBytes) return false;
    this.#run("INSERT INTO events (lane, headers, body, bytes, receivedAt) VALUES (?, ?, ?, ?, ?)", [
      lane,
      head,
      body,
      bytes,
      receivedAt,
    ]);
    this.#bytes += bytes;
    return true;
  }

  first(limit: number, { lanes, ids }: Skipped): readonly QueuedEvent[] {
    // `as`: the columns of the statement.
    const rows = this.#all(
      `SELECT id, lane, headers, body, receivedAt FROM events AS one
       WHERE dead IS NULL AND lane NOT IN (SELECT value FROM json_each(?1))
         AND id NOT IN (SELECT value FROM json_each(?2))
         AND NOT EXISTS (
           SELECT 1 FROM events AS earlier WHERE dead IS NULL AND lane = one.lane AND id < one.id
             AND id NOT IN (SELECT value FROM json_each(?2))
         )
       ORDER BY id LIMIT ?3`,
      [JSON.stringify([...lanes]), JSON.stringify([...ids]), limit],
    ) as unknown as readonly Row[];
    return rows.map(eventOf);
  }

  firstOf(lane: string, skippedIds: ReadonlySet<number>): QueuedEvent | undefined {
    // `as`: the columns of the statement.
    const rows = this.#all(
      `SELECT id, lane, headers, body, receivedAt FROM events
       WHERE dead IS NULL AND lane = ? AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT 1`,
      [lane, JSON.stringify([...skippedIds])],
    ) as unknown as readonly Row[];
    return rows.map(eventOf)[0];
  }

  remove(id: number): void {
    this.#bytes -= this.#number("DELETE FROM events WHERE id = ? AND dead IS NULL RETURNING bytes AS value", [id]);
  }

  bury(id: number, reason: string): number {
    const buried = "UPDATE events SET dead = ? WHERE id = ? AND dead IS NULL RETURNING bytes AS value";
    this.#bytes -= this.#number(buried, [reason, id]);
    const tooMany =
      this.#number("SELECT count(*) AS value FROM events WHERE dead IS NOT NULL") - this.#limits.deadLetters;
    if (tooMany <= 0) return 0;
    this.#run("DELETE FROM events WHERE id IN (SELECT id FROM events WHERE dead IS NOT NULL ORDER BY id LIMIT ?)", [
      tooMany,
    ]);
    return tooMany;
  }

  revive(): number {
    const found = this.#number("SELECT count(*) AS value FROM events WHERE dead IS NOT NULL");
    if (found > 0) this.#run("UPDATE events SET dead = NULL WHERE dead IS NOT NULL", []);
    this.#bytes = this.#waitingBytes();
    return found;
  }

  size(): QueueSize {
    const oldest = this.#number("SELECT min(receivedAt) AS value FROM events WHERE dead IS NULL");
    return {
      events: this.#number("SELECT count(*) AS value FROM events WHERE dead IS NULL"),
      bytes: this.#bytes,
      deadLetters: this.#number("SELECT count(*) AS value FROM events WHERE dead IS NOT NULL"),
      oldest: oldest === 0 ? undefined : epochMillis(oldest),
    };
  }

  #waitingBytes(): number {
    return this.#number("SELECT sum(bytes) AS value FROM events WHERE dead IS NULL");
  }

  #number(sql: string, values: readonly (string | number)[] = []): number {
    const [row] = this.#all(sql, values);
    return Number(Reflect.get(row ?? {}, "value") ?? 0);
  }

  #all(sql: string, values: readonly (string | number)[]): readonly object[] {
    return failing(() => this.#database.prepare(sql).all(...values) as readonly object[]);
  }

  #run(sql: string, values: readonly (string | number)[]): void {
    failing(() => this.#database.prepare(sql).run(...values));
  }
}

/** Of the disk of a folder, for a process that is not root. */
function freeBytesOf(folder: string): number {
  const { bavail, bsize } = failing(() => statfsSync(folder));
  return bavail * bsize;
}

const eventOf = (row: Row): QueuedEvent => ({
  ...row,
  headers: headersOf(row.headers),
  receivedAt: epochMillis(row.receivedAt),
});

/** Returns undefined if the stored text is not what `add` wrote: a disk may change it. */
function headersOf(stored: string): Readonly<Record<string, string>> | undefined {
  try {
    const headers: unknown = JSON.parse(stored);
    return v.is(HEADERS, headers) && !Array.isArray(headers) ? headers : undefined;
  } catch {
    // JSON.parse() throws for a text that is no JSON, and for nothing else.
    return undefined;
  }
}

const HEADERS = v.record(v.string(), v.string());

function failing<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (isDamage(error)) throw damaged(error);
    const { cause, remedy } = causeOf(error);
    throw new Fault("store_unavailable", `the queue cannot be used: ${cause}; ${remedy}`, {
      retryable: true,
      cause: error,
    });
  }
}

/** A queue has no backup. The controller can report the present states again, so nobody has to mend the file. */
function damaged(error: unknown): Fault {
  const remedy = "stop the forwarder, move every file out of its data folder, and start it";
  const lost = "the events and dead letters in those files are lost";
  const repeated = "restart tekton-events-controller after that, and it reports the present state of every run again";
  const why = `the queue cannot be used: ${causeOf(error).cause}; ${remedy}; ${lost}; ${repeated}`;
  return new Fault("store_damaged", why, { retryable: false, cause: error });
}
