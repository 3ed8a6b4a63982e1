import type { Approval, Identity } from "../model/approval.ts";
import { OWN_ISSUERS } from "../model/principal.ts";
import type { Rejection } from "../model/rejection.ts";
import { nameOf, type PeopleOf, personAt } from "./people.ts";
import type { Sites } from "./verify.ts";

export interface EditRightDeps {
  readonly people: PeopleOf;
  readonly sites: Sites;
}

/** Whether a person may edit the page that a run is about, as the site says now. `why` is a clause. */
export type PageEditing =
  | { readonly result: "may" }
  | { readonly result: "may_not"; readonly why: string }
  | { readonly result: "unknown"; readonly why: string; readonly target: string; readonly afterSeconds: number };

/**
 * Asks the target under `verifyWith` of the route about the person's account at its site: the one that decided or requested,
 * or those that `people` links to the person's token. A page that is only claimed is not believed: whoever claims it could
 * name one that they may edit.
 */
export async function pageEditing(by: Identity, approval: Approval, deps: EditRightDeps): Promise<PageEditing> {
  const { route, page, allProved } = approval;
  if (page === undefined) return { result: "may_not", why: "the run is about no page" };
  if (allProved !== true)
    return { result: "may_not", why: "not all that led to the run is proved, so its page is not" };
  const target = deps.sites.targetOf(route);
  if (target === undefined) return { result: "may_not", why: "the route names no target to ask" };
  const asked = await Promise.all(accountsOf(by, deps.people).map((one) => deps.sites.mayEdit(route, one, page)));
  const answers = asked.flatMap((answer) => answer ?? []);
  if (answers.some(({ mayEdit }) => mayEdit)) return { result: "may" };
  const unknown = answers.find((answer) => answer.unknown)?.unknown;
  if (unknown) {
    const why = `whether ${nameOf(by)} may edit the page ${page.id}: ${unknown.why}`;
    return { result: "unknown", why, target, afterSeconds: unknown.afterSeconds ?? 60 };
  }
  const why =
    answers.length > 0
      ? `${nameOf(by)} may not edit the page ${page.id}, as ${target} says`
      : `no account at the site of ${target} is known of ${nameOf(by)}`;
  return { result: "may_not", why };
}

/** The rejection if a grant by this person does not count, or is not known to count. */
export async function rejectEditor(
  approval: Approval,
  by: Identity,
  deps: EditRightDeps,
): Promise<Rejection | undefined> {
  const editing = await pageEditing(by, approval, deps);
  if (editing.result === "may") return undefined;
  const { why: problem } = editing;
  if (editing.result === "may_not") return { reason: "page_not_editable", problem };
  const { target, afterSeconds } = editing;
  return { reason: "editing_unknown", problem, target, retryAfterSeconds: Math.ceil(afterSeconds) };
}

interface Account {
  readonly source: string;
  readonly account: string;
}

/** The accounts of a person: the own one, and those that `people` links to the same token. */
function accountsOf({ actor, source, trustEntry, issuer, subject }: Identity, people: PeopleOf): readonly Account[] {
  const reporter = source ?? (issuer === OWN_ISSUERS.source ? subject : undefined);
  if (actor !== undefined && reporter === undefined) return [];
  const own = actor === undefined || reporter === undefined ? [] : [{ source: reporter, account: actor }];
  const ofToken = trustEntry === undefined ? undefined : { issuer, subject };
  const token = actor === undefined ? ofToken : personAt(people, reporter ?? "", actor)?.token;
  const linked = [...people].flatMap(([name, known]) =>
    [...known].flatMap(([account, person]) =>
      token && person.token?.issuer === token.issuer && person.token.subject === token.subject
        ? [{ source: name, account }]
        : [],
    ),
  );
  return [...own, ...linked.filter((one) => one.source !== reporter || one.account !== actor)];
}
