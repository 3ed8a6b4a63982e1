import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decide, type Verdict } from "../../shared/approvals/decide.ts";
import { laterBy, toIso } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import { problemOf } from "../../shared/http/problem-of.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { Approval } from "../../shared/model/approval.ts";
import type { BusEvent } from "../../shared/model/bus-event.ts";
import { deliveryIdOf } from "../../shared/model/idempotency-keys.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { EDITOR, gatedBridge, holder } from "../support/gated-bridge.ts";
import { withMethods } from "../support/memory-stores.ts";
import { busEventOf } from "../support/samples.ts";
import { silentLog } from "../support/test-doubles.ts";

const DONE: ActionOutcome = { outcome: "done", summary: "accepted by the listener" };
const RETRY: ActionOutcome = { outcome: "retry", summary: "no connection", unknownOutcome: true };

let bridge: Awaited<ReturnType<typeof gatedBridge>>;
let edit: RecordedDelivery;

async function start(...given: Parameters<typeof gatedBridge>): Promise<void> {
  bridge = await gatedBridge(...given);
  edit = await bridge.edit(7);
  await bridge.runDue();
  bridge.clock.advance(1_000);
}
beforeEach(() => start([DONE]));
afterEach(() => bridge.stop());

const states = async () => (await bridge.steps(edit)).map(({ state }) => state);

describe("a route that needs an approval", () => {
  it("the action waits, and an event of the bridge with the delivery as its origin says who may approve", async () => {
    await bridge.later();
    expect(bridge.fired).toEqual([]);
    const { id } = await bridge.approvalOf(edit);
    const timeline = await bridge.deliveries.timeline(edit.id);
    expect(timeline).toContainEqual(
      expect.objectContaining({ kind: "waiting", summary: `needs approval ${id} by manager` }),
    );
    expect(await bridge.steps(edit)).toMatchObject([
      { state: "requested", approval: id, by: { subject: "wiki", actor: EDITOR } },
    ]);
    const [requested] = (await bridge.deliveries.unrelayed(laterBy(bridge.clock.now(), 60_000), 10)).values();
    const busEvent = busEventOf((await bridge.deliveries.get(requested ?? "")) ?? edit);
    expect(busEvent).toMatchObject({
      source: "drawbridge.approvals",
      "detail-type": "approval.requested",
      detail: {
        origin: { delivery: edit.id },
        approval: {
          build: id,
          pipeline: "docs",
          gate: { approvers: ["manager"], until: "2026-11-02T10:00:00.000Z", requester: `${EDITOR} of wiki` },
        },
      },
    });
  });

  it("a granted action runs once, at the next attempt, which one machine makes at once", async () => {
    expect(await bridge.decide(edit, "grant", holder("max"))).toMatchObject({ ok: true, value: { state: "granted" } });
    await bridge.runDue();
    await bridge.later();
    expect(bridge.fired).toHaveLength(1);
    expect(bridge.fired[0]).toMatchObject({ attempt: 1 });
    expect(await bridge.steps(edit)).toMatchObject([
      { state: "requested" },
      {
        state: "granted",
        by: { subject: "max", issuer: "https://idp.example.test", method: "oidc", roles: ["manager"] },
      },
    ]);
    expect(await bridge.approvalOf(edit)).toMatchObject({ state: "fired" });
    expect(await bridge.approvals.open(10)).toEqual([]);
  });

  it("the action runs without an approval in shadow mode, and the timeline says so", async () => {
    await bridge.stop();
    await start([DONE], { mode: "shadow" });
    expect(bridge.fired).toHaveLength(1);
    expect(await states()).toEqual(["not_asked"]);
  });

  it("a retry of an approved action needs no second approval", async () => {
    await bridge.stop();
    await start([RETRY, DONE]);
    await bridge.decide(edit, "grant", holder("max"));
    await bridge.runDue();
    await bridge.later();
    expect(bridge.fired.map(({ busEvent, attempt }) => [busEvent.detail.delivery, attempt])).toEqual([
      [edit.id, 1],
      [edit.id, 2],
    ]);
  });

  it("a decision is recorded in the timeline although the process died before it could do so", async () => {
    const { id } = await bridge.approvalOf(edit);
    const decision = { by: holder("max"), at: bridge.clock.now() };
    await bridge.approvals.move(id, ["requested"], { state: "granted", decision });
    await bridge.later();
    expect(await states()).toEqual(["requested", "granted"]);
    expect(bridge.fired).toHaveLength(1);
  });

  it("a decision whose process dies before it wakes the action fires it within two minutes, though it looks once an hour", async () => {
    await bridge.stop();
    await start([DONE], {}, [], silentLog, { approvalPollSeconds: 3_600 });
    const killed = withMethods(bridge.actions, { status: () => Promise.reject(new Error("killed")) });
    const verdict = { decision: "grant", by: holder("max"), requestId: "request-2" } as const;
    const deciding = decide(await bridge.approvalOf(edit), verdict, { ...bridge.bridge, actions: killed });
    await expect(deciding).rejects.toThrow("killed");
    await bridge.later(1);
    expect(bridge.fired).toEqual([]);
    await bridge.later(1);
    expect(bridge.fired).toHaveLength(1);
    await bridge.later(60);
    expect(bridge.fired).toHaveLength(1);
  });

  it.each([
    ["it had expired", async () => bridge.clock.advance(60 * 60_000), "expired", undefined],
    [
      "the page had changed",
      async () => void (await bridge.edit(8)),
      "superseded",
      expect.stringMatching(/^what it is about is version 8 since 2026-/),
    ],
  ])(
    "the end of an approval is recorded although the process died when it had found that %s",
    async (_, ends, state, endedFor) => {
      await ends();
      const { record } = bridge.deliveries;
      const broken = new Fault("store_unavailable", "no answer", { retryable: true });
      bridge.deliveries.record = () => Promise.reject(broken);
      bridge.clock.advance(60_000);
      const endedAt = bridge.clock.now();
      await bridge.runDue();
      expect(await bridge.approvalOf(edit)).toMatchObject({ state, endedAt });
      bridge.deliveries.record = record;
      await bridge.later();
      expect((await bridge.attempts(edit.id)).map(({ outcome }) => outcome)).toEqual(["retry", "done"]);
      const end = { state, at: endedAt, ...(endedFor && { endedFor }) };
      expect(await bridge.approvalOf(edit)).toMatchObject(end.endedFor ? { endedFor } : {});
      expect(await bridge.steps(edit)).toMatchObject([{ state: "requested" }, end]);
      const event = await bridge.deliveries.get(deliveryIdOf("approvals", [(await bridge.approvalOf(edit)).id, state]));
      expect(event).toMatchObject({ what: "approval.denied", receivedAt: endedAt });
    },
  );

  it("a waiting action is logged once, however often it waits", async () => {
    const lines: unknown[] = [];
    await bridge.stop();
    await start([DONE], {}, [], { ...silentLog, info: (fields) => lines.push(fields) });
    for (let looks = 0; looks < 3; looks++) expect(await bridge.later()).toBe(1);
    expect(lines).toMatchObject([{ delivery: edit.id, route: "docs", outcome: "wait" }]);
  });
});

