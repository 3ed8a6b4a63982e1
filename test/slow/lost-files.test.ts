import {
  copyFileSync,
  existsSync,
  linkSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DATABASE_FILE, openDatabase, openTable } from "../../shared/store/sqlite/open.ts";
import { OpenFiles } from "../../shared/store/sqlite/open-files.ts";
import { SqliteTable } from "../../shared/store/sqlite/table.ts";
import { type BridgeProcess, startBridgeProcess } from "../support/bridge-process.ts";
import { commandLine, type Ran } from "../support/command-line.ts";
import { type SandboxListener, startSandboxListener } from "../support/sandbox-listener.ts";
import { silentLog } from "../support/test-doubles.ts";
import { until } from "../support/until.ts";

let home: string;
let data: string;
let database: string;
let listener: SandboxListener;
let bridge: BridgeProcess | undefined;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-lost-"));
  data = join(home, "data");
  database = join(data, DATABASE_FILE);
  listener = await startSandboxListener();
});
afterEach(async () => {
  await bridge?.stop();
  bridge = undefined;
  await listener.close();
  await rm(home, { recursive: true, force: true });
});

async function start(): Promise<BridgeProcess> {
  bridge = await startBridgeProcess(home, { listener: listener.url, data });
  return bridge;
}

const store = (...args: readonly string[]): Promise<Ran> =>
  commandLine(["store", ...args, "--data", data], { cwd: home }).ended;

const statusOf = async (sender: BridgeProcess, n: number): Promise<number> => (await sender.push(n)).status;

async function readyz(sender: BridgeProcess): Promise<unknown> {
  const answer = await fetch(new URL("/readyz", sender.url));
  return { code: answer.status, ...((await answer.json()) as object) };
}

const FAILED = "the database failed; senders are answered 503 until it works again";

/** Replaces the database by a backup of it, with a rename. */
async function replaceByBackup(): Promise<void> {
  const backup = join(home, "backup.db");
  expect((await store("backup", backup, "--force")).code).toBe(0);
  replaceBy(backup);
}

function replaceBy(backup: string): void {
  copyFileSync(backup, join(data, "new.db"));
  renameSync(join(data, "new.db"), database);
}

/** Where a link leads; empty if it is gone. */
function linkIn(folder: string, name: string): string {
  try {
    return readlinkSync(join(folder, name));
  } catch {
    return "";
  }
}

describe("a file of the database that is lost while the bridge runs", () => {
  it.each([
    ["the database is replaced", "drawbridge.db was replaced by another file", replaceByBackup],
    ["the database is deleted", "drawbridge.db is gone from the data folder", () => rmSync(database)],
    ["the folder is deleted", "drawbridge.db is gone from the data folder", () => rmSync(data, { recursive: true })],
    ["the log is deleted", "drawbridge.db-wal is gone from the data folder", () => rmSync(`${database}-wal`)],
    ["the log's index is deleted", "drawbridge.db-shm is gone from the data folder", () => rmSync(`${database}-shm`)],
  ] as const)("if %s, every push is answered 503 and the readiness has the cause", async (_, cause, lose) => {
    const sender = await start();
    expect(await statusOf(sender, 1)).toBe(202);
    await lose();
    for (let n = 2; n < 6; n += 1) expect(await statusOf(sender, n)).toBe(503);
    // A repeat of an accepted delivery is not confirmed either.
    expect(await statusOf(sender, 1)).toBe(503);
    const store = `the database failed: ${cause}`;
    expect(await readyz(sender)).toMatchObject({ code: 503, status: "unavailable", checks: { store } });
    expect(sender.linesOf(FAILED)).toMatchObject([{ level: "error", cause }]);
    expect(sender.process.exitCode).toBe(null);
  });

  it("a bridge without requests finds out by itself", async () => {
    const sender = await start();
    rmSync(data, { recursive: true });
    await until(
      "the log line",
      () => sender.linesOf(FAILED),
      ({ length }) => length > 0,
    );
  });

  it("if the folder comes back, the bridge accepts pushes again, also the second time, and fires each one once", async () => {
    const sender = await start();
    const triggers = (wanted: number) =>
      until(
        "a trigger for each push",
        () => listener.requests.length,
        (count) => count >= wanted,
      );
    for (const round of [1, 2]) {
      expect(await statusOf(sender, round * 10)).toBe(202);
      await triggers(round * 2 - 1);
      renameSync(data, join(home, "elsewhere"));
      expect(await statusOf(sender, round * 10 + 1)).toBe(503);
      await mkdir(data);
      expect(await statusOf(sender, round * 10 + 1)).toBe(503);
      rmSync(data, { recursive: true });
      renameSync(join(home, "elsewhere"), data);
      expect(await readyz(sender)).toMatchObject({ code: 200, checks: { store: "ok" } });
      expect(await statusOf(sender, round * 10 + 1)).toBe(202);
      await triggers(round * 2);
    }
    expect(listener.requests.length).toBe(4);
  });

  it("after the database was replaced, a crash does not damage the new one, and the bridge starts with it", async () => {
    const first = await start();
    for (let n = 0; n < 30; n += 1) expect(await statusOf(first, n)).toBe(202);
    await replaceByBackup();
    for (let n = 30; n < 40; n += 1) expect(await statusOf(first, n)).toBe(503);
    await first.stop();
    const second = await start();
    // The sender repeats what was answered 503.
    for (let n = 30; n < 40; n += 1) expect(await statusOf(second, n)).toBe(202);
    await second.stop();
    expect((await store("check")).code).toBe(0);
  });

  it.skipIf(process.platform !== "linux")(
    "what the replaced database had accepted is in the file that the process has open, which a restore takes",
    async () => {
      const first = await start();
      const backup = join(home, "backup.db");
      expect((await store("backup", backup)).code).toBe(0);
      for (let n = 0; n < 5; n += 1) expect(await statusOf(first, n)).toBe(202);
      replaceBy(backup);
      expect(await statusOf(first, 5)).toBe(503);
      const opened = join("/proc", String(first.process.pid), "fd");
      const number = readdirSync(opened).find((one) => /drawbridge\.db \(deleted\)$/.test(linkIn(opened, one)));
      copyFileSync(join(opened, String(number)), join(home, "rescued.db"));
      await first.stop();
      expect((await store("restore", join(home, "rescued.db"))).code).toBe(0);
      const second = await start();
      for (let n = 0; n < 5; n += 1) expect(await (await second.push(n)).json()).toMatchObject({ status: "duplicate" });
      expect(await statusOf(second, 5)).toBe(202);
    },
  );

  it("after the log was deleted, a restart has everything that was accepted", async () => {
    const first = await start();
    const accepted = [];
    for (let n = 0; n < 5; n += 1)
      accepted.push(((await (await first.push(n)).json()) as { delivery: string }).delivery);
    rmSync(`${database}-wal`);
    rmSync(`${database}-shm`);
    expect(await statusOf(first, 6)).toBe(503);
    await first.stop();
    const second = await start();
    for (let n = 0; n < 5; n += 1) {
      const answer = (await (await second.push(n)).json()) as { delivery: string; status: string };
      expect(answer).toMatchObject({ status: "duplicate", delivery: accepted[n] });
    }
  });

  it("a data folder that is a symbolic link works, and is lost if it leads elsewhere", async () => {
    const [one, other] = [join(home, "one"), join(home, "other")];
    await mkdir(one);
    await mkdir(other);
    symlinkSync(one, data);
    const sender = await start();
    expect(await statusOf(sender, 1)).toBe(202);
    unlinkSync(data);
    symlinkSync(other, data);
    expect(await statusOf(sender, 2)).toBe(503);
    unlinkSync(data);
    symlinkSync(one, data);
    expect(await statusOf(sender, 2)).toBe(202);
  });
});

