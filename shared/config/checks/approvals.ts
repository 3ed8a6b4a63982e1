import { policyOf } from "../../identity/policy.ts";
import type { Check } from "./check.ts";

export const noApprover: Check = {
  id: "no-approver",
  level: "error",
  finds: "a route with `approval` that no role may `approve`: it never fires",
  remedy: "name the route under `approve` of a role",
  canBeIgnored: true,
  needs: ["roles"],
  run: ({ routes, roles }) =>
    routes
      .filter(({ name, approval }) => approval !== undefined && policyOf(roles).rolesFor("approve", name).length === 0)
      .map(({ name }) => ({
        path: ["routes", name, "approval"],
        message: 'no role may approve it, so that it never fires: name it under "approve" of a role',
      })),
};

export const approvalOutlivesRecords: Check = {
  id: "approval-outlives-records",
  level: "error",
  finds: "a route that waits for an approval for longer than `limits.retentionDays` keeps the delivery",
  remedy: "lower `approval.expiresMinutes`, or raise `limits.retentionDays`",
  canBeIgnored: false,
  needs: ["limits"],
  run: ({ routes, limits }) => {
    const keptMinutes = limits.retentionDays * 1_440;
    return routes
      .filter(({ approval }) => approval !== undefined && approval.expiresMinutes > keptMinutes)
      .map(({ name }) => ({
        path: ["routes", name, "approval", "expiresMinutes"],
        message: `records are kept for ${keptMinutes} minutes ("limits.retentionDays"), and an approval cannot wait longer`,
      }));
  },
};
