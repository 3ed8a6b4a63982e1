import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askForCancel } from "../../shared/delivery/cancel-run.ts";
import { FlowGate } from "../../shared/delivery/flow-gate.ts";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import { EMPTY_FLOW, type FlowState } from "../../shared/model/flow.ts";
import { MAX_CANCELS } from "../../shared/model/run-cancel.ts";
import type { FlowStore } from "../../shared/store/flows.ts";
import { openStores } from "../../shared/store/open-stores.ts";
import { busEventOf, sampleDelivery } from "../support/samples.ts";
import { type TestDatabase, tableKinds } from "../support/stores.ts";
import { silentLog, testClock } from "../support/test-doubles.ts";

const clock = testClock();
const ID = { route: "docs", key: "98310" };
const STATE: FlowState = {
  newest: { action: "a-1", delivery: "d-1", receivedAt: epochMillis(1) },
  slots: [{ action: "a-0", delivery: "d-0", since: epochMillis(1), freeAt: epochMillis(2), mayRun: true }],
  waiting: [],
};
const ROUTE = {
  name: "docs",
  action: "tekton",
  maxAttemptMs: 10_000,
  runsReportedBy: "cluster",
  runsStaleAfterMs: 5_400_000,
};

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`flows on ${title}`, () => {
    let database: TestDatabase;
    const open = async () =>
      openStores((await database.freshTable()).table, {
        retentionDays: 30,
        markUnrelayed: true,
        clock,
      });
    beforeAll(async () => {
      database = await kind.start();
    }, 60_000);
    afterAll(() => database?.stop());

    it("a flow is stored as it was given, and the texts of keys do not mix", async () => {
      const flows: FlowStore = await (await open()).flows();
      expect(await flows.get(ID)).toEqual({ state: EMPTY_FLOW, revision: 0 });
      expect(await flows.save(ID, { state: STATE, revision: 0 })).toBe(true);
      expect(await flows.get(ID)).toEqual({ state: STATE, revision: 1 });
      for (const other of [
        { ...ID, key: "98311" },
        { ...ID, route: "deploy" },
        { ...ID, key: "x".repeat(5_000) },
      ])
        expect((await flows.get(other)).revision).toBe(0);
    });

    it("a write that read an older revision changes nothing", async () => {
      const flows = await (await open()).flows();
      await flows.save(ID, { state: STATE, revision: 0 });
      expect(await flows.save(ID, { state: EMPTY_FLOW, revision: 0 })).toBe(false);
      expect(await flows.save(ID, { state: EMPTY_FLOW, revision: 1 })).toBe(true);
      expect(await flows.save(ID, { state: STATE, revision: 1 })).toBe(false);
      expect(await flows.get(ID)).toEqual({ state: EMPTY_FLOW, revision: 2 });
    });

    it("of any number of processes that ask at once, one has the slot", async () => {
      const { flows: opened, actions, runCancels, deliveries } = await open();
      const flows = await opened();
      const gate = new FlowGate({
        flows,
        actions,
        runCancels,
        deliveries,
        woken: async () => undefined,
        clock,
        log: silentLog,
      });
      // biome-ignore lint/suspicious/noThenProperty: a key of the configuration, which nobody awaits.
      const flow = { key: "$.detail.page.id", running: 1, then: "queue" } as const;
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, n) => {
          const delivery = sampleDelivery(n);
          const busEvent = busEventOf(delivery);
          if (busEvent === undefined) throw new Error("the sample is an event");
          return gate.take(
            {
              route: { ...ROUTE, flow },
              claim: { id: `a-${n}`, mayRun: false },
              busEvent,
              delivery,
            },
            { isGranted: true },
          );
        }),
      );
      const { state } = await flows.get(ID);
      expect(state.slots).toHaveLength(1);
      expect(answers.filter((answer) => answer === undefined)).toHaveLength(1);
      expect(state.slots[0]?.delivery).toBe(sampleDelivery(answers.indexOf(undefined)).id);
    });

    it("a run is shown as being cancelled only if the list has a place for it, and what is over leaves the list", async () => {
      const time = testClock();
      const { table } = await database.freshTable();
      const stores = openStores(table, { retentionDays: 30, markUnrelayed: true, clock: time });
      const deps = { ...stores, clock: time, log: silentLog };
      const { deliveries } = stores;
      const about = { route: "docs", kind: "tekton", run: "r", namespaces: ["ci"], by: "d-newer" };
      const until = laterBy(time.now(), 60_000);
      const cancels = await stores.runCancels();
      for (let n = 0; n < MAX_CANCELS; n += 1)
        await cancels.add("cluster", { ...about, action: `b-${n}`, delivery: `d-${n}`, until });
      const delivery = sampleDelivery();
      await deliveries.record(delivery);
      const ask = () => {
        const freeAt = laterBy(time.now(), 600_000);
        const slot = { action: "a-0", delivery: delivery.id, eventKey: "e-1", since: time.now(), freeAt };
        return askForCancel({ ...ROUTE, runNamespaces: ["ci"] }, [slot], "d-newer", deps);
      };
      const states = async () =>
        (await deliveries.timeline(delivery.id)).flatMap((line) => (line.kind === "cancel" ? [line.state] : []));
      await ask();
      await ask();
      expect(await states()).toEqual(["left"]);
      expect(await cancels.of("cluster")).toHaveLength(MAX_CANCELS);
      time.advance(60_000);
      await cancels.remove("cluster", "b-0");
      const stored = await table.get({ pk: "cancels#cluster", sk: "cancels" });
      expect(stored?.["cancels"]).toBe("[]");
      await ask();
      expect(await states()).toEqual(["left", "asked"]);
      expect(await cancels.of("cluster")).toMatchObject([{ action: "a-0" }]);
    });
  });
}
