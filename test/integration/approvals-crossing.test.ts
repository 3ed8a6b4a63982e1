import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text as bodyOf } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { approvalsDecide, approvalsList, approvalsShow } from "../../shared/cli/approvals.ts";
import { eventsShow } from "../../shared/cli/events.ts";
import { eventsReplay, rollback } from "../../shared/cli/replay.ts";
import { runCommand } from "../../shared/cli/run-command.ts";
import type { Session } from "../../shared/cli/session.ts";
import { systemClock } from "../../shared/host/clock.ts";
import type { ListedApprovals } from "../../shared/http/approvals.ts";
import type { ShownDelivery } from "../../shared/http/deliveries.ts";
import { commandHost } from "../support/command-host.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { PAGE, standaloneBridge } from "../support/standalone-bridge.ts";
import { until } from "../support/until.ts";

const AUDIENCE = "https://bridge.example.test";
const clientOf = (id: string) => ({ id, secret: `${id}-secret-for-tests` });
const [max, mia, tom, kim] = [clientOf("max"), clientOf("mia"), clientOf("tom"), clientOf("kim")];
const GATED = { approval: { expiresMinutes: 30, emergency: ["incident"] }, when: { "detail-type": ["page.updated"] } };

let identity: IdentityProvider;
let bridge: Awaited<ReturnType<typeof standaloneBridge>>;
let ends: "Succeeded" | "Failed";

/** The requests to the chat: path, credential and body. */
const chatted: (readonly [path: string, credential: string, body: { readonly text: string; readonly ts?: string }])[] =
  [];
const chat = createServer(async (request, response) => {
  const { url = "", headers } = request;
  chatted.push([url, headers.authorization ?? "", JSON.parse(await bodyOf(request))]);
  response.end(JSON.stringify({ ok: true, channel: "C1", ts: `${chatted.length}.1` }));
});

beforeAll(async () => {
  await new Promise<void>((listening) => chat.listen(0, "127.0.0.1", listening));
  identity = await startIdentityProvider({ clients: [max, mia, tom, kim] });
  bridge = await standaloneBridge({
    changes: changesFor(identity.issuer),
    environment: { CHAT: "xoxb-for-tests" },
    resultFor: () => ({ reason: ends }),
  });
});
beforeEach(() => {
  ends = "Succeeded";
});
afterAll(async () => {
  await bridge.stop();
  await identity.close();
  chat.close();
});

const changesFor = (issuer: string) => ({
  issuers: {
    people: {
      issuer,
      audience: AUDIENCE,
      claims: [{ path: "sub", equals: ["max", "mia", "tom", "kim"] }],
      roles: [
        { role: "manager", when: [{ path: "sub", equals: "max" }] },
        { role: "on-call", when: [{ path: "sub", equals: ["max", "mia"] }] },
        { role: "incident", when: [{ path: "sub", equals: "kim" }] },
      ],
    },
  },
  roles: {
    manager: { approve: ["page-build"] },
    incident: {},
    "on-call": { call: ["deliveries"], replay: ["page-build", "push-build"] },
  },
  sources: { wiki: { people: { "max.at.wiki": { roles: ["manager", "on-call"] } } } },
  targets: {
    pages: { progressSeconds: 0 },
    chat: {
      kind: "webhook",
      // `as`: a server that listens at a port has an address of this kind.
      url: `http://127.0.0.1:${(chat.address() as AddressInfo).port}/api/chat.postMessage`,
      bearer: "env:CHAT",
    },
  },
  routes: {
    "page-build": {
      ...GATED,
      do: { tekton: { target: "listener", params: { version: "$.detail.page.version", who: "$.detail.actor.id" } } },
    },
    ask: {
      when: { source: ["drawbridge.approvals"] },
      do: { webhook: { target: "chat", as: "slack", body: { channel: "releases" } } },
    },
    status: { when: { "detail-type": [{ prefix: "build." }, { prefix: "approval." }, "page.commented"] } },
  },
});

const session = (client: typeof max): Session => ({
  url: bridge.url,
  isPlayground: false,
  config: () => "",
  token: () => identity.token(client, AUDIENCE),
});