describe("a lock file that is deleted while the bridge runs", () => {
  const REFUSAL = "has a new lock file, and another process has its database open: end that bridge, backup or check";

  it("every second bridge and repair is refused, and the first bridge continues", async () => {
    const first = await start();
    const backup = join(home, "backup.db");
    expect((await store("backup", backup)).code).toBe(0);
    rmSync(join(data, "drawbridge.lock"));
    for (const round of [1, 2]) {
      await expect(startBridgeProcess(home, { listener: listener.url, data })).rejects.toThrow(
        `the bridge ended with 1: drawbridge: ${data} ${REFUSAL}`,
      );
      expect(await store("check", "--repair")).toMatchObject({ code: 1, err: expect.stringContaining(REFUSAL) });
      expect(await store("restore", backup)).toMatchObject({ code: 1, err: expect.stringContaining(REFUSAL) });
      expect(await statusOf(first, round)).toBe(202);
    }
    expect(await readyz(first)).toMatchObject({ status: "ready" });
    await first.stop();
    const second = await start();
    expect(await statusOf(second, 3)).toBe(202);
    expect((await store("check", "--repair")).err).toContain("is in use by another bridge");
  }, 60_000);

  it("a copy of the lock file in its place lets no second bridge in", async () => {
    const first = await start();
    const lock = join(data, "drawbridge.lock");
    copyFileSync(lock, `${lock}.copy`);
    renameSync(`${lock}.copy`, lock);
    await expect(startBridgeProcess(home, { listener: listener.url, data })).rejects.toThrow(REFUSAL);
    expect(await statusOf(first, 1)).toBe(202);
  });

  it("a reader of the database, such as a backup, does not keep a bridge with its lock file from a start", async () => {
    await (await start()).stop();
    const reader = new DatabaseSync(database, { readOnly: true });
    reader.exec("BEGIN; SELECT count(*) FROM items");
    expect(await statusOf(await start(), 1)).toBe(202);
    reader.close();
  });
});

describe("the check of the files", () => {
  const key = (n: number) => ({ pk: `p-${n}`, sk: "head" });

  it("a write fails if its file is lost during its commit", async () => {
    openTable(data, silentLog).close();
    const opened = openDatabase(database);
    const files = new OpenFiles(database);
    let whenChecked = (): void => undefined;
    // The database is moved after the check that comes before the commit.
    const check = (): void => {
      files.check();
      whenChecked();
    };
    const table = new SqliteTable(opened, { log: silentLog, files: { check } });
    whenChecked = () => renameSync(database, `${database}.away`);
    await expect(table.create(key(1))).rejects.toMatchObject({
      code: "store_unavailable",
      message: "the database failed: drawbridge.db is gone from the data folder",
    });
    renameSync(`${database}.away`, database);
    whenChecked = () => undefined;
    expect(await table.create(key(2))).toBe(true);
    table.close();
  });

  it("a hard link to the database, such as that of a backup, changes nothing", async () => {
    const { table, close } = openTable(data, silentLog);
    linkSync(database, join(home, "linked.db"));
    expect(await table.create(key(1))).toBe(true);
    rmSync(join(home, "linked.db"));
    expect(await table.create(key(2))).toBe(true);
    close();
  });

  it("a close does not delete the log of the database that is in the folder now", async () => {
    const { close } = openTable(data, silentLog);
    renameSync(data, join(home, "elsewhere"));
    const other = openTable(data, silentLog);
    await other.table.create(key(1));
    close();
    expect(existsSync(`${database}-wal`)).toBe(true);
    expect(await other.table.create(key(2))).toBe(true);
    other.close();
  });
});
