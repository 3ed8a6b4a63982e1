import { describe, expect, it } from "vitest";
import { commandOfText } from "../../shared/approvals/command.ts";
import { DAYS, rulesIn, type WeeklyWindow } from "../../shared/approvals/configured-rules.ts";
import { decide } from "../../shared/approvals/decide.ts";
import type { Config } from "../../shared/config/schema.ts";
import { laterBy, toIso } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { EDITOR, gatedBridge, holder } from "../support/gated-bridge.ts";
import { busEventOf } from "../support/samples.ts";
import { silentLog, testClock } from "../support/test-doubles.ts";

const RULES = { approvers: 2 };
const [MAX, MIA] = [holder("max"), holder("mia")];

/** A bridge whose route waits for several people, and a delivery that waits. `rules` may change for a later process. */
async function waiting(rules: Parameters<typeof rulesIn>[0] = RULES, roles?: Config["roles"]) {
  const { table } = openMemoryTable();
  const [database, clock] = [{ table, close: () => undefined }, testClock()];
  const open = (now: Parameters<typeof rulesIn>[0]) =>
    gatedBridge([{ outcome: "done", summary: "accepted" }], {}, [], silentLog, {
      database,
      clock,
      ...(roles && { roles }),
      rules: new Map([["docs", rulesIn(now)]]),
    });
  const bridge = await open(rules);
  const edit = await bridge.edit(7);
  await bridge.runDue();
  const grant = (by: typeof MAX) => bridge.decide(edit, "grant", by);
  return { bridge, edit, grant, open };
}

const APPROVES = { call: [], fire: [], replay: [], approve: ["docs"], promote: [], summarise: [], pause: [] };

const WINDOW_MS = 2 * 60 * 60_000;
/** An hour of every day, which opens this many hours after a test has begun. */
function windowIn(hours: number): WeeklyWindow {
  const time = (ms: number) => toIso(laterBy(testClock().now(), ms)).slice(11, 16);
  return { days: DAYS, from: time(hours * 3_600_000), to: time((hours + 1) * 3_600_000), zone: "UTC" };
}

type Waiting = Awaited<ReturnType<typeof waiting>>;
const statesOf = async (bridge: Waiting["bridge"], edit: RecordedDelivery) =>
  (await bridge.steps(edit)).map(({ state }) => state);

