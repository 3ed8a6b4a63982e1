import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import type { Decision, RequestedApproval } from "../../shared/model/approval.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import { ApprovalStore } from "../../shared/store/approvals.ts";
import { RunStore } from "../../shared/store/runs.ts";
import { type TestDatabase, tableKinds } from "../support/stores.ts";
import { testClock } from "../support/test-doubles.ts";

const START = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const WIKI = { ...sourcePrincipal("wiki", "hub-signature", "current"), actor: "ff80aa01" };
const decisionBy = (subject: string) => ({ by: { ...WIKI, subject }, at: START });

const approval = (n = 1): RequestedApproval => ({
  id: `p-${n}`,
  route: "docs",
  action: `a-${n}`,
  delivery: `d-${n}`,
  subject: "98310",
  requester: WIKI,
  about: { key: "page#98310", at: "2026-11-02T08:59:59.000Z", mark: "7" },
  page: { site: "https://wiki.example.test", id: "98310" },
  requestedAt: START,
  until: laterBy(START, n * 60_000),
  approvers: ["release-manager"],
});

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`approvals and runs on ${title}`, () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await kind.start();
    }, 60_000);
    afterAll(() => database?.stop());

    async function stores() {
      const { table } = await database.freshTable();
      const options = { retentionDays: 30, clock: testClock() };
      return { approvals: new ApprovalStore(table, options), runs: new RunStore(table, options) };
    }

    it("approvals that ended are listed, the last to end first, over months and in parts", async () => {
      const { approvals } = await stores();
      const at = (days: number) => laterBy(START, -days * 86_400_000);
      for (const n of [1, 2, 3, 4]) await approvals.request(approval(n));
      await approvals.move("p-1", ["requested"], { state: "expired", endedAt: at(40) });
      await approvals.move("p-2", ["requested"], { state: "denied", decision: { ...decisionBy("dana"), at: at(3) } });
      await approvals.move("p-3", ["requested"], { state: "granted", decision: decisionBy("dana") });
      await approvals.move("p-3", ["granted"], { state: "fired", endedAt: at(1) });
      // Somebody was faster.
      await approvals.move("p-2", ["requested"], {
        state: "withdrawn",
        decision: { ...decisionBy("robin"), at: at(2) },
      });
      const ended = async (from: number, to: number, limit = 10) => {
        const { approvals: found, earlier } = await approvals.ended({
          from: at(from),
          to: at(to),
          limit,
          matches: () => true,
        });
        return [found.map(({ id, state }) => `${id} ${state}`), earlier];
      };
      expect(await ended(50, 0)).toEqual([["p-3 fired", "p-2 denied", "p-1 expired"], undefined]);
      expect(await ended(30, 1)).toEqual([["p-3 fired", "p-2 denied"], undefined]);
      expect(await ended(40, 30)).toEqual([["p-1 expired"], undefined]);
      expect(await ended(0, 30)).toEqual([[], undefined]);
      expect(await ended(50, 0, 2)).toEqual([["p-3 fired", "p-2 denied"], at(40)]);
    });

    it("an approval is returned as it was first requested, whatever is requested again", async () => {
      const { approvals } = await stores();
      await approvals.request(approval());
      await approvals.request({ ...approval(), route: "another" });
      expect(await approvals.get("p-1")).toEqual({ ...approval(), state: "requested", grants: [] });
      expect(await approvals.get("p-unknown")).toBeUndefined();
    });

    it("one of twenty simultaneous decisions wins, and its author is kept", async () => {
      const { approvals } = await stores();
      await approvals.request(approval());
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          approvals.move("p-1", ["requested"], {
            state: n % 2 ? "granted" : "denied",
            decision: decisionBy(`person-${n}`),
          }),
        ),
      );
      expect(answers.filter((isMine) => isMine)).toHaveLength(1);
      const winner = answers.indexOf(true);
      expect(await approvals.get("p-1")).toMatchObject({
        state: winner % 2 ? "granted" : "denied",
        decision: decisionBy(`person-${winner}`),
      });
    });

    it("one of twenty simultaneous grants is added, and the next one only to what is stored then", async () => {
      const { approvals } = await stores();
      await approvals.request(approval());
      const grant = async (n: number, grants: readonly Decision[], state: "requested" | "granted" = "requested") =>
        approvals.grant({ id: "p-1", grants, state: "requested" }, decisionBy(`person-${n}`), state);
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => grant(n, [])));
      expect(answers.filter((isMine) => isMine)).toHaveLength(1);
      const first = decisionBy(`person-${answers.indexOf(true)}`);
      expect(await approvals.get("p-1")).toMatchObject({ state: "requested", grants: [first] });
      expect(await grant(20, [])).toBe(false);
      expect(await grant(20, [first], "granted")).toBe(true);
      const decision = decisionBy("person-20");
      expect(await approvals.get("p-1")).toMatchObject({ state: "granted", grants: [first, decision], decision });
      expect(await grant(21, [first, decision])).toBe(false);
      const emergency = { ...decisionBy("person-22"), as: ["incident"], emergency: true as const };
      const granted = { id: "p-1", grants: [first, decision], state: "granted" as const };
      const answersLater = await Promise.all([1, 2].map(() => approvals.grant(granted, emergency, "granted")));
      expect(answersLater.toSorted()).toEqual([false, true]);
      expect(await approvals.get("p-1")).toMatchObject({
        state: "granted",
        grants: [first, decision, emergency],
        decision: emergency,
      });
      expect((await approvals.open(10)).map(({ id }) => id)).toEqual(["p-1"]);
    });

    it("the decision of an approval that an earlier release granted is its one grant", async () => {
      const { approvals } = await stores();
      await approvals.request(approval());
      const decision = decisionBy("dana");
      await approvals.move("p-1", ["requested"], { state: "granted", decision });
      expect(await approvals.get("p-1")).toMatchObject({ grants: [decision] });
    });

    it("an approval moves only from the named states, and an unknown one never moves", async () => {
      const { approvals } = await stores();
      await approvals.request(approval());
      expect(await approvals.move("p-1", ["granted"], { state: "fired" })).toBe(false);
      expect(await approvals.move("p-1", ["requested", "granted"], { state: "withdrawn" })).toBe(true);
      expect(await approvals.move("p-unknown", ["requested"], { state: "granted" })).toBe(false);
      expect(await approvals.get("p-unknown")).toBeUndefined();
    });

    it("open approvals are listed in the order in which they end", async () => {
      const { approvals } = await stores();
      for (const n of [3, 1, 4, 2]) await approvals.request(approval(n));
      await approvals.move("p-2", ["requested"], { state: "granted", decision: decisionBy("dana") });
      await approvals.move("p-4", ["requested"], { state: "denied", decision: decisionBy("dana") });
      expect((await approvals.open(10)).map(({ id }) => id)).toEqual(["p-1", "p-2", "p-3"]);
      expect(await approvals.open(1)).toHaveLength(1);
    });

    it("the list is as long as requested, however many closed approvals the index still contains", async () => {
      const { approvals } = await stores();
      for (let n = 1; n <= 45; n++) await approvals.request(approval(n));
      const { get } = approvals;
      // An index that lags behind: the first twenty-one approvals have closed.
      const isClosed = ({ until }: RequestedApproval) => until <= laterBy(START, 21 * 60_000);
      approvals.get = async (id) => {
        const one = await get.call(approvals, id);
        return one && isClosed(one) ? { ...one, state: "fired" } : one;
      };
      const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => `p-${from + at}`);
      expect((await approvals.open(10)).map(({ id }) => id)).toEqual(ids(22, 31));
      expect((await approvals.open(100)).map(({ id }) => id)).toEqual(ids(22, 45));
    });

    it("the time at which an approval fired or ended is kept, and there is none before", async () => {
      const { approvals } = await stores();
      await approvals.request(approval());
      await approvals.move("p-1", ["requested"], { state: "granted", decision: decisionBy("dana") });
      expect(await approvals.get("p-1")).not.toHaveProperty("endedAt");
      await approvals.move("p-1", ["granted"], { state: "fired", endedAt: laterBy(START, 5_000) });
      const fired = { state: "fired", endedAt: laterBy(START, 5_000), decision: decisionBy("dana") };
      expect(await approvals.get("p-1")).toMatchObject(fired);
    });

    it("two changes at the same time leave no newest one, whichever is reported again", async () => {
      const { approvals } = await stores();
      const at = "2026-11-02T09:00:05.000Z";
      const [seven, eight] = ["7", "8"].map((mark) => ({ key: "page#98310", at, mark }));
      for (const change of [seven, seven]) if (change) await approvals.recordChange(change);
      expect(await approvals.latestChange("page#98310")).toEqual(seven);
      for (const change of [eight, seven, eight]) {
        if (change) await approvals.recordChange(change);
        expect(await approvals.latestChange("page#98310")).toEqual({ key: "page#98310", at, replacedAt: at });
      }
      const later = { key: "page#98310", at: "2026-11-02T09:00:06.000Z", mark: "9" };
      await approvals.recordChange(later);
      await approvals.recordChange({ key: later.key, at: later.at });
      const unmarked = { key: later.key, at: later.at, replacedAt: later.at };
      expect(await approvals.latestChange("page#98310")).toEqual(unmarked);
    });

    it("the newest change of a key is kept, in whatever order changes arrive", async () => {
      const { approvals } = await stores();
      const changes = [5, 9, 7].map((second) => ({
        key: "page#98310",
        at: `2026-11-02T09:00:0${second}.000Z`,
        mark: `${second}`,
      }));
      for (const change of changes) await approvals.recordChange(change);
      const { at: replacedAt } = changes[1] ?? { at: "" };
      expect(await approvals.latestChange("page#98310")).toEqual({ ...changes[1], replacedAt });
      const unmarked = { key: "page#98310", at: "2026-11-02T09:00:10.000Z" };
      await approvals.recordChange(unmarked);
      expect(await approvals.latestChange("page#98310")).toEqual({ ...unmarked, replacedAt: unmarked.at });
      expect(await approvals.latestChange("page#1")).toBeUndefined();
    });

    it("a change that an earlier release stored is known, and is replaced by a later one", async () => {
      const { table } = await database.freshTable();
      const approvals = new ApprovalStore(table, { retentionDays: 30, clock: testClock() });
      const [at, later] = ["2026-11-02T09:00:01.000Z", "2026-11-02T09:00:02.000Z"];
      await table.put({ pk: "change#code#v9", sk: "head", at, mark: "a", expiresAt: 1_900_000_000 });
      expect(await approvals.latestChange("code#v9")).toEqual({ key: "code#v9", at, mark: "a" });
      await approvals.recordChange({ key: "code#v9", at: later, mark: "b" });
      const replaced = { key: "code#v9", at: later, mark: "b", replacedAt: later };
      expect(await approvals.latestChange("code#v9")).toEqual(replaced);
    });

    it("no change is lost when many are recorded at once", async () => {
      const { approvals } = await stores();
      const at = (n: number) => `2026-11-02T09:00:0${n}.000Z`;
      const changes = [1, 2, 3, 4, 5].map((n) => ({ key: "code#v9", at: at(n), mark: n % 2 === 0 ? "b" : "a" }));
      await Promise.all(changes.map((change) => approvals.recordChange(change)));
      expect(await approvals.latestChange("code#v9")).toEqual({
        key: "code#v9",
        at: at(5),
        mark: "a",
        replacedAt: at(5),
      });
    });

    it("the runs of each route are kept, newest first, one for each delivery", async () => {
      const { runs } = await stores();
      const at = (n: number) => `2026-11-02T09:00:0${n}.000Z`;
      const end = { succeeded: true, at: at(4), environment: "production" };
      for (const n of [2, 1, 3]) await runs.record("deploy", { delivery: `d-${n}`, firedAt: at(n) });
      for (const _ of ["reported", "reported again"])
        await runs.record("deploy", { delivery: "d-2", beganAt: at(9), end });
      expect(await runs.of("deploy")).toEqual([
        { delivery: "d-3", firedAt: at(3) },
        { delivery: "d-2", firedAt: at(2), end },
        { delivery: "d-1", firedAt: at(1) },
      ]);
      expect(await runs.of("other")).toEqual([]);
    });

    it("no run is lost when many are recorded at once", async () => {
      const { runs } = await stores();
      const recorded = Array.from({ length: 20 }, (_, n) => {
        const at = `2026-11-02T09:00:${String(n + 10)}.000Z`;
        return { delivery: `d-${n}`, beganAt: at, end: { succeeded: true, at, environment: `e-${n}` } };
      });
      await Promise.all(recorded.map((run) => runs.record("docs", run)));
      expect((await runs.of("docs")).map(({ delivery }) => delivery)).toEqual(
        recorded.map(({ delivery }) => delivery).reverse(),
      );
    });
  });
}
