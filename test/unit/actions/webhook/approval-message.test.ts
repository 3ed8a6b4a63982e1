import fc from "fast-check";
import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cardOf, gatheredCard, plain } from "../../../../shared/actions/webhook/card.ts";
import { messageIn } from "../../../../shared/actions/webhook/formats.ts";
import { webhook } from "../../../../shared/actions/webhook/index.ts";
import type { MessageFormat } from "../../../../shared/actions/webhook/settings.ts";
import { type RulesOf, rulesIn } from "../../../../shared/approvals/configured-rules.ts";
import type { OutboundRequest } from "../../../../shared/host/call-out.ts";
import { epochMillis, laterBy } from "../../../../shared/host/clock.ts";
import { Fault } from "../../../../shared/host/fault.ts";
import { type Roles, role } from "../../../../shared/identity/policy.ts";
import type { Access, AccessState } from "../../../../shared/model/access.ts";
import type { ActionOutcome } from "../../../../shared/model/action-outcome.ts";
import type { Approval, Decision, Identity } from "../../../../shared/model/approval.ts";
import type { AllStores } from "../../../support/all-stores.ts";
import { memoryStores } from "../../../support/memory-stores.ts";
import { propertyCases } from "../../../support/property-cases.ts";
import { entryOf } from "../../../support/sandbox-confluence-action.ts";
import { actionDeps, secretsOf, type TestClock, testClock } from "../../../support/test-doubles.ts";

const CONSOLE = "https://bridge.example.test/console/approvals";
const START = epochMillis(Date.parse("2026-11-02T09:00:00Z"));
const dana: Identity = {
  issuer: "https://idp.example.test",
  subject: "dana",
  method: "oidc",
  credential: "k",
  roles: [],
};

const approvalOf = (changes: Partial<Approval> = {}): Approval => ({
  id: "p-1",
  route: "deploy-docs",
  action: "a-1",
  delivery: "d-1",
  subject: "platform/docs main",
  requester: { ...dana, issuer: "drawbridge:source", subject: "gitlab", actor: "58" },
  shows: {
    requesterName: "Ines Okafor",
    commits: [
      {
        id: "c4a1e7d2".padEnd(40, "0"),
        title: "Say who deploys",
        url: "https://evil.example/x",
        author: "Ines Okafor",
      },
    ],
    commitCount: 3,
    params: { commit: "c4a1e7d2" },
  },
  requestedAt: START,
  until: laterBy(START, 3_600_000),
  approvers: ["release-manager"],
  state: "requested",
  grants: [],
  ...changes,
});
const FORMATS = ["slack", "teams", "mail"] as const satisfies readonly MessageFormat[];
const shown = { progress: undefined, isReminder: false };
const bodyOf = (format: MessageFormat, approval: Approval): string =>
  JSON.stringify(messageIn(format, cardOf(approval, shown, { console: CONSOLE })));