describe("reminders", () => {
  const reminders = async () =>
    (await Promise.all([1, 2, 3].map((reminder) => reminderOf(edit, reminder)))).flatMap((one) => one ?? []);
  const reminderOf = async (delivery: RecordedDelivery, reminder: number) =>
    bridge.deliveries.get(
      deliveryIdOf("approvals", [(await bridge.approvalOf(delivery)).id, "requested", "reminded", String(reminder)]),
    );
  const times = async () => (await reminders()).map(({ receivedAt }) => toIso(receivedAt).slice(11, 16));
  const REMINDED = { approval: { expiresMinutes: 60, remindMinutes: [10, 30], approvers: () => ["manager"] } };
  beforeEach(async () => {
    await bridge.stop();
    await start([DONE], REMINDED);
  });

  it("each is recorded once, when it is due, with what people need to decide", async () => {
    for (let minute = 0; minute < 9; minute++) await bridge.later();
    expect(await reminders()).toEqual([]);
    await bridge.later();
    expect(await times()).toEqual(["09:10"]);
    for (let minute = 0; minute < 45; minute++) await bridge.later();
    expect(await times()).toEqual(["09:10", "09:30"]);
    const [, second] = await reminders();
    expect(second && busEventOf(second)).toMatchObject({
      "detail-type": "approval.reminded",
      detail: {
        origin: { delivery: edit.id },
        approval: { gate: { state: "requested", reminder: 2, approvers: ["manager"], requester: `${EDITOR} of wiki` } },
      },
    });
    // The approval is still the same one, and can be decided.
    expect(await bridge.decide(edit, "grant", holder("max"))).toMatchObject({ ok: true });
  });

  it("none is recorded after a decision, nor after the end of the time to decide", async () => {
    await bridge.later(10);
    await bridge.decide(edit, "deny", holder("max"));
    await bridge.later(30);
    expect(await times()).toEqual(["09:10"]);
    edit = await bridge.edit(8);
    await bridge.runDue();
    await bridge.later(70);
    expect([await bridge.approvalOf(edit), await reminders()]).toMatchObject([{ state: "expired" }, []]);
  });

  it("both are recorded once after a stop, with the times at which they were due, also if the clock then goes back", async () => {
    await bridge.later(40);
    expect(await times()).toEqual(["09:10", "09:30"]);
    bridge.clock.advance(-35 * 60_000);
    await bridge.runDue();
    for (let minute = 0; minute < 40; minute++) await bridge.later();
    expect(await times()).toEqual(["09:10", "09:30"]);
    expect((await bridge.approvalOf(edit)).reminded).toBe(2);
  });

  it("one is not lost if the process dies before it has recorded it, and is the same if it dies after", async () => {
    const { move } = bridge.approvals;
    bridge.approvals.move = () => Promise.reject(new Fault("store_unavailable", "no answer", { retryable: true }));
    await bridge.later(10);
    bridge.approvals.move = move.bind(bridge.approvals);
    const recorded = await reminders();
    expect(recorded).toHaveLength(1);
    await bridge.later(5);
    expect(await reminders()).toEqual(recorded);
    expect((await bridge.approvalOf(edit)).reminded).toBe(1);
  });
});

