import { describe, expect, it } from "vitest";
import { type Readiness, type ReadinessDeps, ReadinessLog, readinessOf } from "../../../shared/delivery/readiness.ts";
import { Fault } from "../../../shared/host/fault.ts";
import type { LogFields } from "../../../shared/host/log.ts";
import { silentLog, testClock } from "../../support/test-doubles.ts";

const clock = testClock();
const MB = 1_000_000;

const SOUND: ReadinessDeps = {
  checkStore: async () => undefined,
  diskSpace: async () => ({ freeBytes: 5_000 * MB, totalBytes: 50_000 * MB }),
  outbox: { unrelayed: async () => [] },
  waitingTargets: async () => [],
  unreadableKeys: () => [],
  clock,
};

const readinessWith = (changes: Partial<ReadinessDeps>): Promise<Readiness> => readinessOf({ ...SOUND, ...changes });
const disk = (freeBytes: number, totalBytes: number) => ({ diskSpace: async () => ({ freeBytes, totalBytes }) });

describe("the readiness of a bridge on one machine", () => {
  it("a sound bridge is ready, and each check says ok", async () => {
    const checks = { store: "ok", space: "ok", outbox: "ok", lanes: "ok", keys: "ok" };
    expect(await readinessWith({})).toEqual({ status: "ready", checks, targets: [], trustEntries: [] });
    expect(await readinessWith({ diskSpace: undefined })).toMatchObject({ status: "ready" });
  });

  it("a store that fails makes it unavailable, with the cause", async () => {
    const checkStore = () => Promise.reject(new Fault("store_unavailable", "the database failed", { retryable: true }));
    expect(await readinessWith({ checkStore })).toMatchObject({
      status: "unavailable",
      checks: { store: "the database failed", space: "ok" },
    });
    const unrelayed = checkStore;
    expect(await readinessWith({ outbox: { unrelayed } })).toMatchObject({ status: "unavailable" });
  });

  it("an error that is no fault is named by its class, because its text may quote anything", async () => {
    const checkStore = () => Promise.reject(new TypeError("a secret"));
    expect(await readinessWith({ checkStore })).toMatchObject({ checks: { store: "TypeError" } });
  });

  it.each([
    ["100 MB are enough on a large disk", disk(100 * MB, 50_000 * MB), "ready"],
    ["less than 100 MB are not enough on a large disk", disk(99 * MB, 50_000 * MB), "unavailable"],
    ["a twentieth is enough on a small disk", disk(6 * MB, 100 * MB), "ready"],
    ["less than a twentieth is not enough on a small disk", disk(4 * MB, 100 * MB), "unavailable"],
    ["a database file that is gone is not enough", { diskSpace: () => Promise.reject(new Error()) }, "unavailable"],
  ])("%s", async (_, changes, status) => {
    const readiness = await readinessWith(changes);
    expect(readiness.status).toBe(status);
    expect(readiness.checks["space"] === "ok").toBe(status === "ready");
  });

  it("work that waits for too long degrades it, and the answer to callers names no target", async () => {
    const waitingTargets = async () => [
      { target: "prod", problem: "stalled" as const },
      { target: "wiki", problem: "overdue" as const },
      { target: "docs", problem: "failing" as const },
      { target: "ci", problem: "failing" as const },
    ];
    const { status, checks, targets } = await readinessWith({
      waitingTargets,
      outbox: { unrelayed: async () => ["d-1"] },
    });
    expect(status).toBe("degraded");
    expect(checks).toEqual({
      store: "ok",
      space: "ok",
      outbox: "deliveries are overdue by more than 10 minutes",
      lanes:
        "1 target has due actions and finished none for 5 minutes; 2 targets have actions that wait, and each attempt has failed for 10 minutes; 1 target has actions that are overdue by more than 10 minutes",
      keys: "ok",
    });
    expect(targets).toEqual(["prod", "wiki", "docs", "ci"]);
  });
});

describe("the keys of issuers", () => {
  it("keys that cannot be loaded degrade it, without the name of the issuer for strangers", async () => {
    const { status, checks, trustEntries } = await readinessWith({ unreadableKeys: () => ["ci", "partner"] });
    expect([status, checks["keys"]]).toEqual(["degraded", "the keys of 2 issuers cannot be loaded"]);
    expect(trustEntries).toEqual(["ci", "partner"]);
  });
});

describe("the log of the readiness", () => {
  it("one line is written for each change, and none while nothing changes", async () => {
    const lines: string[] = [];
    const line = (level: string) => (fields: LogFields) => void lines.push(`${level} ${JSON.stringify(fields)}`);
    const log = new ReadinessLog({ ...silentLog, info: line("info"), error: line("error") });
    log.add(await readinessWith({}));
    log.add(await readinessWith(disk(9 * MB, 50_000 * MB)));
    log.add(await readinessWith(disk(8 * MB, 50_000 * MB)));
    log.add(await readinessWith({ waitingTargets: async () => [{ target: "prod", problem: "stalled" }] }));
    log.add(await readinessWith({}));
    log.add(await readinessWith({}));
    log.add(await readinessWith({ unreadableKeys: () => ["ci"] }));
    log.add(await readinessWith({ unreadableKeys: () => ["people"] }));
    expect(lines).toEqual([
      'error {"status":"unavailable","space":"9.0 MB are free, less than 100.0 MB"}',
      'error {"status":"degraded","lanes":"1 target has due actions and finished none for 5 minutes","targets":"prod"}',
      'info {"status":"ready"}',
      'error {"status":"degraded","keys":"the keys of 1 issuer cannot be loaded","trustEntries":"ci"}',
      'error {"status":"degraded","keys":"the keys of 1 issuer cannot be loaded","trustEntries":"people"}',
    ]);
  });
});