describe("a run that several people have to approve", () => {
  it("the run fires after the last grant, and each grant is recorded with person, time, comment and progress", async () => {
    const { bridge, edit, grant } = await waiting();
    bridge.clock.advance(1_000);
    expect(await grant(MAX)).toMatchObject({ ok: true, value: { state: "requested", grants: [{ by: MAX }] } });
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(0);
    bridge.clock.advance(1_000);
    expect(await grant(MIA)).toMatchObject({ ok: true, value: { state: "granted" } });
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(1);
    const name = ({ subject, issuer }: typeof MAX) => `${subject} of ${issuer}`;
    expect(await bridge.steps(edit)).toMatchObject([
      { state: "requested", progress: { needed: 2, grantedBy: [] } },
      { state: "partly_granted", by: MAX, progress: { needed: 2, grantedBy: [name(MAX)] } },
      { state: "granted", by: MIA, progress: { needed: 2, grantedBy: [name(MAX), name(MIA)] } },
    ]);
  });

  it("grants at the same time all count, and one person counts once however often they grant", async () => {
    const { bridge, grant } = await waiting({ approvers: 3 });
    const answers = await Promise.all([MAX, MIA, MAX, MIA, MAX].map(grant));
    expect(answers.map(({ ok }) => ok)).toEqual([true, true, true, true, true]);
    const [approval] = await bridge.approvals.open(1);
    expect(approval).toMatchObject({ state: "requested" });
    expect(approval?.grants.map(({ by }) => by.subject).toSorted()).toEqual(["max", "mia"]);
    await bridge.later();
    expect(bridge.fired).toHaveLength(0);
  });

  it("a person's label and token are one grant", async () => {
    const { bridge, edit, grant } = await waiting();
    bridge.clock.advance(61_000);
    await bridge.label("drawbridge-approve", "max");
    expect((await bridge.approvalOf(edit)).grants).toHaveLength(1);
    await grant(MAX);
    expect((await bridge.approvalOf(edit)).grants).toHaveLength(1);
    await grant(MIA);
    expect(await bridge.approvalOf(edit)).toMatchObject({ state: "granted" });
  });

  it("the requester does not count, under whatever account", async () => {
    const { grant } = await waiting();
    expect(await grant(holder("ann"))).toMatchObject({ ok: false, rejection: { reason: "self_approval" } });
    expect(await grant(holder(EDITOR))).toMatchObject({ ok: false, rejection: { reason: "self_approval" } });
  });

  it("neither the author of what is replayed nor anybody who replayed it may approve the replay", async () => {
    const { bridge, edit } = await waiting({});
    const onCall = (subject: string) => holder(subject, ["manager", "on-call"]);
    const once = await bridge.replay(edit, onCall("mia"));
    const twice = await bridge.replay(once, onCall("kim"));
    await bridge.runDue();
    expect(await bridge.approvalOf(twice)).toMatchObject({
      requester: { subject: "kim" },
      authors: [{ subject: "mia" }, { actor: EDITOR }],
    });
    for (const by of [holder("kim"), MIA, holder("ann"), holder(EDITOR)])
      expect(await bridge.decide(twice, "grant", by)).toMatchObject({ rejection: { reason: "self_approval" } });
    expect(await bridge.decide(twice, "grant", MAX)).toMatchObject({ ok: true });
  });

  it("a grant without a reason is refused if the route needs one, a label too, and a denial needs none", async () => {
    const { bridge, edit, grant } = await waiting({ reason: "required" });
    const { id } = await bridge.approvalOf(edit);
    expect(await grant(MAX)).toMatchObject({ ok: false, rejection: { reason: "reason_missing" } });
    bridge.clock.advance(61_000);
    const label = await bridge.label("drawbridge-approve", "max");
    expect(await bridge.decided(label)).toMatchObject([{ about: id, refusal: { reason: "reason_missing" } }]);
    const decideWith = async (comment: string) =>
      decide(await bridge.approvalOf(edit), { decision: "grant", comment, by: MAX, requestId: "r" }, bridge.bridge);
    expect(await decideWith("  ")).toMatchObject({ rejection: { reason: "reason_missing" } });
    expect(await decideWith("agreed")).toMatchObject({ ok: true, value: { grants: [{ comment: "agreed" }] } });
    expect(await grant(MAX)).toMatchObject({ ok: true });
    const other = await waiting({ reason: "required" });
    expect(await other.bridge.decide(other.edit, "deny", MAX)).toMatchObject({ ok: true });
  });

  it("the reason in a comment is that of the grant", async () => {
    const { bridge, edit } = await waiting({ reason: "required" });
    const { id, page } = await bridge.approvalOf(edit);
    const command = commandOfText(`drawbridge approve ${id} because the board agreed.`);
    bridge.clock.advance(1_000);
    const comment = await bridge.label("other", "max", {}, undefined, "page.commented");
    const busEvent = busEventOf(comment);
    if (!command || !busEvent || !page) throw new Error("it is a command in a comment");
    const issued = { command, busEvent, actor: "max", page, at: bridge.clock.now(), key: ["comment"] };
    expect(await bridge.bridge.commands.executeCommand(issued)).toMatchObject([{ about: id, decision: "grant" }]);
    expect(await bridge.approvalOf(edit)).toMatchObject({ grants: [{ comment: "the board agreed" }] });
  });

  it("a run that is granted outside its windows fires when the next one opens, if its reference is the same then", async () => {
    const { bridge, edit, grant } = await waiting({ windows: [windowIn(2)] });
    expect(await grant(MAX)).toMatchObject({ ok: true, value: { state: "granted" } });
    await bridge.later();
    expect(bridge.fired).toHaveLength(0);
    expect(await bridge.approvalOf(edit)).toMatchObject({ state: "granted" });
    await bridge.later(2 * 60);
    expect(bridge.fired).toHaveLength(1);
    const other = await waiting({ windows: [windowIn(2)] });
    await other.grant(MAX);
    await other.bridge.runDue();
    await other.bridge.edit(8);
    await other.bridge.later(2 * 60);
    expect(await other.bridge.approvalOf(other.edit)).toMatchObject({ state: "superseded" });
    expect(other.bridge.fired).toHaveLength(0);
  });

  it("the attempt that waits for a window is due when it opens, and not before", async () => {
    const { bridge, grant } = await waiting({ windows: [windowIn(2)] });
    await grant(MAX);
    bridge.clock.advance(WINDOW_MS - 5 * 60_000);
    await bridge.runDue();
    bridge.clock.advance(5 * 60_000 - 1);
    expect(await bridge.runDue()).toBe(0);
    bridge.clock.advance(1);
    expect(await bridge.runDue()).toBe(1);
    expect(bridge.fired).toHaveLength(1);
  });

  it("a grant outside the windows is refused if the route refuses, and a denial is not", async () => {
    const rules = { windows: [windowIn(2)], outsideWindows: "refuse" } as const;
    const { bridge, edit, grant } = await waiting(rules);
    const opensAt = toIso(laterBy(bridge.clock.now(), WINDOW_MS));
    expect(await grant(MAX)).toMatchObject({ ok: false, rejection: { reason: "outside_window", opensAt } });
    expect(await bridge.decide(edit, "deny", MAX)).toMatchObject({ ok: true });
    const later = await waiting(rules);
    later.bridge.clock.advance(WINDOW_MS - 60_000 * 61);
    await later.bridge.edit(8);
    later.bridge.clock.advance(60_000 * 61);
    const next = await later.bridge.edit(9);
    await later.bridge.runDue();
    expect(await later.bridge.decide(next, "grant", MAX)).toMatchObject({ ok: true });
    await later.bridge.runDue();
    expect(later.bridge.fired).toHaveLength(1);
  });

  it.each(["deny", "withdraw"] as const)("to %s ends it, whoever has granted before", async (decision) => {
    const { bridge, edit, grant } = await waiting();
    await grant(MAX);
    await bridge.decide(edit, decision, MIA);
    expect(await grant(holder("kim"))).toMatchObject({ ok: false, rejection: { reason: "approval_closed" } });
    await bridge.later();
    expect(bridge.fired).toHaveLength(0);
  });

  it("grants are void if the page changes between them", async () => {
    const { bridge, edit, grant } = await waiting();
    await grant(MAX);
    bridge.clock.advance(1_000);
    await bridge.edit(8);
    expect(await grant(MIA)).toMatchObject({ ok: false, rejection: { reason: "approval_outdated" } });
    await bridge.later();
    expect(await bridge.approvalOf(edit)).toMatchObject({ state: "superseded" });
    expect(bridge.fired).toHaveLength(0);
  });

  it("a person without a role that is missing is refused, and the refusal names the role", async () => {
    const { grant } = await waiting({ fromRoles: ["manager", "security"] }, { manager: APPROVES, security: APPROVES });
    const rejected = { ok: false, rejection: { reason: "role_missing", role: "security" } };
    expect(await grant(MAX)).toMatchObject({ ok: true });
    expect(await grant(MIA)).toMatchObject(rejected);
    expect(await grant(MAX)).toMatchObject({ ok: true });
    expect(await grant(holder("kim", ["manager", "security"]))).toMatchObject({
      ok: true,
      value: { state: "granted" },
    });
  });

  it("each list of roles is enough, and a grant that helps no list is refused", async () => {
    const roles = { sre: APPROVES, qa: APPROVES, release: APPROVES };
    const of = [["sre"], ["qa", "release"]];
    const { bridge, edit, grant } = await waiting({ of }, roles);
    bridge.clock.advance(1_000);
    expect(await grant(holder("kim", ["qa"]))).toMatchObject({ ok: true, value: { state: "requested" } });
    expect(await grant(holder("lee", ["qa"]))).toMatchObject({
      rejection: { reason: "role_missing", role: "sre or release" },
    });
    await bridge.runDue();
    const [, partly] = await bridge.steps(edit);
    expect(partly).toMatchObject({
      state: "partly_granted",
      progress: { needed: 2, missingRoles: ["sre"], otherwise: ["release"] },
    });
    expect(await grant(holder("ray", ["release"]))).toMatchObject({ ok: true, value: { state: "granted" } });
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(1);
    const alone = await waiting({ of }, roles);
    expect(await alone.grant(holder("sam", ["sre"]))).toMatchObject({ ok: true, value: { state: "granted" } });
  });

  it("grants are counted again if the lists of roles change before the run fires", async () => {
    const roles = { manager: APPROVES, security: APPROVES };
    const { edit, grant, open } = await waiting({ of: [["manager"]] }, roles);
    expect(await grant(MAX)).toMatchObject({ ok: true, value: { state: "granted" } });
    const later = await open({ of: [["security"], ["manager", "manager"]] });
    await later.later();
    expect(later.fired).toHaveLength(0);
    expect(await later.approvalOf(edit)).toMatchObject({ state: "requested", grants: [{ by: MAX }] });
    await later.decide(edit, "grant", MIA);
    await later.later();
    expect(later.fired).toHaveLength(1);
  });

  it("a role that is confined to something else does not count", async () => {
    const security = { ...APPROVES, in: { spaces: ["OPS"] } };
    const { grant } = await waiting({ fromRoles: ["manager", "security"] }, { manager: APPROVES, security });
    expect(await grant(MAX)).toMatchObject({ ok: true });
    expect(await grant(holder("kim", ["manager", "security"]))).toMatchObject({
      rejection: { reason: "role_missing" },
    });
  });

  it("a grant is in the timeline although the process died before it could record it", async () => {
    const { bridge, edit, grant } = await waiting();
    const { record } = bridge.deliveries;
    bridge.deliveries.record = () => Promise.reject(new Fault("store_unavailable", "it died", { retryable: true }));
    for (const by of [MAX, MIA]) {
      bridge.clock.advance(1_000);
      await expect(grant(by)).rejects.toMatchObject({ code: "store_unavailable" });
    }
    bridge.deliveries.record = record;
    await bridge.later();
    expect(await statesOf(bridge, edit)).toEqual(["requested", "partly_granted", "granted"]);
    expect(bridge.fired).toHaveLength(1);
  });

  it("a granted run waits for another person if the route has been configured to need more since", async () => {
    const { edit, grant, open } = await waiting({});
    expect(await grant(MAX)).toMatchObject({ ok: true, value: { state: "granted" } });
    const later = await open(RULES);
    await later.later();
    expect(later.fired).toHaveLength(0);
    expect(await later.approvalOf(edit)).toMatchObject({ state: "requested", grants: [{ by: MAX }] });
    await later.decide(edit, "grant", MIA);
    await later.later();
    expect(later.fired).toHaveLength(1);
  });

  it("a run fires if the route has been configured to need no more people than have granted", async () => {
    const { edit, grant, open } = await waiting();
    await grant(MAX);
    const later = await open({});
    expect(await later.decide(edit, "grant", MIA)).toMatchObject({ ok: true, value: { state: "granted" } });
    await later.later();
    expect(later.fired).toHaveLength(1);
    const other = await waiting();
    await other.grant(MAX);
    const sooner = await other.open({});
    await sooner.later();
    await sooner.later();
    expect(sooner.fired).toHaveLength(1);
    expect(await statesOf(later, edit)).toContain("granted");
  });
});
