import { rulesOf } from "../../approvals/configured-rules.ts";
import { progressOf } from "../../approvals/rules.ts";
import { isAccessId } from "../../store/access.ts";
import type { ActionDeps } from "../action.ts";
import { accessCardOf, accessEndLineOf, accessLineOf, shownAccessOf } from "./access-card.ts";
import { type Card, cardOf, endLineOf, lineOf } from "./card.ts";

/** What people are asked about: an approval of a route, or a request for a role. */
interface Asked {
  readonly id: string;
  readonly state: string;
  readonly card: (shown: { readonly isReminder: boolean }) => Card;
  /** In a message about many that wait. */
  readonly line: string;
  /** In a message about many that ended. */
  readonly endLine: string;
}

/** Reads what a message is about, as it is now. Undefined if it is not stored. */
export async function askedOf(
  id: string,
  {
    approvals,
    access,
    roles,
    rules,
    people,
    clock,
    decisionWays: { console },
  }: Pick<ActionDeps, "approvals" | "access" | "roles" | "rules" | "people" | "clock" | "decisionWays">,
): Promise<Asked | undefined> {
  if (isAccessId(id)) {
    const stored = await (await access()).get(id);
    if (stored === undefined) return undefined;
    const shown = shownAccessOf(stored, { config: { roles }, clock });
    return {
      id,
      state: shown.state,
      card: () => accessCardOf(shown, { console }),
      line: accessLineOf(shown),
      endLine: accessEndLineOf(shown),
    };
  }
  const approval = await approvals.get(id);
  if (approval === undefined) return undefined;
  // Not the progress of the event, which may be a late one.
  const progress = progressOf(approval, rulesOf(approval.route, rules), people);
  return {
    id,
    state: approval.state,
    card: ({ isReminder }) => cardOf(approval, { progress, isReminder }, { console }),
    line: lineOf(approval),
    endLine: endLineOf(approval),
  };
}