async function call(client: typeof max, path: string, body?: object, headers: Record<string, string> = {}) {
  const authorization = `Bearer ${await identity.token(client, AUDIENCE)}`;
  const sending = { method: "POST", body: JSON.stringify(body) };
  return fetch(new URL(path, bridge.url), {
    headers: { ...headers, authorization, ...(body && { "content-type": "application/json" }) },
    ...(body && sending),
  });
}

let version = 6;
const nextEdit = () => edit(++version);
async function edit(version: number): Promise<string> {
  const answer = await bridge.pageEdit({
    timestamp: systemClock.now(),
    event: "page_updated",
    userKey: "robin.example",
    page: { id: Number(PAGE), version },
  });
  return ((await answer.json()) as { delivery: string }).delivery;
}

const label = (name: string, actor: string) =>
  bridge.pageEdit({
    timestamp: systemClock.now(),
    event: "label_added",
    userKey: actor,
    label: { name },
    content: { id: Number(PAGE), contentType: "page" },
  });

/** Comments on the page. Returns the id of the delivery. */
async function comment(text: string, author: string): Promise<string> {
  const id = await bridge.confluence.comment(PAGE, `<p>${text}</p>`, { author });
  const about = { event: "comment_created", userKey: author, comment: { id: Number(id) } };
  const answer = await bridge.pageEdit({ timestamp: systemClock.now(), ...about });
  return ((await answer.json()) as { delivery: string }).delivery;
}

const shown = async (id: string) => (await (await call(mia, `/v1/deliveries/${id}`)).json()) as ShownDelivery;
const page = () => bridge.confluence.page(PAGE).latest.body;
const paramsOf = (at: number) =>
  (bridge.listener.requests.at(at)?.body as { readonly params?: Readonly<Record<string, string>> })?.params;

/** Waits until this delivery waits for an approval. Returns the approval's id. */
async function waitingFor(delivery: string): Promise<string> {
  const requested = async () => {
    const { approvals } = (await (await call(max, "/v1/approvals?state=requested")).json()) as ListedApprovals;
    return approvals;
  };
  const isOurs = (approval: ListedApprovals["approvals"][number]) => approval.delivery === delivery;
  const approvals = await until(`an approval of ${delivery}`, requested, (all) => all.some(isOurs));
  return approvals.find(isOurs)?.id ?? "";
}

/** Edits the page, grants the approval, and waits until the end of the run is stored. */
async function editedAndRun(): Promise<string> {
  const id = await nextEdit();
  await approvalsDecide(session(max), await waitingFor(id), { decision: "grant" });
  await runEndedOf(id);
  return id;
}

const runEndedOf = (id: string) =>
  until(
    `the run of ${id} to end`,
    () => shown(id),
    ({ timeline }) =>
      timeline.some(
        (timelineEvent) =>
          timelineEvent.kind === "followed_by" && /^build\.(succeeded|failed)/.test(timelineEvent.what),
      ),
  );

const pageShows = (...words: readonly string[]) =>
  until(`the page to show ${words.join(" and ")}`, page, (body) => words.every((word) => body.includes(word)));

/** Waits until the listener has received another request. */
const triggeredAfter = (before: number) =>
  until(
    "another trigger",
    () => bridge.listener.requests.length,
    (triggered) => triggered > before,
  );

describe("messages about approvals", () => {
  it("people are asked in the chat, and the message shows who decided", async () => {
    const approval = await waitingFor(await nextEdit());
    const isAbout = (title: string) => chatted.find(([, , { text }]) => text === title);
    const asked = await until("the request", async () => isAbout("Approval needed: page-build"), Boolean);
    expect(asked?.slice(0, 2)).toEqual(["/api/chat.postMessage", "Bearer xoxb-for-tests"]);
    expect(JSON.stringify(asked?.[2])).toContain("robin.example of wiki");
    await approvalsDecide(session(max), approval, { decision: "deny", comment: "not on a Friday" });
    const denied = await until("the answer", async () => isAbout("Denied: page-build"), Boolean);
    expect(denied).toMatchObject(["/api/chat.update", "Bearer xoxb-for-tests", { channel: "C1", ts: "1.1" }]);
    expect(JSON.stringify(denied?.[2])).toContain("not on a Friday");
    expect(chatted).toHaveLength(2);
  });
});

