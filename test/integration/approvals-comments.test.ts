import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ConnectedAction } from "../../shared/actions/action.ts";
import { confluence } from "../../shared/actions/confluence/index.ts";
import { callOut } from "../../shared/host/call-out.ts";
import { laterBy, toIso } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { CommentEvent, PageEvent } from "../../shared/model/event.ts";
import { deliveryIdOf } from "../../shared/model/idempotency-keys.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { routeOf } from "../support/bridge-parts.ts";
import { EDITOR, gatedBridge, holder } from "../support/gated-bridge.ts";
import { sampleDelivery } from "../support/samples.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { actionDeps, secretsOf } from "../support/test-doubles.ts";

const DONE: ActionOutcome = { outcome: "done", summary: "accepted by the listener" };
const SITE = "https://wiki.example.test";
const PAGE = "98310";

let sandbox: SandboxConfluence;
let status: ConnectedAction;
let bridge: Awaited<ReturnType<typeof gatedBridge>>;
let edit: RecordedDelivery;

/** The gated route's own page is in `sandbox`, under the address of the samples. */
beforeEach(async () => {
  sandbox = await startSandboxConfluence({ product: "data-center" });
  const matches = (entry: { readonly "detail-type": string }) => entry["detail-type"] === "page.commented";
  const route = { name: "status", action: "confluence", target: "pages", matches };
  bridge = await gatedBridge([DONE], { runsReportedBy: "cluster" }, [routeOf((context) => status.run(context), route)]);
  const { bearer: token } = sandbox.credentials;
  const credential = { bearer: "env:TOKEN" };
  const target = { product: "data-center", site: SITE, api: sandbox.site("data-center"), credential };
  const { boards, clock, bridge: parts } = bridge;
  const secrets = secretsOf({ TOKEN: token });
  const settings = { route: "status", targetName: "pages", target, options: {} };
  status = confluence.connect(settings, actionDeps({ secrets, clock, callOut, boards, commands: parts.commands }));
  edit = await bridge.edit(7);
  await bridge.runDue();
  bridge.clock.advance(1_000);
});
afterEach(async () => {
  await bridge.stop();
  await sandbox.close();
});

let sent = 0;

/** Reports a comment in the form of Data Center, or with its page if one is given. */
async function report(
  id: string,
  actor: string,
  given: Partial<RecordedDelivery> & { readonly page?: PageEvent["page"] } = {},
): Promise<RecordedDelivery> {
  const { page, ...changes } = given;
  const time = toIso(bridge.clock.now());
  const head = { type: "page.commented", keyParts: [SITE, time, id], time, subject: id, actor: { id: actor } } as const;
  const event: CommentEvent | PageEvent = page
    ? { ...head, page, comment: { id } }
    : { ...head, comment: { id, site: SITE } };
  const delivery = {
    ...sampleDelivery(),
    receivedAt: bridge.clock.now(),
    id: deliveryIdOf("wiki", ["comment", String(++sent)]),
    what: event.type,
    events: [event] as const,
  };
  const taken = await bridge.takeIn({ ...delivery, ...changes });
  await bridge.runDue("pages");
  return taken;
}

/** Adds a comment to the page at the clock's time. */
const comment = (body: string, author: string, page = PAGE): Promise<string> =>
  sandbox.comment(page, `<p>${body}</p>`, { author, at: toIso(bridge.clock.now()) });

const say = async (body: string, author: string) => report(await comment(body, author), author);
const stateOfEdit = async () => (await bridge.approvalOf(edit)).state;
const summaryOf = async ({ id }: RecordedDelivery) => (await bridge.attempts(id))[0]?.summary;

