import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { laterBy } from "../../../shared/host/clock.ts";
import { listAccess } from "../../../shared/http/access.ts";
import { policyOf, type Roles, role } from "../../../shared/identity/policy.ts";
import type { Access } from "../../../shared/model/access.ts";
import { ok } from "../../../shared/model/result.ts";
import { holder } from "../../support/gated-bridge.ts";
import { testClock, unexpected } from "../../support/test-doubles.ts";
import { entryOf } from "../identity/tokens.ts";

const clock = testClock();
const roles: Roles = {
  manager: v.parse(role, {}),
  incident: v.parse(role, { onRequest: { by: ["developer"], approvedBy: ["manager"] } }),
  root: v.parse(role, { onRequest: { by: ["developer"], approvedBy: ["owner"] } }),
};

const access = (n: number, changes: Partial<Access> = {}): Access => ({
  id: `x-${n}-1`,
  role: "incident",
  minutes: 30,
  reason: "INC-1",
  by: holder(`kim-${n}`, ["developer"]),
  key: "k",
  requestedAt: clock.now(),
  state: "requested",
  until: laterBy(clock.now(), 60_000),
  ...changes,
});
const closed = (count: number, changes: Partial<Access> = {}) =>
  Array.from({ length: count }, (_, n) => access(n, { state: "withdrawn", ...changes }));

/** What a manager is shown of the requests of 25 hours, the newest first. */
async function listed(recent: readonly Access[]) {
  const request = {
    method: "GET",
    url: new URL("https://bridge.example.test/v1/access"),
    body: new Uint8Array(),
    headers: new Headers({ authorization: "Bearer token" }),
    receivedAt: clock.now(),
    requestId: "request-1",
  };
  const answer = await listAccess(request, {
    tokens: { verify: async () => ok({ principal: holder("max", ["manager"]), claims: {} }) },
    trustEntries: ["people"],
    config: { roles, issuers: { people: entryOf({ issuer: "https://idp.example.test" }) } },
    policy: policyOf(roles),
    people: new Map(),
    access: async () => ({
      recent: async () => recent,
      of: unexpected("the reading of one person's requests"),
      get: unexpected("the reading of one request"),
      create: unexpected("a request"),
      decide: unexpected("a decision"),
      markReported: unexpected("a step"),
    }),
    deliveries: { record: unexpected("a record") },
    recorded: unexpected("a record"),
    auditLog: { record: unexpected("a record") },
    rejectOverRate: async () => undefined,
    withAccess: unexpected("the reading of roles for a time"),
    clock,
  });
  if (!answer.ok) throw new Error(answer.rejection.reason);
  return answer.value;
}

describe("the list of requests for roles", () => {
  it("it has what waits and what is held after any number of requests that are over, until that is over, too", async () => {
    const held = { state: "granted", decision: { by: holder("max", ["manager"]), at: clock.now() } } as const;
    const recent = [...closed(600), access(600), access(601, held)];
    const open = async () => (await listed(recent)).access.filter(({ state }) => state !== "withdrawn");
    expect(await open()).toMatchObject([
      { id: "x-600-1", state: "requested", may: ["grant", "deny", "revoke"] },
      { id: "x-601-1", state: "granted", may: ["revoke"] },
    ]);
    clock.advance(60_000);
    expect(await open()).toEqual([]);
  });

  it.each([
    [500, false],
    [501, true],
  ])("of %i requests that are over it has the newest 500, and says whether there are more: %s", async (count, more) => {
    const { access: shown, hasMore } = await listed([...closed(700, { role: "root" }), ...closed(count)]);
    expect([shown.length, shown[0]?.id, hasMore]).toEqual([500, "x-0-1", more]);
  });
});
