import { spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type DatabaseSyncInstance } from "@photostructure/sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DATABASE_FILE } from "../../shared/store/sqlite/open.ts";
import { type BridgeProcess, startBridgeProcess } from "../support/bridge-process.ts";
import { type SandboxListener, startSandboxListener } from "../support/sandbox-listener.ts";
import { until } from "../support/until.ts";

/** Mounts a disk in memory, which only the process itself sees, and runs a command on it. */
const onSmallDisk = (folder: string): readonly string[] => [
  ...["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"],
  'mount -t tmpfs -o size=16m none "$0" && exec "$@"',
  folder,
];

const NO_DISK = spawnSync("unshare", [
  "--user",
  "--map-root-user",
  "--mount",
  "mount",
  "-t",
  "tmpfs",
  "none",
  "/mnt",
]).status;
const NO_LIMITS = spawnSync("prlimit", ["--version"]).status;

let home: string;
let listener: SandboxListener;
let bridge: BridgeProcess | undefined;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "drawbridge-disk-"));
  await mkdir(join(home, "data"));
  listener = await startSandboxListener();
});
afterEach(async () => {
  await bridge?.stop();
  bridge = undefined;
  await listener.close();
  await rm(home, { recursive: true, force: true });
});

async function start(wrapper: readonly string[]): Promise<BridgeProcess> {
  bridge = await startBridgeProcess(home, { listener: listener.url, data: join(home, "data"), wrapper });
  return bridge;
}

/** Sends pushes from number `from` on until one has this status, and returns that answer and the accepted numbers. */
async function pushUntil(sender: BridgeProcess, status: number, from: number) {
  const accepted: number[] = [];
  for (let n = from; n < from + 2_000; n++) {
    const answer = await sender.push(n);
    if (answer.status === 202) accepted.push(n);
    if (answer.status === status) return { answer, accepted, next: n + 1 };
    expect([202, 503]).toContain(answer.status);
  }
  throw new Error(`no answer had the status ${status}`);
}

/** The runs. A call whose outcome could not be recorded is repeated under its key, and makes no second run. */
const triggers = (): number => listener.runs.size;

/** The whole history: it fails with the cause, recovers without a restart, and fires each accepted push once. */
async function expectRecovery(
  sender: BridgeProcess,
  { fail, recover, cause }: { readonly fail: () => void; readonly recover: () => void; readonly cause: string },
): Promise<void> {
  const before = await pushUntil(sender, 202, 0);
  fail();
  const full = await pushUntil(sender, 503, before.next);
  expect(full.answer.headers.get("retry-after")).toBe("2");
  for (let n = full.next; n < full.next + 20; n++) expect((await sender.push(n)).status).toBe(503);
  // A small write of the bridge's own may still find room: then the last write did not fail, until the next push.
  const causeNow = async (): Promise<string> => {
    expect((await sender.push(full.next)).status).toBe(503);
    const ready = await fetch(new URL("/readyz", sender.url));
    expect(ready.status).toBe(503);
    return ready.text();
  };
  const ready = await until("the cause", causeNow, (text) => text.includes(cause));
  expect(JSON.parse(ready)).toMatchObject({
    status: "unavailable",
    checks: { store: `the database failed: ${cause}` },
  });
  recover();
  // The sender of the push that was answered 503 sends it again.
  const again = await until(
    "the bridge to accept pushes",
    () => sender.push(full.next - 1),
    ({ status }) => status !== 503,
  );
  expect(again.status).toBe(202);
  const later = await pushUntil(sender, 202, full.next + 100);
  const accepted = before.accepted.length + full.accepted.length + 1 + later.accepted.length;
  await until("a trigger for each accepted push", triggers, (count) => count >= accepted);
  expect(triggers()).toBe(accepted);
  const failures = sender.linesOf("the database failed; senders are answered 503 until it works again");
  expect(failures).toMatchObject([{ level: "error", cause, failures: 1 }]);
  expect(sender.linesOf("the database works again").length).toBeGreaterThan(0);
  expect(sender.process.exitCode).toBe(null);
}

describe("a disk that is full while the bridge runs", () => {
  it.skipIf(NO_DISK !== 0)(
    "senders are answered 503, and without a restart nothing is lost and work continues when there is room",
    async () => {
      const sender = await start(onSmallDisk(join(home, "data")));
      // The disk is mounted only for the process.
      const ballast = join("/proc", String(sender.process.pid), "root", home, "data", "ballast");
      await expectRecovery(sender, {
        cause: "the disk is full",
        fail: () => fill(ballast),
        recover: () => rmSync(ballast),
      });
      const ready = await fetch(new URL("/readyz", sender.url));
      expect(await ready.json()).toMatchObject({ status: "ready", checks: { store: "ok", space: "ok" } });
    },
    60_000,
  );
});

/** Writes a file until the disk is full. */
function fill(path: string): void {
  const file = openSync(path, "w");
  try {
    for (;;) writeSync(file, Buffer.alloc(4_096));
  } catch (error) {
    expect(error).toMatchObject({ code: "ENOSPC" });
  } finally {
    closeSync(file);
  }
}

describe("a disk that reports errors while the bridge runs", () => {
  it.skipIf(NO_LIMITS !== 0)(
    "senders are answered 503, and without a restart nothing is lost and work continues when the errors end",
    async () => {
      const sender = await start([]);
      const limit = (bytes: string): void => {
        const { status } = spawnSync("prlimit", ["--pid", String(sender.process.pid), `--fsize=${bytes}:`]);
        expect(status).toBe(0);
      };
      await expectRecovery(sender, {
        cause: "the disk reports an input or output error",
        // A write beyond this size of a file fails.
        fail: () => limit("8192"),
        recover: () => limit("unlimited"),
      });
    },
    60_000,
  );
});

describe("another process that has locked the database", () => {
  it("senders are answered 503, other requests go on, and when the lock ends nothing is lost", async () => {
    const sender = await start([]);
    expect((await sender.push(0)).status).toBe(202);
    const other = new DatabaseSync(join(home, "data", DATABASE_FILE));
    for (const round of [1, 2]) {
      await until("the lock", () => lockedBy(other));
      const pushes = Array.from({ length: 10 }, (_, n) => sender.push(round * 100 + n));
      const health = await fetch(new URL("/healthz", sender.url));
      expect(health.status).toBe(200);
      expect((await Promise.all(pushes)).map(({ status }) => status)).toEqual(Array(10).fill(503));
      other.exec("ROLLBACK");
      for (let n = 0; n < 10; n += 1) expect((await sender.push(round * 100 + n)).status).toBe(202);
    }
    other.close();
    await until("a trigger for each accepted push", triggers, (count) => count >= 21);
    expect(triggers()).toBe(21);
  }, 60_000);
});

/** Takes the lock for writing, unless the bridge has it in this instant. */
function lockedBy(other: DatabaseSyncInstance): boolean {
  try {
    other.exec("BEGIN IMMEDIATE");
    return true;
  } catch {
    return false;
  }
}
