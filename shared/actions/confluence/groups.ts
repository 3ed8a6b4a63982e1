import * as v from "valibot";
import type { OutboundResponse } from "../../host/call-out.ts";
import type { Membership } from "../../model/approval.ts";
import { retryAfterSeconds } from "../../model/retry-after.ts";
import type { LookedUpTarget, LookUpDeps } from "../action.ts";
import { type TargetSettings, targetSettings } from "./settings.ts";
import { type Call, callsTo, type Post, read } from "./site-calls.ts";

/**
 * Asks the site for the groups of an account, and whether the account is active: a deactivated one keeps its groups. Only
 * the names that the site lists count. Whether that includes the groups around a group depends on the site's directory.
 */
export async function groupsOf(
  account: string,
  wanted: readonly string[],
  { settings }: LookedUpTarget,
  deps: LookUpDeps,
): Promise<Membership> {
  const target = v.parse(targetSettings, settings);
  const { get, post } = await callsTo(target, deps);
  const { statusOf, memberPath } = PRODUCTS[target.product];
  const [active, listed] = await Promise.all([
    statusOf(account, { get, post }),
    groupNames(memberPath(account), wanted, get),
  ]);
  const unsaid = [active, listed].find((one) => one.kind === "unknown");
  if (active.kind === "inactive") return { groups: [] };
  const groups = active.kind === "active" ? wanted.filter((group) => listed.names.has(group)) : [];
  if (unsaid === undefined || groups.length === wanted.length) return { groups };
  const afterSeconds = unsaid.response && retryAfterSeconds(unsaid.response.headers, deps.clock.now());
  return { groups, unknown: { why: unsaid.why, ...(afterSeconds !== undefined && { afterSeconds }) } };
}

/** The groups that the site has. */
export async function knownGroups(
  groups: readonly string[],
  { settings }: LookedUpTarget,
  deps: Omit<LookUpDeps, "ownAccounts">,
): Promise<Membership> {
  const target = v.parse(targetSettings, settings);
  const { get } = await callsTo(target, deps);
  const { groupPath, hasGroup } = PRODUCTS[target.product];
  const answers = await Promise.all(
    groups.map(async (group) => {
      const response = await get(groupPath(group));
      return { group, response, isKnown: hasGroup(group, response) };
    }),
  );
  const unclear = answers.find(({ isKnown }) => isKnown === undefined);
  return {
    groups: answers.flatMap(({ group, isKnown }) => (isKnown ? [group] : [])),
    ...(unclear && {
      unknown: { why: `Confluence did not say whether it has ${unclear.group} (${unclear.response.status})` },
    }),
  };
}

interface Unknown {
  readonly kind: "unknown";
  readonly why: string;
  readonly response?: OutboundResponse;
}
type Status = { readonly kind: "active" | "inactive" } | Unknown;

interface ProductGroups {
  readonly memberPath: (account: string) => string;
  readonly groupPath: (group: string) => string;
  /** Undefined if the response does not say. */
  readonly hasGroup: (group: string, response: OutboundResponse) => boolean | undefined;
  readonly statusOf: (account: string, calls: { readonly get: Call; readonly post: Post }) => Promise<Status>;
}

const PRODUCTS: Readonly<Record<TargetSettings["product"], ProductGroups>> = {
  // https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-users/ and, as it alone has the status,
  // https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-user/
  cloud: {
    memberPath: (account) => `/rest/api/user/memberof?accountId=${encodeURIComponent(account)}`,
    // It lists the groups whose names have the text in them.
    groupPath: (group) => `/rest/api/group/picker?${new URLSearchParams({ query: group, limit: String(PAGE_SIZE) })}`,
    hasGroup: (group, response) => {
      const found = read(page, response)?.results;
      if (found?.some(({ name }) => name === group)) return true;
      return found && found.length < PAGE_SIZE ? false : undefined;
    },
    async statusOf(account, { post }) {
      const response = await post("/api/v2/users-bulk", { accountIds: [account] });
      const found = read(users, response)?.results.find(({ accountId }) => accountId === account);
      return statusIn(found?.accountStatus, { active: ["active"], inactive: ["inactive", "closed"], response });
    },
  },
  // https://developer.atlassian.com/server/confluence/rest/ describes the paths, and not the values of `status`.
  "data-center": {
    memberPath: (account) => `/rest/api/user/memberof?key=${encodeURIComponent(account)}`,
    groupPath: (group) => `/rest/api/group/${encodeURIComponent(group)}`,
    hasGroup: (group, response) =>
      response.status === 404 ? false : read(groupOf, response)?.name === group || undefined,
    async statusOf(account, { get }) {
      const response = await get(`/rest/api/user?key=${encodeURIComponent(account)}&expand=status`);
      const user = read(keyedUser, response);
      const status = user?.userKey === account ? user.status : undefined;
      return statusIn(status, { active: ["current", "active"], inactive: ["deactivated", "inactive"], response });
    },
  },
};

const users = v.object({ results: v.array(v.object({ accountId: v.string(), accountStatus: v.nullish(v.string()) })) });
const groupOf = v.object({ name: v.string() });
const keyedUser = v.object({ userKey: v.string(), status: v.nullish(v.string()) });

/** A word that is not known is neither. */
function statusIn(
  status: string | null | undefined,
  words: {
    readonly active: readonly string[];
    readonly inactive: readonly string[];
    readonly response: OutboundResponse;
  },
): Status {
  const word = status?.toLowerCase() ?? "";
  if (words.active.includes(word)) return { kind: "active" };
  if (words.inactive.includes(word)) return { kind: "inactive" };
  const { response } = words;
  return {
    kind: "unknown",
    why: `Confluence did not say whether the account is active (${response.status})`,
    response,
  };
}

interface Names {
  readonly names: ReadonlySet<string>;
}

const PAGE_SIZE = 200;
/** An account with more than two thousand groups cannot be asked about, unless the first of them are enough. */
const MAX_PAGES = 10;

const page = v.object({
  results: v.array(v.object({ name: v.string() })),
  limit: v.nullish(v.number()),
  _links: v.nullish(v.object({ next: v.nullish(v.string()) })),
});

/**
 * The names of the groups of an account, until all that are wanted are found or no more follow. A site may return fewer at
 * once than it is asked for. Cloud was reported to answer with the first batch for every start
 * (https://jira.atlassian.com/browse/CONFCLOUD-62418): the rest is unknown then.
 */
async function groupNames(
  path: string,
  wanted: readonly string[],
  get: Call,
): Promise<Names & ({ readonly kind: "known" } | Unknown)> {
  const names = new Set<string>();
  const unknown = (why: string, response?: OutboundResponse) =>
    ({ kind: "unknown", names, why, ...(response && { response }) }) as const;
  for (let number = 0, start = 0; number < MAX_PAGES; number++) {
    const response = await get(`${path}&limit=${PAGE_SIZE}&start=${start}`);
    const batch = read(page, response);
    if (batch === undefined)
      return unknown(`Confluence did not list the account's groups (${response.status})`, response);
    const before = names.size;
    for (const { name } of batch.results) names.add(name);
    const count = batch.results.length;
    if (wanted.every((group) => names.has(group))) return { kind: "known", names };
    const hasMore = Boolean(batch._links?.next) || count >= (batch.limit ?? PAGE_SIZE);
    if (!hasMore || (count === 0 && !batch._links?.next)) return { kind: "known", names };
    if (names.size === before) return unknown("Confluence lists the same groups again and again");
    start += count;
  }
  return unknown("the account is in too many groups");
}
