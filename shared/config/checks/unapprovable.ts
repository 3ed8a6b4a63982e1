import { policyOf } from "../../identity/policy.ts";
import type { ConfigProblem } from "../explain.ts";
import type { Config } from "../schema.ts";

/** Routes that wait for an approval which no role may give, or for longer than their records are kept. */
export function unapprovable({ routes, roles, limits }: Config): readonly ConfigProblem[] {
  const policy = policyOf(roles);
  const keptMinutes = limits.retentionDays * 1_440;
  const forgotten = routes
    .filter(({ approval }) => approval !== undefined && approval.expiresMinutes > keptMinutes)
    .map(({ name }) => ({
      path: ["routes", name, "approval", "expiresMinutes"],
      message: `records are kept for ${keptMinutes} minutes ("limits.retentionDays"), no longer than which it can wait`,
    }));
  const unnamed = routes
    .filter(({ name, approval }) => approval !== undefined && policy.rolesFor("approve", name).length === 0)
    .map(({ name }) => ({
      path: ["routes", name, "approval"],
      message: 'no role may approve it, so that it never fires: name it under "approve" of a role',
    }));
  return [...unnamed, ...forgotten];
}
