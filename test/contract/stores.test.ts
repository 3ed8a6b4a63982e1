import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { epochMillis, laterBy } from "../../shared/host/clock.ts";
import { actionIdOf } from "../../shared/model/idempotency-keys.ts";
import type { ScheduledAction } from "../../shared/store/actions.ts";
import { ActionStore } from "../../shared/store/actions.ts";
import { DeliveryStore } from "../../shared/store/deliveries.ts";
import type { DeliveryPosition } from "../../shared/store/list-pages.ts";
import { OriginStore } from "../../shared/store/origins.ts";
import { sampleDelivery } from "../support/samples.ts";
import { type TestDatabase, tableKinds } from "../support/stores.ts";
import { testClock } from "../support/test-doubles.ts";

const START = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const DAY_MS = 86_400_000;
const RETENTION = { retentionDays: 30 };

for (const kind of tableKinds) {
  const title = kind.missing === undefined ? kind.name : `${kind.name}: left out, ${kind.missing}`;
  describe.skipIf(kind.missing !== undefined)(`stores on ${title}`, () => {
    let database: TestDatabase;
    beforeAll(async () => {
      database = await kind.start();
    }, 60_000);
    afterAll(() => database?.stop());

    async function stores() {
      const { table, deleteExpired } = await database.freshTable();
      const clock = testClock();
      return {
        table,
        deleteExpired,
        deliveries: new DeliveryStore(table, { ...RETENTION, markUnrelayed: true }),
        actions: new ActionStore(table, RETENTION, { indexAll: true }),
        origins: new OriginStore(table, { ...RETENTION, clock }),
      };
    }

    describe("deliveries", () => {
      it("a delivery is returned as it was recorded, to the byte", async () => {
        const { deliveries } = await stores();
        const delivery = sampleDelivery(1, { body: Uint8Array.from([0xff, 0x00, 0x0a, 0x2d]) });
        expect(await deliveries.record(delivery)).toBe("recorded");
        expect(await deliveries.get(delivery.id)).toEqual({ ...delivery, unrelayed: true });
        expect(await deliveries.get("d-unknown")).toBeUndefined();
      });

      it("one of fifty identical deliveries that arrive at once is recorded", async () => {
        const { deliveries } = await stores();
        const answers = await Promise.all(Array.from({ length: 50 }, () => deliveries.record(sampleDelivery())));
        expect(answers.filter((answer) => answer === "recorded")).toHaveLength(1);
        expect(answers.filter((answer) => answer === "duplicate")).toHaveLength(49);
      });

      it("a duplicate leaves the first record unchanged", async () => {
        const { deliveries } = await stores();
        await deliveries.record(sampleDelivery(1));
        await deliveries.record(sampleDelivery(1, { requestId: "another", source: "wiki" }));
        expect((await deliveries.get(sampleDelivery(1).id))?.requestId).toBe(sampleDelivery(1).requestId);
      });

      it("a body too large for an item is dropped, and its digest and event are kept", async () => {
        const { deliveries } = await stores();
        const body = new Uint8Array(700_000);
        for (let at = 0; at < body.length; at++) body[at] = (at * 2_654_435_761) >>> (at % 24);
        const delivery = sampleDelivery(1, { body, bodyBytes: body.length });
        await deliveries.record(delivery);
        const { body: _, ...rest } = delivery;
        expect(await deliveries.get(delivery.id)).toEqual({ ...rest, unrelayed: true });
      });

      it("a record says whether its body was redacted, and one without that member is read as one that was not", async () => {
        const { deliveries } = await stores();
        await deliveries.record(sampleDelivery(1, { redacted: true }));
        await deliveries.record(sampleDelivery(2));
        expect(await deliveries.get(sampleDelivery(1).id)).toMatchObject({ redacted: true });
        expect(await deliveries.get(sampleDelivery(2).id)).not.toHaveProperty("redacted");
      });

      it("a timeline has no credential of a URL", async () => {
        const { deliveries } = await stores();
        const summary = 'the site answered "see https://bot:hunter2@a.test/?token=x"';
        const facts = { route: "docs", action: "a-1", attempt: 1, durationMs: 2, facts: { run: "ci/a" } };
        await deliveries.addToTimeline("d-1", { at: START, kind: "attempt", outcome: "done", summary, ...facts });
        expect(await deliveries.timeline("d-1")).toEqual([
          {
            at: START,
            kind: "attempt",
            outcome: "done",
            summary: 'the site answered "see https://REDACTED@a.test/?token=REDACTED"',
            ...facts,
          },
        ]);
      });

      it("a delivery of any outcome stays in the outbox until it is relayed", async () => {
        const { deliveries } = await stores();
        await deliveries.record(sampleDelivery(2));
        await deliveries.record(sampleDelivery(1));
        await deliveries.record(sampleDelivery(3, { outcome: "ignored" }));
        const [first, second, third] = [sampleDelivery(1).id, sampleDelivery(2).id, sampleDelivery(3).id];
        expect(await deliveries.unrelayed(laterBy(START, 100), 10)).toEqual([]);
        expect(await deliveries.unrelayed(laterBy(START, 3_000), 10)).toEqual([first, second, third]);
        await deliveries.markRelayed(third, START);
        expect(await deliveries.unrelayed(laterBy(START, 3_000), 1)).toEqual([first]);
        await deliveries.defer(first, START, laterBy(START, 5_000));
        await deliveries.markRelayed(second, laterBy(START, 70));
        await deliveries.markRelayed(second, laterBy(START, 80));
        await deliveries.defer(second, START, START);
        expect(await deliveries.unrelayed(laterBy(START, 4_999), 10)).toEqual([]);
        expect(await deliveries.unrelayed(laterBy(START, 5_000), 10)).toEqual([first]);
        expect((await deliveries.get(second))?.relayedAt).toBe(START + 70);
      });

      it("a repeat names the delivery that it repeats, in the list too, and stays in the outbox until it is relayed", async () => {
        const { deliveries } = await stores();
        const { id } = sampleDelivery(2);
        await deliveries.record(sampleDelivery(1));
        await deliveries.record(sampleDelivery(2));
        for (let time = 0; time < 2; time++) await deliveries.markRepeat(id, "d-first");
        await deliveries.markRepeat("d-unknown", "d-first");
        expect(await deliveries.get(id)).toEqual({ ...sampleDelivery(2), repeats: "d-first", unrelayed: true });
        expect(await deliveries.get("d-unknown")).toBeUndefined();
        expect(await deliveries.unrelayed(laterBy(START, 3_000), 10)).toContain(id);
        const before = { receivedAt: laterBy(START, 100), id: "~" };
        const { deliveries: listed } = await deliveries.list({
          before,
          notBefore: START,
          limit: 5,
          scanLimit: 5,
          matches: ({ outcome }) => outcome === "event",
        });
        expect(listed.map(({ repeats }) => repeats)).toEqual(["d-first", undefined]);
      });

      it("an action of an undated event keeps when its delivery was received, and others say when they were stored", async () => {
        const { actions } = await stores();
        const action = { id: "a-1", route: "docs", action: "tekton", target: "ci", eventKey: "e-1", delivery: "d-1" };
        const receivedAt = laterBy(START, -60_000);
        expect(await actions.schedule({ ...action, receivedAt }, START)).toMatchObject({ scheduled: true, receivedAt });
        const later = { ...action, delivery: "d-2", receivedAt: laterBy(START, 5_000) };
        const first = { scheduled: false, delivery: "d-1", at: START, receivedAt };
        expect(await actions.schedule(later, laterBy(START, 5_000))).toEqual(first);
        expect(await actions.schedule({ ...action, id: "a-2" }, START)).toMatchObject({ receivedAt: START });
      });

      it("nothing is put into the outbox if a stream relays", async () => {
        const { table } = await stores();
        const deliveries = new DeliveryStore(table, { ...RETENTION, markUnrelayed: false });
        await deliveries.record(sampleDelivery());
        expect(await deliveries.unrelayed(laterBy(START, 9_000), 10)).toEqual([]);
      });

      it("a timeline is in order of time, with each event once", async () => {
        const { deliveries } = await stores();
        const attempt = { kind: "attempt", route: "docs", action: "tekton", summary: "s", durationMs: 3 } as const;
        const id = "d-1";
        await deliveries.addToTimeline(id, { at: laterBy(START, 30), ...attempt, attempt: 2, outcome: "done" });
        await deliveries.addToTimeline(id, { at: laterBy(START, 20), ...attempt, attempt: 1, outcome: "retry" });
        const scheduled = { kind: "scheduled", route: "docs", action: "tekton" } as const;
        await deliveries.addToTimeline(id, { at: laterBy(START, 9), ...scheduled });
        await deliveries.addToTimeline(id, { at: laterBy(START, 10), ...scheduled });
        const timelineEvents = await deliveries.timeline(id);
        expect(timelineEvents.map(({ at, kind }) => [at - START, kind])).toEqual([
          [10, "scheduled"],
          [20, "attempt"],
          [30, "attempt"],
        ]);
        expect(await deliveries.timeline("d-2")).toEqual([]);
      });

      it("the list is newest first over days, in pages that neither repeat nor skip", async () => {
        const { deliveries } = await stores();
        const dayMs = 86_400_000;
        const ids: string[] = [];
        for (let n = 1; n <= 25; n++) {
          const at = laterBy(START, n <= 12 ? -n * dayMs : -n);
          const delivery = sampleDelivery(n, { receivedAt: at });
          await deliveries.record(delivery);
          ids.push(delivery.id);
        }
        const query = { notBefore: laterBy(START, -40 * dayMs), limit: 4, scanLimit: 100, matches: () => true };
        const seen: string[] = [];
        let before: DeliveryPosition | undefined = { receivedAt: START, id: "~" };
        while (before !== undefined) {
          const page = await deliveries.list({ ...query, before });
          seen.push(...page.deliveries.map(({ id }) => id));
          before = page.next;
        }
        expect(seen).toHaveLength(25);
        expect(new Set(seen)).toEqual(new Set(ids));
        expect(seen[0]).toBe(sampleDelivery(13).id);
        expect(seen[24]).toBe(sampleDelivery(12).id);
      });

      it("the list has what matches, and reads no further than the scan limit and the window", async () => {
        const { deliveries } = await stores();
        for (let n = 1; n <= 6; n++) await deliveries.record(sampleDelivery(n, { subject: n % 2 ? "odd" : "even" }));
        const query = { before: { receivedAt: laterBy(START, 60), id: "~" }, limit: 10, scanLimit: 100 };
        const matches = ({ subject }: { subject?: string }) => subject === "odd";
        const odd = await deliveries.list({ ...query, notBefore: START, matches });
        expect(odd.deliveries.map(({ id }) => id)).toEqual([5, 3, 1].map((n) => sampleDelivery(n).id));
        const four = await deliveries.list({ ...query, notBefore: START, matches, scanLimit: 4 });
        expect(four.deliveries).toHaveLength(2);
        expect(four.next?.id).toBe(sampleDelivery(3).id);
        expect((await deliveries.list({ ...query, notBefore: laterBy(START, 5), matches })).deliveries).toHaveLength(1);
      });
    });

    it("a cleanup deletes everything that has expired, and nothing else", async () => {
      const { deliveries, deleteExpired } = await stores();
      const [old, young] = [sampleDelivery(1), sampleDelivery(2, { receivedAt: laterBy(START, 10_000) })];
      await deliveries.record(old);
      await deliveries.markRelayed(old.id, START);
      await deliveries.addToTimeline(old.id, { at: START, kind: "scheduled", route: "docs", action: "tekton" });
      await deliveries.record(young);
      const expiry = laterBy(START, RETENTION.retentionDays * 86_400_000);
      expect(await deleteExpired(expiry)).toBe(0);
      expect(await deleteExpired(laterBy(expiry, 5_000))).toBe(2);
      expect(await deliveries.get(old.id)).toBeUndefined();
      expect(await deliveries.get(young.id)).toBeDefined();
    });

    it("an event that stays in the outbox for longer than the retention is not deleted", async () => {
      const { deliveries, deleteExpired } = await stores();
      const { id } = sampleDelivery(1);
      await deliveries.record(sampleDelivery(1));
      for (let day = 0; day < 3 * RETENTION.retentionDays; day += 7) {
        const now = laterBy(START, day * DAY_MS);
        await deliveries.defer(id, now, laterBy(now, 5_000));
        await deleteExpired(now);
      }
      expect(await deliveries.get(id)).toBeDefined();
    });

    it("an action that waits for longer than the retention is not deleted, and neither is its delivery", async () => {
      const { actions, deliveries, deleteExpired } = await stores();
      const { id: delivery } = sampleDelivery(1);
      await deliveries.record(sampleDelivery(1));
      await deliveries.markRelayed(delivery, START);
      const due = { route: "docs", action: "tekton", target: "ci", eventKey: "e-1", delivery };
      const id = actionIdOf("docs", "e-1");
      await actions.schedule({ id, ...due }, START);
      for (let day = 0; day < 3 * RETENTION.retentionDays; day++) {
        const now = laterBy(START, day * DAY_MS);
        await deleteExpired(now);
        const claim = await actions.claim(id, now, now);
        if (claim === undefined) throw new Error(`there is no due action on day ${day}`);
        await deliveries.keep(delivery, claim.scheduledAt, laterBy(now, DAY_MS));
        if (day % 2) await actions.release(claim, now, laterBy(now, DAY_MS));
        else await actions.defer(claim, now, laterBy(now, DAY_MS));
      }
      expect(await deliveries.get(delivery)).toBeDefined();
      const end = laterBy(START, 3 * RETENTION.retentionDays * DAY_MS);
      const last = await actions.claim(id, end, end);
      if (last) await actions.complete(last);
      await deleteExpired(laterBy(end, (RETENTION.retentionDays + 2) * DAY_MS));
      expect(await actions.state(id)).toBeUndefined();
      expect(await deliveries.get(delivery)).toBeUndefined();
    });

    describe("actions", () => {
      const action = (n = 1): ScheduledAction => ({
        id: actionIdOf("docs", `e-${n}`),
        route: "docs",
        action: "tekton",
        target: "ci",
        eventKey: `e-${n}`,
        delivery: `d-${n}`,
      });

      it("an event schedules an action once, and the result names the delivery that came first", async () => {
        const { actions } = await stores();
        expect(await actions.schedule(action(), START)).toEqual({
          scheduled: true,
          delivery: "d-1",
          at: START,
          receivedAt: START,
        });
        const again = { ...action(), delivery: "d-9" };
        expect(await actions.schedule(again, laterBy(START, 5))).toEqual({
          scheduled: false,
          delivery: "d-1",
          at: START,
          receivedAt: START,
        });
        expect(await actions.due("ci", START, 10)).toEqual([action().id]);
      });

      it("the due actions of a target are listed in order of time, without those of other targets", async () => {
        const { actions } = await stores();
        await actions.schedule(action(1), laterBy(START, 2));
        await actions.schedule(action(2), laterBy(START, 1));
        await actions.schedule(action(3), laterBy(START, 9));
        await actions.schedule({ ...action(4), target: "other" }, START);
        expect(await actions.due("ci", laterBy(START, 5), 10)).toEqual([action(2).id, action(1).id]);
        expect(await actions.due("ci", laterBy(START, 5), 1)).toEqual([action(2).id]);
      });

      /** An action whose request was just accepted, with what a later report or step needs. */
      async function accepted({ claimedIn, isReported = false }: { claimedIn?: string; isReported?: boolean } = {}) {
        const opened = await stores();
        const { actions } = opened;
        await actions.schedule(action(), START);
        const claim = await actions.claim(action().id, START, laterBy(START, 60_000));
        if (claim === undefined) throw new Error("a due action can be claimed");
        if (claimedIn !== undefined) expect(await actions.claimRun(claim.id, claimedIn)).toBe("due");
        if (isReported) expect(await actions.reportRun(claim.id, REPORT)).toBe("due");
        const step = {
          at: laterBy(START, 120_000),
          next: "repeat",
          accepted: { eventId: "id-1", namespace: "ci" },
        } as const;
        const result = await actions.expectRun(claim, laterBy(START, 500), step);
        return { ...opened, claim, result, status: () => actions.status(claim.id) };
      }
      const REPORT = { at: laterBy(START, 300), by: "d-run" };

      it("an action whose request was accepted expects a run, and its next step becomes due", async () => {
        const { actions, claim, result, status } = await accepted();
        expect(result).toBe("expecting");
        const run = { acceptedAt: laterBy(START, 500), requests: 1, eventIds: ["id-1"], next: "repeat" };
        const due = { state: "expecting_run", dueAt: laterBy(START, 120_000), run };
        const of = { route: "docs", action: "tekton", target: "ci", eventKey: "e-1", delivery: "d-1" };
        expect(await status()).toEqual({ ...due, ...of });
        expect(await actions.claim(claim.id, laterBy(START, 119_999), laterBy(START, 200_000))).toBeUndefined();
        expect(await actions.due("ci", laterBy(START, 120_000), 9)).toEqual([claim.id]);
        const second = await actions.claim(claim.id, laterBy(START, 120_000), laterBy(START, 200_000));
        expect(second).toMatchObject({ attempt: 2, run, isReported: false });
        const step = { at: laterBy(START, 420_000), next: "repeat", accepted: { eventId: "id-2" } } as const;
        expect(second && (await actions.expectRun(second, laterBy(START, 121_000), step))).toBe("expecting");
        expect(await status()).toMatchObject({ run: { ...run, requests: 2, eventIds: ["id-1", "id-2"] } });
      });

      it("the first report of a run ends an action that expects it, and a later one changes nothing", async () => {
        const { actions, claim, status } = await accepted();
        expect(await actions.reportRun(claim.id, REPORT)).toBe("expecting_run");
        expect(await actions.reportRun(claim.id, { ...REPORT, by: "d-later" })).toBeUndefined();
        expect(await status()).toMatchObject({ state: "done", report: REPORT });
        expect(await actions.due("ci", laterBy(START, DAY_MS), 9)).toEqual([]);
      });

      it("a report that arrives before the answer is stored ends the action with the answer", async () => {
        const { actions, claim, result, status } = await accepted({ isReported: true });
        expect(result).toBe("reported");
        // With the run: its later silence is found by it.
        expect(await status()).toMatchObject({ state: "done", report: REPORT, run: { requests: 1 } });
        expect(await actions.claim(claim.id, laterBy(START, DAY_MS), laterBy(START, 2 * DAY_MS))).toBeUndefined();
      });

      it.each([
        ["ci", "reported", "done"],
        ["elsewhere", "expecting", "expecting_run"],
      ])("a run that claims the namespace %s before the answer names ci is %s", async (claimedIn, result, state) => {
        const opened = await accepted({ claimedIn });
        expect(opened.result).toBe(result);
        expect(await opened.status()).toMatchObject({ state });
        expect(await opened.actions.claimRun(opened.claim.id, "ci")).not.toBe("due");
      });

      it("a report during the next request is found at its end, and at the next claim if its owner crashes", async () => {
        const { actions, claim, status } = await accepted();
        const [at, lease] = [laterBy(START, 120_000), laterBy(START, 180_000)];
        const second = await actions.claim(claim.id, at, lease);
        expect(await actions.reportRun(claim.id, REPORT)).toBe("expecting_run");
        expect(await status()).toMatchObject({ state: "expecting_run" });
        const third = await actions.claim(claim.id, lease, laterBy(lease, 60_000));
        expect(third).toMatchObject({ isReported: true });
        expect(second && (await actions.endWithoutRun(second, lease))).toBe("lost");
        expect(third && (await actions.endWithoutRun(third, lease))).toBe("reported");
        expect(await status()).toMatchObject({ state: "done", report: REPORT });
      });

      it("an action without a report ends as accepted without a run, until one comes", async () => {
        const { actions, claim, status } = await accepted();
        const at = laterBy(START, 120_000);
        const second = await actions.claim(claim.id, at, laterBy(at, 60_000));
        expect(second && (await actions.endWithoutRun(second, at))).toBe("missing");
        expect(await status()).toMatchObject({ state: "accepted_without_run" });
        expect(await actions.due("ci", laterBy(START, DAY_MS), 9)).toEqual([]);
        expect(await actions.reportRun(claim.id, REPORT)).toBe("accepted_without_run");
        expect(await status()).toMatchObject({ state: "done", report: REPORT });
      });

      it("a report counts only while a request was sent or may have been", async () => {
        const { actions } = await stores();
        const { id } = action();
        const lease = laterBy(START, 60_000);
        expect(await actions.reportRun(id, REPORT)).toBeUndefined();
        await actions.schedule(action(), START);
        expect(await actions.reportRun(id, REPORT)).toBeUndefined();
        const first = await actions.claim(id, START, lease);
        await (first && actions.defer(first, START, START));
        expect(await actions.reportRun(id, REPORT)).toBeUndefined();
        const second = await actions.claim(id, START, lease);
        await (second && actions.release(second, START, START, { mayRun: true }));
        expect(await actions.reportRun(id, REPORT)).toBe("due");
        expect(await actions.claim(id, START, lease)).toMatchObject({ isReported: true });
      });

      it("only one of many simultaneous claims gets an action", async () => {
        const { actions } = await stores();
        await actions.schedule(action(), START);
        const claims = await Promise.all(
          Array.from({ length: 20 }, () => actions.claim(action().id, START, laterBy(START, 1_000))),
        );
        const won = claims.filter((claim) => claim !== undefined);
        expect(won).toEqual([
          {
            ...action(),
            owner: 1,
            dueAt: START,
            attempt: 1,
            hasWaited: false,
            scheduledAt: START,
            interrupted: false,
            mayRun: false,
            isReported: false,
          },
        ]);
      });

      it("an action cannot be claimed before it is due, while it is leased, or after it was completed", async () => {
        const { actions } = await stores();
        await actions.schedule(action(), laterBy(START, 10));
        expect(await actions.claim(action().id, START, laterBy(START, 1_000))).toBeUndefined();
        const claim = await actions.claim(action().id, laterBy(START, 10), laterBy(START, 1_000));
        expect(await actions.claim(action().id, laterBy(START, 999), laterBy(START, 2_000))).toBeUndefined();
        expect(claim && (await actions.complete(claim))).toBe(true);
        expect(await actions.claim(action().id, laterBy(START, 5_000), laterBy(START, 9_000))).toBeUndefined();
        expect(await actions.due("ci", laterBy(START, 5_000), 10)).toEqual([]);
        expect(await actions.state(action().id)).toBe("done");
        expect(await actions.claim("a-unknown", START, START)).toBeUndefined();
        expect(await actions.state("a-unknown")).toBeUndefined();
      });

      it("an action becomes due again when its lease expires, and the next owner learns that it was interrupted", async () => {
        const { actions } = await stores();
        await actions.schedule(action(), START);
        await actions.claim(action().id, START, laterBy(START, 1_000));
        expect(await actions.due("ci", laterBy(START, 1_000), 10)).toEqual([action().id]);
        const second = await actions.claim(action().id, laterBy(START, 1_000), laterBy(START, 2_000));
        expect(second).toMatchObject({ attempt: 2, interrupted: true, isReported: false });
      });

      it("the leases of a former process expire on request, and a waiting retry stays as it is", async () => {
        const { actions } = await stores();
        await actions.schedule(action(1), START);
        await actions.schedule(action(2), START);
        await actions.claim(action(1).id, START, laterBy(START, 60_000));
        const waiting = await actions.claim(action(2).id, START, laterBy(START, 60_000));
        if (waiting) await actions.release(waiting, START, laterBy(START, 5_000));
        await actions.expireLeases("ci", laterBy(START, 10));
        expect(await actions.due("ci", laterBy(START, 10), 10)).toEqual([action(1).id]);
        expect(await actions.claim(action(1).id, laterBy(START, 10), laterBy(START, 90_000))).toMatchObject({
          attempt: 2,
          interrupted: true,
        });
      });

      it("an owner whose lease passed to another can neither complete nor release the action", async () => {
        const { actions } = await stores();
        await actions.schedule(action(), START);
        const first = await actions.claim(action().id, START, laterBy(START, 1_000));
        const second = await actions.claim(action().id, laterBy(START, 1_000), laterBy(START, 2_000));
        if (!first || !second) throw new Error("both should have been claimed");
        expect(await actions.complete(first)).toBe(false);
        expect(await actions.release(first, START, START)).toBe(false);
        expect(await actions.state(action().id)).toBe("due");
        expect(await actions.giveUp(second, laterBy(START, 9_000))).toBe(true);
        expect(await actions.complete(second)).toBe(false);
        expect(await actions.release(second, START, START)).toBe(false);
        expect(await actions.state(action().id)).toBe("gave_up");
      });

      it("a released action is due at the given time, and does not count as interrupted", async () => {
        const { actions } = await stores();
        await actions.schedule(action(), START);
        const claim = await actions.claim(action().id, START, laterBy(START, 1_000));
        expect(claim && (await actions.release(claim, START, laterBy(START, 50)))).toBe(true);
        expect(claim && (await actions.release(claim, START, laterBy(START, 90)))).toBe(false);
        expect(await actions.due("ci", laterBy(START, 49), 10)).toEqual([]);
        const next = await actions.claim(action().id, laterBy(START, 50), laterBy(START, 900));
        expect(next).toMatchObject({ attempt: 2, interrupted: false, isReported: false });
      });
    });

    describe("deferred actions", () => {
      const id = actionIdOf("docs", "e-1");
      const action = { id, route: "docs", action: "tekton", target: "ci", eventKey: "e-1", delivery: "d-1" };
      const claimed = async (actions: ActionStore, atMs: number) => {
        const claim = await actions.claim(id, laterBy(START, atMs), laterBy(START, atMs + 1_000));
        if (!claim) throw new Error("it should have been claimed");
        return claim;
      };

      it("a deferred action is due at the given time with no attempt counted, and is known to have waited", async () => {
        const { actions } = await stores();
        await actions.schedule(action, START);
        const first = await claimed(actions, 0);
        expect(await actions.defer(first, START, laterBy(START, 50))).toBe(true);
        expect(await actions.defer(first, START, laterBy(START, 90))).toBe(false);
        expect(await actions.due("ci", laterBy(START, 49), 10)).toEqual([]);
        const second = await claimed(actions, 50);
        expect(second).toMatchObject({ owner: 2, attempt: 1, hasWaited: true, interrupted: false, isReported: false });
        expect(await actions.release(second, START, laterBy(START, 60))).toBe(true);
        expect(await claimed(actions, 60)).toMatchObject({ owner: 3, attempt: 2, hasWaited: true });
      });

      it("an owner whose lease passed to another stays locked out, however often the action is deferred in between", async () => {
        const { actions } = await stores();
        await actions.schedule(action, START);
        const stale = await claimed(actions, 0);
        for (let at = 1_000; at < 5_000; at += 1_000) {
          const next = await claimed(actions, at);
          expect(await actions.complete(stale)).toBe(false);
          expect(await actions.defer(stale, START, START)).toBe(false);
          expect(await actions.defer(next, START, laterBy(START, at + 1_000))).toBe(true);
          expect(await actions.release(stale, START, START)).toBe(false);
        }
      });
    });

    describe("due times of a clock that was ahead", () => {
      const AHEAD_MS = 86_400_000;
      const ahead = laterBy(START, AHEAD_MS);
      const id = actionIdOf("docs", "e-1");
      const action = { id, route: "docs", action: "tekton", target: "ci", eventKey: "e-1", delivery: "d-1" };
      const leaseUntil = laterBy(START, 60_000);
      const scheduledAhead = async () => {
        const { actions } = await stores();
        await actions.schedule(action, ahead);
        return actions;
      };
      const claimedAhead = async () => {
        const actions = await scheduledAhead();
        const claim = await actions.claim(id, ahead, laterBy(ahead, 60_000));
        if (!claim) throw new Error("it should have been claimed");
        return { actions, claim };
      };

      it("a new action can be claimed, and is found after a correction", async () => {
        const actions = await scheduledAhead();
        expect(await actions.due("ci", START, 10)).toEqual([]);
        await actions.correctDueTimes("ci", START);
        expect(await actions.due("ci", START, 10)).toEqual([id]);
        expect(await (await scheduledAhead()).claim(id, START, leaseUntil)).toMatchObject({ attempt: 1 });
      });

      it("a retry can be claimed, and is found after a correction", async () => {
        for (const how of ["release", "defer"] as const) {
          const { actions, claim } = await claimedAhead();
          await actions[how](claim, ahead, laterBy(ahead, 1_000));
          await actions.correctDueTimes("ci", START);
          expect(await actions.due("ci", START, 10)).toEqual([id]);
          expect(await actions.claim(id, START, leaseUntil)).toMatchObject({
            owner: 2,
            interrupted: false,
            mayRun: false,
            isReported: false,
          });
        }
      });

      it("a lease has ended, and its owner keeps the action until another claim", async () => {
        const left = await claimedAhead();
        expect(await left.actions.claim(id, START, leaseUntil)).toMatchObject({
          owner: 2,
          interrupted: true,
          isReported: false,
        });
        expect(await left.actions.complete(left.claim)).toBe(false);
        const kept = await claimedAhead();
        await kept.actions.correctDueTimes("ci", START);
        expect(await kept.actions.due("ci", START, 10)).toEqual([id]);
        expect(await kept.actions.complete(kept.claim)).toBe(true);
        await kept.actions.correctDueTimes("ci", START);
        expect(await kept.actions.due("ci", laterBy(ahead, AHEAD_MS), 10)).toEqual([]);
      });

      it("a wait and a lease of the clock as it is stay, however long they are", async () => {
        const { actions } = await stores();
        await actions.schedule(action, START);
        const claim = await actions.claim(id, START, leaseUntil);
        await actions.correctDueTimes("ci", laterBy(START, -5_000));
        expect(await actions.claim(id, laterBy(START, -5_000), leaseUntil)).toBeUndefined();
        expect(claim && (await actions.release(claim, START, ahead))).toBe(true);
        await actions.correctDueTimes("ci", laterBy(START, 1));
        expect(await actions.due("ci", laterBy(ahead, -1), 10)).toEqual([]);
        expect(await actions.claim(id, laterBy(ahead, -1), leaseUntil)).toBeUndefined();
        expect(await actions.due("ci", ahead, 10)).toEqual([id]);
      });

      it("only the queue of the target is corrected", async () => {
        const actions = await scheduledAhead();
        await actions.correctDueTimes("other", START);
        expect(await actions.due("ci", START, 10)).toEqual([]);
      });

      it("an event in the outbox is found after a correction, however it came to be due later", async () => {
        const { deliveries } = await stores();
        const [recorded, deferred, marked] = [1, 2, 3].map((n) => sampleDelivery(n, { receivedAt: laterBy(ahead, n) }));
        if (!recorded || !deferred || !marked) throw new Error("there are three");
        for (const delivery of [recorded, deferred, marked]) await deliveries.record(delivery);
        await deliveries.defer(deferred.id, ahead, laterBy(ahead, 3_600_000));
        await deliveries.mark(marked.id, START, laterBy(START, 5_000));
        expect(await deliveries.unrelayed(laterBy(START, 4_999), 10)).toEqual([]);
        await deliveries.correctDueTimes(laterBy(START, 1));
        const due = await deliveries.unrelayed(laterBy(START, 4_999), 10);
        expect([...due].sort()).toEqual([recorded.id, deferred.id].sort());
        await deliveries.markRelayed(recorded.id, START);
        await deliveries.correctDueTimes(laterBy(START, 1));
        expect(await deliveries.unrelayed(laterBy(START, 4_999), 10)).toEqual([deferred.id]);
      });
    });

    describe("origins", () => {
      it("the delivery of a listener's event id is found for the source that it was stored for, and for no other", async () => {
        const { origins } = await stores();
        await origins.remember("cluster", "event-1", "d-1");
        await origins.remember("cluster", "event-1", "d-1");
        expect(await origins.find("cluster", "event-1")).toBe("d-1");
        expect(await origins.find("cluster", "event-2")).toBeUndefined();
        expect(await origins.find("another", "event-1")).toBeUndefined();
      });

      it("the first run that proved its origin under a name stays the first, for the source that it proved it to", async () => {
        const { origins } = await stores();
        expect(await origins.provedRun("cluster", "docs-e-1")).toBeUndefined();
        const uids = ["uid-1", "uid-2", "uid-3"];
        const firsts = await Promise.all(
          uids.map((uid) => origins.firstProvedRun("cluster", { name: "docs-e-1", uid })),
        );
        const [first = ""] = firsts;
        expect(uids).toContain(first);
        expect(firsts).toEqual([first, first, first]);
        expect(await origins.firstProvedRun("cluster", { name: "docs-e-1", uid: "uid-4" })).toBe(first);
        expect(await origins.provedRun("cluster", "docs-e-1")).toBe(first);
        expect(await origins.provedRun("another", "docs-e-1")).toBeUndefined();
        expect(await origins.firstProvedRun("cluster", { name: "docs-e-2", uid: "uid-4" })).toBe("uid-4");
      });
    });
  });
}
