import { describe, expect, it } from "vitest";
import { DAYS, rulesIn } from "../../shared/approvals/configured-rules.ts";
import { type DECISIONS, decide, decisionsOf } from "../../shared/approvals/decide.ts";
import { laterBy, toIso } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { Log, LogFields } from "../../shared/host/log.ts";
import type { Identity } from "../../shared/model/approval.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { EDITOR, gatedBridge, holder } from "../support/gated-bridge.ts";
import { silentLog, testClock } from "../support/test-doubles.ts";

const [MAX, MIA] = [holder("max"), holder("mia")];
/** On call, and no approver. */
const KIM = holder("kim", ["incident"]);
const LEE = holder("lee", ["incident"]);

const none = { call: [], fire: [], replay: [], approve: [], promote: [], summarise: [], pause: [] };
const ROLES = { manager: { ...none, approve: ["docs"] }, "on-call": { ...none, replay: ["*"] }, incident: none };

const HOUR_MS = 3_600_000;
/** Opens two hours after a test has begun, for an hour. */
const LATER = {
  days: DAYS,
  from: toIso(laterBy(testClock().now(), 2 * HOUR_MS)).slice(11, 16),
  to: toIso(laterBy(testClock().now(), 3 * HOUR_MS)).slice(11, 16),
  zone: "UTC",
};

type Rules = Parameters<typeof rulesIn>[0];
const TWO: Rules = { approvers: 2, fromRoles: ["manager"], emergency: ["incident"] };
const CLOSED: Rules = { windows: [LATER], emergency: ["incident"] };

/** A bridge whose route waits, and a delivery that waits. `open` starts it again, with other rules. */
async function waiting(rules: Rules = TWO, more: Parameters<typeof gatedBridge>[4] = {}) {
  const { table } = openMemoryTable();
  const [database, clock] = [{ table, close: () => undefined }, testClock()];
  const lines: [LogFields, string][] = [];
  const log: Log = { ...silentLog, warn: (fields, message) => void lines.push([fields, message]) };
  const open = (now: Rules) =>
    gatedBridge([{ outcome: "done", summary: "accepted" }], {}, [], log, {
      database,
      clock,
      roles: ROLES,
      rules: new Map([["docs", rulesIn(now)]]),
      ...more,
    });
  const bridge = await open(rules);
  const edit = await bridge.edit(7);
  await bridge.runDue();
  const order = async (
    by: Identity,
    decision: (typeof DECISIONS)[number] = "emergency",
    comment: string | undefined = "the shop is down",
    at: Awaited<ReturnType<typeof open>> = bridge,
  ) => {
    at.clock.advance(1_000);
    return decide(await at.approvalOf(edit), { decision, comment, by, requestId: "request-2" }, at.bridge);
  };
  const alerts = () => lines.filter(([, message]) => message === "a run was granted in an emergency");
  /** Publishes what is recorded, as the relay does. */
  const publish = async (at = bridge) => {
    for (const id of await at.deliveries.unrelayed(laterBy(at.clock.now(), HOUR_MS), 100)) {
      const left = await at.deliveries.get(id);
      if (left) await at.takeIn(left);
    }
  };
  return { bridge, edit, order, open, alerts, publish };
}

type Waiting = Awaited<ReturnType<typeof waiting>>;
const statesOf = async ({ bridge, edit }: Pick<Waiting, "bridge" | "edit">) =>
  (await bridge.steps(edit)).map(({ state, emergency }) => (emergency ? `${state} in an emergency` : state));

