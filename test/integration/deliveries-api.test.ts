import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock as clock, epochMillis } from "../../shared/host/clock.ts";
import type { ListedDeliveries, ShownDelivery } from "../../shared/http/deliveries.ts";
import { DEFAULT_ROLES, policyOf, role } from "../../shared/identity/policy.ts";
import { trustEntry } from "../../shared/identity/trust-entry.ts";
import { createTokenVerifier } from "../../shared/identity/verify-token.ts";
import { openStores } from "../../shared/store/open-stores.ts";
import { type OpenTable, openMemoryTable } from "../../shared/store/sqlite/open.ts";
import { httpBridge } from "../support/http-bridge.ts";
import { type IdentityProvider, startIdentityProvider } from "../support/identity-provider.ts";
import { sampleDelivery } from "../support/samples.ts";
import { bindingDeps } from "../support/test-doubles.ts";

const AUDIENCE = "https://bridge.example.test";
const person = { id: "on-call", secret: "on-call-secret-for-tests" };
const robot = { id: "robot", secret: "robot-secret-for-tests" };

let identity: IdentityProvider;
let database: OpenTable;
let bridge: Awaited<ReturnType<typeof httpBridge>>;
let token: string;

beforeAll(async () => {
  identity = await startIdentityProvider({ clients: [person, robot] });
  database = openMemoryTable();
  const { deliveries } = openStores(database.table, {
    retentionDays: 30,
    markUnrelayed: true,
    singleProcess: false,
    clock,
  });
  const entry = { issuer: identity.issuer, audience: AUDIENCE };
  const issuers = {
    people: v.parse(trustEntry, { ...entry, claims: [{ path: "sub", equals: "on-call" }], roles: ["on-call"] }),
    robots: v.parse(trustEntry, { ...entry, claims: [{ path: "sub", equals: "robot" }] }),
  };
  const tokens = createTokenVerifier(issuers, bindingDeps(clock));
  const policy = policyOf(v.parse(v.record(v.string(), role), DEFAULT_ROLES));
  bridge = await httpBridge({ calls: { deliveries, tokens, trustEntries: Object.keys(issuers), policy }, clock });
  const now = clock.now();
  for (let n = 1; n <= 5; n++) {
    const receivedAt = epochMillis(now - n * 1_000);
    await deliveries.record(sampleDelivery(n, { receivedAt, source: n % 2 ? "wiki" : "docs" }));
  }
  await deliveries.record(
    sampleDelivery(6, { receivedAt: epochMillis(now - 9 * 86_400_000), outcome: "ignored", what: "blog_created" }),
  );
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
    ["?principal=someone", []],
    ["?outcome=ignored&since=2026-01-01T00:00:00Z", [6]],
    ["?until=2026-01-01T00:00:00Z&since=2025-12-30T00:00:00Z", []],
  ])("the list is filtered by %s", async (query, expected) => {
    expect(numbers(await list(query))).toEqual(expected);
  });

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
    ["?colour=red", "colour"],
  ])("the query %s gets a 400 that names the wrong parameter", async (query, parameter) => {
    const answer = await get(`/v1/deliveries${query}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      title: expect.stringContaining(`"${parameter}"`),
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
