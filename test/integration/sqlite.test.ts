import { spawn } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, open, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync, type DatabaseSyncInstance } from "@photostructure/sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { epochMillis, epochSeconds, laterBy, toSeconds } from "../../shared/host/clock.ts";
import type { LogFields } from "../../shared/host/log.ts";
import { DeliveryStore } from "../../shared/store/deliveries.ts";
import { ReplayCache } from "../../shared/store/replay-cache.ts";
import { deleteExpired } from "../../shared/store/sqlite/expiry.ts";
import { DATABASE_FILE, openTable } from "../../shared/store/sqlite/open.ts";
import { NO_FILES } from "../../shared/store/sqlite/open-files.ts";
import { CREATE_TABLE } from "../../shared/store/sqlite/rows.ts";
import { SqliteTable } from "../../shared/store/sqlite/table.ts";
import { PAGE_ITEMS } from "../../shared/store/table.ts";
import { sampleDelivery } from "../support/samples.ts";
import { silentLog, testClock } from "../support/test-doubles.ts";

const DAY_MS = 86_400_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "drawbridge-"));
});
afterEach(() => rm(folder, { recursive: true }));

const at = (path = folder): string => join(path, DATABASE_FILE);

/** The first format: an index lists the deliveries, and the time of receipt is in its key. */
const TO_FORMAT_1 = `
  ALTER TABLE items ADD COLUMN day TEXT;
  UPDATE items SET seen = (fields ->> 'receivedAt') || '#' || pk,
    day = strftime('%Y-%m-%d', (fields ->> 'receivedAt') / 1000, 'unixepoch') || '#' || (rowid % 4),
    fields = json_remove(fields, '$.receivedAt') WHERE sk = 'head';
  CREATE INDEX byDay ON items (day, seen) WHERE day IS NOT NULL;
  PRAGMA user_version = 1;`;

