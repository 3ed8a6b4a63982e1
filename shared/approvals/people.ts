import type { Identity } from "../store/approvals.ts";

/** A person behind a source, as the configuration has it. */
export interface Person {
  readonly roles: readonly string[];
  /** The token by which the same person is known to the bridge. */
  readonly token?: { readonly trust: string; readonly subject: string } | undefined;
}

/** By source, then by account. */
export type PeopleOf = ReadonlyMap<string, Readonly<Record<string, Person>>>;

export const peopleOf = (
  sources: readonly { readonly name: string; readonly people: Readonly<Record<string, Person>> }[],
): PeopleOf => new Map(sources.map(({ name, people }) => [name, people]));

export function personAt(people: PeopleOf, source: string, account: string): Person | undefined {
  const known = people.get(source);
  return known && Object.hasOwn(known, account) ? known[account] : undefined;
}

/**
 * Whether two identities are known to be one person: by account, by token, or because the configuration says that account
 * and token are the same. A source without an account is nobody in particular.
 */
export function isSamePerson(one: Identity, other: Identity, people: PeopleOf): boolean {
  const names = namesOf(one, people);
  return namesOf(other, people).some((name) => names.includes(name));
}

function namesOf(identity: Identity, people: PeopleOf): readonly string[] {
  const own = ownNames(identity);
  const linked = [...people.values()].flatMap((known) =>
    Object.entries(known).flatMap(([account, { token }]) =>
      token ? [[accountName(account), tokenName(token.trust, token.subject)]] : [],
    ),
  );
  return [...own, ...linked.filter((pair) => pair.some((name) => own.includes(name))).flat()];
}

/** The token of a source is the source's, and no person's, where it names an account. */
function ownNames({ actor, trustEntry, issuer, subject }: Identity): readonly string[] {
  if (actor !== undefined) return [accountName(actor)];
  if (trustEntry === undefined) return [];
  return [tokenName(trustEntry, subject), JSON.stringify(["issuer", issuer, subject]), accountName(subject)];
}

const accountName = (account: string): string => JSON.stringify(["account", account]);
const tokenName = (trust: string, subject: string): string => JSON.stringify(["token", trust, subject]);
