import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ConnectedAction } from "../../shared/actions/action.ts";
import { confluence } from "../../shared/actions/confluence/index.ts";
import { rulesIn } from "../../shared/approvals/configured-rules.ts";
import { grantRulesOf } from "../../shared/config/grant-rules.ts";
import { callOut } from "../../shared/host/call-out.ts";
import { toIso } from "../../shared/host/clock.ts";
import { Fault } from "../../shared/host/fault.ts";
import type { ActionOutcome } from "../../shared/model/action-outcome.ts";
import type { ChangeEvent, CommentEvent } from "../../shared/model/event.ts";
import { deliveryIdOf } from "../../shared/model/idempotency-keys.ts";
import { sourcePrincipal } from "../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../shared/model/recorded-delivery.ts";
import { openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { routeOf } from "../support/bridge-parts.ts";
import { EDITOR, gatedBridge, holder } from "../support/gated-bridge.ts";
import { sampleDelivery } from "../support/samples.ts";
import { type SandboxConfluence, startSandboxConfluence } from "../support/sandbox-confluence.ts";
import { GROUPS_TOKEN, type SandboxGroups, startSandboxGroups } from "../support/sandbox-groups.ts";
import { actionDeps, secretsOf, silentLog, testClock } from "../support/test-doubles.ts";

const DONE: ActionOutcome = { outcome: "done", summary: "accepted by the listener" };
const RETRY: ActionOutcome = { outcome: "retry", summary: "busy" };
const SITE = "https://wiki.example.test";

let site: SandboxGroups;
let wiki: SandboxConfluence;
let clock: ReturnType<typeof testClock>;
let database: { readonly table: ReturnType<typeof openMemoryTable>["table"]; readonly close: () => undefined };
let bridge: Awaited<ReturnType<typeof open>>;
let edit: RecordedDelivery;

interface Options {
  readonly rules?: Parameters<typeof rulesIn>[0];
  readonly map?: Readonly<Record<string, readonly string[]>>;
  readonly outcomes?: readonly ActionOutcome[];
}

/** One process of a bridge whose wiki knows its people by groups. All processes of a test share one table. */
async function open({ rules = {}, map = { "platform-releases": ["manager"] }, outcomes = [DONE] }: Options = {}) {
  const statusRoute = {
    name: "status",
    action: "confluence",
    target: "pages",
    matches: (entry: { readonly "detail-type": string }) => entry["detail-type"] === "page.commented",
  };
  let status: ConnectedAction | undefined;
  const opened = await gatedBridge(
    outcomes,
    { runsReportedBy: "cluster" },
    [routeOf((context) => status?.run(context) ?? Promise.reject(new Error("it is connected")), statusRoute)],
    silentLog,
    {
      clock,
      database,
      callOut,
      secrets: secretsOf({ GROUPS: GROUPS_TOKEN }),
      rules: new Map([["docs", rulesIn(rules)]]),
      groupSources: {
        code: {
          map: { "platform/releases": ["manager"] },
          target: { name: "code", kind: "gitlab", settings: { url: site.origin, token: "env:GROUPS" } },
        },
        wiki: {
          map,
          target: {
            name: "pages",
            kind: "confluence",
            settings: {
              product: "data-center",
              site: SITE,
              api: site.origin,
              credential: { bearer: "env:GROUPS" },
            },
          },
        },
      },
    },
  );
  const target = {
    product: "data-center",
    site: SITE,
    api: wiki.site("data-center"),
    credential: { bearer: "env:TOKEN" },
  };
  const secrets = secretsOf({ TOKEN: wiki.credentials.bearer });
  const { commands } = opened.bridge;
  const settings = { route: "status", targetName: "pages", target, options: {} };
  status = confluence.connect(settings, actionDeps({ secrets, clock, callOut, boards: opened.boards, commands }));
  return opened;
}

beforeEach(async () => {
  [site, wiki] = await Promise.all([startSandboxGroups(), startSandboxConfluence({ product: "data-center" })]);
  clock = testClock();
  const { table } = openMemoryTable();
  database = { table, close: () => undefined };
  for (const account of ["kim", "lee", EDITOR, "max"]) site.members.set(account, { groups: [], status: "active" });
});
afterEach(async () => {
  await Promise.all([site.close(), wiki.close()]);
});

/** A run that has waited for a minute. */
async function waiting(options: Options = {}): Promise<void> {
  bridge = await open(options);
  edit = await bridge.edit(7);
  await bridge.runDue();
  clock.advance(60_000);
}

const groupsOf = (account: string): string[] => site.members.get(account)?.groups ?? [];
const join = (account: string, group = "platform-releases") => void groupsOf(account).push(group);
const leave = (account: string) => void groupsOf(account).splice(0);
const approve = async (account: string) => bridge.decided(await bridge.label("drawbridge-approve", account));
const stateOfEdit = async () => (await bridge.approvalOf(edit)).state;
const questions = () => site.requests.filter((path) => path.includes("memberof")).length;
const DOWN = () => new Response("<html>", { status: 503 });

let sent = 0;
/** Somebody comments on the page, and the status action reads it. */
async function say(text: string, author: string): Promise<RecordedDelivery> {
  const time = toIso(clock.now());
  const id = await wiki.comment("98310", `<p>${text}</p>`, { author, at: time });
  const event: CommentEvent = {
    type: "page.commented",
    keyParts: [SITE, time, id],
    time,
    subject: id,
    actor: { id: author },
    comment: { id, site: SITE },
  };
  const taken = await bridge.takeIn({
    ...sampleDelivery(),
    receivedAt: clock.now(),
    id: deliveryIdOf("wiki", ["comment", String(++sent)]),
    what: event.type,
    subject: id,
    events: [event],
  });
  await bridge.runDue("pages");
  return taken;
}

describe("a person who is known by a group", () => {
  it("grants a run, and the grant names the group, who was asked, and when", async () => {
    await waiting();
    join("kim");
    expect(await approve("kim")).toMatchObject([{ decision: "grant", by: { actor: "kim", roles: ["manager"] } }]);
    expect(await bridge.approvalOf(edit)).toMatchObject({
      state: "granted",
      grants: [
        {
          as: ["manager"],
          fromGroups: { source: "wiki", target: "pages", groups: ["platform-releases"], askedAt: clock.now() },
        },
      ],
    });
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(1);
  });

  it("approves within a minute after being added to it, although a first try was refused", async () => {
    await waiting();
    const [refused] = await approve("kim");
    expect(refused?.refusal).toEqual({
      reason: "group_missing",
      role: "manager",
      groups: "platform-releases",
      target: "pages",
      askedAt: toIso(clock.now()),
    });
    join("kim");
    clock.advance(5_000);
    expect((await approve("kim"))[0]?.refusal).toBeUndefined();
    expect(await stateOfEdit()).toBe("granted");
  });

  it("is asked for once in a minute, and again after it", async () => {
    await waiting({ rules: { approvers: 2 } });
    join("kim");
    await approve("kim");
    expect(questions()).toBe(1);
    clock.advance(59_999);
    await approve("kim");
    expect(questions()).toBe(1);
    clock.advance(1);
    await approve("kim");
    expect(questions()).toBe(2);
  });

  it("is a person without any role once the account is deactivated", async () => {
    await waiting();
    join("kim");
    site.members.set("kim", { groups: ["platform-releases"], status: "deactivated" });
    expect(await approve("kim")).toMatchObject([{ by: { roles: [] }, refusal: { reason: "group_missing" } }]);
    expect(await stateOfEdit()).toBe("requested");
  });

  it("may not approve what the account requested, whatever its groups are", async () => {
    await waiting();
    site.members.set("ff80aa09", { groups: ["platform-releases"], status: "active" });
    const event = sampleDelivery(8).events[0];
    const own = await bridge.takeIn({
      ...sampleDelivery(8),
      receivedAt: clock.now(),
      events: [{ ...event, type: "page.updated", time: toIso(clock.now()), actor: { id: "ff80aa09" } }],
    });
    await bridge.runDue();
    clock.advance(60_000);
    const decided = await approve("ff80aa09");
    expect(decided.map(({ refusal }) => refusal?.reason)).toContain("self_approval");
    expect((await bridge.approvalOf(own)).state).toBe("requested");
  });

  it("has the roles of the list alone if the list names the account, and the site is not asked", async () => {
    await waiting();
    join("tom");
    expect(await approve("tom")).toMatchObject([{ refusal: { reason: "role_missing" } }]);
    expect(await approve("max")).toMatchObject([{ by: { roles: ["manager"] } }]);
    expect(site.requests).toEqual([]);
    const { grants } = await bridge.approvalOf(edit);
    expect(grants[0]?.fromGroups).toBeUndefined();
  });

  it("is nobody at another source, whose groups are not those of this site", async () => {
    await waiting();
    join("kim");
    const elsewhere = { source: "other-wiki" };
    expect(await bridge.decided(await bridge.label("drawbridge-approve", "kim", elsewhere))).toMatchObject([
      { by: { roles: [] }, refusal: { reason: "role_missing" } },
    ]);
    expect(site.requests).toEqual([]);
  });
});

describe("a run that was granted because of a group", () => {
  const granted = async (options: Options = {}): Promise<void> => {
    await waiting(options);
    join("kim");
    await approve("kim");
    expect(await stateOfEdit()).toBe("granted");
    clock.advance(60_000);
  };
  const lastStep = async () => (await bridge.steps(edit)).at(-1);

  it("is void once the person has left the group, and says so", async () => {
    await granted();
    leave("kim");
    await bridge.runDue();
    expect(bridge.fired).toEqual([]);
    const why = `kim of wiki is no longer in platform-releases, as pages said at ${toIso(clock.now())}`;
    expect(await bridge.approvalOf(edit)).toMatchObject({ state: "void", endedFor: why, endedAt: clock.now() });
    expect(await lastStep()).toMatchObject({ state: "void", endedFor: why });
    expect((await bridge.attempts(edit.id)).at(-1)).toMatchObject({ outcome: "done", endedAs: "not_fired" });
    const ended = await bridge.approvals.ended({
      from: clock.now(),
      to: clock.now(),
      limit: 5,
      matches: () => true,
    });
    expect(ended.approvals).toMatchObject([{ state: "void" }]);
    // Nothing brings it back, and another approval can be asked for.
    join("kim");
    await bridge.later();
    expect((await approve("kim"))[0]?.refusal).toMatchObject({ reason: "approval_unknown" });
    const again = await bridge.replay(edit, holder("mia", ["manager", "on-call"]));
    await bridge.runDue();
    clock.advance(60_000);
    await approve("kim");
    await bridge.runDue();
    expect(bridge.fired).toMatchObject([{ busEvent: { detail: { delivery: again.id } } }]);
  });

  it.each([
    [
      "the account is deactivated",
      () => void site.members.set("kim", { groups: ["platform-releases"], status: "deactivated" }),
    ],
    ["the group is renamed", () => void site.members.set("kim", { groups: ["platform-release"], status: "active" })],
  ])("is void if %s", async (_, change) => {
    await granted();
    change();
    await bridge.runDue();
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["void", 0]);
  });

  it.each([
    ["the site is down", () => new Response("", { status: 503 })],
    ["the account is gone from the site", () => Response.json({ message: "No user found" }, { status: 404 })],
    ["the credential is refused", () => new Response("", { status: 403 })],
    ["the site answers with a page", () => new Response("<html>", { status: 200 })],
  ])("waits if %s, with longer and longer waits, and fires afterwards", async (_, answer) => {
    await granted();
    site.answer = answer;
    await bridge.runDue();
    expect(await stateOfEdit()).toBe("granted");
    expect(bridge.fired).toEqual([]);
    const waits = (await bridge.deliveries.timeline(edit.id)).filter(({ kind }) => kind === "waiting");
    expect(waits).toMatchObject([{ waitsFor: "the target pages, to say who is in platform-releases" }]);
    const asked = questions();
    for (let second = 0; second < 600; second++) {
      clock.advance(1_000);
      await bridge.runDue();
    }
    // 5, 10, 20 ... seconds, and no more than ten minutes.
    expect(questions() - asked).toBeGreaterThan(4);
    expect(questions() - asked).toBeLessThan(10);
    expect(await bridge.attempts(edit.id)).toEqual([]);
    site.answer = undefined;
    clock.advance(600_000);
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(1);
  });

  it("is void if the person left the group while the site was down", async () => {
    await granted();
    site.answer = DOWN;
    await bridge.runDue();
    leave("kim");
    site.answer = undefined;
    await bridge.later(10);
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["void", 0]);
  });

  it("fires although a person left the group if the others are enough", async () => {
    await waiting({ rules: { approvers: 2 } });
    join("kim");
    join("lee");
    await approve("kim");
    await approve("lee");
    expect(await stateOfEdit()).toBe("granted");
    clock.advance(60_000);
    bridge = await open({ rules: { approvers: 1 } });
    leave("kim");
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(1);
  });

  it("is void without one of the several people that it needs", async () => {
    await waiting({ rules: { approvers: 2 } });
    join("kim");
    await approve("kim");
    await bridge.decide(edit, "grant", holder("mia"));
    clock.advance(60_000);
    leave("kim");
    await bridge.runDue();
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["void", 0]);
  });

  it("fires although its site is down if the grants of other people are enough", async () => {
    await waiting({ rules: { approvers: 2 } });
    join("kim");
    await approve("kim");
    await bridge.decide(edit, "grant", holder("mia"));
    clock.advance(60_000);
    bridge = await open({ rules: { approvers: 1 } });
    site.answer = DOWN;
    await bridge.runDue();
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["fired", 1]);
  });

  it("is void if the group no longer gives the role", async () => {
    await granted();
    bridge = await open({ map: { "platform-releases": ["another-role"] } });
    await bridge.runDue();
    expect(await bridge.approvalOf(edit)).toMatchObject({
      state: "void",
      endedFor: "kim of wiki has the role no longer by platform-releases",
    });
  });

  it("waits for its window first, and asks when it opens", async () => {
    const opens = toIso(clock.now()).slice(0, 11);
    const window = { days: ["mon"] as const, from: "10:00", to: "11:00", zone: "UTC" };
    expect(opens).toBe("2026-11-02T");
    await granted({ rules: { windows: [window] } });
    const asked = questions();
    await bridge.later(5);
    expect(questions()).toBe(asked);
    leave("kim");
    await bridge.later(60);
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["void", 0]);
  });

  it("is not fired again by a retry once the person has left the group", async () => {
    await granted({ outcomes: [RETRY, DONE] });
    await bridge.runDue();
    expect(bridge.fired).toHaveLength(1);
    leave("kim");
    await bridge.later(2);
    expect(bridge.fired).toHaveLength(1);
    expect((await bridge.attempts(edit.id)).at(-1)).toMatchObject({
      outcome: "done",
      summary: expect.stringContaining("not fired again: kim of wiki is no longer in platform-releases"),
    });
  });

  it("is void once, and recorded, although the process was killed between the answer and the record", async () => {
    await granted();
    leave("kim");
    const { id } = await bridge.approvalOf(edit);
    const why = "kim of wiki is no longer in platform-releases, as pages said then";
    // The process ended the approval, and was killed before it recorded the step.
    await bridge.approvals.move(id, ["granted"], { state: "void", endedAt: clock.now(), endedFor: why });
    bridge = await open();
    join("kim");
    await bridge.runDue();
    expect(bridge.fired).toEqual([]);
    expect(await lastStep()).toMatchObject({ state: "void", endedFor: why });
    await bridge.later(5);
    expect((await bridge.steps(edit)).filter(({ state }) => state === "void")).toHaveLength(1);
  });

  it("is asked for again by a process that was killed before it had decided", async () => {
    await granted();
    const asked = questions();
    bridge = await open();
    leave("kim");
    await bridge.runDue();
    expect([await stateOfEdit(), questions() - asked]).toEqual(["void", 1]);
  });
});