describe("the data folder", () => {
  it("a write is there after the folder was closed and opened again", async () => {
    const first = openTable(folder, silentLog);
    await first.table.create({ pk: "p", sk: "head", one: 1 });
    first.close();
    const second = openTable(folder, silentLog);
    expect(await second.table.get({ pk: "p", sk: "head" })).toEqual({ pk: "p", sk: "head", one: 1 });
    second.close();
  });

  it("a change writes no column that it does not name, so the indexes of the others stay as they are", async () => {
    const { table, close } = openTable(folder, silentLog);
    const key = { pk: "p", sk: "head" };
    await table.create({ ...key, day: "2026-11-29#0", seen: "1", queue: "relay", dueAt: 1, expiresAt: 9, one: 1 });
    const other = new DatabaseSync(at());
    other.exec(`CREATE TRIGGER refuse AFTER UPDATE OF pk, sk, day, seen, expiresAt, content ON items
      BEGIN SELECT RAISE(ABORT, 'a column that the change does not name'); END`);
    other.close();
    const condition = { field: "queue", is: "present" } as const;
    await table.change(key, { condition, set: { two: 2 }, add: { one: 1 }, remove: ["queue", "dueAt"] });
    expect(await table.get(key)).toEqual({ ...key, day: "2026-11-29#0", seen: "1", expiresAt: 9, one: 2, two: 2 });
    close();
  });

  it("a new folder is closed to other users", async () => {
    const inside = join(folder, "new");
    openTable(inside, silentLog).close();
    expect((await stat(inside)).mode & 0o777).toBe(0o700);
  });

  it("every file is closed to other users, whatever the mode of the folder and of the files that were there", async () => {
    const files = ["drawbridge.db", "drawbridge.db-wal", "drawbridge.db-shm", "drawbridge.lock"];
    const modes = async () => {
      const found = await Promise.all(files.map((name) => stat(join(folder, name))));
      return found.map(({ mode }) => mode & 0o777);
    };
    await chmod(folder, 0o755);
    const first = openTable(folder, silentLog);
    expect(await modes()).toEqual(files.map(() => 0o600));
    first.close();
    for (const name of files) await chmod(join(folder, name), 0o644);
    const second = openTable(folder, silentLog);
    expect(await modes()).toEqual(files.map(() => 0o600));
    expect(await second.table.create({ pk: "p", sk: "head" })).toBe(true);
    second.close();
  });

  it("a close commits the writes that wait", async () => {
    const first = openTable(folder, silentLog);
    const waiting = first.table.create({ pk: "p", sk: "head" });
    first.close();
    expect(await waiting).toBe(true);
    const second = openTable(folder, silentLog);
    expect(await second.table.get({ pk: "p", sk: "head" })).toBeDefined();
    second.close();
  });

  it("a close leaves every write in the database file alone, so that a copy of it is complete", async () => {
    const { table, close } = openTable(folder, silentLog);
    await table.create({ pk: "p", sk: "head" });
    expect((await stat(`${at()}-wal`)).size).toBeGreaterThan(0);
    close();
    expect((await stat(`${at()}-wal`)).size).toBe(0);
    await mkdir(join(folder, "copy"));
    await copyFile(at(), at(join(folder, "copy")));
    const copy = openTable(join(folder, "copy"), silentLog);
    expect(await copy.table.get({ pk: "p", sk: "head" })).toBeDefined();
    copy.close();
  });

  it("a close during a backup ends without an error, and loses no write", async () => {
    const first = openTable(folder, silentLog);
    await first.table.create({ pk: "p", sk: "head" });
    const reader = new DatabaseSync(at());
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM items").get();
    first.close();
    reader.close();
    const second = openTable(folder, silentLog);
    expect(await second.table.get({ pk: "p", sk: "head" })).toBeDefined();
    second.close();
  });

  it("a second bridge on the folder is refused, and the first one continues", async () => {
    const first = openTable(folder, silentLog);
    expect(() => openTable(folder, silentLog)).toThrow(`${folder} is in use by another bridge: stop that one`);
    expect(await first.table.create({ pk: "p", sk: "head" })).toBe(true);
    first.close();
    openTable(folder, silentLog).close();
  });

  it("a folder of an older version is refused, and stays as it is", async () => {
    await writeFile(join(folder, "CURRENT"), "MANIFEST-000004\n");
    expect(() => openTable(folder, silentLog)).toThrow("has the data of an older version (LevelDB)");
    await rm(join(folder, "CURRENT"));
    openTable(folder, silentLog).close();
  });

  it("a refusal names the cause, and not only the folder", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    expect(() => openTable(file, silentLog)).toThrow(`${file} is a file`);
    await writeFile(at(), "not a database, but long enough to have a header ".repeat(20));
    expect(() => openTable(folder, silentLog)).toThrow("the file is not a database");
    await rm(at());
    await mkdir(at());
    expect(() => openTable(folder, silentLog)).toThrow("the database file cannot be opened");
  });

  it("a file of format 1 is opened with its deliveries listed, also after its first opening was cut off", async () => {
    const { table, close } = openTable(folder, silentLog);
    const now = testClock().now();
    const old = Array.from({ length: 230 }, (_, n) => {
      const receivedAt = laterBy(now, -n * 3_600_000);
      return sampleDelivery(n, { receivedAt, outcome: n % 3 === 0 ? "ignored" : "event" });
    });
    const deliveries = new DeliveryStore(table, { retentionDays: 30, markUnrelayed: false });
    for (const one of old) await deliveries.record(one);
    close();
    const cutOff = new DatabaseSync(at());
    cutOff.exec(TO_FORMAT_1);
    cutOff.exec("CREATE TRIGGER full BEFORE INSERT ON items BEGIN SELECT RAISE(ABORT, 'cut off'); END");
    cutOff.close();
    expect(() => openTable(folder, silentLog)).toThrow();
    const uncut = new DatabaseSync(at());
    expect(uncut.prepare("PRAGMA user_version").get()).toEqual({ user_version: 1 });
    uncut.exec("DROP TRIGGER full");
    uncut.close();
    for (let time = 0; time < 2; time++) {
      const again = openTable(folder, silentLog);
      const store = new DeliveryStore(again.table, { retentionDays: 30, markUnrelayed: true });
      const listed = await store.list({
        before: { receivedAt: now, id: "~" },
        notBefore: epochMillis(0),
        limit: 1_000,
        scanLimit: 1_000,
        matches: () => true,
      });
      expect(listed.deliveries.map(({ id, receivedAt, outcome }) => ({ id, receivedAt, outcome }))).toEqual(
        old.map(({ id, receivedAt, outcome }) => ({ id, receivedAt, outcome })),
      );
      expect((await store.get(old[7]?.id ?? ""))?.receivedAt).toBe(old[7]?.receivedAt);
      again.close();
    }
  });

  it("a file of a newer format is refused", async () => {
    openTable(folder, silentLog).close();
    const database = new DatabaseSync(at());
    database.exec("PRAGMA user_version = 99");
    database.close();
    expect(() => openTable(folder, silentLog)).toThrow("its format 99 is newer than this version of Drawbridge knows");
  });
});