describe("a page edit whose route needs an approval", () => {
  it("the page shows who may approve, the run starts when it is granted, and the page shows the result", async () => {
    const id = await nextEdit();
    const approval = await waitingFor(id);
    await pageShows("WAITING");
    expect(page()).toMatch(/approval by manager until \d{4}-\d\d-\d\d \d\d:\d\d UTC/);
    expect(page()).toContain(
      `comment drawbridge approve ${approval} or drawbridge deny ${approval}, or label drawbridge-approve or`,
    );
    expect(bridge.listener.requests).toEqual([]);
    expect(await approvalsList(session(max))).toMatch(
      new RegExp(`${approval}  requested  page-build  ${PAGE}  +${version}  +robin.*  grant, deny, withdraw`),
    );
    const { text: card } = await approvalsShow(session(max), approval);
    expect(card).toMatch(new RegExp(`Run +page-build of ${PAGE}`));
    expect(card).toMatch(/Missing +one person with the role manager/);
    expect(card).toMatch(/Requested by +.*robin/);
    // Somebody who may only read the delivery sees what it is about, and for whom it waits.
    const { text: read, isOpen } = await approvalsShow(session(mia), approval);
    expect(isOpen).toBe(true);
    expect(read).toMatch(/Missing +one person with the role manager/);
    expect(read).toMatch(/You may +nothing: others decide$/m);
    expect(await approvalsList(session(mia))).toMatch(/^You may decide no open approval\./);
    const unknown = { isOpen: false, text: `${approval} is not among the approvals that you may read or decide.` };
    expect(await approvalsShow(session(tom), approval)).toEqual(unknown);
    expect(await approvalsList(session(tom))).toMatch(/^You may decide no open approval\./);

    const granted = await approvalsDecide(session(max), approval, { decision: "grant", comment: "looks right" });
    expect(granted).toBe(`${approval} of route page-build is granted`);
    await pageShows("PASSED", "APPROVED");
    expect(page()).toMatch(/by max of [^<]*<br \/>“looks right”/);
    expect(paramsOf(-1)).toEqual({ version: String(version), who: "robin.example" });
    const printed = await eventsShow(session(mia), id);
    expect(printed).toContain(`approval ${approval} requested by robin.example of wiki`);
    expect(printed).toContain(`approval ${approval} granted by max of ${identity.issuer}: looks right`);
  });

  it("the command line denies or withdraws an approval and prints the new state", async () => {
    const printed: string[] = [];
    const runAs = async (client: typeof max, ...words: readonly string[]) => {
      const environment = { DRAWBRIDGE_TOKEN: await identity.token(client, AUDIENCE) };
      const print = (text: string) => void printed.push(text);
      return runCommand([...words, "--url", bridge.url.href], commandHost({ environment, print }));
    };
    const run = (...words: readonly string[]) => runAs(max, ...words);
    for (const [decision, state] of [
      ["deny", "denied"],
      ["withdraw", "withdrawn"],
    ] as const) {
      const approval = await waitingFor(await nextEdit());
      expect(await runAs(mia, "approvals", "show", approval)).toBe(0);
      expect(await runAs(mia, "approvals", "list", "--all")).toBe(0);
      expect(printed.at(-1)).toMatch(new RegExp(`${approval}  requested .*  nothing; it waits for manager$`, "m"));
      expect(await runAs(tom, "approvals", "list", "--all")).toBe(0);
      expect(printed.at(-1)).toBe("No approval is open that you may read or decide.");
      // Mia reads it and may not grant it, so it does not wait for her.
      expect([await runAs(mia, "approvals", "list", "--mine"), printed.at(-1)]).toEqual([
        0,
        "No approval waits for you.",
      ]);
      expect(await run("approvals", "list", "--mine")).toBe(1);
      expect(printed.at(-1)).toMatch(new RegExp(`^${approval}  requested `, "m"));
      expect(await run("approvals", decision, approval)).toBe(0);
      expect(printed.at(-1)).toBe(`${approval} of route page-build is ${state}`);
      expect(await run("approvals", "show", approval)).toBe(0);
      const closed = `${approval} of route page-build for ${PAGE} is ${state}; decided by max of ${identity.issuer} at 2`;
      expect(printed.at(-1)).toContain(closed);
      // Somebody who may not read the event log does not see the state.
      const text = `${approval} is not among the approvals that you may read or decide.`;
      expect(await approvalsShow(session(tom), approval)).toEqual({ isOpen: false, text });
    }
    await expect(run("approvals", "grant")).rejects.toMatchObject({ code: "usage_invalid" });
    await expect(run("approvals", "emergency", "p-1")).rejects.toThrow("needs a reason: --comment");
    await expect(run("rollback", "push-build")).rejects.toThrow("rollback_impossible");
    await expect(run("events", "replay", "d-unknown")).rejects.toThrow("delivery_unknown");
    expect(await run("approvals", "list")).toBe(0);
    await expect(run("approvals", "list", "--mine", "--all")).rejects.toMatchObject({ code: "usage_invalid" });
  });

  it("a label decides nothing that has waited for less than a minute, and its timeline says why", async () => {
    const approval = await waitingFor(await nextEdit());
    const labeled = (await (await label("drawbridge-approve", "max.at.wiki")).json()) as { delivery: string };
    const printed = await until(
      "the refusal of the label",
      () => eventsShow(session(mia), labeled.delivery),
      (text) => text.includes("refused"),
    );
    expect(printed).toMatch(new RegExp(`grant of ${approval} by max.at.wiki of wiki, refused: approval_too_recent`));
    await approvalsDecide(session(max), approval, { decision: "deny" });
  });

  it("a comment of a person with the role decides, after the bridge has read its text from the page", async () => {
    const id = await nextEdit();
    const approval = await waitingFor(id);
    const before = bridge.listener.requests.length;
    await comment(`drawbridge approve ${approval}`, "robin.example");
    await comment("drawbridge approve, please", "max.at.wiki");
    const commented = await comment(`drawbridge approve ${approval}`, "max.at.wiki");
    await triggeredAfter(before);
    const steps = (await shown(id)).timeline.filter((timelineEvent) => timelineEvent.kind === "approval");
    expect(steps).toMatchObject([{ state: "requested" }, { state: "granted", by: { actor: "max.at.wiki" } }]);
    expect(await eventsShow(session(mia), commented)).toContain("max.at.wiki of wiki");
    await runEndedOf(id);
  });

  it("a decision without the role or after another one is rejected, and a late one learns who decided", async () => {
    const path = `/v1/approvals/${await waitingFor(await nextEdit())}`;
    const answers = [
      await call(tom, path, { decision: "grant" }),
      await call(max, path, { decision: "allow" }),
      await call(max, path, { decision: "deny", why: "no" }),
      await call(max, "/v1/approvals/p-unknown", { decision: "deny" }),
      await call(max, path, { decision: "deny" }),
      await call(max, path, { decision: "grant" }),
      await call(max, "/v1/approvals?state=fired"),
      await fetch(new URL(path, bridge.url), { method: "POST" }),
    ];
    const problems = await Promise.all(answers.map((answer) => answer.json() as Promise<Record<string, string>>));
    expect(answers.map(({ status }, at) => [status, problems[at]?.["reason"]])).toEqual([
      [403, "role_missing"],
      [400, "body_invalid"],
      [400, "body_invalid"],
      [404, "approval_unknown"],
      [200, undefined],
      [409, "approval_closed"],
      [400, "query_invalid"],
      [401, undefined],
    ]);
    expect(problems[5]?.["title"]).toBe(`The approval is already denied, by max of ${identity.issuer}`);
    await pageShows("DENIED");
  });
});