describe("the end of an approval without a run", () => {
  const ended = async () => {
    await bridge.later(61);
    const attempts = await bridge.attempts(edit.id);
    expect(bridge.fired.filter(({ busEvent }) => busEvent.detail.delivery === edit.id)).toEqual([]);
    return attempts[0]?.summary.replace(/p-\w+/, "p-…");
  };

  it("a denied action does not run", async () => {
    await bridge.decide(edit, "deny", holder("max"));
    expect(await ended()).toBe("not fired: approval p-… was denied");
    expect(await states()).toEqual(["requested", "denied"]);
  });

  it.each(["requested", "granted"])(
    "an approval expires at its end, but not once it was granted: %s",
    async (state) => {
      if (state === "granted") {
        bridge.clock.advance(60 * 60_000 - 1_001);
        await bridge.decide(edit, "grant", holder("max"));
        await bridge.later();
        expect(bridge.fired).toHaveLength(1);
        return;
      }
      bridge.clock.advance(60 * 60_000 - 1_000);
      expect(await bridge.decide(edit, "grant", holder("max"))).toMatchObject({
        rejection: { reason: "approval_closed", state: "expired" },
      });
      expect(await ended()).toBe("not fired: approval p-… was expired");
      expect(await states()).toEqual(["requested", "expired"]);
    },
  );

  it.each([
    ["a moment before it ends", 59 * 60_000 + 58_999, "requested"],
    ["at the moment when it ends", 59 * 60_000 + 59_000, "expired"],
  ])("the state of an approval is right %s", async (_, sinceMs, state) => {
    bridge.clock.advance(sinceMs);
    await bridge.runDue();
    expect(await bridge.approvalOf(edit)).toMatchObject({ state });
  });

  it("a withdrawn action does not run, even if it was granted before", async () => {
    await bridge.decide(edit, "grant", holder("max"));
    expect(await bridge.decide(edit, "withdraw", holder("mia"))).toMatchObject({ ok: true });
    expect(await ended()).toBe("not fired: approval p-… was withdrawn");
    expect(await states()).toEqual(["requested", "granted", "withdrawn"]);
  });

  it.each([
    ["while it waits", []],
    ["after it was granted", ["grant"]],
  ] as const)("a newer version of the page supersedes the approval %s, and needs its own", async (_, decisions) => {
    for (const decision of decisions) await bridge.decide(edit, decision, holder("max"));
    const newer = await bridge.edit(8);
    expect(await bridge.decide(edit, "grant", holder("mia"))).toMatchObject({
      rejection: { reason: decisions.length > 0 ? "approval_closed" : "approval_outdated" },
    });
    await bridge.runDue();
    expect(await bridge.decide(newer, "grant", holder("mia"))).toMatchObject({ ok: true });
    expect(await ended()).toBe("not fired: approval p-… was superseded");
    expect(bridge.fired).toMatchObject([{ busEvent: { detail: { delivery: newer.id } } }]);
  });

  it("neither an edit of another page nor the same version reported again supersedes the approval", async () => {
    await bridge.edit(9, { id: "4711" });
    await bridge.edit(7);
    expect(await bridge.decide(edit, "grant", holder("max"))).toMatchObject({ ok: true });
    await bridge.runDue();
    expect(bridge.fired).toMatchObject([{ busEvent: { detail: { delivery: edit.id } } }]);
  });
});

