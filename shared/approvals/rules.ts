import type { EpochMillis } from "../host/clock.ts";
import type { Approval, Decision } from "../model/approval.ts";
import type { ApprovalProgress } from "../model/event.ts";
import type { ApprovalRules } from "./configured-rules.ts";
import { isBehind, isSamePerson, nameOf, type PeopleOf } from "./people.ts";
import { opensAt } from "./windows.ts";

/** The fewest people who have to grant a run. */
export const fewestPeople = ({ quorums }: Pick<ApprovalRules, "quorums">): number =>
  Math.min(...quorums.map(({ approvers }) => approvers));

/** What is counted of an approval. */
export type Granted = Pick<Approval, "requester" | "authors" | "grants">;

/** What the rules make of the grants of an approval. */
export interface Ruling {
  /** The emergency grant that is enough alone, if there is one. It does not count as the grant of one of `people`. */
  readonly emergency: Decision | undefined;
  /** The grant by a rule that the route still has, if there is one. It is enough alone. */
  readonly rule: Decision | undefined;
  /** The people who have granted, each with all of their grants. */
  readonly people: readonly (readonly Decision[])[];
  /** Further people who have to grant, at least. 0: the run may fire. */
  readonly missing: number;
  /** Who is missing from each of the quorums. Empty if nobody is missing. */
  readonly lacks: readonly Lack[];
}

interface Lack {
  readonly missing: number;
  /** Roles of which one of the missing people each has to come. */
  readonly missingRoles: readonly string[];
}

/**
 * Counts the people who have granted. A person counts once, whatever account or token each grant came from. Whoever is
 * behind the run does not count. With an emergency grant by a role that the route still names, or a grant by a rule that it
 * still has, nobody else is missing.
 */
export function ruleOn(
  { grants, ...approval }: Granted,
  { quorums, emergency: roles, grantedBy }: ApprovalRules,
  peopleOf: PeopleOf,
): Ruling {
  const valid = grants.filter(({ by }) => !isBehind(by, approval, peopleOf));
  const emergency = valid.find(({ emergency, as = [] }) => emergency && as.some((role) => roles.includes(role)));
  const people = distinct(
    valid.filter((grant) => !grant.emergency && !grant.rule),
    peopleOf,
  );
  const granting = grantedBy.filter(({ mode }) => mode !== "shadow").map(({ id }) => id);
  const rule = valid.findLast((grant) => grant.rule && granting.includes(grant.rule.id));
  if (emergency || rule) return { emergency, rule, people, missing: 0, lacks: [] };
  const lacks = quorums.map(({ approvers, fromRoles }) => {
    const missingRoles = uncovered(fromRoles, people);
    return { missing: Math.max(approvers - people.length, missingRoles.length), missingRoles };
  });
  const missing = Math.min(...lacks.map((lack) => lack.missing));
  return { emergency, rule, people, missing, lacks: missing === 0 ? [] : lacks };
}

/** When the next window opens; undefined if the run need not wait for one: one is open, or an emergency grant skips them. */
export const windowOpensAt = (
  approval: Granted,
  rules: ApprovalRules,
  peopleOf: PeopleOf,
  now: EpochMillis,
): EpochMillis | undefined => (ruleOn(approval, rules, peopleOf).emergency ? undefined : opensAt(rules.windows, now));

/** Joins the grants of each person. Two identities that are the same person as a third one are one person. */
function distinct(grants: readonly Decision[], peopleOf: PeopleOf): readonly (readonly Decision[])[] {
  let people: readonly (readonly Decision[])[] = [];
  for (const grant of grants) {
    const isSame = ({ by }: Decision) => nameOf(by) === nameOf(grant.by) || isSamePerson(by, grant.by, peopleOf);
    const own = people.filter((person) => person.some(isSame));
    people = [...people.filter((person) => !own.includes(person)), [...own.flat(), grant]];
  }
  return people;
}

/**
 * The roles that remain if as many roles as possible are given to one person each (augmenting paths in a bipartite graph).
 * Somebody with two roles stands for the one that nobody else has.
 */
function uncovered(roles: readonly string[], people: readonly (readonly Decision[])[]): readonly string[] {
  const roleOf = new Map<readonly Decision[], number>();
  const cover = (at: number, seen: Set<readonly Decision[]>): boolean =>
    people.some((person) => {
      if (seen.has(person) || !person.some(({ by, as = by.roles }) => as.includes(roles[at] ?? ""))) return false;
      seen.add(person);
      const other = roleOf.get(person);
      if (other !== undefined && !cover(other, seen)) return false;
      roleOf.set(person, at);
      return true;
    });
  return roles.filter((_, at) => !cover(at, new Set()));
}

/** The progress as people see it; undefined if one person is enough, as after an emergency grant or a grant by a rule. */
export function progressOf(approval: Granted, rules: ApprovalRules, peopleOf: PeopleOf): ApprovalProgress | undefined {
  if (rules.quorums.length === 1 && fewestPeople(rules) === 1) return undefined;
  const { emergency, rule, people, missing, lacks } = ruleOn(approval, rules, peopleOf);
  if (emergency || rule) return undefined;
  const grantedBy = people.flatMap(([first]) => (first ? [nameOf(first.by)] : []));
  const [nearest, ...others] = [...lacks].sort((one, other) => one.missing - other.missing);
  const otherwise = others.map(({ missingRoles }) => missingRoles.join(" and "));
  return {
    needed: grantedBy.length + missing,
    grantedBy,
    missingRoles: nearest?.missingRoles ?? [],
    ...(otherwise.length > 0 && { otherwise }),
  };
}

/** Who is missing, in words. `roles` may approve. */
export function missingText(roles: readonly string[], progress: ApprovalProgress | undefined): string {
  const { needed, grantedBy, missingRoles, otherwise = [] } = progress ?? ONE_MISSING;
  const count = needed - grantedBy.length;
  const who = `${count === 1 ? "one person" : `${count} people`} with the role ${roles.join(" or ") || "that none has"}`;
  return missingRoles.length === 0
    ? who
    : `${who}, one each from ${[missingRoles.join(", "), ...otherwise].join(", or ")}`;
}

const ONE_MISSING: ApprovalProgress = { needed: 1, grantedBy: [], missingRoles: [] };

/** The progress in words: `1 of 2 approved: kim of wiki; missing: 1 (from security, or sre and release)`. */
export function progressText({ needed, grantedBy, missingRoles, otherwise = [] }: ApprovalProgress): string {
  const who = grantedBy.length === 0 ? "" : `: ${grantedBy.join(", ")}`;
  const missing = needed - grantedBy.length;
  const from = missingRoles.length === 0 ? "" : ` (from ${[missingRoles.join(", "), ...otherwise].join(", or ")})`;
  return `${grantedBy.length} of ${needed} approved${who}${missing === 0 ? "" : `; missing: ${missing}${from}`}`;
}
