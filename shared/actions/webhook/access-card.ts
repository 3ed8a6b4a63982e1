import { accessState, accessUntil, type StateDeps } from "../../approvals/access.ts";
import { nameOf } from "../../approvals/people.ts";
import type { EpochMillis } from "../../host/clock.ts";
import type { Access, AccessState } from "../../model/access.ts";
import { type Card, type CardDeps, MAX_LINE, MAX_TITLE, plain, shownFacts, utc } from "./card.ts";

/** A request for a role, as it is now by the configuration of now. */
interface ShownAccess extends Pick<Access, "id" | "role" | "minutes" | "reason" | "by" | "decision" | "end"> {
  readonly state: AccessState;
  readonly until: EpochMillis;
  readonly approvers: readonly string[];
}

/** What a message shows of a request for a role. */
export function shownAccessOf(access: Access, deps: StateDeps): ShownAccess {
  const { roles } = deps.config;
  const rule = Object.hasOwn(roles, access.role) ? roles[access.role]?.onRequest : undefined;
  const [state, until] = [accessState(access, deps), accessUntil(access, deps)];
  return { ...access, state, until, approvers: rule?.approvedBy ?? [] };
}

/** The card of a request for a role. Its link leads to the page of the console, which asks people to sign in. */
export function accessCardOf(
  { id, role, minutes, reason, by, decision, end, state, until, approvers }: ShownAccess,
  { console }: CardDeps,
): Card {
  const isOpen = state === "requested";
  return {
    title: plain(`${TITLES[state]}: ${role}`, MAX_TITLE),
    facts: shownFacts([
      ["Role", [role]],
      ["For", [`${minutes} minutes`]],
      ["Because", [reason]],
      ["Requested by", [nameOf(by)]],
      ["May decide", [isOpen ? `one other person with the role ${approvers.join(" or ")}` : undefined]],
      ["Until", [isOpen || state === "granted" ? utc(until) : undefined]],
      ["Decided by", [decision && nameOf(decision.by)]],
      ["Comment", [decision?.comment]],
      ["Ended by", [end && nameOf(end.by)]],
      ["Comment on the end", [end?.comment]],
      ["To decide", [isOpen && console === undefined ? `drawbridge access grant ${id}` : undefined]],
    ]),
    ...(console !== undefined && {
      button: { text: isOpen ? "Look at it and decide" : "Roles for a time", url: new URL("access", console).href },
    }),
  };
}

export const accessLineOf = ({ role, by }: ShownAccess): string => plain(`role ${role} for ${nameOf(by)}`, MAX_LINE);

export function accessEndLineOf(access: ShownAccess): string {
  const decided = access.end ?? access.decision;
  const who = decided && access.state !== "ended" ? ` by ${nameOf(decided.by)}` : "";
  return plain(`${TITLES[access.state]}${who}: ${accessLineOf(access)}`, MAX_LINE);
}

const TITLES: Readonly<Record<AccessState, string>> = {
  requested: "Role requested",
  granted: "Role granted",
  denied: "Role denied",
  withdrawn: "Role request withdrawn",
  revoked: "Role revoked",
  expired: "Expired, nobody decided about the role",
  ended: "Role ended",
};
