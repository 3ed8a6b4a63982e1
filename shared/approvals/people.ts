import type { Identity, RequestedApproval } from "../model/approval.ts";
import { actorsOf, identityText, OWN_ISSUERS } from "../model/principal.ts";

/** A person who acts through a source. */
export interface Person {
  /** Undefined if the person has the roles of the groups of the account. */
  readonly roles?: readonly string[] | undefined;
  /** The same person's token, whichever trust entry of its issuer accepts it. */
  readonly token?: { readonly issuer: string; readonly subject: string };
}

/** People by source, then by account. */
export type PeopleOf = ReadonlyMap<string, ReadonlyMap<string, Person>>;

interface ConfiguredPerson {
  readonly roles?: readonly string[] | undefined;
  /** `trust` names a trust entry. */
  readonly token?: { readonly trust: string; readonly subject: string } | undefined;
}

/** Reads the people from a configuration. */
export function peopleOf(config: {
  readonly issuers: Readonly<Record<string, { readonly issuer: string }>>;
  readonly sources: readonly { readonly name: string; readonly people: Readonly<Record<string, ConfiguredPerson>> }[];
}): PeopleOf {
  const personOf = ({ roles, token }: ConfiguredPerson): Person => {
    const issuer = token && config.issuers[token.trust]?.issuer;
    return { roles, ...(token && issuer !== undefined && { token: { issuer, subject: identityText(token.subject) } }) };
  };
  return new Map(
    config.sources.map(({ name, people }) => {
      const known = Object.entries(people).map(([account, person]) => [account, personOf(person)] as const);
      return [name, new Map(known)];
    }),
  );
}

export const personAt = (people: PeopleOf, source: string, account: string): Person | undefined =>
  people.get(source)?.get(account);

export const hasNoPeople = (people: PeopleOf): boolean => [...people.values()].every(({ size }) => size === 0);

/**
 * Returns whether two identities are known to be the same person: by account, by token, or because the configuration
 * links the account to the token. A source without an account matches no person. Tokens of one issuer and subject are the
 * same person's, whichever trust entries accepted them: nobody may approve their own run with the token of another entry.
 */
export function isSamePerson(one: Identity, other: Identity, people: PeopleOf): boolean {
  const names = namesOf(one, people);
  return namesOf(other, people).some((name) => names.includes(name));
}

/** Whether this person requested the run, or caused or replayed what was replayed: then they may not approve it. */
export const isBehind = (
  by: Identity,
  { requester, authors = [] }: Pick<RequestedApproval, "requester" | "authors">,
  people: PeopleOf,
): boolean => [requester, ...authors].some((one) => isSamePerson(by, one, people));

function namesOf(identity: Identity, people: PeopleOf): readonly string[] {
  const own = ownNames(identity);
  const linked = [...people.values()].flatMap((known) =>
    [...known].flatMap(([account, { token }]) => (token ? [[accountName(account), tokenName(token)]] : [])),
  );
  return [...own, ...linked.filter((pair) => pair.some((name) => own.includes(name))).flat()];
}

/**
 * If the identity names an account, its token belongs to the source and identifies no person. The token of a job also names
 * the account that started the job, as the webhooks of the same sender do.
 */
function ownNames({ actor, trustEntry, issuer, subject, claims = {} }: Identity): readonly string[] {
  if (actor !== undefined) return [accountName(actor)];
  if (trustEntry === undefined) return [];
  const starters = ACCOUNT_CLAIMS.flatMap((claim) => claims[claim] ?? []);
  // An agent cannot approve with a token of its own what it requested for somebody.
  return [tokenName({ issuer, subject }), ...[subject, ...starters, ...actorsOf({ claims })].map(accountName)];
}

/** The account that started the job, in tokens of GitLab and of GitHub, which the presets record. */
const ACCOUNT_CLAIMS = ["user_id", "actor_id"];

const accountName = (account: string): string => JSON.stringify(["account", account]);
const tokenName = ({ issuer, subject }: { readonly issuer: string; readonly subject: string }): string =>
  JSON.stringify(["token", issuer, subject]);

/**
 * An identity as a text for people: the account and its source's subject, or the subject and its issuer. A part of the
 * bridge, such as `rule small`, has only its own name, which no person's is: theirs has an issuer.
 */
export function nameOf({ actor, subject, issuer }: Identity): string {
  if (actor !== undefined) return `${actor} of ${subject}`;
  return issuer === OWN_ISSUERS.bridge ? subject : `${subject} of ${issuer}`;
}