describe("the person who decides", () => {
  type Row = readonly [name: string, decision: Verdict["decision"], by: Verdict["by"], reason: string | undefined];
  const wiki = { ...holder("wiki"), issuer: "drawbridge:source", method: "hub-signature" };
  const { trustEntry: _, ...source } = wiki;
  const rows: readonly Row[] = [
    ["has the role may grant", "grant", holder("max"), undefined],
    ["has the role may deny", "deny", holder("max"), undefined],
    ["has the role may withdraw", "withdraw", holder("max"), undefined],
    ["lacks the role may not grant", "grant", holder("tom", ["on-call"]), "role_missing"],
    ["lacks the role may not deny", "deny", holder("tom", []), "role_missing"],
    ["lacks the role may not withdraw for another", "withdraw", holder("tom", []), "role_missing"],
    ["is the requester by account may not grant", "grant", { ...source, actor: EDITOR }, "self_approval"],
    ["is the requester by the name of the token may not grant", "grant", holder(EDITOR), "self_approval"],
    ["is configured as the same person may not grant", "grant", holder("ann"), "self_approval"],
    ["is the requester may withdraw without any role", "withdraw", holder("ann", []), undefined],
    ["is the requester and has the role may deny", "deny", holder("ann"), undefined],
  ];

  it.each(rows)("a person who %s", async (_name, decision, by, reason) => {
    const result = await bridge.decide(edit, decision, by);
    expect(result.ok ? undefined : result.rejection.reason).toBe(reason);
    expect((await bridge.approvalOf(edit)).state === "requested").toBe(reason !== undefined);
  });

  it("a person who decides at the same time as others wins, or learns who decided", async () => {
    const people = ["max", "mia", "joe", "eve"].map((name) => holder(name));
    const results = await Promise.all(people.map((by, at) => bridge.decide(edit, at % 2 ? "deny" : "grant", by)));
    const winners = results.flatMap((result) => (result.ok ? [result.value.decision?.by.subject] : []));
    expect(winners).toHaveLength(1);
    for (const result of results) {
      if (!result.ok) expect(result.rejection).toMatchObject({ by: `${winners[0]} of https://idp.example.test` });
    }
  });

  it("a person who decides after the run learns when it ran and who granted it", async () => {
    await bridge.decide(edit, "grant", holder("max"));
    await bridge.later();
    const at = toIso(bridge.clock.now());
    await bridge.later();
    const late = await bridge.decide(edit, "withdraw", holder("mia"));
    if (late.ok) throw new Error("it was fired");
    expect(late.rejection).toMatchObject({ reason: "approval_closed", state: "fired", at });
    const { title } = problemOf(late.rejection);
    expect(title).toBe(`The approval was already fired at ${at}; max of https://idp.example.test granted it`);
  });

  it("a second equal decision changes nothing", async () => {
    const [first, second] = [1, 2].map(() => bridge.decide(edit, "grant", holder("max")));
    expect([(await first)?.ok, (await second)?.ok]).toEqual([true, true]);
    expect(await states()).toEqual(["requested", "granted"]);
  });
});