describe("a full disk", () => {
  it("every write fails with the cause, no earlier write is lost, and writes succeed again when there is room", async () => {
    const database = new DatabaseSync(at());
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    database.exec(CREATE_TABLE);
    const table = new SqliteTable(database, { log: silentLog, files: NO_FILES });
    await table.create({ pk: "p", sk: "head" });
    database.exec("PRAGMA max_page_count = 1");
    const large = { content: new Uint8Array(200_000) };
    const writes = [table.create({ pk: "q", sk: "head", ...large }), table.create({ pk: "r", sk: "head" })];
    for (const write of writes) {
      await expect(write).rejects.toMatchObject({
        code: "store_unavailable",
        message: "the database failed: the disk is full",
      });
    }
    expect(await table.get({ pk: "p", sk: "head" })).toBeDefined();
    expect(await table.get({ pk: "r", sk: "head" })).toBeUndefined();
    database.exec("PRAGMA max_page_count = 100000");
    expect(await table.create({ pk: "q", sk: "head", ...large })).toBe(true);
    table.close();
  });
});

describe("a lock of another process", () => {
  const turns = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await new Promise(setImmediate);
  };
  /** Another connection, as of a person with a database tool. */
  function otherWriter(): DatabaseSyncInstance {
    const other = new DatabaseSync(at());
    other.exec("BEGIN IMMEDIATE");
    return other;
  }

  it("a write waits for its end without holding the event loop, and the writes that follow keep their order", async () => {
    const { table, close } = openTable(folder, silentLog);
    for (const round of ["a", "b"]) {
      const other = otherWriter();
      const first = table.create({ pk: round, sk: "head", one: 1 });
      // The lock ends only if the event loop goes on.
      await turns(20);
      const second = table.create({ pk: round, sk: "head", one: 2 });
      await turns(20);
      other.exec("ROLLBACK");
      other.close();
      expect(await Promise.all([first, second])).toEqual([true, false]);
      expect(await table.get({ pk: round, sk: "head" })).toMatchObject({ one: 1 });
    }
    close();
  });

  it("a write fails with the cause if the lock does not end, and succeeds when it has ended", async () => {
    const lines: LogFields[] = [];
    const { table, close } = openTable(folder, { ...silentLog, error: (fields) => lines.push(fields) });
    for (const round of ["a", "b"]) {
      const other = otherWriter();
      await expect(table.create({ pk: round, sk: "head" })).rejects.toMatchObject({
        code: "store_unavailable",
        message: "the database failed: another process has locked the database",
      });
      expect(await table.get({ pk: round, sk: "head" })).toBeUndefined();
      other.close();
      expect(await table.create({ pk: round, sk: "head" })).toBe(true);
    }
    expect(lines).toMatchObject([{ cause: "another process has locked the database", failures: 1 }]);
    close();
  });

  it("a close under the lock rejects the writes that wait, and the next open works", async () => {
    const { table, close } = openTable(folder, silentLog);
    const other = otherWriter();
    const write = table.create({ pk: "p", sk: "head" });
    const rejected = expect(write).rejects.toMatchObject({ code: "store_unavailable" });
    await turns(5);
    close();
    await rejected;
    other.close();
    const next = openTable(folder, silentLog);
    expect(await next.table.get({ pk: "p", sk: "head" })).toBeUndefined();
    expect(await next.table.create({ pk: "p", sk: "head" })).toBe(true);
    next.close();
  });
});