describe("a run that is granted in an emergency", () => {
  const decided = async (client: typeof max, id: string, body: object) => {
    const answer = await call(client, `/v1/approvals/${id}`, body);
    return [answer.status, ((await answer.json()) as { readonly title?: string }).title];
  };

  it("an order without a reason, or with one that is too long, is rejected, and the rejection names the field", async () => {
    const id = await waitingFor(await nextEdit());
    for (const comment of [undefined, "", "\u202e\u200b", "x".repeat(10_000)]) {
      const rejected = [400, expect.stringContaining('"comment" is missing or invalid')];
      expect(await decided(kim, id, { decision: "emergency", comment })).toEqual(rejected);
    }
    await call(max, `/v1/approvals/${id}`, { decision: "deny" });
  });

  it("the run starts, and the page and the command line show the person and the reason without its secrets", async () => {
    const delivery = await nextEdit();
    const id = await waitingFor(delivery);
    expect(await decided(max, id, { decision: "emergency", comment: "now" })).toEqual([
      403,
      'The role "incident" is needed',
    ]);
    expect(await approvalsList(session(kim))).toMatch(new RegExp(`${id}  requested .*  emergency$`, "m"));
    const comment = "down\u202e, see https://kim:geheim@wiki.example.com/incident \u001b[31m";
    const order = { decision: "emergency", comment } as const;
    expect(await approvalsDecide(session(kim), id, order)).toBe(`${id} of route page-build is granted`);
    await runEndedOf(delivery);
    expect(await eventsShow(session(mia), delivery)).toMatch(
      new RegExp(`approval ${id} granted in an emergency by kim of \\S+: down.*REDACTED@wiki.example.com/incident`),
    );
    await pageShows(`emergency, granted by kim of ${identity.issuer}`);
    const shown = page() + (await eventsShow(session(mia), delivery));
    for (const hidden of ["geheim", "\u202e", "\u001b"]) expect(shown).not.toContain(hidden);
    const again = await decided(kim, id, order);
    expect(again).toEqual([
      409,
      expect.stringMatching(/^The approval was already fired at .*; kim of \S+ granted it$/),
    ]);
  });

  it("the audit log lists who granted which run in an emergency", async () => {
    const printed: string[] = [];
    const environment = { DRAWBRIDGE_TOKEN: await identity.token(mia, AUDIENCE) };
    const command = ["events", "list", "--outcome", "audit", "--type", "emergency_granted", "--url", bridge.url.href];
    await runCommand(command, commandHost({ environment, print: (text) => printed.push(text) }));
    expect(printed.join()).toMatch(
      /^STATE +RECEIVED .* BY +DELIVERY\n– audit +\S+ +api +emergency_granted +p-\w+ +kim +d-\w+$/,
    );
  });
});

