import * as v from "valibot";
import { beforeEach, describe, expect, it } from "vitest";
import { reportAccess, reportAllAccess } from "../../../shared/approvals/report-access.ts";
import { laterBy } from "../../../shared/host/clock.ts";
import { type Roles, role } from "../../../shared/identity/policy.ts";
import type { Access } from "../../../shared/model/access.ts";
import type { Principal } from "../../../shared/model/principal.ts";
import type { RecordedDelivery } from "../../../shared/model/recorded-delivery.ts";
import type { AllStores } from "../../support/all-stores.ts";
import { memoryStores } from "../../support/memory-stores.ts";
import { type TestClock, testClock } from "../../support/test-doubles.ts";

const kim: Principal = {
  issuer: "https://idp.example.test",
  subject: "kim",
  method: "oidc",
  credential: "k",
  trustEntry: "people",
  roles: ["developer"],
};
const max: Principal = { ...kim, subject: "max", roles: ["on-call"] };
const ID = `x-${"0".repeat(32)}-1`;
const MINUTE = 60_000;
const ROLES: Roles = {
  incident: v.parse(role, { onRequest: { by: ["developer"], approvedBy: ["on-call"] } }),
};

describe("the events of a request for a role", () => {
  let clock: TestClock;
  let stores: AllStores;
  let recorded: RecordedDelivery[];
  let roles: Roles;
  beforeEach(async () => {
    clock = testClock();
    stores = memoryStores({ clock });
    recorded = [];
    roles = ROLES;
    const until = laterBy(clock.now(), 60 * MINUTE);
    const request = { id: ID, role: "incident", minutes: 30, reason: "INC-1", by: kim, key: "secret-key" };
    await (await stores.access()).create({ ...request, requestedAt: clock.now(), state: "requested", until });
  });

  const deps = () => ({
    ...stores,
    config: { roles },
    clock,
    recorded: (delivery: RecordedDelivery) => void recorded.push(delivery),
  });
  const stored = async (): Promise<Access> => {
    const access = await (await stores.access()).get(ID);
    if (access === undefined) throw new Error("the request is not stored");
    return access;
  };
  const report = async () => reportAccess(await stored(), "request-1", deps());
  const sweep = () => reportAllAccess(deps());
  async function decide(change: Partial<Access>): Promise<void> {
    const before = await stored();
    await (await stores.access()).decide(before, { ...before, ...change });
  }
  const grant = () =>
    decide({
      state: "granted",
      until: laterBy(clock.now(), 30 * MINUTE),
      decision: { by: max, at: clock.now(), comment: "go ahead" },
    });
  const types = () => recorded.map(({ what, events }) => [what, events?.[0]].map((one) => stateIn(one)));
  const stateIn = (one: unknown) =>
    typeof one === "object" && one !== null && "access" in one ? (one.access as { state: string }).state : one;

  it("each step is one event, however often it is reported, and an end by time comes with the next sweep", async () => {
    for (let n = 0; n < 2; n++) await report();
    clock.advance(MINUTE);
    await grant();
    for (const again of [report, sweep, report]) await again();
    clock.advance(30 * MINUTE - 1);
    await sweep();
    expect(types()).toEqual([
      ["access.requested", "requested"],
      ["access.granted", "granted"],
    ]);
    clock.advance(1);
    for (let n = 0; n < 2; n++) await sweep();
    expect(types()[2]).toEqual(["access.ended", "ended"]);
    expect(recorded).toHaveLength(3);
    expect(recorded.map(({ principal }) => principal.subject)).toEqual(["kim", "max", "approvals"]);
  });

  it.each([
    ["denied", () => decide({ state: "denied", until: clock.now(), decision: { by: max, at: clock.now() } }), "max"],
    ["withdrawn", () => decide({ state: "withdrawn", until: clock.now(), end: { by: kim, at: clock.now() } }), "kim"],
    ["expired", async () => clock.advance(60 * MINUTE), "approvals"],
  ])("a request that is %s is an end", async (state, act, by) => {
    await report();
    await act();
    for (let n = 0; n < 2; n++) await sweep();
    expect(types()).toEqual([
      ["access.requested", "requested"],
      ["access.ended", state],
    ]);
    expect(recorded[1]?.principal.subject).toBe(by);
  });

  it("a crash between a step and its event, or between the event and its mark, loses none and doubles none", async () => {
    const crash = async () => {
      throw new Error("killed");
    };
    const crashing = { ...deps(), access: async () => ({ markReported: crash }) };
    await expect(reportAccess(await stored(), "request-1", crashing)).rejects.toThrow("killed");
    clock.advance(MINUTE);
    await grant();
    clock.advance(MINUTE);
    await decide({ state: "revoked", until: clock.now(), end: { by: max, at: clock.now() } });
    await sweep();
    expect(types()).toEqual([
      ["access.requested", "requested"],
      ["access.granted", "granted"],
      ["access.ended", "revoked"],
    ]);
  });

  it("a role that ends only by the configuration of now ends no request: the next configuration may give it back", async () => {
    await grant();
    await report();
    roles = { incident: v.parse(role, { onRequest: { by: ["qa"], approvedBy: ["on-call"] } }) };
    await sweep();
    roles = ROLES;
    await sweep();
    expect(types()).toHaveLength(2);
  });

  it("without a role to request a sweep reads nothing", async () => {
    const unread = async () => {
      throw new Error("the requests were read");
    };
    await reportAllAccess({ ...deps(), config: { roles: {} }, access: unread });
    await expect(reportAllAccess({ ...deps(), access: unread })).rejects.toThrow("the requests were read");
  });

  it("an event has the members of an approval's, and neither the reason nor the key nor a claim", async () => {
    await grant();
    await report();
    expect(recorded[1]?.events?.[0]).toEqual({
      type: "access.granted",
      keyParts: [ID, "granted"],
      time: new Date(clock.now()).toISOString(),
      subject: "role incident for kim of https://idp.example.test",
      access: {
        id: ID,
        role: "incident",
        state: "granted",
        approvers: ["on-call"],
        requestedAt: new Date(clock.now()).toISOString(),
        until: new Date(clock.now() + 30 * MINUTE).toISOString(),
        requester: "kim of https://idp.example.test",
        by: "max of https://idp.example.test",
        comment: "go ahead",
      },
    });
    expect(JSON.stringify(recorded)).not.toMatch(/INC-1|secret-key/);
  });
});