describe("the log of a database that fails", () => {
  it("one line has the cause and the remedy, later failures are counted, and the end is logged", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const lines: unknown[] = [];
    const line = (fields: LogFields) => void lines.push(fields);
    const database = new DatabaseSync(at());
    database.exec(CREATE_TABLE);
    const table = new SqliteTable(database, { log: { info: line, warn: line, error: line }, files: NO_FILES });
    const write = (n: number) => table.create({ pk: `p-${n}`, sk: "head", content: new Uint8Array(50_000) });
    await write(0);
    const full = { cause: "the disk is full", remedy: "make room" };
    database.exec("PRAGMA max_page_count = 1");
    for (const n of [1, 2, 3]) await expect(write(n)).rejects.toThrow("the disk is full");
    expect(lines).toEqual([{ ...full, failures: 1 }]);
    vi.advanceTimersByTime(60_000);
    await expect(write(4)).rejects.toThrow("the disk is full");
    expect(lines.slice(1)).toEqual([{ ...full, failures: 3 }]);
    await expect(table.checkWrites()).resolves.toBeUndefined();
    expect(lines.slice(2)).toEqual([{ failures: 0 }]);
    await expect(write(5)).rejects.toThrow("the disk is full");
    database.exec("PRAGMA max_page_count = 100000");
    await write(6);
    expect(lines).toHaveLength(3);
    table.close();
    vi.useRealTimers();
  });

  it("a damaged page is a failure with the remedy, and other items stay readable", async () => {
    const first = openTable(folder, silentLog);
    for (let n = 0; n < 3; n++)
      await Promise.all(
        Array.from({ length: 200 }, (_, m) =>
          first.table.create({ pk: `p-${n}-${m}`, sk: "head", content: new Uint8Array(9_000) }),
        ),
      );
    first.close();
    const lines: LogFields[] = [];
    const { table, close } = openTable(folder, { ...silentLog, error: (fields) => lines.push(fields) });
    // The pages in the middle of the file, which no reader has in its cache.
    const file = await open(at(), "r+");
    await file.write(new Uint8Array(400_000).fill(0xff), 0, 400_000, 3_000_000);
    await file.close();
    const results = await Promise.allSettled(
      Array.from({ length: 600 }, (_, n) => table.get({ pk: `p-${Math.floor(n / 200)}-${n % 200}`, sk: "head" })),
    );
    const failed = results.filter(({ status }) => status === "rejected");
    expect(failed.length).toBeGreaterThan(0);
    expect(failed[0]).toMatchObject({
      reason: { code: "store_unavailable", message: "the database failed: the database file is damaged" },
    });
    expect(failed.length).toBeLessThan(600);
    expect(lines).toMatchObject([{ cause: "the database file is damaged" }]);
    expect(lines[0]?.["remedy"]).toContain("restore a backup");
    close();
  });
});

