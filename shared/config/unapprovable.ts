import { policyOf } from "../identity/policy.ts";
import type { ConfigProblem } from "./explain.ts";
import type { Config } from "./schema.ts";

/** Routes that wait for an approval which no role may give. */
export function unapprovable({ routes, roles }: Config): readonly ConfigProblem[] {
  const policy = policyOf(roles);
  return routes
    .filter(({ name, approval }) => approval !== undefined && policy.rolesFor("approve", name).length === 0)
    .map(({ name }) => ({
      path: ["routes", name, "approval"],
      message: 'no role may approve it, so that it never fires: name it under "approve" of a role',
    }));
}