describe("a run that is granted in an emergency", () => {
  it("one person with the role is enough, and the record has the person and the reason", async () => {
    const { bridge, edit, order, alerts, publish } = await waiting();
    expect(await order(KIM)).toMatchObject({
      ok: true,
      value: {
        state: "granted",
        grants: [{ by: KIM, as: ["incident"], emergency: true, comment: "the shop is down" }],
      },
    });
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(1);
    const steps = await bridge.steps(edit);
    expect(steps.map(({ state }) => state)).toEqual(["requested", "granted"]);
    expect(steps.at(-1)).toMatchObject({ by: KIM, comment: "the shop is down", emergency: true });
    await publish();
    const { id } = await bridge.approvalOf(edit);
    expect(alerts()).toEqual([
      [
        { delivery: edit.id, route: "docs", emergencyGrant: id, by: `kim of ${KIM.issuer}` },
        "a run was granted in an emergency",
      ],
    ]);
  });

  it("the run fires outside the windows, although it was granted before and waits for its window", async () => {
    const first = await waiting({ ...CLOSED, outsideWindows: "refuse" });
    await first.order(KIM);
    await first.bridge.runDue();
    expect(first.bridge.fired).toHaveLength(1);

    const second = await waiting(CLOSED);
    expect(await second.order(MAX, "grant")).toMatchObject({ ok: true, value: { state: "granted" } });
    await second.bridge.runDue();
    expect(second.bridge.fired).toHaveLength(0);
    expect(await second.order(KIM)).toMatchObject({ ok: true, value: { state: "granted" } });
    await second.bridge.runDue();
    expect(second.bridge.fired).toHaveLength(1);
    expect(await statesOf(second)).toEqual(["requested", "granted", "granted in an emergency"]);
  });

  it("a run that waits for its window is checked each minute if somebody may skip the window", async () => {
    const { bridge, order } = await waiting(CLOSED);
    await order(MAX, "grant");
    await bridge.runDue();
    expect(await bridge.later()).toBe(1);
    expect(bridge.fired).toHaveLength(0);
  });

  it("an emergency grant is void if what it is about changes, before it and after it", async () => {
    const before = await waiting();
    await before.bridge.edit(8);
    expect(await before.order(KIM)).toMatchObject({ ok: false, rejection: { reason: "approval_outdated" } });
    const after = await waiting();
    await after.order(KIM);
    await after.bridge.edit(8);
    await after.bridge.later();
    expect(after.bridge.fired).toHaveLength(0);
    expect(await after.bridge.approvalOf(after.edit)).toMatchObject({ state: "superseded" });
  });

  it.each([
    ["an approver without the role", MAX, { reason: "role_missing", role: "incident" }],
    ["somebody without any role", holder("tom", []), { reason: "role_missing", role: "incident" }],
    ["the requester", holder("ann", ["incident", "manager"]), { reason: "self_approval" }],
    ["the requester under another account", holder(EDITOR, ["incident"]), { reason: "self_approval" }],
  ])("%s may not grant a run in an emergency, and nothing changes", async (_, by, rejection) => {
    const { bridge, edit, order, alerts, publish } = await waiting();
    expect(await order(by)).toMatchObject({ ok: false, rejection });
    expect(await bridge.approvalOf(edit)).toMatchObject({ state: "requested", grants: [] });
    await publish();
    expect(alerts()).toEqual([]);
  });

  it("nobody may grant it in an emergency if the route names no role, or if the role is confined to something else", async () => {
    const without = await waiting({});
    expect(await without.order(KIM)).toMatchObject({ rejection: { reason: "role_missing" } });
    const roles = { ...ROLES, incident: { ...none, in: { spaces: ["OPS"] } } };
    const confined = await waiting(TWO, { roles });
    expect(await confined.order(KIM)).toMatchObject({ rejection: { reason: "approval_unknown" } });
    const both = holder("kim", ["incident", "manager"]);
    expect(await confined.order(both)).toMatchObject({ rejection: { reason: "role_missing" } });
  });

  it("an emergency role alone grants nothing else, and denies nothing", async () => {
    const { order } = await waiting();
    for (const decision of ["grant", "deny", "withdraw"] as const)
      expect(await order(KIM, decision)).toMatchObject({ rejection: { reason: "role_missing" } });
  });

  it.each(["", "  ", "\u200b\u202e", "\u0007"])(
    "an emergency grant with the reason %j is refused, because nobody can read it",
    async (reason) => {
      const { order } = await waiting();
      expect(await order(KIM, "emergency", reason)).toMatchObject({ rejection: { reason: "reason_missing" } });
    },
  );

  it("the same order twice, and orders of two people at once, are one grant with one alert", async () => {
    const { bridge, edit, order, alerts, publish } = await waiting();
    const answers = await Promise.all([KIM, LEE, KIM, LEE].map((by) => order(by)));
    const { grants } = await bridge.approvalOf(edit);
    expect(grants).toHaveLength(1);
    const [winner] = grants;
    expect(answers.map(({ ok }) => ok).filter(Boolean)).toHaveLength(2);
    const loser = winner?.by.subject === "kim" ? LEE : KIM;
    expect(await order(loser)).toMatchObject({
      rejection: { reason: "approval_closed", state: "granted", by: `${winner?.by.subject} of ${KIM.issuer}` },
    });
    await publish();
    expect(alerts()).toHaveLength(1);
  });

  it("an emergency grant that changes nothing is refused: the run is granted and its window is open", async () => {
    const { order, alerts, publish } = await waiting({ emergency: ["incident"] });
    await order(MAX, "grant");
    expect(await order(KIM)).toMatchObject({ rejection: { reason: "approval_closed", by: `max of ${MAX.issuer}` } });
    await publish();
    expect(alerts()).toEqual([]);
  });

  it("somebody who has granted as one of several may also grant in an emergency", async () => {
    const both = holder("kim", ["incident", "manager"]);
    const { bridge, edit, order } = await waiting();
    expect(await order(both, "grant")).toMatchObject({ ok: true, value: { state: "requested" } });
    expect(await order(both)).toMatchObject({ ok: true, value: { state: "granted" } });
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(1);
    expect(await statesOf({ bridge, edit })).toEqual(["requested", "partly_granted", "granted in an emergency"]);
  });

  it.each([
    ["denied", async ({ order }: Waiting) => void (await order(MAX, "deny"))],
    ["withdrawn", async ({ order }: Waiting) => void (await order(MAX, "withdraw"))],
    ["expired", async ({ bridge }: Waiting) => void (await bridge.later(61))],
    [
      "superseded",
      async ({ bridge }: Waiting) => {
        await bridge.edit(8);
        await bridge.later();
      },
    ],
    [
      "fired",
      async ({ order, bridge }: Waiting) => {
        await order(MAX, "grant");
        await order(MIA, "grant");
        await bridge.runDue();
      },
    ],
  ])("an approval that is %s stays so", async (state, end) => {
    const all = await waiting();
    await end(all);
    const fired = all.bridge.fired.length;
    expect(await all.order(KIM)).toMatchObject({ rejection: { reason: "approval_closed", state } });
    await all.bridge.later();
    expect(await all.bridge.approvalOf(all.edit)).toMatchObject({ state });
    expect(all.bridge.fired).toHaveLength(fired);
    await all.publish();
    expect(all.alerts()).toEqual([]);
  });

  it("whoever granted a run in an emergency may withdraw the grant until the run fires", async () => {
    const { bridge, edit, order } = await waiting();
    await order(KIM);
    expect(await order(LEE, "withdraw")).toMatchObject({ rejection: { reason: "role_missing" } });
    expect(await order(KIM, "withdraw")).toMatchObject({ ok: true, value: { state: "withdrawn" } });
    await bridge.later();
    expect(bridge.fired).toHaveLength(0);
    expect(await statesOf({ bridge, edit })).toEqual(["requested", "granted in an emergency", "withdrawn"]);
  });

  it("an emergency grant is void if the route no longer names the role, and others may then grant the run", async () => {
    const { bridge, edit, order, open } = await waiting({ ...TWO, windows: [LATER] });
    await order(KIM);
    const later = await open({ approvers: 2 });
    await later.later();
    expect(later.fired).toHaveLength(0);
    expect(await later.approvalOf(edit)).toMatchObject({ state: "requested", grants: [{ emergency: true }] });
    await order(MAX, "grant", undefined, later);
    await order(MIA, "grant", undefined, later);
    await later.later();
    expect(later.fired).toHaveLength(1);
    expect(await statesOf({ bridge, edit })).toEqual([
      "requested",
      "granted in an emergency",
      "partly_granted",
      "granted",
    ]);
  });

  it("a void emergency grant skips no window: the run waits for its window again", async () => {
    const { edit, order, open } = await waiting(CLOSED);
    await order(MAX, "grant");
    await order(KIM);
    const later = await open({ ...CLOSED, emergency: [] });
    await later.later();
    expect(later.fired).toHaveLength(0);
    expect(await later.approvalOf(edit)).toMatchObject({ state: "granted" });
    await later.later(120);
    expect(later.fired).toHaveLength(1);
  });

  it("after a void emergency grant, somebody with another role may give one, with an alert of its own", async () => {
    const roles = { ...ROLES, chief: none };
    const { bridge, edit, order, open, alerts, publish } = await waiting({ ...TWO, windows: [LATER] }, { roles });
    await order(KIM);
    const later = await open({ ...TWO, emergency: ["chief"] });
    await later.later();
    expect(await order(holder("lee", ["chief"]), "emergency", "still down", later)).toMatchObject({ ok: true });
    await later.later();
    expect(later.fired).toHaveLength(1);
    await publish(later);
    expect(alerts().map(([{ by }]) => by)).toEqual([`kim of ${KIM.issuer}`, `lee of ${KIM.issuer}`]);
    expect(await statesOf({ bridge, edit })).toEqual([
      "requested",
      "granted in an emergency",
      "granted in an emergency",
    ]);
  });

  it("the alert, the timeline and the audit record of an emergency grant are complete although the process died after it", async () => {
    const { bridge, edit, order, alerts, publish } = await waiting();
    const { record } = bridge.deliveries;
    bridge.deliveries.record = () => Promise.reject(new Fault("store_unavailable", "it died", { retryable: true }));
    await expect(order(KIM)).rejects.toMatchObject({ code: "store_unavailable" });
    bridge.deliveries.record = record;
    expect(alerts()).toEqual([]);
    await bridge.later();
    await publish();
    expect(bridge.fired).toHaveLength(1);
    expect(await statesOf({ bridge, edit })).toEqual(["requested", "granted in an emergency"]);
    expect(alerts()).toHaveLength(1);
    const { id } = await bridge.approvalOf(edit);
    const audited = (await auditOf(bridge)).map(({ what, subject, principal }) => [what, subject, principal.subject]);
    expect(audited).toEqual([["emergency_granted", id, "kim"]]);
  });

  it("only an event of the bridge itself is an alert, and a replay of it is none", async () => {
    const { bridge, edit, order, alerts, publish } = await waiting();
    await order(KIM);
    await publish();
    const page = await bridge.deliveries.list({
      before: { receivedAt: laterBy(bridge.clock.now(), 1), id: "~" },
      notBefore: testClock().now(),
      limit: 1,
      scanLimit: 100,
      matches: ({ what }) => what === "approval.granted",
    });
    const own = await bridge.deliveries.get(page.deliveries[0]?.id ?? "");
    if (!own) throw new Error("it is recorded");
    expect(alerts()).toHaveLength(1);
    await bridge.takeIn({ ...own, id: "d-forged", source: "wiki", provider: "gitlab" });
    const replayed = { of: own.id, routes: ["docs"], isRollback: false, by: KIM };
    await bridge.takeIn({ ...own, id: "d-replayed", replay: replayed });
    expect(alerts()).toHaveLength(1);
    expect(await bridge.approvalOf(edit)).toMatchObject({ state: "granted" });
  });

  it("an emergency grant is offered to a person as long as it changes something", async () => {
    const { bridge, edit, order } = await waiting(CLOSED);
    const offered = async (by: Identity) => decisionsOf(await bridge.approvalOf(edit), by, bridge.bridge);
    expect(await offered(KIM)).toEqual(["emergency"]);
    expect(await offered(MAX)).toEqual(["grant", "deny", "withdraw"]);
    expect(await offered(holder("ann", ["incident"]))).toEqual(["withdraw"]);
    await order(MAX, "grant");
    expect(await offered(KIM)).toEqual(["emergency"]);
    await order(KIM);
    expect(await offered(LEE)).toEqual([]);
    expect(await offered(KIM)).toEqual(["withdraw"]);
  });
});

const auditOf = async ({ deliveries, clock }: Waiting["bridge"]) => {
  const before = { receivedAt: laterBy(clock.now(), 1), id: "~" };
  const { deliveries: listed } = await deliveries.list({
    before,
    notBefore: testClock().now(),
    limit: 100,
    scanLimit: 100,
    matches: ({ outcome }) => outcome === "audit",
  });
  return listed;
};
