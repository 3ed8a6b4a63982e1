import { describe, expect, it } from "vitest";
import { RefusalCounts } from "../../../shared/delivery/refusal-counts.ts";
import { laterBy } from "../../../shared/host/clock.ts";
import { Fault } from "../../../shared/host/fault.ts";
import { openStores } from "../../../shared/store/open-stores.ts";
import { openMemoryTable } from "../../../shared/store/sqlite/open.ts";
import { silentLog, testClock } from "../../support/test-doubles.ts";

/** Counts over a real store, which counts its writes and fails as often as wanted. */
function countsWith() {
  const clock = testClock("2026-11-02T09:00:00Z");
  const { table } = openMemoryTable();
  const { refusals } = openStores(table, { retentionDays: 90, markUnrelayed: true, clock });
  const state = { writes: 0, failures: 0 };
  const open = () =>
    new RefusalCounts({
      refusals: {
        add: (count) => {
          state.writes += 1;
          if (state.failures-- > 0) throw new Fault("store_unavailable", "down", { retryable: true });
          return refusals.add(count);
        },
      },
      clock,
      log: silentLog,
    });
  let requests = 0;
  const refuse = (counts: RefusalCounts, { source = "gitlab", reason = "signature_mismatch" } = {}) => {
    requests += 1;
    return counts.count({ source, reason, requestId: `r-${requests}`, receivedAt: clock.now() });
  };
  const stored = async () => {
    const [from, to] = [laterBy(clock.now(), -86_400_000), laterBy(clock.now(), 86_400_000)];
    const all = await refusals.list({ from, to, limit: 100 });
    return all.map(({ window, source, reason, count, requests }) => ({
      at: new Date(window).toISOString().slice(11, 16),
      source,
      reason,
      count,
      requests,
    }));
  };
  return { clock, open, refuse, stored, state };
}

describe("the counts of refused requests", () => {
  it("a flood costs one write in 30 seconds, and none is lost", async () => {
    const { clock, open, refuse, stored, state } = countsWith();
    const counts = open();
    for (let second = 0; second < 60; second++) {
      for (let request = 0; request < 10; request++) await refuse(counts);
      clock.advance(1_000);
    }
    expect(state.writes).toBe(2);
    await counts.flush();
    expect(await stored()).toMatchObject([
      { at: "09:00", count: 600, requests: ["r-600", "r-599", "r-598", "r-597", "r-596"] },
    ]);
    await counts.flush();
    expect(state.writes).toBe(3);
  });

  it("the newest five requests of a window stay found, however often its count is written and read", async () => {
    const { clock, open, refuse, stored, state } = countsWith();
    const counts = open();
    await refuse(counts);
    await refuse(counts);
    await counts.flush();
    expect(await stored()).toMatchObject([{ count: 2, requests: ["r-2", "r-1"] }]);
    clock.advance(30_000);
    await refuse(counts);
    state.failures = 1;
    await refuse(counts);
    await counts.flush();
    await counts.flush();
    expect(await stored()).toMatchObject([{ count: 4, requests: ["r-4", "r-3", "r-2", "r-1"] }]);
    const { writes } = state;
    await counts.flush();
    expect(state.writes).toBe(writes);
    clock.advance(300_000);
    await refuse(counts);
    await refuse(counts);
    await counts.flush();
    expect(await stored()).toMatchObject([{ count: 2, requests: ["r-6", "r-5"] }, { count: 4 }]);
  });

  it("each source, reason and window of five minutes has its own count", async () => {
    const { clock, open, refuse, stored } = countsWith();
    const counts = open();
    await refuse(counts);
    clock.advance(299_999);
    await refuse(counts);
    clock.advance(1);
    await refuse(counts);
    await refuse(counts, { source: "wiki" });
    await refuse(counts, { reason: "timestamp_outside_window" });
    await counts.flush();
    expect((await stored()).map(({ at, source, reason, count }) => [at, source, reason, count])).toEqual([
      ["09:05", "wiki", "signature_mismatch", 1],
      ["09:05", "gitlab", "timestamp_outside_window", 1],
      ["09:05", "gitlab", "signature_mismatch", 1],
      ["09:00", "gitlab", "signature_mismatch", 2],
    ]);
  });

  it("a restart, and another process, add to the same count, and replace no request's id", async () => {
    const { open, refuse, stored } = countsWith();
    const [first, second] = [open(), open()];
    await refuse(first);
    await refuse(second);
    await refuse(first);
    await first.flush();
    await refuse(open());
    expect(await stored()).toMatchObject([{ count: 4, requests: ["r-4", "r-3", "r-2", "r-1"] }]);
  });

  it("a request that arrived in a window and is counted after its end replaces no id of that window", async () => {
    const { clock, open, stored } = countsWith();
    const counts = open();
    const at = clock.now();
    const late = (requestId: string) =>
      counts.count({ source: "gitlab", reason: "signature_mismatch", requestId, receivedAt: at });
    await late("r-1");
    clock.advance(299_999);
    await late("r-2");
    clock.advance(1);
    await late("r-3");
    await counts.flush();
    expect(await stored()).toMatchObject([{ count: 3, requests: ["r-3", "r-2", "r-1"] }]);
  });

  it("a clock that is set back stops no write, and counts in the window that it shows", async () => {
    const { clock, open, refuse, stored, state } = countsWith();
    const counts = open();
    await refuse(counts);
    clock.set(-3_600_000);
    clock.advance(30_000);
    await refuse(counts);
    expect(state.writes).toBe(2);
    expect((await stored()).map(({ at }) => at)).toEqual(["09:00", "08:00"]);
  });

  it("what could not be written is written later, once, and the request is refused all the same", async () => {
    const { clock, open, refuse, stored, state } = countsWith();
    const counts = open();
    state.failures = 1;
    await refuse(counts);
    await refuse(counts);
    expect(await stored()).toEqual([]);
    clock.advance(30_000);
    await refuse(counts);
    expect(await stored()).toMatchObject([{ count: 3, requests: ["r-3", "r-2", "r-1"] }]);
  });

  it("the number of counts in memory has a bound", async () => {
    const { open, refuse, stored, state } = countsWith();
    const counts = open();
    await refuse(counts);
    for (let source = 0; source < 1_100; source++) await refuse(counts, { source: `s-${source}` });
    await counts.flush();
    expect(state.writes).toBe(1_001);
    expect((await stored()).length).toBe(100);
  });

  it("the last proof before a refusal is in its count, and a proof alone costs no write", async () => {
    const { clock, open, refuse, state } = countsWith();
    const counts = open();
    const provedAt = clock.now();
    counts.proved("gitlab", provedAt);
    expect(state.writes).toBe(0);
    clock.set(-60_000);
    counts.proved("gitlab", clock.now());
    await refuse(counts);
    expect(counts.goodAt("gitlab")).toBe(provedAt);
    expect(counts.goodAt("wiki")).toBeUndefined();
  });
});