/** Every text of a message, at any depth. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

describe("the card of an approval", () => {
  it.each(FORMATS)("in the format %s it says what runs, who asked, who may decide and until when", (format) => {
    const body = bodyOf(format, approvalOf());
    for (const words of [
      "Approval needed: deploy-docs",
      "deploy-docs of platform/docs main",
      "commit = c4a1e7d2",
      "c4a1e7d2 Say who deploys (Ines Okafor)",
      "and 2 more",
      "Ines Okafor (58 of gitlab)",
      "one person with the role release-manager",
      "2026-11-02 10:00 UTC",
      `${CONSOLE}?id=p-1`,
    ])
      expect(body).toContain(words);
    expect(body).not.toContain("evil.example");
  });

  it.each([
    ["granted", "Approved: deploy-docs"],
    ["denied", "Denied: deploy-docs"],
    ["expired", "Expired, nobody decided: deploy-docs"],
    ["superseded", "Superseded: deploy-docs"],
    ["void", "Void: deploy-docs"],
  ] as const)("of an approval that is %s it says so, and asks nobody", (state, title) => {
    const decision: Decision = { by: dana, at: START, comment: "not on a Friday" };
    const person = state === "granted" || state === "denied" ? { decision } : { endedFor: "a newer commit came" };
    const body = bodyOf("slack", approvalOf({ state, ...person }));
    expect(body).toContain(title);
    expect(body).toContain("decision" in person ? "dana of https: //idp.example.test" : "a newer commit came");
    expect(body).not.toContain("May decide");
    expect(body).not.toContain("id=p-1");
  });

  it("without a console it has no link, and names the command", () => {
    const card = cardOf(approvalOf(), shown, { console: undefined });
    expect(card.button).toBeUndefined();
    expect(JSON.stringify(card)).toContain("drawbridge approvals show p-1");
  });

  it("a text of a sender adds no link, no mention and no formatting, and every message fits its receiver", () => {
    const part = fc.constantFrom(
      ...["<!channel>", "<!here|x>", "<@U1>", "<https://evil.example|ok>", "https://evil.example", "www.evil.example"],
      ...["@channel", "@everyone", "@here", "*bold*", "[x](https://evil.example)", "<at>all</at>", "&lt;!here&gt;"],
      ...[
        "<a href=//evil.example>",
        "<script>",
        "\u202e",
        "\u200b",
        "\ud800",
        "\n",
        "&",
        "😀",
        '"',
        "\\",
        "}}",
        "{{DATE(x)}}",
      ],
    );
    const word = fc.oneof(
      fc.array(fc.oneof(part, fc.string({ maxLength: 12 })), { maxLength: 60 }).map((parts) => parts.join("")),
      fc.constantFrom("&".repeat(500), "\u0001".repeat(500), "漢".repeat(500)),
    );
    const commit = fc.record({ id: word, title: word, url: word, author: word });
    const texts = fc.record({
      subject: word,
      approvers: fc.array(word, { maxLength: 4 }),
      shows: fc.record({
        requesterName: word,
        title: word,
        commits: fc.array(commit, { maxLength: 5 }),
        commitCount: fc.nat(9),
        params: fc.dictionary(word, word, { maxKeys: 20 }),
      }),
    });
    fc.assert(
      fc.property(texts, fc.constantFrom("requested", "denied"), (changes, state) => {
        const decision = { by: { ...dana, actor: changes.subject }, at: START, comment: changes.subject };
        const approval = approvalOf({ ...changes, state, ...(state === "denied" && { decision }) });
        for (const format of FORMATS) {
          const message = messageIn(format, cardOf(approval, shown, { console: CONSOLE }));
          const body = JSON.stringify(message);
          const own = textsOf(message).flatMap((text) => text.match(/\w+:\/\/[^\s"|]*/g) ?? []);
          for (const link of own) expect(link.startsWith(CONSOLE), link).toBe(true);
          expect(body).not.toMatch(/@(?:channel|here|everyone)|www\.|\u202e|\u200b/i);
          expect(Buffer.byteLength(body)).toBeLessThan(28_000);
          if (format === "slack") checkSlack(message);
          if (format === "teams") expect(body).not.toMatch(/"TextBlock"|"msteams"/);
          if (format === "mail") expect(tagsIn(message["html"])).toEqual([]);
        }
      }),
      propertyCases("cards of approvals", { weight: 5 }),
    );
  });

  /** The limits of Block Kit: https://docs.slack.dev/reference/block-kit/blocks/ */
  function checkSlack(message: Readonly<Record<string, unknown>>): void {
    const blocks = message["blocks"] as readonly { readonly type: string; readonly text?: { readonly text: string } }[];
    expect(blocks.length).toBeLessThanOrEqual(50);
    expect(blocks.at(-1)?.text?.text).toMatch(/^<https:\/\/bridge\.example\.test\/[^<>|]*\|[A-Za-z ]+>$/);
    for (const { type, text } of blocks.slice(0, -1)) {
      if (text === undefined) continue;
      expect(text).toMatchObject({ type: "plain_text", emoji: false });
      expect(text.text.length).toBeLessThanOrEqual(type === "header" ? 150 : 3_000);
      expect(text.text).not.toBe("");
      expect(text.text).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)/);
    }
    expect(message).toMatchObject({ link_names: false, parse: "none" });
  }

  /** The tags of the mail that are not its own. */
  const tagsIn = (html: unknown): readonly string[] =>
    Array.from(String(html).matchAll(/<([^>]*)>/g), ([, tag = ""]) => tag).filter(
      (tag) => !/^\/?(?:p|strong|table|tr|th|td|br|a)(?: (?:cellpadding|align|valign|href)="[^"<>]*")*$/.test(tag),
    );

  it("a text is one line, and is cut", () => {
    expect(plain("one\n\ttwo \u202ethree", 40)).toBe("one two three");
    expect(plain("x".repeat(300), 200)).toHaveLength(200);
  });
});