describe("a delivery that is run again", () => {
  it("a replay is a new run of the same event, in the name of the person who ordered it, behind the same gate", async () => {
    const id = await editedAndRun();
    expect(await eventsReplay(session(mia), id, undefined)).toMatch(/^d-\w+ runs again as d-\w+$/);
    const replayed = (await shown(id)).timeline.find((timelineEvent) => timelineEvent.kind === "replayed");
    if (replayed?.kind !== "replayed") throw new Error("the replay is recorded");
    expect(replayed).toMatchObject({ routes: ["page-build"], isRollback: false, by: { subject: "mia" } });
    const before = bridge.listener.requests.length;
    const approval = await waitingFor(replayed.delivery);
    expect(await approvalsList(session(mia))).toMatch(new RegExp(`${approval}  requested .*Z  withdraw$`, "m"));
    await approvalsDecide(session(max), approval, { decision: "grant" });
    await runEndedOf(replayed.delivery);
    expect(bridge.listener.requests).toHaveLength(before + 1);
    expect(paramsOf(-1)).toEqual(paramsOf(-2));
    const again = await shown(replayed.delivery);
    expect(again.delivery.principal).toMatchObject({ subject: "mia", trustEntry: "people" });
    expect(again.events[0]?.detail).toMatchObject({ replay: { of: id, routes: ["page-build"] } });
    await pageShows("mia at ");
  });

  it("a replay happens once, however often the same order is sent, and is rejected if it is not allowed or not possible", async () => {
    const id = await editedAndRun();
    const path = `/v1/deliveries/${id}/replay`;
    const key = { "idempotency-key": "order-1" };
    const first = (await (await call(mia, path, {}, key)).json()) as Record<string, string>;
    const second = (await (await call(mia, path, { route: "page-build" }, key)).json()) as Record<string, string>;
    expect([first["status"], second["status"]]).toEqual(["accepted", "duplicate"]);
    expect(second["delivery"]).toBe(first["delivery"]);
    const rejections = [
      await call(tom, path, {}),
      await call(mia, path, { route: "push-build" }),
      await call(mia, "/v1/deliveries/d-unknown/replay", {}),
    ];
    const problems = await Promise.all(rejections.map((answer) => answer.json() as Promise<Record<string, string>>));
    expect(rejections.map(({ status }, at) => [status, problems[at]?.["reason"]])).toEqual([
      [403, "role_missing"],
      [409, "replay_impossible"],
      [404, "delivery_unknown"],
    ]);
    expect(problems[1]?.["title"]).toBe("The delivery matched no such route; you may run it again for: page-build");
    await waitingFor(first["delivery"] ?? "");
  });

  it("the rejection of a replay says so if the delivery matched no route", async () => {
    const trashed = await bridge.pageEdit({
      event: "page_trashed",
      timestamp: systemClock.now(),
      page: { id: Number(PAGE) },
    });
    const { delivery } = (await trashed.json()) as { readonly delivery: string };
    const rejected = await call(mia, `/v1/deliveries/${delivery}/replay`, {});
    expect(await rejected.json()).toMatchObject({ title: "The delivery matched no route that you may run again" });
  });
});

