import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { DEFAULT_ROLES, policyOf, type Roles, role } from "../../../shared/identity/policy.ts";

const rolesOf = (given: object): Roles => v.parse(v.record(v.string(), role), given);

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
    ["calls what one of the roles may", holder("x", "on-call"), "call deliveries", undefined],
    ["does not call what only another role may", holder("on-call"), "call status", "robot"],
    ["fires a route that no role keeps for itself, whoever it is", holder(), "fire docs-build", undefined],
    ["fires a kept route with the role", holder("release-manager"), "fire deploy-prod", undefined],
    ["does not fire a kept route without it", holder("on-call", "robot"), "fire deploy-prod", "release-manager"],
    ["replays by the beginning of a name", holder("on-call"), "replay docs-build", undefined],
    ["does not replay what is not named", holder("on-call"), "replay deploy-prod", "release-manager"],
    ["approves by the beginning of a name", holder("release-manager"), "approve deploy-prod", undefined],
    ["does not approve what no role may", holder("release-manager"), "approve docs-build", "none that exists"],
  ] as const)("%s", (_, who, what, needed) => {
    const [verb = "", name = ""] = what.split(" ");
    const refusal =
      verb === "call"
        ? policy.rejectCall(who, name as "status")
        : policy.rejectRoute(who, verb as "fire" | "replay" | "approve", name);
    expect(refusal).toEqual(needed && { reason: "role_missing", role: needed });
  });

  it("counts for each value of the claims that a limit names", () => {
    const claims = { environment: "prod", job: "deploy" };
    const bucket = ["robot", "prod", "deploy"];
    expect(policy.limitsOf({ ...holder("robot"), claims })).toEqual([{ role: "robot", bucket, perMinute: 30 }]);
    expect(policy.limitsOf(holder("robot"))).toMatchObject([{ bucket: ["robot", "", ""] }]);
    expect(policy.limitsOf({ ...holder("on-call"), claims })).toEqual([]);
  });

  it("gives nobody anything for a name that no role has", () => {
    fc.assert(
      fc.property(fc.array(fc.string().filter((name) => !(name in DEFAULT_ROLES))), (roles) => {
        const defaults = policyOf(rolesOf(DEFAULT_ROLES));
        expect(defaults.rejectCall({ roles }, "deliveries")).toEqual({ reason: "role_missing", role: "on-call" });
        expect(defaults.rejectRoute({ roles }, "replay", "docs")).toBeDefined();
        expect(defaults.rejectRoute({ roles }, "approve", "docs")).toBeDefined();
      }),
    );
  });

  it.each([
    ["a part that does not exist", { call: ["everything"] }],
    ["a pattern with a star inside", { fire: ["a*b"] }],
    ["a limit of nothing", { limit: { perMinute: 0 } }],
    ["a misspelt permission", { fires: ["a"] }],
  ])("cannot be made of %s", (_, given) => {
    expect(v.safeParse(role, given).success).toBe(false);
  });
});