describe("the messages about an approval", () => {
  let clock: TestClock;
  let stores: AllStores;
  let requests: OutboundRequest[];
  let answers: (object | Fault | number)[];
  let rules: RulesOf;
  beforeEach(() => {
    rules = new Map();
    clock = testClock();
    stores = memoryStores({ clock });
    requests = [];
    answers = [];
  });
  afterEach(() => expect(answers).toEqual([]));

  const WEBHOOK = { url: "env:ADDRESS" };
  const BOT = { url: "https://slack.example.test/api/chat.postMessage", bearer: "env:TOKEN" };
  const SECRETS = { ADDRESS: "https://hooks.example.test/services/T0/B0/canary", TOKEN: "xoxb-canary" };

  let events = 0;
  /** Runs the action for a step of the approval; the target answers in the order of `answers`, else with `{ok: true}`. */
  function step(
    type: "requested" | "reminded" | "granted" | "denied",
    {
      id = "p-1",
      target = BOT as object,
      as = "slack",
      gate = {},
      body = { channel: "C1" } as object,
      role,
    }: { id?: string; target?: object; as?: string; gate?: object; body?: object; role?: object } = {},
  ) {
    events += 1;
    const event = entryOf(`d-${events}`, {
      type: role ? "access.requested" : `approval.${type}`,
      time: "2026-11-02T09:00:00.000Z",
      subject: "deploy-docs",
      ...(role
        ? { access: role }
        : {
            approval: {
              system: "drawbridge",
              build: id,
              pipeline: "deploy-docs",
              gate: {
                state: type === "reminded" ? "requested" : type,
                approvers: [],
                requestedAt: "",
                until: "",
                ...gate,
              },
            },
          }),
    } as Parameters<typeof entryOf>[1]);
    const connected = webhook.connect(
      { route: "ask", targetName: "chat", target, options: { as, body } },
      actionDeps({
        clock,
        secrets: secretsOf(SECRETS),
        approvals: stores.approvals,
        access: stores.access,
        roles,
        rules,
        approvalMessages: stores.approvalMessages,
        rateLimits: stores.rateLimits,
        decisionWays: { comments: false, console: CONSOLE },
        random: () => 0,
        callOut: async (request) => {
          requests.push(request);
          const answer = answers.shift() ?? { ok: true, channel: "C1", ts: `${requests.length}.1` };
          if (answer instanceof Fault) throw answer;
          const status = typeof answer === "number" ? answer : 200;
          const body = Buffer.from(typeof answer === "number" ? "" : JSON.stringify(answer));
          return { status, headers: new Headers(), body };
        },
      }),
    );
    const context = { busEvent: event, origin: event, originProof: "proved", attempt: 1 } as const;
    return () => connected.run({ ...context, signal: new AbortController().signal });
  }
  const KIM = { ...dana, subject: "kim", roles: ["developer"] };
  const ACCESS = `x-${"0".repeat(32)}-1`;
  const roles: Roles = {
    incident: v.parse(role, { onRequest: { by: ["developer"], approvedBy: ["on-call"] } }),
  };
  /** Stores a request for a role. */
  async function requestedRole(id = ACCESS): Promise<Access> {
    const [at, until] = [clock.now(), laterBy(clock.now(), 3_600_000)];
    const request = { id, role: "incident", minutes: 30, reason: "<!channel> the shop is down", by: KIM, key: "k" };
    const access = { ...request, requestedAt: at, state: "requested", until } as const;
    await (await stores.access()).create(access);
    return access;
  }
  const decideRole = async (before: Access, change: Partial<Access>): Promise<Access> => {
    const after = { ...before, ...change };
    await (await stores.access()).decide(before, after);
    return after;
  };
  /** The action for a step of a request for a role. */
  const roleStep = (state: AccessState, options: { id?: string; target?: object; as?: string } = {}) =>
    step("requested", { ...options, role: { state, id: options.id ?? ACCESS } });
  const requested = async (id = "p-1") => {
    const { state: _, grants: __, ...request } = approvalOf({ id });
    await stores.approvals.request(request);
  };
  const decide = (state: "granted" | "denied", id = "p-1") =>
    stores.approvals.move(id, ["requested"], { state, decision: { by: dana, at: clock.now() } });
  const sent = () => requests.map(({ url, body }) => [url.pathname, JSON.parse(body ?? "")] as const);
  const titles = () => sent().map(([path, { text, ts }]) => [path, text, ...(ts === undefined ? [] : [ts])]);

  it("with a bot's token the message is changed when somebody decides, and no other one is sent", async () => {
    await requested();
    expect(await step("requested")()).toMatchObject({ outcome: "done" });
    await decide("granted");
    expect(await step("granted")()).toMatchObject({ outcome: "done" });
    expect(titles()).toEqual([
      ["/api/chat.postMessage", "Approval needed: deploy-docs"],
      ["/api/chat.update", "Approved: deploy-docs", "1.1"],
    ]);
    expect(requests.map(({ headers }) => headers["authorization"])).toEqual([
      "Bearer xoxb-canary",
      "Bearer xoxb-canary",
    ]);
    expect(sent()[1]?.[1]).toMatchObject({ channel: "C1", ts: "1.1" });
  });

  it("routes with other addresses are for other people: each gets its message, alone and in one with others", async () => {
    const [docs, shop] = [{ to: ["docs@example.test"] }, { to: ["shop@example.test"] }];
    const ids = ["p-1", "p-2", "p-3", "p-4"];
    const steps: (() => Promise<ActionOutcome>)[] = [];
    for (const id of ids) {
      await requested(id);
      for (const body of [docs, shop]) steps.push(step("requested", { id, as: "mail", target: WEBHOOK, body }));
    }
    let waiting = steps;
    for (let minute = 0; minute < 4; minute++) {
      const outcomes: ActionOutcome[] = [];
      for (const run of waiting) outcomes.push(await run());
      waiting = waiting.filter((_, at) => outcomes[at]?.outcome === "wait");
      clock.advance(60_000);
    }
    expect(waiting).toEqual([]);
    for (const own of [docs, shop]) {
      const texts = sent().flatMap(([, body]) =>
        JSON.stringify(body.to) === JSON.stringify(own.to) ? [JSON.stringify(body)] : [],
      );
      const alone = ids.filter((id) => texts.some((text) => text.includes(`id=${id}`)));
      expect(alone.length).toBeGreaterThan(0);
      expect(texts.filter((text) => text.includes(`${ids.length - alone.length} approval`))).toHaveLength(1);
      expect(texts).toHaveLength(alone.length + 1);
    }
  });

  it("an incoming webhook cannot change a message, so the end is a second one", async () => {
    await requested();
    answers = [{}];
    await step("requested", { target: WEBHOOK })();
    const progress = { needed: 2, grantedBy: ["kim of wiki"], missingRoles: [] };
    expect(await step("requested", { target: WEBHOOK, gate: { progress } })()).toMatchObject({ endedAs: "not_fired" });
    await decide("denied");
    await step("denied", { target: WEBHOOK })();
    expect(titles().map(([, title]) => title)).toEqual(["Approval needed: deploy-docs", "Denied: deploy-docs"]);
  });

  it("with a bot's token the message says who has granted by now, if several people have to, also for a late event", async () => {
    rules = new Map([["deploy-docs", rulesIn({ approvers: 3 })]]);
    const grant = async (subject: string) => {
      const before = await stores.approvals.get("p-1");
      if (before) await stores.approvals.grant(before, { by: { ...dana, subject }, at: clock.now() }, "requested");
    };
    const progress = (...grantedBy: string[]) => ({ gate: { progress: { needed: 3, grantedBy, missingRoles: [] } } });
    await requested();
    await step("requested")();
    await grant("kim");
    await step("requested", progress("kim"))();
    await grant("lee");
    await step("requested", progress("kim", "lee"))();
    await step("requested", progress("kim"))();
    await step("reminded", { gate: { reminder: 1, ...progress("kim").gate } })();
    const post = "/api/chat.postMessage";
    const update = "/api/chat.update";
    expect(titles().map(([path]) => path)).toEqual([post, update, update, update, post]);
    const [first, second, ...late] = sent()
      .slice(1)
      .map((one) => JSON.stringify(one));
    expect(first).toContain("1 of 3 approved: kim of");
    for (const shown of [second, ...late])
      expect(shown).toMatch(/2 of 3 approved: kim of [^,]+, lee of [^,]+; missing: 1/);
  });

  it("nobody is asked about what was decided before the message was sent", async () => {
    await requested();
    await decide("denied");
    expect(await step("requested")()).toMatchObject({ outcome: "done", endedAs: "not_fired" });
    expect(await step("reminded", { gate: { reminder: 1 } })()).toMatchObject({ endedAs: "not_fired" });
    expect(requests).toEqual([]);
  });

  it("a repeat sends nothing, also of another route to the same target, and a reminder is a message of its own", async () => {
    await requested();
    const first = step("requested");
    await first();
    await first();
    await step("requested")();
    expect(requests).toHaveLength(1);
    await step("reminded", { gate: { reminder: 1 } })();
    await step("reminded", { gate: { reminder: 1 } })();
    await decide("granted");
    await step("granted")();
    expect(titles()).toEqual([
      ["/api/chat.postMessage", "Approval needed: deploy-docs"],
      ["/api/chat.postMessage", "Reminder, approval needed: deploy-docs"],
      ["/api/chat.update", "Approved: deploy-docs", "1.1"],
      ["/api/chat.update", "Approved: deploy-docs", "2.1"],
    ]);
  });

  it("what failed is sent by the retry, and what Slack refuses is given up", async () => {
    await requested();
    const ask = step("requested");
    answers = [
      503,
      new Fault("target_timeout", "no answer", { retryable: true }),
      { ok: false, error: "internal_error" },
    ];
    for (const _ of [1, 2, 3]) expect(await ask()).toMatchObject({ outcome: "retry", unknownOutcome: true });
    answers = [{ ok: false, error: "ratelimited" }];
    expect(await ask()).toMatchObject({ outcome: "retry" });
    clock.advance(60_000);
    answers = [{ ok: false, error: "channel_not_found" }];
    expect(await ask()).toEqual({ outcome: "give_up", summary: "Slack answered: channel_not_found" });
    expect(await ask()).toMatchObject({ outcome: "done" });
    expect(requests).toHaveLength(6);
  });

  it("a message that somebody deleted stays deleted", async () => {
    await requested();
    await step("requested")();
    await decide("granted");
    answers = [{ ok: false, error: "message_not_found" }];
    expect(await step("granted")()).toMatchObject({ outcome: "done" });
    expect(requests).toHaveLength(2);
  });

  it("the end waits while the request is being sent, so that it changes that message", async () => {
    await requested();
    const address = { target: "chat", approval: "p-1" };
    const messages = await stores.approvalMessages();
    const lease = await messages.lease(address, clock.now(), laterBy(clock.now(), 60_000));
    await decide("granted");
    const end = step("granted", { body: {} });
    expect(await end()).toMatchObject({ outcome: "wait", afterSeconds: 5 });
    if (lease)
      await messages.release(address, lease, { sent: ["requested"], messages: [{ channel: "C1", ts: "7.1" }] });
    await end();
    expect(titles()).toEqual([["/api/chat.update", "Approved: deploy-docs", "7.1"]]);
  });

  it("a sender that died is followed by another one after a minute", async () => {
    await requested();
    const messages = await stores.approvalMessages();
    await messages.lease({ target: "chat", approval: "p-1" }, clock.now(), laterBy(clock.now(), 60_000));
    const ask = step("requested", { body: {} });
    expect(await ask()).toMatchObject({ outcome: "wait" });
    clock.advance(60_000);
    expect(await ask()).toMatchObject({ outcome: "done" });
  });

  it("an approval that is not stored yet is looked at again", async () => {
    const ask = step("requested", { body: {} });
    expect(await ask()).toMatchObject({ outcome: "retry", targetAnswered: true });
    await requested();
    expect(await ask()).toMatchObject({ outcome: "done" });
  });

  it("another event is no approval", async () => {
    const event = entryOf("d-page", { type: "page.created", time: "", subject: "1", page: { site: "", id: "1" } });
    const connected = webhook.connect(
      { route: "ask", targetName: "chat", target: WEBHOOK, options: { as: "mail" } },
      actionDeps({ clock }),
    );
    const context = { busEvent: event, origin: event, originProof: "proved", attempt: 1 } as const;
    expect(await connected.run({ ...context, signal: new AbortController().signal })).toMatchObject({
      outcome: "give_up",
    });
  });

  it("a hundred approvals are a few messages and one about the rest, and a hundred decisions are no more", async () => {
    const ids = Array.from({ length: 100 }, (_, at) => `p-${at}`);
    for (const id of ids) await requested(id);
    const asks = ids.map((id) => step("requested", { id, target: WEBHOOK }));
    const outcomes: ActionOutcome[] = [];
    for (const ask of asks) outcomes.push(await ask());
    expect(requests).toHaveLength(5);
    expect(outcomes.at(-1)).toEqual({
      outcome: "wait",
      summary: "the target has had its messages of this minute",
      afterSeconds: 60,
    });
    await decide("denied", "p-99");
    clock.advance(60_000);
    for (const ask of asks) expect(await ask()).toMatchObject({ outcome: "done" });
    expect(titles().slice(5)).toEqual([["/services/T0/B0/canary", "94 approvals wait for you"]]);
    expect(JSON.stringify(sent()[5])).toContain("and 84 more");
    // A record says that a message was sent only of those that it names.
    const again = await Promise.all([asks[98]?.(), asks[99]?.()]);
    expect(again).toMatchObject([{ summary: "it was sent in one message with others" }, { endedAs: "not_fired" }]);
    clock.advance(60_000);
    for (const id of ids.slice(0, 99)) await decide("granted", id);
    const ends = ids.map((id) => step(id === "p-99" ? "denied" : "granted", { id, target: WEBHOOK }));
    for (const end of ends) await end();
    expect(requests).toHaveLength(11);
    clock.advance(60_000);
    for (const end of ends) expect(await end()).not.toHaveProperty("endedAs");
    for (const end of ends) expect(await end()).toMatchObject({ outcome: "done" });
    expect(
      titles()
        .slice(6)
        .map(([, title]) => title),
    ).toEqual([...Array(5).fill("Approved: deploy-docs"), "95 approvals wait no longer"]);
  });

  it("each of eight approvals that end in one minute is told, also if its question was in a message for many", async () => {
    const ids = Array.from({ length: 8 }, (_, at) => `p-${at}`);
    for (const id of ids) await requested(id);
    const asks = ids.map((id) => step("requested", { id }));
    for (const ask of asks) await ask();
    clock.advance(60_000);
    for (const ask of asks) await ask();
    expect(titles().at(-1)).toEqual(["/api/chat.postMessage", "3 approvals wait for you"]);
    for (const id of ids) await decide("denied", id);
    const ends = ids.map((id) => step("denied", { id }));
    for (const end of ends) expect(await end()).toMatchObject({ outcome: "done" });
    expect(
      titles()
        .slice(6)
        .map(([path]) => path),
    ).toEqual([...Array(5).fill("/api/chat.update"), ...Array(3).fill("/api/chat.postMessage")]);
  });

  it("an end and a question that are held at once are messages of their own", async () => {
    const ids = Array.from({ length: 7 }, (_, at) => `p-${at}`);
    for (const id of ids) await requested(id);
    for (const id of ids) await decide("denied", id);
    const ends = ids.map((id) => step("denied", { id, target: WEBHOOK }));
    for (const end of ends) await end();
    await requested("p-x");
    const ask = step("requested", { id: "p-x", target: WEBHOOK });
    expect(await ask()).toMatchObject({ outcome: "wait" });
    clock.advance(60_000);
    answers = [503];
    expect(await ends[5]?.()).toMatchObject({ outcome: "retry" });
    expect(await ends[5]?.()).toMatchObject({ outcome: "wait" });
    expect(await ask()).toEqual({ outcome: "done", summary: "sent in one message: 1 approval" });
    clock.advance(60_000);
    expect(await ends[6]?.()).toEqual({ outcome: "done", summary: "sent in one message: 2 approvals" });
    expect(await ends[5]?.()).toEqual({ outcome: "done", summary: "it was sent in one message with others" });
    expect(
      titles()
        .slice(6)
        .map(([, title]) => title),
    ).toEqual(["1 approval waits for you", "2 approvals wait no longer"]);
    expect(JSON.stringify(sent().at(-1))).toContain("Denied by dana");
  });

  it("a receiver that was down for more attempts than it gets messages is sent the question, and then the end", async () => {
    await requested();
    const ask = step("requested", { target: WEBHOOK });
    answers = Array(8).fill(503);
    for (const _ of answers.slice()) expect(await ask()).toMatchObject({ outcome: "retry" });
    answers = [new Fault("target_timeout", "no answer", { retryable: true })];
    expect(await ask()).toMatchObject({ outcome: "retry" });
    expect(await ask()).toMatchObject({ outcome: "done" });
    await decide("denied");
    const end = step("denied", { target: WEBHOOK });
    answers = Array(8).fill(503);
    for (const _ of answers.slice()) expect(await end()).toMatchObject({ outcome: "retry" });
    expect(await end()).toMatchObject({ outcome: "done" });
    expect(titles().at(-1)?.[1]).toBe("Denied: deploy-docs");
    expect(await (await stores.approvalMessages()).held("chat", 10)).toEqual([]);
  });

  it("what is held is sent once, although the message fails at first and later attempts come in the same minute", async () => {
    const ids = Array.from({ length: 8 }, (_, at) => `p-${at}`);
    for (const id of ids) await requested(id);
    const asks = ids.map((id) => step("requested", { id, target: WEBHOOK }));
    for (const ask of asks) await ask();
    clock.advance(60_000);
    const [first, second, third] = asks.slice(5);
    answers = [503];
    expect(await first?.()).toMatchObject({ outcome: "retry" });
    expect(await second?.()).toMatchObject({ outcome: "wait" });
    clock.advance(60_000);
    expect(await third?.()).toEqual({ outcome: "done", summary: "sent in one message: 3 approvals" });
    for (const ask of [first, second, third]) expect(await ask?.()).toMatchObject({ outcome: "done" });
    expect(requests).toHaveLength(7);
    // Another target has its own minute.
    const other = await stores.approvalMessages();
    expect(await other.held("chat", 10)).toEqual([]);
  });

  it("a request for a role asks, says who decided, and is changed in place, also when its time is over", async () => {
    const before = await requestedRole();
    expect(await roleStep("requested")()).toMatchObject({ outcome: "done" });
    const until = laterBy(clock.now(), 1_800_000);
    await decideRole(before, { state: "granted", until, decision: { by: dana, at: clock.now() } });
    expect(await roleStep("granted")()).toMatchObject({ outcome: "done" });
    expect(await roleStep("granted")()).toMatchObject({ outcome: "done", summary: "this was sent before" });
    clock.advance(1_800_000);
    expect(await roleStep("ended")()).toMatchObject({ outcome: "done" });
    expect(titles()).toEqual([
      ["/api/chat.postMessage", "Role requested: incident"],
      ["/api/chat.update", "Role granted: incident", "1.1"],
      ["/api/chat.update", "Role ended: incident", "1.1"],
    ]);
    const [asked, granted] = sent().map(([, body]) => textsOf(body).join("\n"));
    for (const words of ["30 minutes", "the shop is down", "kim", "one other person with the role on-call"])
      expect(asked).toContain(words);
    expect(asked).toContain("https://bridge.example.test/console/access");
    expect(asked).not.toContain("<!channel>");
    expect(granted).toContain("dana");
    expect(granted).not.toContain("May decide");
  });

  it("a late message never asks about a role that was decided, that is over, or that nobody may request now", async () => {
    const before = await requestedRole();
    await decideRole(before, { state: "denied", until: clock.now(), decision: { by: dana, at: clock.now() } });
    expect(await roleStep("requested")()).toMatchObject({ summary: "not sent: the approval is denied" });
    const other = `x-${"1".repeat(32)}-1`;
    await requestedRole(other);
    clock.advance(3_600_000);
    expect(await roleStep("requested", { id: other })()).toMatchObject({
      summary: "not sent: the approval is expired",
    });
    expect(requests).toEqual([]);
    expect(await roleStep("denied", { target: WEBHOOK, as: "mail" })()).toMatchObject({ outcome: "done" });
    expect(sent()[0]?.[1]).toMatchObject({ subject: "Role denied: incident" });
  });

  it("requests for roles beyond the messages of a minute are in one message with approvals", async () => {
    for (let n = 1; n <= 5; n++) {
      await requested(`p-${n}`);
      await step("requested", { id: `p-${n}` })();
    }
    await requested("p-6");
    await requestedRole();
    const held = [step("requested", { id: "p-6" }), roleStep("requested")];
    for (const run of held) expect(await run()).toMatchObject({ outcome: "wait" });
    clock.advance(60_000);
    for (const run of held) expect(await run()).toMatchObject({ outcome: "done" });
    const texts = textsOf(sent()[5]?.[1]).join("\n");
    expect(requests).toHaveLength(6);
    for (const words of ["2 approvals wait for you", "role incident for kim", "deploy-docs of platform/docs main"])
      expect(texts).toContain(words);
  });

  it("the message for many names ten runs, and says how many more there are", () => {
    const open = Array.from({ length: 12 }, () => "deploy-docs of platform/docs main");
    const card = gatheredCard(open, true, { console: CONSOLE });
    expect(card.title).toBe("12 or more approvals wait for you");
    expect(card.facts[0]?.lines).toHaveLength(11);
    expect(card.button?.url).toBe(CONSOLE);
    expect(gatheredCard(open.slice(0, 1), false, { console: undefined }).title).toBe("1 approval waits for you");
  });
});
