import { existsSync } from "node:fs";
import { chown, mkdir, mkdtemp, open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { epochMillis, epochSeconds, laterBy, systemClock, toIso, toSeconds } from "../../shared/host/clock.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import { DATABASE_FILE, openTable } from "../../shared/store/sqlite/open.ts";
import { type AllStores, openAllStores } from "../support/all-stores.ts";
import { type BridgeProcess, startBridgeProcess } from "../support/bridge-process.ts";
import { commandLine, type Ran } from "../support/command-line.ts";
import { sampleDelivery } from "../support/samples.ts";
import { startSandboxListener } from "../support/sandbox-listener.ts";
import { silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

let home: string;
let data: string;
let bridge: BridgeProcess | undefined;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-store-"));
  data = join(home, "data");
});
afterEach(async () => {
  await bridge?.stop();
  bridge = undefined;
  await rm(home, { recursive: true, force: true });
});

const store = (...args: readonly string[]): Promise<Ran> =>
  commandLine(["store", ...args, "--data", data], { cwd: home }).ended;

function started(): BridgeProcess {
  if (bridge === undefined) throw new Error("no bridge runs");
  return bridge;
}

/** Opens the stores of a data folder for as long as `use` runs. */
async function inStore<T>(use: (stores: AllStores) => Promise<T>, folder = data): Promise<T> {
  const { table, close } = openTable(folder, silentLog);
  try {
    const options = { retentionDays: 30, markUnrelayed: true, singleProcess: true, clock: systemClock };
    return await use(openAllStores(table, options));
  } finally {
    close();
  }
}

/** Changes the file behind the bridge's back. */
function edit(...statements: readonly string[]): void {
  const database = new DatabaseSync(join(data, DATABASE_FILE));
  for (const statement of statements) database.exec(statement);
  database.close();
}

const actionOf = (id: string) => ({
  id,
  route: "docs",
  action: "tekton",
  target: "ci",
  eventKey: id,
  delivery: "d-1",
});
const NOW = epochMillis(1_793_610_000_000);
const unrelayed = sampleDelivery(1);

/** One due action, one that is done, one delivery in the outbox, and one that is relayed. */
const fill = (): Promise<void> =>
  inStore(async ({ actions, deliveries }) => {
    for (const id of ["a-due", "a-done"]) await actions.schedule(actionOf(id), NOW);
    const claim = await actions.claim("a-done", NOW, NOW);
    if (claim !== undefined) await actions.complete(claim);
    for (const delivery of [unrelayed, sampleDelivery(2)]) await deliveries.record(delivery);
    await deliveries.markRelayed(sampleDelivery(2).id, NOW);
  });

/** Overwrites pages in the middle of the file. */
async function damage(): Promise<void> {
  edit(
    "PRAGMA wal_checkpoint(TRUNCATE)",
    ...Array.from(
      { length: 40 },
      (_, n) => `INSERT INTO items (pk, sk, fields, content) VALUES ('p-${n}', 'x', '{}', zeroblob(9000))`,
    ),
    "PRAGMA wal_checkpoint(TRUNCATE)",
  );
  const path = join(data, DATABASE_FILE);
  const file = await open(path, "r+");
  const { size } = await file.stat();
  await file.write(new Uint8Array(80_000).fill(0xff), 0, 80_000, Math.floor(size / 2));
  await file.close();
}