describe("a comment on the page", () => {
  beforeEach(() => bridge.clock.advance(60_000));

  it.each([
    ["drawbridge approve", "grant", "granted"],
    ["drawbridge deny", "deny", "denied"],
  ])(
    'the comment "%s" of a person with the role decides, and both timelines name the person',
    async (text, decision, state) => {
      const commented = await say(text, "max");
      expect(await bridge.steps(edit)).toMatchObject([{}, { state, by: { subject: "wiki", actor: "max" } }]);
      const [decided, ...others] = await bridge.decided(commented);
      expect(others).toEqual([]);
      expect(decided).toMatchObject({ decision, by: { actor: "max", roles: ["manager"] } });
      expect(decided?.refusal).toBeUndefined();
      const { id } = await bridge.approvalOf(edit);
      expect(await summaryOf(commented)).toMatch(new RegExp(`^comment \\d+: ${decision} of ${id}$`));
      await bridge.later();
      expect(bridge.fired).toHaveLength(state === "granted" ? 1 : 0);
    },
  );

  it("a comment that names an approval decides that one, whichever page shows it, and no other", async () => {
    const other = await bridge.edit(3, { id: "4711" });
    await bridge.runDue();
    bridge.clock.advance(1_000);
    await say(`drawbridge deny ${(await bridge.approvalOf(other)).id}`, "max");
    expect([await stateOfEdit(), (await bridge.approvalOf(other)).state]).toEqual(["requested", "denied"]);
  });

  it.each([
    ["of a person without the role", "tom", "drawbridge approve", "role_missing"],
    ["of the editor", EDITOR, "drawbridge approve", "self_approval"],
    ["about an unknown approval", "max", `drawbridge approve p-${"a".repeat(26)}`, "approval_unknown"],
    ["of a person without the role for a rollback", "max", "drawbridge rollback docs", "role_missing"],
    ["to roll back a route without a good run", "mia", "drawbridge rollback docs production", "rollback_impossible"],
  ])("a comment %s decides nothing, and its timeline and a reply say why", async (_, actor, text, reason) => {
    const id = await comment(text, actor);
    const commented = await report(id, actor);
    expect(await bridge.decided(commented)).toMatchObject([{ by: { actor }, refusal: { reason } }]);
    expect(await summaryOf(commented)).toContain(`refused (${reason}); the reply says why`);
    expect(sandbox.repliesTo(id)).toHaveLength(1);
    expect(await stateOfEdit()).toBe("requested");
  });

  it.each([
    ["an unknown account", "stranger"],
    ["an account with the name of a method", "constructor"],
  ])("a comment of %s is not read", async (_, actor) => {
    const commented = await say("drawbridge approve", actor);
    expect(await summaryOf(commented)).toContain(`was not read, because ${actor} is not among the source's people`);
    expect(await bridge.decided(commented)).toEqual([]);
    expect(await stateOfEdit()).toBe("requested");
  });

  it("a comment that is too late decides nothing", async () => {
    bridge.clock.advance(60 * 60_000);
    const commented = await say("drawbridge approve", "max");
    expect(await bridge.decided(commented)).toMatchObject([{ refusal: { reason: "approval_closed" } }]);
  });

  it("a comment on a page that has changed since decides nothing", async () => {
    await bridge.edit(8);
    const commented = await say("drawbridge approve", "max");
    const reasons = (await bridge.decided(commented)).map(({ refusal }) => refusal?.reason);
    expect(reasons).toContain("approval_outdated");
    await bridge.later();
    expect(bridge.fired.filter(({ busEvent }) => busEvent.detail.delivery === edit.id)).toEqual([]);
  });

  it.each([
    ["names another author", "mia", {}],
    ["names another page", "max", { page: { site: SITE, id: "4711" } }],
    ["was only let in by shadow mode", "max", { refusal: { reason: "signature_mismatch", header: "X" } }],
    ["is a replay", "max", { replay: { of: "d-1", routes: ["docs", "status"], isRollback: false } }],
  ] as const)("a comment whose event %s decides nothing", async (_, actor, given) => {
    const commented = await report(await comment("drawbridge approve", "max"), actor, given);
    expect(await bridge.decided(commented)).toEqual([]);
    expect(await stateOfEdit()).toBe("requested");
  });

  it("a comment does not grant what was requested after it was written, whenever it is reported", async () => {
    const id = await comment("drawbridge approve", "max");
    await report(id, "max");
    await bridge.later();
    const newer = await bridge.edit(8);
    await bridge.runDue();
    bridge.clock.advance(1_000);
    const again = await report(id, "max");
    expect(await bridge.decided(again)).toMatchObject([{ refusal: { reason: "approval_unknown" } }]);
    expect((await bridge.approvalOf(newer)).state).toBe("requested");
    expect(bridge.fired).toHaveLength(1);
  });

  it("a comment that is reported twice at once decides once, and one after another person's decision changes nothing", async () => {
    const id = await comment("drawbridge approve", "max");
    await Promise.all([report(id, "max"), report(id, "max", { page: { site: SITE, id: PAGE } })]);
    expect((await bridge.steps(edit)).map(({ state }) => state)).toEqual(["requested", "granted"]);
    const late = await say("drawbridge deny", "mia");
    expect(await bridge.decided(late)).toMatchObject([{ refusal: { reason: "approval_closed", state: "granted" } }]);
  });

  it("a comment without an id decides nothing that is new, and the reply names the id that a second comment needs", async () => {
    await bridge.edit(8);
    await bridge.runDue();
    bridge.clock.advance(59_000);
    const newer = (await bridge.approvals.open(10)).find(({ about }) => about?.mark === "8");
    const id = await comment("drawbridge approve", "max");
    const commented = await report(id, "max");
    expect((await bridge.decided(commented)).map(({ refusal }) => refusal?.reason)).toEqual(["approval_too_recent"]);
    expect(JSON.stringify(sandbox.repliesTo(id))).toContain(`name it: drawbridge approve ${newer?.id}`);
    await say(`drawbridge approve ${newer?.id}`, "max");
    expect((await bridge.approvals.get(newer?.id ?? ""))?.state).toBe("granted");
  });

  it("a command that cannot be executed now is executed later", async () => {
    const { open } = bridge.approvals;
    bridge.approvals.open = () => Promise.reject(new Fault("store_unavailable", "no answer", { retryable: true }));
    const commented = await say("drawbridge approve", "max");
    expect(await bridge.attempts(commented.id)).toMatchObject([{ outcome: "retry" }]);
    bridge.approvals.open = open;
    bridge.clock.advance(60_000);
    await bridge.runDue("pages");
    expect(await stateOfEdit()).toBe("granted");
  });
});

