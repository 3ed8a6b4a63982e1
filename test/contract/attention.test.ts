import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import { type AttentionState, NEEDS_ATTENTION } from "../../shared/model/attention.ts";
import { actionIdOf } from "../../shared/model/idempotency-keys.ts";
import { ActionStore, type Claim } from "../../shared/store/actions.ts";
import { type AttentionEntry, type AttentionPosition, AttentionStore } from "../../shared/store/attention.ts";
import { DeliveryStore } from "../../shared/store/deliveries.ts";
import type { Table } from "../../shared/store/table.ts";
import { sampleDelivery } from "../support/samples.ts";
import { type TestDatabase, tableKinds } from "../support/stores.ts";

const START = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const RETENTION = { retentionDays: 30 };
const FAR = epochMillis(START + 9_000_000);

const stores = (table: Table) => ({
  deliveries: new DeliveryStore(table, { ...RETENTION, markUnrelayed: false }),
  actions: new ActionStore(table, RETENTION, { indexAll: true }),
  attention: new AttentionStore(table),
});

const actionOf = (n: number) => ({
  id: actionIdOf("docs", `e-${n}`),
  route: "docs",
  action: "tekton",
  target: "ci",
  eventKey: `e-${n}`,
  delivery: `d-${n}`,
});

async function entriesOf(
  attention: AttentionStore,
  { states = NEEDS_ATTENTION, before = { since: FAR, delivery: "~" }, notBefore = START } = {} as {
    states?: readonly AttentionState[];
    before?: AttentionPosition;
    notBefore?: typeof START;
  },
): Promise<AttentionEntry[]> {
  const entries: AttentionEntry[] = [];
  for await (const entry of attention.newestFirst({ states, before, notBefore })) entries.push(entry);
  return entries;
}

/** One write that settles an attempt, or a report of a run. */
const SETTLING = {
  retry: { state: "retrying" },
  waitForPeople: { state: "waiting" },
  waitAMoment: { state: undefined },
  expectRun: { state: undefined },
  endWithoutRun: { state: "accepted_without_run" },
  giveUp: { state: "given_up" },
  cut: { state: "cut" },
  done: { state: undefined },
} as const satisfies Record<string, { readonly state: AttentionState | undefined }>;
type Settling = keyof typeof SETTLING;