describe("drawbridge store check", () => {
  it("it lists the queues of a sound store and exits with 0", async () => {
    await fill();
    const { code, out, err } = await store("check");
    expect(err).toBe("");
    expect(out).toMatch(/^QUEUE +DUE +LATER +OLDEST DUE\nact#ci +1 +0 +2026-11-02T09:00:00.000Z\nrelay +1 +0 +2026-/);
    expect(out).toMatch(/\n4 items in \d\d kB: sound\n$/);
    expect(code).toBe(0);
  });

  it("the size includes what only the write-ahead log of a running bridge has", async () => {
    await fill();
    const { size } = await stat(join(data, DATABASE_FILE));
    await inStore(async ({ deliveries }) => {
      for (let n = 3; n < 40; n += 1) await deliveries.record(sampleDelivery(n));
      const { out } = await store("check");
      const [, shown = ""] = / in ([\d.]+) [kM]B: sound\n$/.exec(out) ?? [];
      expect((await stat(join(data, DATABASE_FILE))).size).toBe(size);
      expect(Number(shown)).toBeGreaterThan(size / 1_000 + 10);
    });
  });

  it("it says so if no queue has work", async () => {
    openTable(data, silentLog).close();
    expect((await store("check")).out).toMatch(/^No queue has work\.\n\n0 items in \d+ kB: sound\n$/);
  });

  it("it finds work in no queue, a queue with nothing to do, and unreadable items, and repairs what it can", async () => {
    await fill();
    edit(
      "UPDATE items SET queue = NULL, dueAt = NULL WHERE queue IS NOT NULL",
      "UPDATE items SET queue = 'act#ci', dueAt = 1 WHERE pk = 'a-done'",
      `UPDATE items SET content = x'7800' WHERE pk = '${sampleDelivery(2).id}'`,
    );
    const found = await store("check");
    expect(found.code).toBe(1);
    const findings = [`in no queue +a-due`, `in a queue +a-done`, `in no queue +${unrelayed.id}`];
    for (const finding of [...findings, `unreadable +${sampleDelivery(2).id}`])
      expect(found.out).toMatch(new RegExp(`\\n${finding} +no\\n`));
    expect(found.out).toContain("4 findings\n\nStop the bridge and run it again with --repair.");

    const repaired = await store("check", "--repair");
    for (const finding of findings) expect(repaired.out).toMatch(new RegExp(`\\n${finding} +yes\\n`));
    expect(repaired.out).toContain("1 finding\n\nUnreadable items cannot be repaired");
    expect(repaired.code).toBe(1);
    await inStore(async ({ actions, deliveries }) => {
      expect(await actions.due("ci", systemClock.now(), 10)).toEqual(["a-due"]);
      expect(await deliveries.unrelayed(systemClock.now(), 10)).toEqual([unrelayed.id]);
    });
    edit(`DELETE FROM items WHERE pk = '${sampleDelivery(2).id}'`);
    expect((await store("check")).code).toBe(0);
  });

  it("it finds index entries that do not match their items, and makes the indexes anew", async () => {
    await fill();
    // SQLite itself keeps them together, so the definition of the index is changed for one write: it then looks elsewhere.
    const where = "WHERE queue IS NOT NULL";
    const define = (from: string, to: string): void => {
      const database = new DatabaseSync(join(data, DATABASE_FILE), { defensive: false });
      database.exec("PRAGMA writable_schema = ON");
      database.prepare("UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = 'due'").run(from, to);
      database.close();
    };
    define(where, "WHERE queue = 'none'");
    edit("DELETE FROM items WHERE pk = 'a-due'");
    define("WHERE queue = 'none'", where);
    const found = await store("check");
    expect(found.out).toMatch(/wrong index entries +\d+ +no\n/);
    expect(found.code).toBe(1);
    const repaired = await store("check", "--repair");
    expect(repaired.out).toMatch(/wrong index entries +\d+ +yes\n/);
    expect(repaired.code).toBe(0);
    expect((await store("check")).out).toContain("sound");
  });

  it("it says that a damaged file is damaged, and exits with 6", async () => {
    await fill();
    await damage();
    const { code, out } = await store("check");
    expect(out).toContain("The file is damaged. Stop the bridge and restore a backup");
    expect(code).toBe(6);
  });

  it("it says what to do if the folder has no database", async () => {
    const { code, err } = await store("check");
    expect(err).toBe(`drawbridge: ${data} has no database: give the data folder with --data\n`);
    expect(code).toBe(1);
  });
});

describe("drawbridge store backup and restore", () => {
  it("a backup of a running bridge has every delivery that was accepted before it, and the bridge continues", async () => {
    const listener = await startSandboxListener();
    bridge = await startBridgeProcess(home, { listener: listener.url, data });
    const accepted: string[] = [];
    let n = 0;
    let isBackedUp = false;
    const push = async (): Promise<string> => {
      n += 1;
      const answer = await started().push(n);
      expect(answer.status).toBe(202);
      return ((await answer.json()) as { readonly delivery: string }).delivery;
    };
    while (accepted.length < 20) accepted.push(await push());
    const file = join(home, "backup.db");
    const made = store("backup", file).finally(() => {
      isBackedUp = true;
    });
    const later: string[] = [];
    while (!isBackedUp) later.push(await push());
    const { code, out, err } = await made;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/has [\d,]+ items in [\d.]+ [kM]B, and is sound\.\n$/);
    expect((await stat(file)).mode & 0o077).toBe(0);
    expect((await readdir(home)).sort()).toEqual(["backup.db", "data", "drawbridge.yaml"]);
    expect((await store("check")).code).toBe(0);

    // No bridge may have the folder open.
    const refused = await store("restore", file);
    expect(refused.err).toContain(`${data} is in use by another bridge`);
    expect(refused.code).toBe(1);
    expect((await store("check", "--repair")).err).toContain("is in use by another bridge");
    await push();
    await bridge.stop();

    const restored = await store("restore", file);
    expect(restored.code).toBe(0);
    const [, kept = ""] = /The database that was there is in (.*)\.\n$/.exec(restored.out) ?? [];
    expect((await store("check")).code).toBe(0);
    await inStore(async ({ deliveries }) => {
      for (const id of accepted) expect(await deliveries.get(id)).toBeDefined();
    });
    await inStore(async ({ deliveries }) => {
      for (const id of [...accepted, ...later]) expect(await deliveries.get(id)).toBeDefined();
    }, kept);

    // The restored bridge works.
    bridge = await startBridgeProcess(home, { listener: listener.url, data });
    const triggers = listener.requests.length;
    await push();
    await until(
      "another trigger",
      () => listener.requests.length,
      (count) => count > triggers,
    );
    await listener.close();
  }, 60_000);

  it("a backup replaces a file only with --force, and is never written into the data folder", async () => {
    await fill();
    const file = join(home, "backup.db");
    expect((await store("backup", file)).code).toBe(0);
    expect((await store("backup", file)).err).toContain("exists: give another file, or --force to replace it");
    expect((await store("backup", file, "--force")).code).toBe(0);
    expect((await store("backup", join(data, "backup.db"))).err).toContain("is in the data folder");
    expect((await store("backup", join(home, "none", "backup.db"))).err).toContain("its folder does not exist");
  });

  it("the files of a copy that was killed do not harm the next one", async () => {
    await fill();
    const file = join(home, "backup.db");
    for (const left of [".part", ".part-journal", ".part-wal"])
      await writeFile(`${file}${left}`, "left ".repeat(9_000));
    expect((await store("backup", file)).code).toBe(0);
    for (const left of [".restoring", ".restoring-journal"])
      await writeFile(join(data, `${DATABASE_FILE}${left}`), "left ".repeat(9_000));
    expect((await store("restore", file)).code).toBe(0);
    expect((await store("check")).out).toContain("4 items");
    expect((await readdir(home)).sort()).toEqual(["backup.db", "data"]);
  });

  it("a damaged database is not backed up, and no part of a copy stays", async () => {
    await fill();
    await damage();
    const { code, err } = await store("backup", join(home, "backup.db"));
    expect(err).toContain("is damaged");
    expect(code).toBe(6);
    expect(await readdir(home)).toEqual(["data"]);
  });

  it.each([
    ["is damaged", 6, async (file: string) => truncate(file, 9_000)],
    ["is damaged (the file is not a database)", 6, async (file: string) => writeFile(file, "no database ".repeat(99))],
    ["does not exist", 1, async (file: string) => rm(file)],
    [
      "is no database of Drawbridge",
      1,
      async (file: string) => {
        await rm(file);
        const other = new DatabaseSync(file);
        other.exec("CREATE TABLE notes (text)");
        other.close();
      },
    ],
  ] as const)("a backup that %s is not restored, and the data folder stays as it is", async (why, exit, spoil) => {
    await fill();
    const file = join(home, "backup.db");
    await store("backup", file);
    await spoil(file);
    const { code, err } = await store("restore", file);
    expect(err).toContain(`${file} ${why}`);
    expect(code).toBe(exit);
    expect((await store("check")).out).toContain("4 items");
    expect((await readdir(data)).filter((name) => !/^drawbridge\.(db|lock)/.test(name))).toEqual([]);
    expect(existsSync(join(data, "drawbridge.db.restoring"))).toBe(false);
  });

  it("a restore into an empty folder works, and one over a damaged database keeps that as it was", async () => {
    await fill();
    const file = join(home, "backup.db");
    await store("backup", file);
    await damage();
    const restored = await store("restore", file);
    expect(restored.code).toBe(0);
    const [, kept = ""] = /The database that was there is in (.*)\.\n$/.exec(restored.out) ?? [];
    expect((await stat(join(kept, DATABASE_FILE))).size).toBeGreaterThan(300_000);
    expect((await store("check")).out).toContain("4 items");
    await rm(data, { recursive: true });
    await mkdir(data);
    expect(await store("restore", file)).toMatchObject({ code: 0, out: `${data} has the 4 items of ${file}.\n` });
    expect((await store("check")).out).toContain("4 items");
  });
});