describe("a rollback by a comment", () => {
  it("the last good run before the newest is fired again, once, behind the same gate", async () => {
    const newer = await bridge.edit(8);
    const ran = async ({ id: delivery }: RecordedDelivery, minutes: number) => {
      const firedAt = toIso(laterBy(bridge.clock.now(), minutes * 60_000));
      await bridge.runs.record("docs", { delivery, firedAt });
      const end = { succeeded: true, at: firedAt, environment: "production" };
      await bridge.runs.record("docs", { delivery, beganAt: firedAt, end });
    };
    await ran(edit, 0);
    await ran(newer, 1);
    const id = await comment("drawbridge rollback docs production", "mia");
    const commented = await report(id, "mia");
    await report(id, "mia");
    expect(await bridge.decided(commented)).toMatchObject([{ about: "docs", decision: "rollback" }]);
    const timeline = await bridge.deliveries.timeline(edit.id);
    const replays = timeline.flatMap((timelineEvent) => (timelineEvent.kind === "replayed" ? [timelineEvent] : []));
    expect(replays).toMatchObject([{ isRollback: true, by: { actor: "mia" } }]);
    const back = await bridge.deliveries.get(replays[0]?.delivery ?? "");
    if (!back) throw new Error("it is recorded");
    await bridge.takeIn(back);
    await bridge.runDue();
    expect(await bridge.decide(back, "grant", { ...holder("wiki"), actor: "mia" })).toMatchObject({
      rejection: { reason: "self_approval" },
    });
    expect(await bridge.decide(back, "grant", holder("max"))).toMatchObject({ ok: true });
  });
});

describe("a comment that places an order", () => {
  const TEXT = "/drawbridge run deploy-docs environment=staging ref=release/1.2";
  const ordersOf = async ({ id }: RecordedDelivery): Promise<readonly (RecordedDelivery | undefined)[]> => {
    const lines = (await bridge.deliveries.timeline(id)).filter((line) => line.kind === "followed_by");
    return Promise.all(lines.map(({ delivery }) => bridge.deliveries.get(delivery)));
  };

  it.each(["mia", "sam"])(
    "by %s, who has a role of it, becomes a delivery whose requester is that person",
    async (person) => {
      const commented = await say(TEXT, person);
      const [decided] = await bridge.decided(commented);
      expect(decided).toMatchObject({ decision: "order", about: "deploy-docs", by: { actor: person } });
      expect(decided?.refusal).toBeUndefined();
      const [order, ...others] = await ordersOf(commented);
      expect(others).toEqual([]);
      expect(order).toMatchObject({
        source: "orders",
        principal: { subject: "wiki" },
        events: [
          {
            type: "order.placed",
            actor: { id: person },
            order: { name: "deploy-docs", inputs: { environment: "staging", ref: "release/1.2" } },
          },
        ],
      });
    },
  );

  it("places one order however often it is reported, also after an edit of the comment", async () => {
    const id = await comment(TEXT, "mia");
    const reports = [await report(id, "mia"), await report(id, "mia")];
    bridge.clock.advance(1_000);
    // With another time, as by another webhook: it is another event.
    reports.push(await report(id, "mia"));
    bridge.clock.advance(60_000);
    sandbox.editComment(id, "<p>/drawbridge run deploy-docs environment=production ref=main</p>", "mia");
    const edited = await report(id, "mia");
    const placed = (await Promise.all(reports.map(ordersOf))).flat().map((one) => one?.id);
    expect(placed).toHaveLength(2);
    expect(new Set(placed).size).toBe(1);
    expect(await ordersOf(edited)).toEqual([]);
  });

  it.each([
    ["without a role of the order", "tom", TEXT, "role_missing"],
    ["outside the environments of the role", "sam", TEXT.replace("staging", "production"), "order_confined"],
    ["with a value that is none of the input", "mia", TEXT.replace("staging", "moon"), "input_invalid"],
    ["with a value that a template would read", "mia", TEXT.replace("release/1.2", "$(params.x)"), "input_invalid"],
    ["without an input", "mia", "/drawbridge run deploy-docs environment=staging", "input_invalid"],
    ["with an input too many", "mia", `${TEXT} more=1`, "input_invalid"],
    ["of an order that is not declared", "mia", "/drawbridge run nothing", "order_unknown"],
  ])("a comment %s places nothing, and its timeline and a reply say why", async (_, person, text, reason) => {
    const id = await comment(text, person);
    const commented = await report(id, person);
    expect(await bridge.decided(commented)).toMatchObject([{ by: { actor: person }, refusal: { reason } }]);
    expect(await ordersOf(commented)).toEqual([]);
    expect(sandbox.repliesTo(id)).toHaveLength(1);
  });

  it("a comment of somebody else than the event names, or of an unknown account, places nothing", async () => {
    const id = await comment(TEXT, "mia");
    expect(await ordersOf(await report(id, "max"))).toEqual([]);
    expect(await ordersOf(await say(TEXT, "stranger"))).toEqual([]);
  });
});
