import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditLog } from "../../shared/delivery/audit-log.ts";
import { systemClock as clock, epochMillis } from "../../shared/host/clock.ts";
import type { ListedDeliveries, ShownDelivery } from "../../shared/http/deliveries.ts";
import type { DeliveryCounts } from "../../shared/http/delivery-counts.ts";
import { DEFAULT_ROLES, policyOf, role } from "../../shared/identity/policy.ts";
import { trustEntry } from "../../shared/identity/trust-entry.ts";
import { createTokenVerifier } from "../../shared/identity/verify-token.ts";
import { identityText } from "../../shared/model/principal.ts";
import type { SessionCutoffStore } from "../../shared/store/session-cutoffs.ts";
import { type OpenTable, openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { openAllStores } from "../support/all-stores.ts";
import { httpBridge } from "../support/http-bridge.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { sampleDelivery } from "../support/samples.ts";
import { bindingDeps, silentLog } from "../support/test-doubles.ts";

const DAY_MS = 86_400_000;
const AUDIENCE = "https://bridge.example.test";
const person = { id: "on-call", secret: "on-call-secret-for-tests" };
const security = { id: "security", secret: "security-secret-for-tests" };
const robot = { id: "robot", secret: "robot-secret-for-tests" };

let identity: IdentityProvider;
let database: OpenTable;
let bridge: Awaited<ReturnType<typeof httpBridge>>;
let token: string;
let cutoffs: SessionCutoffStore;

beforeAll(async () => {
  identity = await startIdentityProvider({ clients: [person, security, robot] });
  database = openMemoryTable();
  const { deliveries, sessionCutoffs } = openAllStores(database.table, {
    retentionDays: 30,
    markUnrelayed: true,
    singleProcess: false,
    clock,
  });
  const entry = { issuer: identity.issuer, audience: AUDIENCE };
  const issuers = {
    people: v.parse(trustEntry, { ...entry, claims: [{ path: "sub", equals: "on-call" }], roles: ["on-call"] }),
    security: v.parse(trustEntry, { ...entry, claims: [{ path: "sub", equals: "security" }], roles: ["security"] }),
    robots: v.parse(trustEntry, { ...entry, claims: [{ path: "sub", equals: "robot" }] }),
  };
  const tokens = createTokenVerifier(issuers, bindingDeps(clock));
  const policy = policyOf(v.parse(v.record(v.string(), role), { ...DEFAULT_ROLES, security: { call: ["sessions"] } }));
  const auditLog = new AuditLog({ deliveries, log: silentLog });
  const calls = { deliveries, tokens, trustEntries: Object.keys(issuers), policy, auditLog, sessionCutoffs };
  bridge = await httpBridge({ calls, clock });
  cutoffs = sessionCutoffs;
  const now = clock.now();
  for (let n = 1; n <= 5; n++) {
    const receivedAt = epochMillis(now - n * 1_000);
    await deliveries.record(sampleDelivery(n, { receivedAt, source: n % 2 ? "wiki" : "docs" }));
  }
  await deliveries.record(
    sampleDelivery(6, { receivedAt: epochMillis(now - 9 * 86_400_000), outcome: "ignored", what: "blog_created" }),
  );
  // The relay has listed some of them. The others are in the outbox.
  for (const n of [2, 3, 6]) {
    const delivery = await deliveries.get(sampleDelivery(n).id);
    if (delivery === undefined) throw new Error("it is recorded");
    await deliveries.addToList([delivery]);
    await deliveries.markRelayed(delivery.id, now);
  }
  const attempt = { kind: "attempt", route: "docs", action: "tekton", attempt: 1, durationMs: 4 } as const;
  await deliveries.addToTimeline(sampleDelivery(1).id, {
    at: now,
    ...attempt,
    outcome: "retry",
    summary: "s",
    nextAt: now,
  });
  token = await identity.token(person, AUDIENCE);
});
afterAll(async () => {
  await bridge.close();
  database.close();
  await identity.close();
});

const get = (path: string, authorization = `Bearer ${token}`): Promise<Response> =>
  fetch(new URL(path, bridge.url), { headers: { authorization } });

const list = async (query: string): Promise<ListedDeliveries> =>
  (await (await get(`/v1/deliveries${query}`)).json()) as ListedDeliveries;
const numbers = ({ deliveries }: ListedDeliveries): number[] =>
  deliveries.map(({ id }) => [1, 2, 3, 4, 5, 6].find((n) => sampleDelivery(n).id === id) ?? 0);

describe("the list of deliveries", () => {
  it("the list has the last seven days, newest first", async () => {
    const listed = await list("");
    expect(numbers(listed)).toEqual([1, 2, 3, 4, 5]);
    expect(listed.next).toBeUndefined();
    expect(listed.deliveries[0]).toMatchObject({
      source: "wiki",
      outcome: "event",
      what: "page.updated",
      subject: "98310",
    });
  });

  it.each([
    ["?source=docs", [2, 4]],
    ["?type=page", [1, 2, 3, 4, 5]],
    ["?type=build", []],
    ["?text=WIKI", [1, 3, 5]],
    ["?principal=wiki&outcome=event", [1, 2, 3, 4, 5]],
    ["?principal=source:wiki&outcome=event", [1, 2, 3, 4, 5]],
    ["?principal=prod-jobs:wiki", []],
    ["?principal=someone", []],
    ["?outcome=ignored&since=2026-01-01T00:00:00Z", [6]],
    ["?until=2026-01-01T00:00:00Z&since=2025-12-30T00:00:00Z", []],
    // No record is kept for as long as these are ahead.
    ["?until=2199-12-31T00:00:00Z&since=2026-01-01T00:00:00Z&type=page", [1, 2, 3, 4, 5]],
    ["?until=9999-12-31T23:59:59Z&since=0001-01-01T00:00:00Z&type=page", [1, 2, 3, 4, 5]],
  ])("the list is filtered by %s", async (query, expected) => {
    expect(numbers(await list(query))).toEqual(expected);
  });

  it.each([
    ["?find=98310", [1, 2, 3, 4, 5, 6], "page"],
    ["?find=https://wiki.example.test/pages/viewpage.action?pageId%3D98310%26x%3D1", [1, 2, 3, 4, 5, 6], "page"],
    ["?find=FF80AA01", [1, 2, 3, 4, 5, 6], "person"],
    ["?find=ff80aa01&source=docs", [2, 4], "person"],
    ["?find=9831", [], undefined],
    [`?find=${sampleDelivery(6).id}`, [6], "delivery"],
    [`?find=${sampleDelivery(6).id}&outcome=ignored`, [6], "delivery"],
    [`?find=${sampleDelivery(1).id}&source=wiki&page=98310&route=docs&since=2026-01-01T00:00:00Z`, [1], "delivery"],
    [`?find=${sampleDelivery(1).id}&type=build`, [], undefined],
    [`?find=${sampleDelivery(1).id}&page=1`, [], undefined],
    [`?find=${sampleDelivery(1).id}&route=other`, [], undefined],
    [`?find=${sampleDelivery(1).id}&state=ran`, [], undefined],
    [`?find=${sampleDelivery(1).id}&until=2026-01-01T00:00:00Z`, [], undefined],
    [`?find=${sampleDelivery(1).id}&since=2126-01-01T00:00:00Z`, [], undefined],
    [`?find=${sampleDelivery(7).id}`, [], undefined],
    ["?page=98310&person=ff80aa01&limit=3", [1, 2, 3], undefined],
    ["?page=98310&person=nobody", [], undefined],
    ["?page=98310&until=9999-12-31T23:59:59Z", [1, 2, 3, 4, 5, 6], undefined],
    ["?page=98310&since=2126-01-01T00:00:00Z", [], undefined],
    ["?commit=abc0123", [], undefined],
    ["?text=ff80AA01", [1, 2, 3, 4, 5], undefined],
  ])("a look-up finds what it asks for, as far back as records go: %s", async (query, expected, kind) => {
    const listed = await list(query);
    expect(numbers(listed)).toEqual(expected);
    expect(listed.matched?.kind).toBe(kind);
  });

  it("the pages of a look-up neither repeat nor skip, whatever it was taken for", async () => {
    const seen: number[] = [];
    let cursor = "";
    for (let page = 0; page < 7; page++) {
      const listed = await list(`?find=98310&limit=1${cursor}`);
      seen.push(...numbers(listed));
      if (listed.next === undefined) break;
      cursor = `&cursor=${listed.next}`;
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("an answer says how far back it looked, and a look-up never claims the time before look-ups", async () => {
    const now = clock.now();
    const reach = async (query: string): Promise<number> => Date.parse((await list(query)).lookedBackTo);
    expect(await reach("?text=nothing")).toBeLessThanOrEqual(now - 6 * DAY_MS);
    expect(await reach("?since=2026-11-01T00:00:00Z")).toBe(Date.parse("2026-11-01T00:00:00Z"));
    const first = await list("?limit=1");
    expect(first.lookedBackTo).toBe(first.deliveries[0]?.receivedAt);
    // Of the deliveries that were listed, the first was received 2 s ago.
    expect(now - (await reach("?commit=abc0123"))).toBeLessThan(60_000);
  });

  it("deliveries are counted over the whole range, whatever is listed", async () => {
    const counted = async (query: string): Promise<DeliveryCounts> =>
      (await (await get(`/v1/deliveries/counts?${query}`)).json()) as DeliveryCounts;
    const sum = ({ intervals }: DeliveryCounts): number =>
      intervals.reduce((total, { counts }) => total + counts.event + counts.ignored, 0);
    // Three of the deliveries are listed, and one of these was received nine days ago.
    expect(sum(await counted(""))).toBe(2);
    const since = new Date(clock.now() - 10 * DAY_MS).toISOString();
    const { intervalSeconds, intervals } = await counted(`since=${since}&by=source`);
    expect(intervalSeconds % 300).toBe(0);
    expect(intervals.map(({ source }) => source)).toContain("docs");
    expect(sum({ intervalSeconds, intervals })).toBe(3);
    const { totals } = await counted(`since=${since}`);
    expect(totals?.sources).toEqual(expect.arrayContaining([{ source: "docs", count: 1 }]));
    // Nothing is counted of a route that is not known, and each source is still named.
    const ofRoute = await counted(`since=${since}&route=nowhere`);
    expect([ofRoute.intervals, ofRoute.totals?.sources]).toEqual([[], totals?.sources]);
    expect(sum(await counted(`since=${since}&until=9999-12-31T23:59:59Z`))).toBe(3);
    expect((await get("/v1/deliveries/counts?by=type")).status).toBe(400);
  });

  it.each(["commit=abc01", "commit=xyz0123", "change=a", "trace=1", "find=", "eventKey=1"])(
    "a look-up that cannot be is refused: %s",
    async (query) => {
      const answer = await get(`/v1/deliveries?${query}`);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ reason: "query_invalid" });
    },
  );

  it("the pages of the list neither repeat nor skip", async () => {
    const first = await list("?limit=2");
    const second = await list(`?limit=2&cursor=${first.next}`);
    const third = await list(`?limit=2&cursor=${second.next}`);
    expect([first, second, third].flatMap(numbers)).toEqual([1, 2, 3, 4, 5]);
    expect(third.next).toBeUndefined();
  });

  it.each([
    ["?limit=0", "limit"],
    ["?limit=201", "limit"],
    ["?limit=1e2", "limit"],
    ["?cursor=nonsense", "cursor"],
    ["?since=yesterday", "since"],
    ["?since=2026-02-31T00:00:00Z", "since"],
    ["?until=2026-02-29T00:00:00%2B01:00", "until"],
    ["?outcome=lost", "outcome"],
    ["?source=drawbridge.approvals", "source"],
    ["?colour=red", "colour"],
    ["?toString=x", "toString"],
  ])("the query %s gets a 400 that names the wrong parameter", async (query, parameter) => {
    const answer = await get(`/v1/deliveries${query}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      title: expect.stringMatching(new RegExp(`"${parameter}" must be [^()]+$`)),
      reason: "query_invalid",
    });
  });
});

describe("one delivery", () => {
  it("the delivery is shown with its event and its timeline, and never with its body", async () => {
    const shown = (await (await get(`/v1/deliveries/${sampleDelivery(1).id}`)).json()) as ShownDelivery;
    expect(shown).toMatchObject({
      delivery: { id: sampleDelivery(1).id, provider: "confluence", principal: { method: "hub-signature" } },
      events: [{ source: "drawbridge.confluence", "detail-type": "page.updated" }],
      timeline: [
        { kind: "attempt", outcome: "retry", at: expect.stringMatching(/Z$/), nextAt: expect.stringMatching(/Z$/) },
      ],
    });
    expect(Object.keys(shown.delivery)).not.toContain("body");
  });

  it("an unknown delivery is 404", async () => {
    expect((await get("/v1/deliveries/d-unknown")).status).toBe(404);
  });
});

describe("the audit", () => {
  it("who opened a delivery, and who searched for a person, is recorded once, and shown only if it is asked for", async () => {
    const path = `/v1/deliveries/${sampleDelivery(2).id}`;
    await Promise.all([get(path), get(path), get("/v1/deliveries?principal=somebody"), get("/v1/deliveries?text=x")]);
    await get("/v1/deliveries/d-unknown");
    const { deliveries } = await list("?outcome=audit");
    const shown = deliveries.map(({ what, subject, principal }) => [what, subject, principal.subject]);
    expect(shown.filter(([, subject]) => subject === sampleDelivery(2).id)).toEqual([
      ["delivery_opened", sampleDelivery(2).id, "on-call"],
    ]);
    expect(shown.filter(([, subject]) => subject === "somebody")).toEqual([["person_searched", "somebody", "on-call"]]);
    expect(shown.filter(([, subject]) => subject === "d-unknown" || subject === "x")).toEqual([]);
    expect((await list("")).deliveries.filter(({ outcome }) => outcome === "audit")).toEqual([]);
  });

  it("a search for a person is recorded whether it finds somebody or not, and a search for something else is not", async () => {
    await Promise.all([
      get("/v1/deliveries?find=nobody-here"),
      get("/v1/deliveries?find=https://wiki.example.test/pages/1"),
    ]);
    const { deliveries } = await list("?outcome=audit");
    const searched = deliveries.flatMap(({ what, subject }) => (what === "person_searched" ? [subject] : []));
    expect(searched).toContain("nobody-here");
    expect(searched.filter((subject) => subject?.startsWith("https:"))).toEqual([]);
  });
});

describe("the revocation of console sessions", () => {
  const revoke = async (body: object, caller: typeof person): Promise<Response> =>
    fetch(new URL("/v1/sessions/revoke", bridge.url), {
      method: "POST",
      headers: {
        authorization: `Bearer ${await identity.token(caller, AUDIENCE)}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });

  it("a caller with the role ends the sessions of a person, and the audit names both", async () => {
    const before = clock.now();
    const answer = await revoke({ subject: "nick" }, security);
    expect([answer.status, await answer.json()]).toEqual([200, { subject: "nick", notBefore: expect.any(String) }]);
    expect(await cutoffs.isRevoked("nick", before)).toBe(true);
    expect(await cutoffs.isRevoked("nick", epochMillis(clock.now() + 1_000))).toBe(false);
    expect(await cutoffs.isRevoked("olga", before)).toBe(false);
    expect((await list("?outcome=audit&type=sessions_revoked")).deliveries).toEqual([
      expect.objectContaining({ subject: "nick", principal: expect.objectContaining({ subject: "security" }) }),
    ]);
  });

  it("the sessions of a person with a long subject end, whether it is given as a whole or as lists show it", async () => {
    const before = clock.now();
    const [whole, other] = ["x".repeat(280), identityText("y".repeat(280))];
    for (const subject of [whole, other]) expect((await revoke({ subject }, security)).status).toBe(200);
    for (const subject of [identityText(whole), other]) expect(await cutoffs.isRevoked(subject, before)).toBe(true);
  });

  it("the record of a revocation is no delivery", async () => {
    expect((await revoke({ subject: "nick" }, security)).status).toBe(200);
    for (const id of ["sessions%23nick", "sessions%23nobody"])
      expect([id, (await get(`/v1/deliveries/${id}`)).status]).toEqual([id, 404]);
  });

  it("everybody ends their own sessions, and nobody another person's without the role", async () => {
    const before = clock.now();
    expect((await revoke({}, person)).status).toBe(200);
    expect(await cutoffs.isRevoked("on-call", before)).toBe(true);
    const answer = await revoke({ subject: "olga" }, person);
    expect([answer.status, await answer.json()]).toEqual([403, expect.objectContaining({ reason: "role_missing" })]);
    expect(await cutoffs.isRevoked("olga", before)).toBe(false);
    expect((await revoke({ subject: "" }, security)).status).toBe(400);
  });
});

describe("reading deliveries", () => {
  it("a token without the role gets a 403 that names the missing role", async () => {
    const answer = await get("/v1/deliveries", `Bearer ${await identity.token(robot, AUDIENCE)}`);
    expect([answer.status, await answer.json()]).toEqual([403, expect.objectContaining({ reason: "role_missing" })]);
  });

  it("a call with no token, another audience's or a broken one gets a 401, and no log line contains a token", async () => {
    const elsewhere = await identity.token(person, "https://elsewhere.example.test");
    for (const authorization of [
      "",
      "Bearer ",
      `Bearer ${elsewhere}`,
      `Bearer ${token}x`,
      `Basic ${token}`,
      `Bearer ${token}, Bearer ${token}`,
    ]) {
      const answer = await get("/v1/deliveries", authorization);
      expect([answer.status, Object.keys((await answer.json()) as object)]).toEqual([
        401,
        ["type", "title", "status", "instance"],
      ]);
    }
    for (const part of token.split(".")) expect(bridge.lines.join()).not.toContain(part);
  });

  it.each(["POST", "DELETE"])("the method %s gets a 405", async (method) => {
    expect((await fetch(new URL("/v1/deliveries", bridge.url), { method })).status).toBe(405);
  });
});

describe("a page that is looked up by an address with its title", () => {
  const receivedAt = epochMillis(clock.now() - 20 * DAY_MS);

  it.each([
    "find=https://wiki.example.test/display/ENG/Deploying+C%2B%2B+docs?x=1",
    "find=https://wiki.example.test/display/ENG/Deploying%20C%2B%2B%20docs#top",
    "page=https://wiki.example.test/pages/viewpage.action?spaceKey=ENG&title=Deploying+C%2B%2B+docs",
  ])("it is found: %s", async (query) => {
    const { deliveries } = openAllStores(database.table, {
      retentionDays: 30,
      markUnrelayed: true,
      singleProcess: false,
      clock,
    });
    const sample = sampleDelivery(900, { receivedAt });
    const [event] = sample.events;
    const titled = { ...sample, events: [{ ...event, page: { ...event.page, title: "Deploying C++ docs" } }] as const };
    await deliveries.addToList([titled]);
    const [, name = "", address = ""] = /^(\w+)=(.*)$/.exec(query) ?? [];
    const listed = await list(`?${name}=${encodeURIComponent(address)}`);
    expect(listed.deliveries.map(({ id }) => id)).toEqual([sample.id]);
  });

  it.each([
    "find=https://wiki.example.test/x/y",
    "find=https://wiki.example.test/display/ENG",
    "page=https://a.test/b",
  ])("an address that names nothing is no look-up without a result: %s", async (query) => {
    const answer = await get(`/v1/deliveries?${query}`);
    expect([answer.status, await answer.json()]).toEqual([400, expect.objectContaining({ reason: "query_invalid" })]);
  });
});

describe("a look-up after the clock was set back", () => {
  it("what was recorded while it was ahead is found, unless the query says until when", async () => {
    const { deliveries } = openAllStores(database.table, {
      retentionDays: 30,
      markUnrelayed: true,
      singleProcess: false,
      clock,
    });
    const sample = sampleDelivery(950, { receivedAt: epochMillis(clock.now() + DAY_MS / 2) });
    const [event] = sample.events;
    const ahead = { ...sample, events: [{ ...event, page: { ...event.page, id: "888001" } }] as const };
    await deliveries.record(ahead);
    await deliveries.addToList([ahead]);
    await deliveries.markRelayed(ahead.id, clock.now());
    for (const query of ["?page=888001", "?find=888001", "?page=888001&state=no_route"])
      expect((await list(query)).deliveries.map(({ id }) => id)).toEqual([ahead.id]);
    expect((await list(`?page=888001&until=${new Date(clock.now()).toISOString()}`)).deliveries).toEqual([]);
  });
});

describe("a look-up among more deliveries than one request reads", () => {
  it("a look-up that has not read every delivery of that name says so, and the next page goes on", async () => {
    const { deliveries } = openAllStores(database.table, {
      retentionDays: 30,
      markUnrelayed: true,
      singleProcess: false,
      clock,
    });
    const start = clock.now() - 20 * DAY_MS;
    const many = Array.from({ length: 502 }, (_, n) => {
      const outcome = n === 0 ? ({ outcome: "ignored", what: "page_moved" } as const) : {};
      const sample = sampleDelivery(1_000 + n, { receivedAt: epochMillis(start + n), source: "many", ...outcome });
      const [event] = sample.events;
      const events = [{ ...event, page: { ...event.page, id: "777001" } }] as const;
      return { ...sample, events };
    });
    await deliveries.addToList(many);
    const first = await list("?find=777001&state=ignored");
    expect(first.deliveries).toEqual([]);
    expect(first.next).toBeDefined();
    const second = await list(`?find=777001&state=ignored&cursor=${first.next}`);
    expect(second.deliveries.map(({ id }) => id)).toEqual([many[0]?.id]);
    expect(second.matched?.kind).toBe("page");
    expect((await list("?find=777001&state=cut")).next).toBeUndefined();
  });
});