describe("a decision while the site is down", () => {
  it("a comment waits, and decides once the site says who is in the group", async () => {
    await waiting();
    join("kim");
    site.answer = DOWN;
    const commented = await say("drawbridge approve", "kim");
    expect(await bridge.decided(commented)).toMatchObject([{ refusal: { reason: "groups_unknown" } }]);
    expect(await stateOfEdit()).toBe("requested");
    const waits = (await bridge.deliveries.timeline(commented.id)).filter(({ kind }) => kind === "waiting");
    expect(waits).toMatchObject([{ waitsFor: "the target pages, to say who is in platform-releases" }]);
    expect(wiki.repliesTo(commented.subject ?? "")).toEqual([]);
    site.answer = undefined;
    clock.advance(10_000);
    await bridge.runDue("pages");
    expect(await stateOfEdit()).toBe("granted");
    expect(await bridge.decided(commented)).toMatchObject([{ by: { actor: "kim" } }]);
    expect((await bridge.decided(commented))[0]?.refusal).toBeUndefined();
  });

  it("the questions of other accounts make a granted run wait no longer", async () => {
    await waiting();
    join("kim");
    await approve("kim");
    clock.advance(60_000);
    site.answer = DOWN;
    for (let at = 0; at < 12; at++) await say("drawbridge approve", `stranger-${at}`);
    await bridge.runDue();
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["granted", 0]);
    site.answer = undefined;
    clock.advance(5_000);
    await bridge.runDue();
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["fired", 1]);
  });

  it("a comment of somebody who is in no group is refused once the site says so", async () => {
    await waiting();
    site.answer = DOWN;
    const commented = await say("drawbridge approve", "lee");
    site.answer = undefined;
    clock.advance(10_000);
    await bridge.runDue("pages");
    expect(await bridge.decided(commented)).toMatchObject([{ refusal: { reason: "group_missing" } }]);
    expect((await bridge.attempts(commented.id)).at(-1)?.summary).toContain("refused (group_missing)");
  });

  it("a comment no longer waits once the approval has expired", async () => {
    await waiting();
    join("kim");
    site.answer = DOWN;
    const commented = await say("drawbridge approve", "kim");
    clock.advance(60 * 60_000);
    await bridge.runDue();
    await bridge.runDue("pages");
    expect(await bridge.decided(commented)).toMatchObject([{}, { refusal: { reason: "approval_unknown" } }]);
    expect(await stateOfEdit()).toBe("expired");
  });

  it("a label is refused, and decides nothing later by itself", async () => {
    await waiting();
    join("kim");
    site.answer = DOWN;
    expect(await approve("kim")).toMatchObject([{ refusal: { reason: "groups_unknown", target: "pages" } }]);
    site.answer = undefined;
    await bridge.later(10);
    expect(await stateOfEdit()).toBe("requested");
    await approve("kim");
    expect(await stateOfEdit()).toBe("granted");
  });

  it("a rollback is refused, because nobody expects it hours later", async () => {
    await waiting();
    site.answer = DOWN;
    const commented = await say("drawbridge rollback docs", "kim");
    expect(await bridge.decided(commented)).toMatchObject([{ refusal: { reason: "groups_unknown" } }]);
    expect((await bridge.attempts(commented.id)).at(-1)?.summary).toContain("refused (groups_unknown)");
  });
});