describe("an event that reports another state of the page", () => {
  it.each(["page.rewritten", "page.published", "page.archived", "page.trashed", "page.deleted"] as const)(
    "the approval of the earlier version cannot be granted after %s",
    async (type) => {
      await bridge.report(type, 8);
      expect(await bridge.decide(edit, "grant", holder("max"))).toMatchObject({
        rejection: { reason: "approval_outdated" },
      });
      await bridge.later();
      expect([await states(), bridge.fired]).toEqual([["requested", "superseded"], []]);
    },
  );

  it("an approval that was granted before Confluence rewrote the page does not fire", async () => {
    await bridge.decide(edit, "grant", holder("max"));
    await bridge.report("page.rewritten", 8);
    await bridge.later();
    expect([await states(), bridge.fired]).toEqual([["requested", "granted", "superseded"], []]);
  });

  it.each(["page.moved", "page.labeled", "page.restored"] as const)(
    "the approval can be granted after %s of the same version, and not if the event shows another version",
    async (type) => {
      await bridge.report(type, 7);
      expect(await bridge.decide(edit, "grant", holder("max"))).toMatchObject({ ok: true });
      await bridge.report(type, 8);
      await bridge.later();
      expect([await states(), bridge.fired]).toEqual([["requested", "granted", "superseded"], []]);
    },
  );

  it("the end of a page is not undone by its restoration or by a later edit", async () => {
    await bridge.report("page.trashed", 8);
    await bridge.report("page.restored", 9);
    await bridge.later();
    expect(await states()).toEqual(["requested", "superseded"]);
  });
});

describe("a route of blog posts that needs an approval", () => {
  const EDIT = "blogpost.updated" as const;
  const matches = (busEvent: BusEvent) => busEvent["detail-type"] === EDIT;
  beforeEach(async () => {
    await bridge.stop();
    bridge = await gatedBridge([DONE], { matches });
    edit = await bridge.report(EDIT, 7, { kind: "blogpost" });
    await bridge.runDue();
    bridge.clock.advance(1_000);
  });

  it("a label on the blog post decides", async () => {
    bridge.clock.advance(60_000);
    await bridge.label("drawbridge-approve", "max", {}, undefined, "blogpost.labeled");
    await bridge.later();
    expect([await states(), bridge.fired.length]).toEqual([["requested", "granted"], 1]);
  });

  it.each(["blogpost.updated", "blogpost.rewritten", "blogpost.trashed", "blogpost.deleted"] as const)(
    "the approval of the earlier version ends with %s",
    async (type) => {
      await bridge.report(type, 8, { kind: "blogpost" });
      await bridge.later();
      expect([await states(), bridge.fired]).toEqual([["requested", "superseded"], []]);
    },
  );
});

