import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "@photostructure/sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { epochSeconds, toSeconds } from "../../shared/host/clock.ts";
import { ReplayCache } from "../../shared/store/replay-cache.ts";
import { deleteExpired } from "../../shared/store/sqlite/expiry.ts";
import { DATABASE_FILE, openTable } from "../../shared/store/sqlite/open.ts";
import { CREATE_TABLE } from "../../shared/store/sqlite/rows.ts";
import { SqliteTable } from "../../shared/store/sqlite/table.ts";
import { testClock } from "../support/test-doubles.ts";

const DAY_MS = 86_400_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "drawbridge-"));
});
afterEach(() => rm(folder, { recursive: true }));

const at = (path = folder): string => join(path, DATABASE_FILE);

describe("the data folder", () => {
  it("a write is there after the folder was closed and opened again", async () => {
    const first = openTable(folder);
    await first.table.create({ pk: "p", sk: "head", one: 1 });
    first.close();
    const second = openTable(folder);
    expect(await second.table.get({ pk: "p", sk: "head" })).toEqual({ pk: "p", sk: "head", one: 1 });
    second.close();
  });

  it("a new folder is closed to other users", async () => {
    const inside = join(folder, "new");
    openTable(inside).close();
    expect((await stat(inside)).mode & 0o777).toBe(0o700);
  });

  it("a close commits the writes that wait", async () => {
    const first = openTable(folder);
    const waiting = first.table.create({ pk: "p", sk: "head" });
    first.close();
    expect(await waiting).toBe(true);
    const second = openTable(folder);
    expect(await second.table.get({ pk: "p", sk: "head" })).toBeDefined();
    second.close();
  });

  it("a second bridge on the folder is refused, and the first one continues", async () => {
    const first = openTable(folder);
    expect(() => openTable(folder)).toThrow(`${folder} is in use by another bridge: stop that one`);
    expect(await first.table.create({ pk: "p", sk: "head" })).toBe(true);
    first.close();
    openTable(folder).close();
  });

  it("a folder of an older version is refused, and stays as it is", async () => {
    await writeFile(join(folder, "CURRENT"), "MANIFEST-000004\n");
    expect(() => openTable(folder)).toThrow("has the data of an older version (LevelDB)");
    await rm(join(folder, "CURRENT"));
    openTable(folder).close();
  });

  it("a refusal names the cause, and not only the folder", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    expect(() => openTable(file)).toThrow(`${file} is a file`);
    await writeFile(at(), "not a database, but long enough to have a header ".repeat(20));
    expect(() => openTable(folder)).toThrow("the file is not a database");
    await rm(at());
    await mkdir(at());
    expect(() => openTable(folder)).toThrow("the database file cannot be opened");
  });

  it("a file of a newer format is refused", async () => {
    openTable(folder).close();
    const database = new DatabaseSync(at());
    database.exec("PRAGMA user_version = 99");
    database.close();
    expect(() => openTable(folder)).toThrow("its format 99 is newer than this version of Drawbridge knows");
  });
});

describe("a full disk", () => {
  it("every write fails with the cause, no earlier write is lost, and writes succeed again when there is room", async () => {
    const database = new DatabaseSync(at());
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    database.exec(CREATE_TABLE);
    const table = new SqliteTable(database);
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

describe("a group of writes", () => {
  it("a write whose item is unreadable fails alone", async () => {
    const opened = openTable(folder);
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
    const opened = openTable(folder);
    const take = (n: number) =>
      opened.table.change({ pk: "p", sk: "head" }, { condition: { field: "one", is: "absent" }, set: { one: n } });
    const results = await Promise.all([1, 2, 3].map(take));
    expect(results).toEqual([{}, undefined, undefined]);
    opened.close();
  });
});

describe("the deletion of expired items", () => {
  it("it takes several turns of the event loop, and other work runs between them", async () => {
    const opened = openTable(folder);
    await Promise.all(
      Array.from({ length: 1_050 }, (_, n) =>
        opened.table.create({ pk: `p-${n}`, sk: "head", expiresAt: 10 + (n % 2) }),
      ),
    );
    let turns = 0;
    const turn = setInterval(() => (turns += 1), 0);
    const clock = testClock(11_000 + 2 * DAY_MS);
    expect(await deleteExpired(opened.table, clock)).toBe(525);
    clearInterval(turn);
    expect(turns).toBeGreaterThan(1);
    expect(await deleteExpired(opened.table, clock)).toBe(0);
    opened.close();
  });

  it("a used single-use token stays used after the clock was ahead by a day", async () => {
    const opened = openTable(folder);
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
    const opened = openTable(folder);
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
  const { table } = openTable(process.argv[1]);
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
      const { table, close } = openTable(folder);
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