describe("a comment on a merge request", () => {
  const KIM = "4711";
  beforeEach(async () => {
    site.known.add("platform/releases");
    site.members.set(KIM, { groups: ["platform/releases"], status: "active" });
    await waiting();
  });

  /** GitLab reports a comment, whose text is in the webhook. */
  async function note(
    text: string,
    {
      actor = KIM,
      type = "change.commented",
      url = `${site.origin}/platform/docs/-/merge_requests/7`,
      source = "code",
      comment = undefined,
    }: Partial<Record<"actor" | "url" | "source" | "comment", string>> & { readonly type?: ChangeEvent["type"] } = {},
  ) {
    const n = String(++sent);
    const event: ChangeEvent = {
      type,
      keyParts: ["1", n],
      time: toIso(clock.now()),
      subject: "platform/docs!7",
      actor: { id: actor },
      change: { project: "platform/docs", id: "7", number: 7, url, comment: { id: comment ?? n, text } },
    };
    const taken = await bridge.takeIn({
      ...sampleDelivery(),
      id: deliveryIdOf(source, [n]),
      source,
      provider: "gitlab",
      principal: sourcePrincipal(source, "signature", "current"),
      receivedAt: clock.now(),
      what: event.type,
      subject: event.subject,
      events: [event],
    });
    return bridge.decided(taken);
  }
  const idOfEdit = async () => (await bridge.approvalOf(edit)).id;

  it("grants the approval that it names, by a member of the group, who is asked for again before the run fires", async () => {
    expect(await note(`drawbridge approve ${await idOfEdit()}`)).toMatchObject([
      { decision: "grant", by: { subject: "code", actor: KIM, roles: ["manager"] } },
    ]);
    expect(await bridge.approvalOf(edit)).toMatchObject({
      state: "granted",
      grants: [{ fromGroups: { source: "code", target: "code", groups: ["platform/releases"] } }],
    });
    clock.advance(60_000);
    site.members.set(KIM, { groups: ["platform/releases"], status: "active", gitlab: { state: "blocked" } });
    await bridge.runDue();
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["void", 0]);
  });

  it("places one order in the life of a comment, whichever sources report it and however often", async () => {
    const ordersOf = async (source: string, comment: string, actor = "mia") => {
      const results = await note("/drawbridge run deploy-docs environment=staging ref=main", {
        actor,
        source,
        comment,
      });
      expect(results).toMatchObject([{ about: "deploy-docs", decision: "order" }]);
      expect(results[0]).not.toHaveProperty("refusal");
      const lines = await bridge.deliveries.timeline(deliveryIdOf(source, [String(sent)]));
      return lines.flatMap((line) => (line.kind === "followed_by" ? [line.delivery] : []));
    };
    const first = await ordersOf("wiki", "note-1");
    expect(first).toHaveLength(1);
    clock.advance(60_000);
    expect(await ordersOf("wiki", "note-1"), "with a later time").toEqual(first);
    expect(await ordersOf("code", "note-1", KIM), "by another source").toEqual(first);
    expect(await ordersOf("wiki", "note-2"), "another comment").not.toEqual(first);
  });

  it.each<[string, Record<string, unknown>]>([
    ["of a group's access token", { username: "group_12_bot_0f3a", bot: undefined }],
    ["of a project's access token, of an older server", { username: "project_3_bot1", bot: undefined }],
    ["of a service account with its default name", { username: "service_account_group_3_0f3a", bot: undefined }],
    ["of a service account with another name", { username: "deployer", bot: true }],
  ])("decides nothing by a bot %s, also after a while", async (_, gitlab) => {
    site.members.set(KIM, { groups: ["platform/releases"], status: "active", gitlab });
    for (const seconds of [0, 60]) {
      clock.advance(seconds * 1_000);
      expect(await note(`drawbridge approve ${await idOfEdit()}`)).toMatchObject([
        { by: { roles: [] }, refusal: { reason: "group_missing" } },
      ]);
    }
    expect(await stateOfEdit()).toBe("requested");
  });

  it("decides nothing while GitLab does not say whether the account is a bot", async () => {
    site.answer = (path) => (path.includes("/users/") ? DOWN() : undefined);
    expect(await note(`drawbridge approve ${await idOfEdit()}`)).toMatchObject([
      { by: { roles: [] }, refusal: { reason: "groups_unknown" } },
    ]);
    expect(await stateOfEdit()).toBe("requested");
    site.answer = undefined;
    await note(`drawbridge approve ${await idOfEdit()}`);
    expect(await stateOfEdit()).toBe("granted");
  });

  it("asks the site nothing about an approval that does not exist", async () => {
    const asked = site.requests.length;
    const unknown = `p-${"a".repeat(26)}`;
    expect(await note(`drawbridge approve ${unknown}`)).toMatchObject([{ refusal: { reason: "approval_unknown" } }]);
    expect(site.requests.length).toBe(asked);
  });

  it("waits before the run fires if the group was deleted, because GitLab does not say whose it was", async () => {
    await note(`drawbridge approve ${await idOfEdit()}`);
    clock.advance(60_000);
    site.known.delete("platform/releases");
    await bridge.runDue();
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["granted", 0]);
    const waits = (await bridge.deliveries.timeline(edit.id)).filter(({ kind }) => kind === "waiting");
    expect(waits).toMatchObject([{ summary: expect.stringContaining("no group platform/releases") }]);
  });

  it.each<[string, (id: string) => ReturnType<typeof note>, string]>([
    ["by somebody else", (id) => note(`drawbridge approve ${id}`, { actor: "4712" }), "group_missing"],
    [
      "of another instance",
      (id) => note(`drawbridge approve ${id}`, { url: `${site.origin}.evil.example/a` }),
      "groups_unknown",
    ],
    ["without an address", (id) => note(`drawbridge approve ${id}`, { url: "" }), "groups_unknown"],
    ["without the approval's id", () => note("drawbridge approve"), "approval_unknown"],
  ])("decides nothing %s", async (_, write, reason) => {
    expect(await write(await idOfEdit())).toMatchObject([{ refusal: { reason } }]);
    expect(await stateOfEdit()).toBe("requested");
  });

  it("is no command if it was edited, or has other text", async () => {
    const id = await idOfEdit();
    expect(await note(`drawbridge approve ${id}`, { type: "change.comment_edited" })).toEqual([]);
    expect(await note(`> drawbridge approve ${id}`)).toEqual([]);
    expect(await note(`please drawbridge approve ${id}`)).toEqual([]);
    for (const before of ["    ", "\t", "  \t", "\n    ", " \n\t"])
      expect(await note(`${before}drawbridge approve ${id}`), JSON.stringify(before)).toEqual([]);
    expect(await stateOfEdit()).toBe("requested");
    await note(`   drawbridge approve ${id}`);
    expect(await stateOfEdit()).toBe("granted");
  });
});