describe("a label on the page", () => {
  beforeEach(() => bridge.clock.advance(60_000));

  it.each([
    ["drawbridge-approve", "grant", "granted"],
    ["drawbridge-deny", "deny", "denied"],
  ])(
    "the label %s of a person with the role decides, and both timelines name the person",
    async (label, decision, state) => {
      const labeled = await bridge.label(label, "max");
      expect(await bridge.steps(edit)).toMatchObject([{}, { state, by: { subject: "wiki", actor: "max" } }]);
      expect(await bridge.decided(labeled)).toMatchObject([{ decision, by: { actor: "max", roles: ["manager"] } }]);
      expect((await bridge.decided(labeled))[0]?.refusal).toBeUndefined();
      await bridge.later();
      expect(bridge.fired).toHaveLength(state === "granted" ? 1 : 0);
    },
  );

  it.each([
    ["of a person without the role", "tom", "role_missing"],
    ["of an unknown account", "stranger", "role_missing"],
    ["of an account with the name of a method", "constructor", "role_missing"],
    ["of the editor", EDITOR, "self_approval"],
  ])("a label %s decides nothing, and its timeline says why", async (_, actor, reason) => {
    const labeled = await bridge.label("drawbridge-approve", actor);
    expect(await bridge.decided(labeled)).toMatchObject([{ refusal: { reason } }]);
    expect((await bridge.approvalOf(edit)).state).toBe("requested");
  });

  it("a label of another name, of an unproved sender in shadow mode, or of a replay decides nothing", async () => {
    await bridge.label("drawbridge-approved", "max");
    await bridge.label("drawbridge-approve", "max", { refusal: { reason: "signature_mismatch", header: "X" } });
    await bridge.label("drawbridge-approve", "max", {
      replay: { of: "d-1", routes: ["docs"], isRollback: false },
    });
    expect((await bridge.approvalOf(edit)).state).toBe("requested");
  });

  it("a label decides nothing that was requested less than a minute before, whatever time its sender reports", async () => {
    await bridge.edit(8);
    await bridge.runDue();
    bridge.clock.advance(59_999);
    const late = toIso(laterBy(bridge.clock.now(), 3_600_000));
    for (const time of [undefined, late]) {
      const labeled = await bridge.label("drawbridge-approve", "max", {}, time);
      expect((await bridge.decided(labeled)).map(({ refusal }) => refusal?.reason)).toEqual(["approval_too_recent"]);
    }
    bridge.clock.advance(1);
    await bridge.label("drawbridge-approve", "max");
    await bridge.later();
    expect(bridge.fired).toMatchObject([{ approvedRef: "8" }]);
  });

  it("a label decides nothing that was requested less than a minute before, however long ago the event arrived", async () => {
    await bridge.edit(8);
    // The bridge is stopped meanwhile, so no page shows the request.
    bridge.clock.advance(600_000);
    await bridge.runDue();
    const labeled = await bridge.label("drawbridge-approve", "max");
    expect((await bridge.decided(labeled)).map(({ refusal }) => refusal?.reason)).toEqual(["approval_too_recent"]);
  });

  it("a label that is reported again, also as another delivery, does not grant what was requested since", async () => {
    const time = toIso(bridge.clock.now());
    const labeled = await bridge.label("drawbridge-approve", "max", {}, time);
    await bridge.later();
    const newer = await bridge.edit(8);
    await bridge.runDue();
    await bridge.takeIn(labeled);
    const again = await bridge.label("drawbridge-approve", "max", {}, time);
    expect(await bridge.decided(again)).toMatchObject([{ refusal: { reason: "approval_unknown" } }]);
    expect((await bridge.approvalOf(newer)).state).toBe("requested");
    expect(bridge.fired).toHaveLength(1);
  });

  it("the rejection says so if more approvals are open than were compared", async () => {
    const { open } = bridge.approvals;
    const other: Approval = { ...(await bridge.approvalOf(edit)), id: "p-other", page: { site: "s", id: "1" } };
    bridge.approvals.open = async (limit) => Array.from({ length: limit }, () => other);
    const labeled = await bridge.label("drawbridge-approve", "max");
    bridge.approvals.open = open;
    expect(await bridge.decided(labeled)).toMatchObject([{ refusal: { reason: "approvals_too_many", limit: 2_000 } }]);
    expect((await bridge.approvalOf(edit)).state).toBe("requested");
  });

  it("a label's event stays in the outbox if its command cannot be executed, and is published later", async () => {
    const open = bridge.approvals.open;
    bridge.approvals.open = () => Promise.reject(new Fault("store_unavailable", "no answer", { retryable: true }));
    const labeled = await bridge.label("drawbridge-approve", "max");
    expect((await bridge.deliveries.get(labeled.id))?.relayedAt).toBeUndefined();
    bridge.approvals.open = open;
    await bridge.takeIn(labeled);
    expect((await bridge.approvalOf(edit)).state).toBe("granted");
  });
});

describe("a run that is asked for again", () => {
  it("the replay waits too: the person who asked for it cannot approve it, nor can the first editor", async () => {
    await bridge.decide(edit, "deny", holder("max"));
    await bridge.runDue();
    const again = await bridge.replay(edit, holder("mia", ["manager", "on-call"]));
    await bridge.runDue();
    for (const by of [holder("mia"), holder("ann")]) {
      expect(await bridge.decide(again, "grant", by)).toMatchObject({ rejection: { reason: "self_approval" } });
    }
    expect(await bridge.decide(again, "grant", holder("max"))).toMatchObject({ ok: true });
    await bridge.runDue();
    expect(bridge.fired).toMatchObject([{ busEvent: { detail: { delivery: again.id, replay: { of: edit.id } } } }]);
  });

  it("a change after the request for the replay supersedes it, and an earlier change does not", async () => {
    await bridge.edit(8);
    bridge.clock.advance(1_000);
    const again = await bridge.replay(edit, holder("mia"));
    await bridge.runDue();
    bridge.clock.advance(1_000);
    await bridge.edit(9);
    expect(await bridge.decide(again, "grant", holder("max"))).toMatchObject({
      rejection: { reason: "approval_outdated" },
    });
  });
});
