import { describe, expect, it } from "vitest";
import { peopleOf } from "../../../shared/approvals/people.ts";
import { laterBy } from "../../../shared/host/clock.ts";
import { listApprovals } from "../../../shared/http/approvals.ts";
import { policyOf } from "../../../shared/identity/policy.ts";
import type { Approval } from "../../../shared/model/approval.ts";
import type { Principal } from "../../../shared/model/principal.ts";
import type { ReceivedRequest } from "../../../shared/model/request.ts";
import { ok } from "../../../shared/model/result.ts";
import type { ApprovalStore } from "../../../shared/store/approvals.ts";
import { holder } from "../../support/gated-bridge.ts";
import { storeWith } from "../../support/memory-stores.ts";
import { noSites, testClock } from "../../support/test-doubles.ts";

const clock = testClock();
const permissions = { call: [], fire: [], replay: [], approve: [], promote: [], summarise: [], pause: [] };

const approval = (n: number, route: string, changes: Partial<Approval> = {}): Approval => ({
  id: `p-${n}`,
  route,
  action: `a-${n}`,
  delivery: `d-${n}`,
  subject: "98310",
  requester: holder("ann", []),
  requestedAt: clock.now(),
  until: laterBy(clock.now(), n * 1_000),
  approvers: ["manager"],
  state: "requested",
  grants: [],
  ...changes,
});

/** The part of the open approvals that somebody with these roles is shown. */
async function listed(open: readonly Approval[], roles: readonly string[], query = "") {
  const unused = () => Promise.reject(new Error("a list needs none of this"));
  const request: ReceivedRequest = {
    method: "GET",
    url: new URL(`https://bridge.example.test/v1/approvals${query}`),
    body: new Uint8Array(),
    headers: new Headers({ authorization: "Bearer token" }),
    receivedAt: clock.now(),
    requestId: "request-1",
  };
  const answer = await listApprovals(request, {
    tokens: { verify: async () => ok({ principal: holder("max", roles), claims: {} }) },
    trustEntries: ["people"],
    policy: policyOf({
      manager: { ...permissions, approve: ["docs"] },
      reader: { ...permissions, call: ["deliveries"] },
      docs: { ...permissions, call: ["deliveries"], in: { projects: ["docs/*"] } },
    }),
    people: peopleOf({ issuers: {}, sources: [] }),
    rules: new Map(),
    approvals: storeWith<ApprovalStore>({ open: async (limit) => open.slice(0, limit) }),
    sites: noSites,
    actions: { wake: unused, status: unused },
    woken: unused,
    deliveries: { record: unused, addToTimeline: unused },
    rejectOverRate: async () => undefined,
    withAccess: async (by: Principal) => by,
    recorded: () => {
      throw new Error("a list records nothing");
    },
    clock,
  });
  if (!answer.ok) throw new Error(answer.rejection.reason);
  return answer.value;
}

const others = (count: number) => Array.from({ length: count }, (_, n) => approval(n, "other"));

describe("the list of approvals", () => {
  it("the list has an approval that comes after hundreds that the caller may not see", async () => {
    const { approvals, hasMore } = await listed([...others(1_000), approval(1_000, "docs")], ["manager"]);
    expect(approvals).toMatchObject([{ id: "p-1000" }]);
    expect(hasMore).toBe(false);
  });

  it.each([
    [2_000, false],
    [2_001, true],
  ])("the list of %i open approvals says whether there are more: %s", async (count, hasMore) => {
    expect(await listed(others(count), ["manager"])).toEqual({ approvals: [], hasMore });
  });

  const mine = { requester: holder("max", []) };
  it.each<[string, Partial<Approval>, readonly string[], readonly string[]]>([
    ["of others, with the role", {}, ["manager"], ["grant", "deny", "withdraw"]],
    ["of others, granted already", { state: "granted" }, ["manager"], ["withdraw"]],
    ["of its own, with the role", mine, ["manager"], ["deny", "withdraw"]],
    ["of its own, without the role", mine, [], ["withdraw"]],
  ])("the list says what the caller may decide about approvals %s", async (_, changes, roles, may) => {
    expect((await listed([approval(1, "docs", changes)], roles)).approvals).toMatchObject([{ may }]);
  });

  it.each<[string, Partial<Approval>, readonly string[], boolean]>([
    ["may read every delivery", {}, ["reader"], true],
    ["may read no delivery", {}, [], false],
    ["may read this one", { facts: { project: "docs/site" } }, ["docs"], true],
    ["may read others", { facts: { project: "shop/site" } }, ["docs"], false],
    ["may read only some, and it is of none", {}, ["docs"], false],
  ])(
    "whoever %s is shown what waits for others only so, and may decide nothing",
    async (_, changes, roles, isShown) => {
      const open = [approval(1, "docs", changes)];
      const { approvals } = await listed(open, roles, "?all=true");
      expect(approvals.map(({ may }) => may)).toEqual(isShown ? [[]] : []);
      expect((await listed(open, roles)).approvals).toEqual([]);
    },
  );

  it("the list has no approvals of others without the role, and none in another state than requested", async () => {
    expect((await listed([approval(1, "docs")], [])).approvals).toEqual([]);
    expect((await listed([approval(1, "docs")], ["manager"], "?state=granted")).approvals).toEqual([]);
  });
});
