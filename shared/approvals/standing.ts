import { toIso } from "../host/clock.ts";
import type { Approval, Decision, GroupProof } from "../model/approval.ts";
import { type RulesOf, rulesOf } from "./configured-rules.ts";
import { type EditRightDeps, pageEditing } from "./edit-right.ts";
import type { Groups } from "./groups.ts";
import { nameOf, personAt } from "./people.ts";
import { ruleOn } from "./rules.ts";

export interface StandingDeps extends EditRightDeps {
  readonly rules: RulesOf;
  readonly groups: Groups;
}

/** Whether the people who granted a run still have the roles that their groups gave them, and may still edit the page. */
export type Standing =
  | { readonly result: "stands" }
  /** Without what is lost, further people would have to grant it. `why` is a clause. */
  | { readonly result: "void"; readonly why: string }
  /** A site does not say who is in which group, or who may edit the page. */
  | { readonly result: "unknown"; readonly why: string; readonly waitsFor: string; readonly afterSeconds: number };

/**
 * Asks the sites again for the groups of those who granted a run because of groups, and, if the route asks for editors of
 * the page, whether those who granted it may edit it. An account that is listed with roles has those, whatever its groups
 * are. Other grants stand as they are, and if they are enough, no site is asked.
 */
export async function standingOf(approval: Approval, deps: StandingDeps): Promise<Standing> {
  const { route, grants } = approval;
  const rules = rulesOf(route, deps.rules);
  const isEnough = (valid: readonly Decision[]): boolean =>
    ruleOn({ ...approval, grants: valid }, rules, deps.people).missing === 0;
  // An emergency grant and one by a rule need no editor.
  const isOfEditor = ({ emergency, rule }: Decision): boolean => rules.canEdit !== undefined && !emergency && !rule;
  if (isEnough(grants.filter((grant) => grant.fromGroups === undefined && !isOfEditor(grant))))
    return { result: "stands" };
  const holdings = await Promise.all(
    grants.map(async (grant) => {
      const holding = await holdingOf(grant, deps);
      return isOfEditor(grant) ? ofEditor(holding, approval, deps) : holding;
    }),
  );
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

/** The same, if the person may edit the page. Else the grant does not count; whether it is known why not is said. */
async function ofEditor(holding: Holding, approval: Approval, deps: StandingDeps): Promise<Holding> {
  const { grant, as, lost, unknown } = holding;
  if (as?.length === 0 && unknown === undefined) return holding;
  const editing = await pageEditing(grant.by, approval, deps);
  if (editing.result === "may") return holding;
  if (editing.result === "may_not")
    return { grant, as: [], lost: lost === undefined ? editing.why : `${lost}; ${editing.why}` };
  const { why, target, afterSeconds } = editing;
  const waitsFor = `the target ${target}, to say who may edit the page`;
  return { ...holding, as: [], unknown: unknown ?? { why, waitsFor, afterSeconds } };
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