/** `die`: the process ends during the attempt. `stale`: an owner that lost its lease settles the attempt. */
type Step = { readonly action: number; readonly do: Settling | "report" | "die" | "stale" };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    action: fc.integer({ min: 1, max: 3 }),
    do: fc.constantFrom<Step["do"]>(...(Object.keys(SETTLING) as Settling[]), "retry", "report", "die", "stale"),
  }),
  { minLength: 1, maxLength: 20 },
);

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`the index of states on ${title}`, () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await kind.start();
    }, 60_000);
    afterAll(() => database?.stop());

    it("after each write it has exactly the actions that need attention, since when that state began", async () => {
      // The other databases answer single operations as SQLite does: `table.test.ts`. They are far slower.
      const runs = kind.name === "SQLite" ? 60 : 2;
      await fc.assert(
        fc.asyncProperty(steps, async (history) => {
          const { table } = await database.freshTable();
          const { actions, attention } = stores(table);
          const expected = new Map<number, AttentionEntry>();
          const ended = new Set<number>();
          const expecting = new Set<number>();
          const lost = new Map<number, Claim>();
          for (const n of [1, 2, 3]) await actions.schedule(actionOf(n), START);
          let now = START;
          const settle = async (claim: Claim, how: Settling): Promise<boolean> => {
            const later = laterBy(now, 10);
            switch (how) {
              case "retry":
                return actions.release(claim, now, later);
              case "waitForPeople":
                return actions.defer(claim, now, later, { isAttended: true });
              case "waitAMoment":
                return actions.defer(claim, now, later);
              case "expectRun":
                return (await actions.expectRun(claim, now, { at: later, next: "repeat", accepted: {} })) !== "lost";
              case "endWithoutRun":
                return (await actions.endWithoutRun(claim, now)) !== "lost";
              case "giveUp":
                return actions.giveUp(claim, now);
              case "cut":
                return actions.giveUp(claim, now, "cut");
              case "done":
                return actions.complete(claim);
            }
          };
          for (const step of history) {
            now = laterBy(now, 1_000);
            const { id, delivery } = actionOf(step.action);
            if (step.do === "report") {
              await actions.reportRun(id, { at: now, by: "d-run" });
              if ((await actions.state(id)) === "done") {
                expected.delete(step.action);
                ended.add(step.action);
              }
            } else if (step.do === "stale") {
              const claim = lost.get(step.action);
              if (claim) expect(await settle(claim, "giveUp")).toBe(false);
            } else {
              const claim = await actions.claim(id, now, laterBy(now, 10));
              expect(claim === undefined).toBe(ended.has(step.action));
              if (claim !== undefined && step.do === "die") {
                lost.set(step.action, claim);
                now = laterBy(now, 1_000);
                const next = await actions.claim(id, now, laterBy(now, 10));
                if (next) await settle(next, "waitAMoment");
                expected.delete(step.action);
              } else if (claim !== undefined && step.do !== "die") {
                await settle(claim, step.do);
                const { state } = SETTLING[step.do];
                const isReported = (await actions.status(id))?.state === "done";
                const before = expected.get(step.action);
                if (step.do === "expectRun") expecting.add(step.action);
                if (state === undefined || isReported) expected.delete(step.action);
                else if (before?.state !== state)
                  expected.set(step.action, { state, since: now, delivery, route: "docs", target: "ci" });
                if (isReported || ["endWithoutRun", "giveUp", "cut", "done"].includes(step.do)) ended.add(step.action);
              }
            }
            const newestFirst = [...expected.values()].sort((one, other) => other.since - one.since);
            expect(await entriesOf(attention)).toEqual(newestFirst);
            for (const n of [1, 2, 3]) {
              const entry = expected.get(n);
              const found = (await actions.status(actionOf(n).id))?.attention;
              expect(found).toEqual(entry && { state: entry.state, since: entry.since });
            }
          }
        }),
        { numRuns: runs },
      );
    }, 120_000);

    it("a refused and an unusable delivery are listed with their source, and no other delivery", async () => {
      const { table } = await database.freshTable();
      const { deliveries, attention } = stores(table);
      for (const [at, outcome] of (["event", "ignored", "unusable", "refused", "audit"] as const).entries())
        await deliveries.record(sampleDelivery(at + 1, { outcome }));
      const entries = await entriesOf(attention);
      expect(entries.map(({ state, delivery, source }) => [state, delivery, source])).toEqual([
        ["refused", sampleDelivery(4).id, "wiki"],
        ["unusable", sampleDelivery(3).id, "wiki"],
      ]);
      expect(entries[0]?.since).toBe(sampleDelivery(4).receivedAt);
    });

    it("entries are newest first over states and shards, from a position and down to a time, each once", async () => {
      const { table } = await database.freshTable();
      const { actions, attention } = stores(table);
      for (let n = 1; n <= 12; n++) {
        await actions.schedule(actionOf(n), START);
        const claim = await actions.claim(actionOf(n).id, START, FAR);
        const at = laterBy(START, n * 1_000);
        if (claim && n % 3 === 0) await actions.release(claim, at, FAR);
        else if (claim) await actions.giveUp(claim, at);
      }
      const all = (await entriesOf(attention)).map(({ delivery }) => delivery);
      expect(all).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1].map((n) => `d-${n}`));
      const retrying = await entriesOf(attention, { states: ["retrying"] });
      expect(retrying.map(({ delivery }) => delivery)).toEqual(["d-12", "d-9", "d-6", "d-3"]);
      const before = { since: laterBy(START, 9_000), delivery: "d-9" };
      const page = await entriesOf(attention, { before, notBefore: laterBy(START, 6_000) });
      expect(page.map(({ delivery }) => delivery)).toEqual(["d-8", "d-7", "d-6"]);
      const oldest = async (limit: number) =>
        (await attention.oldest("retrying", limit)).map(({ delivery }) => delivery);
      expect([await oldest(3), await oldest(10)]).toEqual([
        ["d-3", "d-6", "d-9"],
        ["d-3", "d-6", "d-9", "d-12"],
      ]);
    });

    it("an entry expires with its action", async () => {
      const { table, deleteExpired } = await database.freshTable();
      const { actions, attention } = stores(table);
      await actions.schedule(actionOf(1), START);
      const claim = await actions.claim(actionOf(1).id, START, FAR);
      if (claim) await actions.giveUp(claim, START);
      expect(await entriesOf(attention)).toHaveLength(1);
      await deleteExpired(laterBy(START, (RETENTION.retentionDays + 1) * 86_400_000));
      expect(await entriesOf(attention)).toEqual([]);
    });
  });
}
