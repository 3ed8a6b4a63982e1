import type { About, Policy } from "../identity/policy.ts";
import { type RulesOf, rulesOf } from "./configured-rules.ts";
import { fewestPeople } from "./rules.ts";

/** The approval that a run would need. */
export interface NeededApproval {
  /** The fewest people who have to grant it, other than the one who asks for the run. */
  readonly people: number;
  /** Roles whose holders may grant it. */
  readonly roles: readonly string[];
  /** Rules of the route that may grant it in place of people. Absent if it has none. */
  readonly rules?: readonly string[];
}

interface NeededApprovalDeps {
  readonly rules: RulesOf;
  readonly policy: Pick<Policy, "rolesFor">;
}

/** The approval that a run of the route for these events would need; undefined if it needs none. */
export const neededApproval = (
  route: string,
  about: About,
  { rules, policy }: NeededApprovalDeps,
): NeededApproval | undefined => {
  if (!rules.has(route)) return undefined;
  const own = rulesOf(route, rules);
  const granting = own.grantedBy.filter(({ mode }) => mode !== "shadow").map(({ id }) => id);
  return {
    people: fewestPeople(own),
    roles: policy.rolesFor("approve", route, about),
    ...(granting.length > 0 && { rules: granting }),
  };
};

/** Goes on after "needs an approval", for whoever asks for the run. */
export function neededText({ people, roles, rules = [] }: NeededApproval): string {
  const byRule = rules.length === 0 ? undefined : `the rule ${rules.join(" or ")} grants it if it holds`;
  if (roles.length === 0) {
    const nobody = byRule === undefined ? "nobody" : "no person";
    return [`that ${nobody} can give: no role may approve it`, ...(byRule ? [byRule] : [])].join("; ");
  }
  const who = `of ${people === 1 ? "one person" : `${people} people`} with the role ${roles.join(" or ")}, and not you`;
  return byRule === undefined ? who : `${who}, or of none: ${byRule}`;
}