describe("what a restore undoes", () => {
  const PAGE = { site: "https://wiki.example.test", id: "98310" };
  const wiki = { ...sourcePrincipal("wiki", "hub-signature", "current"), actor: "ff80aa01" };
  const now = systemClock.now();
  const approval = {
    ...{ id: "p-1", route: "docs", action: "a-1", delivery: "d-1", subject: "98310", requester: wiki, page: PAGE },
    about: { key: "page#98310", at: toIso(now), mark: "7" },
    requestedAt: now,
    until: laterBy(now, 3_600_000),
    approvers: ["release-manager"],
  };
  const build = { system: "tekton", pipeline: "ci/docs", createdAt: toIso(now) } as const;

  it("a page's newer rows, the answers to approvals, and the use of single-use tokens since the backup are gone", async () => {
    const until = epochSeconds(toSeconds(now) + 600);
    await inStore(async ({ approvals, boards }) => {
      await approvals.request(approval);
      const row = { key: "docs", build: { ...build, id: "run-1", state: "failed" }, delivery: "d-1" } as const;
      await boards.advance(PAGE, row);
    });
    const file = join(home, "backup.db");
    expect((await store("backup", file)).code).toBe(0);
    await inStore(async ({ approvals, boards, replayCache }) => {
      await approvals.move("p-1", ["requested"], { state: "denied", decision: { by: wiki, at: now } });
      const createdAt = toIso(laterBy(now, 60_000));
      const later = { ...build, id: "run-2", state: "succeeded", createdAt } as const;
      await boards.advance(PAGE, { key: "docs", build: later, delivery: "d-2" });
      expect(await replayCache.take("token", "first use", until)).toBe(true);
    });
    expect((await store("restore", file)).code).toBe(0);
    await inStore(async ({ approvals, boards, replayCache }) => {
      expect(await approvals.get("p-1")).toMatchObject({ state: "requested" });
      expect((await boards.read(PAGE)).rows).toMatchObject([{ build: { id: "run-1", state: "failed" } }]);
      expect(await replayCache.take("token", "another use", until)).toBe(true);
      expect(await replayCache.take("token", "a third use", until)).toBe(false);
    });
  });
});

