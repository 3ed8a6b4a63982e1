import type { GroupProof, Membership } from "../model/approval.ts";

/** The roles that a source's groups give to the accounts in them. */
export type RolesOfGroups = Readonly<Record<string, readonly string[]>>;

/** What is known of the groups of an account, and the roles that follow. */
export interface GroupAnswer extends GroupProof {
  readonly roles: readonly string[];
  /** The groups that were asked about. */
  readonly asked: readonly string[];
  /** As in a membership: then the account may have further roles. */
  readonly unknown?: Membership["unknown"];
}

/** The groups of the sources whose people are known by groups. */
export interface Groups {
  /** Whether the people of a source are known by groups. */
  has(source: string): boolean;
  /**
   * Asks the site of a source for the groups of an account there. An answer counts for a minute at most, and one that the
   * account is not in a group for a few seconds. Undefined if the source has no groups. Never throws: what is not known is
   * `unknown`. `place`: the address of what the account acted on. If the target has another instance, nothing is known.
   */
  ask(source: string, account: string, place?: string): Promise<GroupAnswer | undefined>;
}

/** The roles of an account that is in these groups and in no others. */
export const rolesIn = (groups: readonly string[], map: RolesOfGroups): readonly string[] => [
  ...new Set(Object.entries(map).flatMap(([group, roles]) => (groups.includes(group) ? roles : []))),
];
