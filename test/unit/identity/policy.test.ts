import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { problemOf } from "../../../shared/http/problem-of.ts";
import { DEFAULT_ROLES, policyOf, type Roles, role } from "../../../shared/identity/policy.ts";

const rolesOf = (settings: object): Roles => v.parse(v.record(v.string(), role), settings);

const policy = policyOf(
  rolesOf({
    "on-call": { call: ["deliveries"], replay: ["docs-*"] },
    "release-manager": { fire: ["deploy-prod"], replay: ["*"], approve: ["deploy-*"] },
    robot: { call: ["status"], limit: { perMinute: 30, per: ["environment", "job"] } },
  }),
);
const holder = (...roles: string[]) => ({ roles });

describe("a policy", () => {
  it.each([
    ["allows a call that one of the roles may make", holder("x", "on-call"), "call deliveries", undefined],
    ["rejects a call that only another role may make", holder("on-call"), "call status", "robot"],
    ["lets anybody fire a route that no role reserves", holder(), "fire docs-build", undefined],
    ["lets the role fire a reserved route", holder("release-manager"), "fire deploy-prod", undefined],
    [
      "does not let other roles fire a reserved route",
      holder("on-call", "robot"),
      "fire deploy-prod",
      "release-manager",
    ],
    ["allows a replay by the beginning of a route's name", holder("on-call"), "replay docs-build", undefined],
    ["rejects the replay of a route that is not named", holder("on-call"), "replay deploy-prod", "release-manager"],
    [
      "allows an approval by the beginning of a route's name",
      holder("release-manager"),
      "approve deploy-prod",
      undefined,
    ],
  ] as const)("a policy %s", (_, who, what, needed) => {
    const [verb = "", name = ""] = what.split(" ");
    const rejection =
      verb === "call"
        ? policy.rejectCall(who, name as "status", [])
        : policy.rejectRoute(who, verb as "fire" | "replay" | "approve", name, []);
    expect(rejection).toEqual(needed && { reason: "role_missing", role: needed });
  });

  it("a limit counts by itself for each value of the claims that it names", () => {
    const claims = { environment: "prod", job: "deploy" };
    const bucket = ["robot", "prod", "deploy"];
    expect(policy.limitsOf({ ...holder("robot"), claims })).toEqual([{ role: "robot", bucket, perMinute: 30 }]);
    expect(policy.limitsOf(holder("robot"))).toMatchObject([{ bucket: ["robot", "", ""] }]);
    expect(policy.limitsOf({ ...holder("on-call"), claims })).toEqual([]);
  });

  it("a permission that no role has is rejected with the key that would give it", () => {
    const rejectionOf = (key: string) => ({ reason: "role_missing", role: "none", key: `${key} under a role` });
    const { rejectRoute, rejectCall, rejectSummary } = policy;
    const who = holder("release-manager");
    expect(rejectRoute(who, "approve", "docs-build", [])).toEqual(rejectionOf("approve: [docs-build]"));
    expect(rejectCall(who, "introspection", [])).toEqual(rejectionOf("call: [introspection]"));
    expect(rejectSummary(who, "wiki", [])).toEqual(rejectionOf("summarise: [wiki]"));
    const [rejection] = [rejectRoute(who, "approve", "docs-build", [])].filter((one) => one !== undefined);
    expect(rejection && problemOf(rejection).title).toBe(
      "No role may do this: approve: [docs-build] under a role would allow it",
    );
  });

  it("a role that is confined to other events is not named as the one that is missing", () => {
    const confined = policyOf(
      rolesOf({
        docs: { replay: ["*"], in: { projects: ["group/docs"] } },
        shop: { replay: ["*"], in: { projects: ["group/shop"] } },
      }),
    );
    const about = (project: string) => [{ project }];
    expect(confined.rejectRoute(holder("docs"), "replay", "build", about("group/docs"))).toBeUndefined();
    const rejected = confined.rejectRoute(holder("docs"), "replay", "build", about("group/shop"));
    expect(rejected).toEqual({ reason: "role_missing", role: "shop" });
    const key = 'replay: [build] under a role whose "in" has it';
    const nobody = confined.rejectRoute(holder("docs"), "replay", "build", about("group/other"));
    expect(nobody).toEqual({ reason: "role_missing", role: "none", key });
  });

  it("a role that is not configured allows nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.string().filter((name) => !(name in DEFAULT_ROLES))), (roles) => {
        const defaults = policyOf(rolesOf(DEFAULT_ROLES));
        expect(defaults.rejectCall({ roles }, "deliveries", "anything")).toEqual({
          reason: "role_missing",
          role: "on-call",
        });
        expect(defaults.rejectRoute({ roles }, "replay", "docs", "anything")).toBeDefined();
        expect(defaults.rejectRoute({ roles }, "approve", "docs", "anything")).toBeDefined();
      }),
    );
  });

  it.each([
    ["a part that does not exist", { call: ["everything"] }],
    ["a pattern with a star inside", { fire: ["a*b"] }],
    ["a limit of nothing", { limit: { perMinute: 0 } }],
    ["a misspelt permission", { fires: ["a"] }],
  ])("a role is invalid with %s", (_, settings) => {
    expect(v.safeParse(role, settings).success).toBe(false);
  });
});