describe("a folder or another program's database in place of a file", () => {
  /** A database with the version that this program uses, and one without any version. */
  function otherDatabase(file: string, version: number): void {
    const other = new DatabaseSync(file);
    other.exec(`CREATE TABLE notes (text); PRAGMA user_version = ${version}`);
    other.close();
  }

  it.each([0, 1])(
    "every command and the start name a foreign database with version %i, and leave it",
    async (version) => {
      await mkdir(data);
      const file = join(data, DATABASE_FILE);
      otherDatabase(file, version);
      const foreign = join(home, "foreign.db");
      otherDatabase(foreign, version);
      const bytes = await readFile(file);
      const text = `drawbridge: ${file} is no database of Drawbridge\n`;
      expect(await store("check")).toMatchObject({ code: 1, err: text });
      expect(await store("check", "--repair")).toMatchObject({ code: 1, err: text });
      expect(await store("backup", join(home, "backup.db"))).toMatchObject({ code: 1, err: text });
      expect(() => openTable(data, silentLog)).toThrow(`${file} is no database of Drawbridge`);
      const restored = await store("restore", foreign);
      expect(restored).toMatchObject({ code: 1, err: `drawbridge: ${foreign} is no database of Drawbridge\n` });
      // The first 100 bytes are the header, which has the mode of the log.
      expect((await readFile(file)).subarray(100)).toEqual(bytes.subarray(100));
    },
  );

  it("a folder is named as a folder, and --force does not replace it", async () => {
    await fill();
    const path = join(home, "folder");
    await mkdir(path);
    const text = `drawbridge: ${path} is a folder: give a file\n`;
    expect(await store("backup", path)).toMatchObject({ code: 1, err: text });
    expect(await store("backup", path, "--force")).toMatchObject({ code: 1, err: text });
    expect(await store("restore", path)).toMatchObject({ code: 1, err: text });
    expect((await store("check")).out).toContain("4 items");
    await rm(data, { recursive: true });
    await mkdir(join(data, DATABASE_FILE), { recursive: true });
    expect((await store("check")).err).toBe(`drawbridge: ${join(data, DATABASE_FILE)} is a folder: give a file\n`);
  });

  it("a file in place of the data folder is named as a file", async () => {
    await writeFile(data, "");
    const { code, err } = await store("check");
    expect({ code, err }).toEqual({
      code: 1,
      err: `drawbridge: ${data} is a file: give the data folder with --data\n`,
    });
  });
});

