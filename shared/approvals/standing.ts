import { toIso } from "../host/clock.ts";
import type { Approval, Decision, GroupProof } from "../model/approval.ts";
import { type RulesOf, rulesOf } from "./configured-rules.ts";
import type { Groups } from "./groups.ts";
import { nameOf, type PeopleOf, personAt } from "./people.ts";
import { ruleOn } from "./rules.ts";

export interface StandingDeps {
  readonly people: PeopleOf;
  readonly rules: RulesOf;
  readonly groups: Groups;
}

/** Whether the people who granted a run still have the roles that their groups gave them. */
export type Standing =
  | { readonly result: "stands" }
  /** Without the roles that are lost, further people would have to grant it. `why` is a clause. */
  | { readonly result: "void"; readonly why: string }
  /** A site does not say who is in which group. */
  | { readonly result: "unknown"; readonly why: string; readonly waitsFor: string; readonly afterSeconds: number };

/**
 * Asks the sites again for the groups of those who granted a run because of groups. An account that is listed with roles has
 * those, whatever its groups are. Grants of other people stand as they are, and if they are enough, no site is asked.
 */
export async function standingOf(approval: Approval, deps: StandingDeps): Promise<Standing> {
  const { route, grants } = approval;
  const isEnough = (valid: readonly Decision[]): boolean =>
    ruleOn({ ...approval, grants: valid }, rulesOf(route, deps.rules), deps.people).missing === 0;
  if (isEnough(grants.filter(({ fromGroups }) => fromGroups === undefined))) return { result: "stands" };
  const holdings = await Promise.all(grants.map((grant) => holdingOf(grant, deps)));
  // A grant without one of its roles may still be enough.
  const valid = holdings.map(({ grant, as }) => (as ? { ...grant, as } : grant)).filter(({ as }) => as?.length !== 0);
  if (isEnough(valid)) return { result: "stands" };
  const unknown = holdings.find((one) => one.unknown !== undefined)?.unknown;
  if (unknown) return { result: "unknown", ...unknown };
  return { result: "void", why: holdings.flatMap(({ lost }) => lost ?? []).join("; ") };
}

interface Holding {
  readonly grant: Decision;
  /** The roles of the grant that the person still has; undefined if they do not come from groups. */
  readonly as?: readonly string[];
  /** Why roles are lost. */
  readonly lost?: string;
  readonly unknown?: Omit<Extract<Standing, { readonly result: "unknown" }>, "result">;
}

async function holdingOf(grant: Decision, { people, groups }: StandingDeps): Promise<Holding> {
  const { by, as: granted = [], fromGroups: proof } = grant;
  if (proof === undefined) return { grant };
  const account = by.actor ?? "";
  const listed = personAt(people, proof.source, account)?.roles;
  if (listed) return kept(grant, listed, `is listed under "people" of ${proof.source} without the role`);
  const answer = await groups.ask(proof.source, account);
  if (answer === undefined) return kept(grant, [], `has no role by a group of ${proof.source} any more`);
  const { target, roles, unknown, askedAt } = answer;
  if (unknown && granted.some((role) => !roles.includes(role))) {
    const why = `whether ${nameOf(by)} is still in ${proof.groups.join(" or ")}: ${unknown.why}`;
    const waitsFor = `the target ${target}, to say who is in ${proof.groups.join(" or ")}`;
    return { grant, as: held(granted, roles), unknown: { why, waitsFor, afterSeconds: unknown.afterSeconds ?? 60 } };
  }
  return kept(grant, roles, lostText(proof, answer.groups, `as ${target} said at ${toIso(askedAt)}`));
}

const kept = (grant: Decision, roles: readonly string[], why: string): Holding => {
  const { by, as: granted = [] } = grant;
  const as = held(granted, roles);
  return { grant, as, ...(as.length < granted.length && { lost: `${nameOf(by)} ${why}` }) };
};

const held = (granted: readonly string[], roles: readonly string[]) => granted.filter((role) => roles.includes(role));

/** The groups may be the same, and give other roles now. */
function lostText({ groups }: GroupProof, now: readonly string[], saying: string): string {
  const left = groups.filter((group) => !now.includes(group));
  return left.length > 0
    ? `is no longer in ${left.join(" and ")}, ${saying}`
    : `has the role no longer by ${groups.join(" and ")}`;
}
