import { html } from "hono/html";
import { nameOf } from "../approvals/people.ts";
import type { Identity } from "../model/approval.ts";
import type { Html } from "./html.ts";

/** The names that senders give accounts, by the id of the account. */
export type AccountNames = Readonly<Record<string, string>>;

/**
 * A person by the best name that is known, with what was proved as its tooltip: the claims of the person's own token, else
 * the name that the sender gives the account. Without either, what was proved.
 */
export function personText(who: Identity, names: AccountNames = {}): Html {
  if (who.actor !== undefined) {
    const name = Object.hasOwn(names, who.actor) ? names[who.actor] : undefined;
    return name === undefined ? html`${nameOf(who)}` : named(name, who);
  }
  const { name, preferred_username: login } = who.claims ?? {};
  return named(name ?? login ?? who.subject, who);
}

export const named = (name: string, who: Identity, after = ""): Html =>
  html`<span title="${nameOf(who)}">${name}${after}</span>`;