describe.skipIf(process.getuid?.() !== 0)("the user root", () => {
  const USER = 12_345;
  const owners = async (): Promise<Readonly<Record<string, number>>> => {
    const names = (await readdir(data, { recursive: true })).sort();
    return Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, (await stat(join(data, name))).uid] as const)),
    );
  };

  it("a restore leaves every file to the owner of the database, and of the folder if there is none", async () => {
    await fill();
    const file = join(home, "backup.db");
    await store("backup", file);
    for (const path of [".", ...(await readdir(data))]) await chown(join(data, path), USER, USER);
    for (const round of [1, 2]) {
      expect({ round, ...(await store("restore", file)) }).toMatchObject({ round, code: 0 });
      expect(Object.values(await owners())).toEqual(
        Array((await readdir(data, { recursive: true })).length).fill(USER),
      );
    }
    await rm(data, { recursive: true });
    await mkdir(data);
    await chown(data, USER, USER);
    expect((await store("restore", file)).code).toBe(0);
    expect(await owners()).toEqual({ "drawbridge.db": USER, "drawbridge.lock": USER });
  });

  it("a start in the folder of another user leaves every file to that user", async () => {
    await mkdir(data);
    await chown(data, USER, USER);
    const { table, close } = openTable(data, silentLog);
    await table.create({ pk: "p", sk: "head" });
    const files = ["drawbridge.db", "drawbridge.db-shm", "drawbridge.db-wal", "drawbridge.lock"];
    expect(await owners()).toEqual(Object.fromEntries(files.map((name) => [name, USER])));
    close();
  });
});

/** The number of items in a queue, beside a running bridge. */
function queued(): number {
  const database = new DatabaseSync(join(data, DATABASE_FILE), { readOnly: true });
  const { items } = database.prepare("SELECT count(*) AS items FROM items WHERE queue IS NOT NULL").get() as {
    readonly items: number;
  };
  database.close();
  return items;
}

describe("the start of a bridge", () => {
  it("work that is in no queue is due again, with a log line", async () => {
    await inStore(async ({ actions, deliveries }) => {
      await deliveries.record(sampleDelivery(1));
      await actions.schedule({ ...actionOf("a-1"), target: "listener" }, NOW);
    });
    edit("UPDATE items SET queue = NULL, dueAt = NULL");
    const listener = await startSandboxListener();
    bridge = await startBridgeProcess(home, { listener: listener.url, data });
    const lines = bridge.linesOf("work that was in no queue is due now");
    expect(lines.map(({ item }) => item).sort()).toEqual(["a-1", unrelayed.id].sort());
    await until("the event to be relayed", queued, (count) => count === 1);
    await bridge.stop();
    await inStore(async ({ actions, deliveries }) => {
      // Its route is not configured, so it waits for the route.
      expect(await actions.state("a-1")).toBe("due");
      expect((await deliveries.get(unrelayed.id))?.relayedAt).toBeDefined();
    });
    await listener.close();
  });

  it("a damaged database ends the start with 6, the cause and what to do", async () => {
    await fill();
    await damage();
    await expect(startBridgeProcess(home, { listener: new URL("http://127.0.0.1:1"), data })).rejects.toThrow(
      /the bridge ended with 6: drawbridge: .*is damaged.*restore a backup: .*drawbridge.* store restore <file>/s,
    );
  });
});