describe("a group of writes", () => {
  it("a write whose item is unreadable fails alone", async () => {
    const opened = openTable(folder, silentLog);
    const database = new DatabaseSync(at());
    database.exec("INSERT INTO items (pk, sk, fields) VALUES ('p', 'head', 'no JSON')");
    database.close();
    const change = { condition: { field: "one", is: "absent" }, set: { one: 1 } } as const;
    const [broken, sound] = await Promise.allSettled([
      opened.table.change({ pk: "p", sk: "head" }, change),
      opened.table.change({ pk: "q", sk: "head" }, change),
    ]);
    expect(broken).toMatchObject({ status: "rejected", reason: { code: "record_unreadable" } });
    expect(sound).toMatchObject({ status: "fulfilled" });
    opened.close();
  });

  it("the result of each write is that of the writes in order", async () => {
    const opened = openTable(folder, silentLog);
    const take = (n: number) =>
      opened.table.change({ pk: "p", sk: "head" }, { condition: { field: "one", is: "absent" }, set: { one: n } });
    const results = await Promise.all([1, 2, 3].map(take));
    expect(results).toEqual([{}, undefined, undefined]);
    opened.close();
  });
});

describe("the pages of a selection", () => {
  const ITEMS = 1_000;

  /** A table in memory with one long queue, and the texts of the statements that it prepares. */
  async function longQueue() {
    const database = new DatabaseSync(":memory:");
    database.exec(CREATE_TABLE);
    const texts: string[] = [];
    const prepare: DatabaseSyncInstance["prepare"] = (text) => {
      texts.push(text);
      return database.prepare(text);
    };
    const exec: DatabaseSyncInstance["exec"] = (text) => database.exec(text);
    const recording = { isOpen: true, exec, prepare, close: () => database.close() };
    // The members that the table uses.
    const table = new SqliteTable(recording as unknown as DatabaseSyncInstance, { log: silentLog, files: NO_FILES });
    const create = (n: number) => table.create({ pk: `p-${n}`, sk: "head", queue: "act#ci", dueAt: n });
    await Promise.all(Array.from({ length: ITEMS }, (_, n) => create(n)));
    texts.length = 0;
    const plans = () => texts.map((text) => String(database.prepare(`EXPLAIN QUERY PLAN ${text}`).get()?.["detail"]));
    return { table, plans };
  }

  const bounds = {
    "no bound": {},
    "a lowest key": { from: 5 },
    "a highest key": { to: 990 },
    both: { from: 5, to: 990 },
  };

  for (const [name, ends] of Object.entries(bounds)) {
    for (const newestFirst of [false, true]) {
      it(`with ${name}, ${newestFirst ? "newest" : "oldest"} first, each page is found at its start and steps over no earlier one`, async () => {
        const { table, plans } = await longQueue();
        const { from = 0, to = ITEMS - 1 } = { from: undefined, to: undefined, ...ends };
        const found: unknown[] = [];
        for await (const item of table.select({ index: "due", partition: "act#ci", ...ends, newestFirst }))
          found.push(item["dueAt"]);
        const expected = Array.from({ length: to - from + 1 }, (_, n) => from + n);
        expect(found).toEqual(newestFirst ? expected.toReversed() : expected);
        const start = newestFirst ? "(dueAt,rowid)<(?,?)" : "(dueAt,rowid)>(?,?)";
        for (const plan of plans()) expect(plan).toContain(start);
        expect(plans()).toHaveLength(1);
        table.close();
      });
    }
  }

  it("other work of the process runs between two pages", async () => {
    const { table } = await longQueue();
    let turns = 0;
    const count = (): void => {
      turns += 1;
      turning = setImmediate(count);
    };
    let turning = setImmediate(count);
    let yielded = 0;
    for await (const _ of table.select({ index: "due", partition: "act#ci" })) yielded += 1;
    clearImmediate(turning);
    expect(yielded).toBe(ITEMS);
    expect(turns).toBeGreaterThanOrEqual(ITEMS / PAGE_ITEMS - 1);
    table.close();
  });
});