describe("a route whose approvers may edit the page", () => {
  const MANAGERS = ["max", "mia", EDITOR];
  const open = async (grantedBy: readonly object[] = [], approvers = 1) => {
    const rules = { canEdit: "page", approvers } as const;
    const ofRoute = rulesIn(grantedBy.length > 0 ? { grantedBy: [{ id: "own" }] } : rules);
    const target = {
      name: "pages",
      kind: "confluence",
      settings: { product: "cloud", site: SITE, api: `${site.origin}/wiki`, credential: { bearer: "env:GROUPS" } },
    };
    return gatedBridge([DONE], {}, [], silentLog, {
      clock,
      database,
      callOut,
      secrets: secretsOf({ GROUPS: GROUPS_TOKEN }),
      verifiers: { docs: target },
      groupSources: {
        code: {
          map: {},
          target: { name: "code", kind: "gitlab", settings: { url: site.origin, token: "env:GROUPS" } },
        },
      },
      rules: new Map([["docs", ofRoute]]),
      grantRules: async () => grantRulesOf({ rules: [["docs", grantedBy]], presets: {} }),
    });
  };
  const waiting = async (...given: Parameters<typeof open>) => {
    bridge = await open(...given);
    edit = await bridge.edit(7);
    await bridge.runDue();
    clock.advance(60_000);
  };
  const asked = () => site.requests.filter((path) => path.endsWith("/permission/check")).length;
  const refusalOf = async (account: string) => (await approve(account))[0]?.refusal;

  it("takes the grant of somebody who may edit it, asks again before it fires, and is void without the right", async () => {
    await waiting();
    expect(await refusalOf("max")).toEqual({
      reason: "page_not_editable",
      problem: "max of wiki may not edit the page 98310, as pages says",
    });
    site.editors.add("max");
    clock.advance(5_000);
    expect(await refusalOf("max")).toBeUndefined();
    expect(await stateOfEdit()).toBe("granted");
    site.editors.delete("max");
    clock.advance(60_000);
    await bridge.runDue();
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["void", 0]);
    expect(await bridge.approvalOf(edit)).toMatchObject({
      endedFor: expect.stringContaining("max of wiki may not edit"),
    });
  });

  it("counts an answer for a minute and no longer", async () => {
    await waiting([], 2);
    site.editors.add("max");
    await approve("max");
    const before = asked();
    await approve("mia");
    clock.advance(5_000);
    site.editors.add("mia");
    await approve("mia");
    await bridge.runDue();
    // Those of `mia`, and none about `max`.
    expect([asked() - before, bridge.fired.length]).toEqual([2, 1]);
  });

  it("a retry of a run that has fired asks again, and fires nothing without the right", async () => {
    await waiting();
    site.editors.add("max");
    await approve("max");
    // The process ends right after the firing was recorded.
    await bridge.approvals.move((await bridge.approvalOf(edit)).id, ["granted"], { state: "fired" });
    site.editors.delete("max");
    clock.advance(60_000);
    bridge = await open();
    await bridge.runDue();
    expect(bridge.fired).toEqual([]);
    expect((await bridge.attempts(edit.id)).at(-1)).toMatchObject({ outcome: "done", endedAs: "not_fired" });
  });

  it.each<[string, () => Response]>([
    ["is down", DOWN],
    ["refuses the credential", () => new Response("", { status: 403 })],
    ["does not have the page", () => Response.json({ message: "No content found" }, { status: 404 })],
    ["answers something else", () => Response.json({ hasPermission: "true" })],
    ["redirects", () => new Response("", { status: 302, headers: { location: "/elsewhere" } })],
  ])("waits while the site %s, at the decision and before it fires", async (_, answer) => {
    await waiting();
    site.editors.add("max");
    const only = (path: string) => (path.endsWith("/permission/check") ? answer() : undefined);
    site.answer = only;
    expect(await refusalOf("max")).toMatchObject({ reason: "editing_unknown", target: "pages" });
    expect(await stateOfEdit()).toBe("requested");
    site.answer = undefined;
    await approve("max");
    expect(await stateOfEdit()).toBe("granted");
    site.answer = only;
    clock.advance(60_000);
    await bridge.runDue();
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["granted", 0]);
    const waits = (await bridge.deliveries.timeline(edit.id)).filter(({ kind }) => kind === "waiting");
    expect(waits.at(-1)).toMatchObject({ waitsFor: "the target pages, to say who may edit the page" });
    site.answer = undefined;
    await bridge.later(10);
    expect(bridge.fired).toHaveLength(1);
  });

  it("asks about the account that is linked to a token, and refuses a token without one", async () => {
    bridge = await open();
    edit = await bridge.edit(7);
    await bridge.runDue();
    expect(await bridge.decide(edit, "grant", holder("dana"))).toMatchObject({
      ok: false,
      rejection: { reason: "page_not_editable", problem: expect.stringContaining("no account at the site of pages") },
    });
    expect(asked()).toBe(0);
    const other = await bridge.takeIn({
      ...sampleDelivery(7),
      id: deliveryIdOf("wiki", ["by another"]),
      receivedAt: clock.now(),
      events: [{ ...sampleDelivery(7).events[0], keyParts: ["another"], actor: { id: "tom" } }],
    });
    await bridge.runDue();
    expect(await bridge.decide(other, "grant", holder("ann"))).toMatchObject({
      rejection: { reason: "page_not_editable", problem: expect.stringContaining("ann of") },
    });
    site.editors.add(EDITOR);
    clock.advance(5_000);
    expect(await bridge.decide(other, "grant", holder("ann"))).toMatchObject({ ok: true, value: { state: "granted" } });
  });

  it("believes no page that only shadow mode accepted, nor an account of another site", async () => {
    bridge = await open();
    for (const account of MANAGERS) site.editors.add(account);
    const unproved = { refusal: { reason: "claim_mismatch", claim: "ref" } } as const;
    edit = await bridge.takeIn({ ...sampleDelivery(7), receivedAt: clock.now(), ...unproved });
    await bridge.runDue();
    const by = { ...sourcePrincipal("wiki", "signature", "current"), roles: ["manager"], actor: "max" };
    const rejection = { reason: "page_not_editable", problem: expect.stringContaining("not all that led") };
    expect(await bridge.decide(edit, "grant", by)).toMatchObject({ rejection });
    const [event] = sampleDelivery(7).events;
    const id = deliveryIdOf("wiki", ["proved"]);
    const proved = { id, receivedAt: clock.now(), events: [{ ...event, keyParts: ["proved"] }] as const };
    edit = await bridge.takeIn({ ...sampleDelivery(7), ...proved });
    await bridge.runDue();
    const ofOtherSite = { rejection: { problem: expect.stringContaining("no account at the site of pages") } };
    expect(await bridge.decide(edit, "grant", { ...by, source: "code" })).toMatchObject(ofOtherSite);
    expect(asked()).toBe(0);
  });

  const OWN = [{ id: "own", when: { canEdit: "page" } }];

  it("a rule grants what somebody requested who may edit the page, and nothing else", async () => {
    await waiting(OWN);
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["requested", 0]);
    site.editors.add(EDITOR);
    await bridge.later();
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["fired", 1]);
  });

  it("a rule grants nothing while the site does not say who may edit the page", async () => {
    site.editors.add(EDITOR);
    site.answer = (path) => (path.endsWith("/permission/check") ? DOWN() : undefined);
    await waiting(OWN);
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["requested", 0]);
    site.answer = undefined;
    await bridge.later();
    expect(bridge.fired).toHaveLength(1);
  });

  it("a rule that granted before the process ended waits for the site, and is void without the right", async () => {
    site.editors.add(EDITOR);
    bridge = await open(OWN);
    edit = await bridge.edit(7);
    bridge.approvals.move = () => Promise.reject(new Fault("store_unavailable", "it died", { retryable: true }));
    await bridge.runDue();
    site.answer = (path) => (path.endsWith("/permission/check") ? DOWN() : undefined);
    bridge = await open(OWN);
    await bridge.later();
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["granted", 0]);
    site.answer = undefined;
    site.editors.delete(EDITOR);
    await bridge.later(10);
    expect([await stateOfEdit(), bridge.fired.length]).toEqual(["void", 0]);
  });
});
