import type { About, Policy } from "../identity/policy.ts";
import { type RulesOf, rulesOf } from "./configured-rules.ts";
import { fewestPeople } from "./rules.ts";

/** The approval that a run would need. */
export interface NeededApproval {
  /** The fewest people who have to grant it, other than the one who asks for the run. */
  readonly people: number;
  /** Roles whose holders may grant it. */
  readonly roles: readonly string[];
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
): NeededApproval | undefined =>
  rules.has(route)
    ? { people: fewestPeople(rulesOf(route, rules)), roles: policy.rolesFor("approve", route, about) }
    : undefined;

/** Goes on after "needs an approval", for whoever asks for the run. */
export function neededText({ people, roles }: NeededApproval): string {
  if (roles.length === 0) return "that nobody can give: no role may approve it";
  return `of ${people === 1 ? "one person" : `${people} people`} with the role ${roles.join(" or ")}, and not you`;
}