describe("the deletion of expired items", () => {
  it("it deletes at most 25 items in one turn of the event loop", async () => {
    const opened = openTable(folder, silentLog);
    await Promise.all(
      Array.from({ length: 260 }, (_, n) => opened.table.create({ pk: `p-${n}`, sk: "head", expiresAt: 10 })),
    );
    const reader = new DatabaseSync(at(), { readOnly: true });
    const count = reader.prepare("SELECT count(*) AS items FROM items");
    const left: number[] = [];
    let isDone = false;
    const deleted = deleteExpired(opened.table, testClock(11_000 + 2 * DAY_MS)).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      left.push(Number((count.get() as { readonly items: number }).items));
      await new Promise(setImmediate);
    }
    expect(await deleted).toBe(260);
    const steps = left.map((items, turn) => (left[turn - 1] ?? items) - items);
    expect(Math.max(...steps)).toBe(25);
    reader.close();
    opened.close();
  });

  it("a used single-use token stays used after the clock was ahead by a day", async () => {
    const opened = openTable(folder, silentLog);
    const clock = testClock();
    const cache = new ReplayCache(opened.table);
    const until = epochSeconds(toSeconds(clock.now()) + 600);
    expect(await cache.take("token", "the first use", until)).toBe(true);
    clock.set(DAY_MS);
    await deleteExpired(opened.table, clock);
    clock.set(-DAY_MS);
    expect(await cache.take("token", "another use", until)).toBe(false);
    opened.close();
  });

  it("a clock that is ahead by a day deletes nothing that has not expired", async () => {
    const opened = openTable(folder, silentLog);
    const clock = testClock();
    const expiresAt = toSeconds(clock.now()) + 60;
    await opened.table.create({ pk: "p", sk: "head", expiresAt });
    clock.set(DAY_MS);
    expect(await deleteExpired(opened.table, clock)).toBe(0);
    clock.set(-DAY_MS);
    expect(await opened.table.get({ pk: "p", sk: "head" })).toMatchObject({ expiresAt });
    clock.advance(60_000 + 3 * DAY_MS);
    expect(await deleteExpired(opened.table, clock)).toBe(1);
    opened.close();
  });
});

/** Writes items as fast as it can, and prints the number of each one whose write has resolved. */
const WRITER = `
  import { openTable } from ${JSON.stringify(new URL("../../shared/store/sqlite/open.ts", import.meta.url).href)};
  const { table } = openTable(process.argv[1], { info() {}, warn() {}, error() {} });
  for (let n = 0; ; n++) {
    await table.create({ pk: "p-" + n, sk: "head", queue: "relay", dueAt: n });
    await table.change({ pk: "p-" + n, sk: "head" }, { condition: { field: "dueAt", is: "=", value: n }, set: { dueAt: n + 1 } });
    process.stdout.write(n + "\\n");
  }
`;

describe("a process that is killed while it writes", () => {
  it("every answered write is there, and each item is in the index exactly as it is in the table", async () => {
    for (const answers of [1, 20, 150]) {
      const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", WRITER, folder], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let answered = -1;
      for await (const line of createInterface({ input: child.stdout })) {
        answered = Number(line);
        if (answered >= answers) child.kill("SIGKILL");
      }
      const { table, close } = openTable(folder, silentLog);
      const listed = new Map<unknown, unknown>();
      for await (const { pk, dueAt } of table.select({ index: "due", partition: "relay" })) listed.set(pk, dueAt);
      for (let n = 0; n <= answered; n++) {
        expect(await table.get({ pk: `p-${n}`, sk: "head" })).toMatchObject({ dueAt: n + 1 });
        expect(listed.get(`p-${n}`)).toBe(n + 1);
      }
      expect(answered).toBeGreaterThanOrEqual(answers);
      expect(listed.size).toBeLessThanOrEqual(answered + 2);
      close();
      await rm(folder, { recursive: true });
      await mkdir(folder);
    }
  }, 60_000);
});
