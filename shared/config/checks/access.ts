import { isOfPeople } from "../../approvals/access.ts";
import { policyOf } from "../../identity/policy.ts";
import type { Config } from "../schema.ts";
import type { Check } from "./check.ts";

export const unrequestableRole: Check = {
  id: "unrequestable-role",
  level: "warning",
  finds:
    "a role with `onRequest` that nobody can get: no trust entry of people earns a role under `by`; or under `approvedBy`, outside of `in`, another role than itself",
  remedy:
    "let a trust entry of people earn a role under `by` and one under `approvedBy`. A role with `in` approves no request, because a request is about no event",
  canBeIgnored: true,
  needs: ["issuers", "roles"],
  run: (config) =>
    Object.entries(config.roles).flatMap(([role, { onRequest }]) => {
      if (onRequest === undefined) return [];
      const path = ["roles", role, "onRequest"];
      const { by, approvedBy } = onRequest;
      const earned = new Set(earnedRoles(config));
      const approving = policyOf(config.roles).inScope(approvedBy, []);
      const findings = [
        by.some((one) => one !== role && earned.has(one))
          ? undefined
          : {
              path: [...path, "by"],
              message: "no trust entry of people earns one of these roles, so nobody can request it",
            },
        approving.some((one) => one !== role && earned.has(one))
          ? undefined
          : {
              path: [...path, "approvedBy"],
              message:
                'no trust entry of people earns one of these roles, other than itself and without an "in", so nobody can grant it',
            },
      ];
      return findings.filter((one) => one !== undefined);
    }),
};

/** The roles that trust entries of people earn: a job neither requests nor grants a role. */
const earnedRoles = ({ issuers }: Config): readonly string[] =>
  Object.values(issuers)
    .filter((entry) => isOfPeople(entry, issuers))
    .flatMap((entry) => entry.roles.map(({ role }) => role));