describe("a rollback", () => {
  it("the command line and a label each run the last good run before the newest again, behind the same gate", async () => {
    const good = await editedAndRun();
    const goodParams = paramsOf(-1);
    ends = "Failed";
    await editedAndRun();
    ends = "Succeeded";
    expect(await rollback(session(mia), { route: "page-build" })).toMatch(new RegExp(`^${good} runs again as `));
    const [back] = (await shown(good)).timeline.flatMap((timelineEvent) =>
      timelineEvent.kind === "replayed" && timelineEvent.isRollback ? [timelineEvent.delivery] : [],
    );
    await approvalsDecide(session(max), await waitingFor(back ?? ""), { decision: "grant" });
    await runEndedOf(back ?? "");
    expect(paramsOf(-1)).toEqual(goodParams);

    // The newest run is now the rollback itself: the one before it that succeeded is the first.
    const receipt = (await (await label("drawbridge-rollback-page-build", "max.at.wiki")).json()) as Record<
      string,
      string
    >;
    const labeled = receipt["delivery"] ?? "";
    const { timeline } = await until(
      "the label to be decided",
      () => shown(labeled),
      ({ timeline }) => timeline.some(({ kind }) => kind === "decided"),
    );
    expect(timeline).toMatchObject([{ kind: "decided", decision: "rollback" }]);
    const twice = (await shown(good)).timeline.filter(
      (timelineEvent) => timelineEvent.kind === "replayed" && timelineEvent.isRollback,
    );
    expect(twice).toMatchObject([{}, { by: { actor: "max.at.wiki", subject: "wiki" } }]);
    await label("drawbridge-rollback-page-build", "robin.example");
  });

  it("a rollback is rejected without the role, or if no good run is known", async () => {
    const rejections = [
      await call(tom, "/v1/rollbacks", { route: "page-build" }),
      await call(mia, "/v1/rollbacks", { route: "push-build" }),
      await call(mia, "/v1/rollbacks", { route: "page-build", environment: "production" }),
      await call(mia, "/v1/rollbacks", { route: "page-build", to: "d-unknown" }),
      await call(mia, "/v1/rollbacks", {}),
    ];
    const problems = await Promise.all(rejections.map((answer) => answer.json() as Promise<Record<string, string>>));
    expect(rejections.map(({ status }, at) => [status, problems[at]?.["reason"]])).toEqual([
      [403, "role_missing"],
      [409, "rollback_impossible"],
      [409, "rollback_impossible"],
      [409, "rollback_impossible"],
      [400, "body_invalid"],
    ]);
  });
});
