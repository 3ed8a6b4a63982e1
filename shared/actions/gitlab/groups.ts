import * as v from "valibot";
import type { OutboundResponse } from "../../host/call-out.ts";
import type { EpochMillis } from "../../host/clock.ts";
import type { Membership } from "../../model/approval.ts";
import { retryAfterSeconds } from "../../model/retry-after.ts";
import type { LookedUpTarget, LookUpDeps } from "../action.ts";
import { jsonOf } from "../response-text.ts";
import { apiOf, type InstanceTarget, instanceTarget } from "./settings.ts";

/**
 * Asks the instance for the members of each group with this user id, those of its ancestors and of invited groups among
 * them (https://docs.gitlab.com/api/members/). The list of members answers 200 without the user, whereas the path of one
 * member answers 404 both for a user who is not in the group and for a group that is gone or hidden.
 */
export async function groupsOf(
  account: string,
  groups: readonly string[],
  { settings }: LookedUpTarget,
  { secrets, clock, callOut, signal }: LookUpDeps,
): Promise<Membership> {
  const target = v.parse(instanceTarget, settings);
  // A hook that reports no id names the account by its user name, which another person may have later.
  if (!/^[1-9]\d{0,17}$/.test(account)) return { groups: [], unknown: { why: "the event has no user id of GitLab" } };
  const get = await caller(target, { secrets, callOut, signal });
  const answers = await Promise.all(
    groups.map(async (group) => {
      const query = new URLSearchParams({ "user_ids[]": account, per_page: String(PER_PAGE) });
      const response = await get(`groups/${encodeURIComponent(group)}/members/all?${query}`);
      return { group, answer: answerOf(response, account, clock.now()), response };
    }),
  );
  const failed = answers.find(({ answer }) => answer === "unknown");
  const unknown = failed && { why: whyOf(failed.group, failed.response), ...waitOf(failed.response, clock.now()) };
  const held = answers.flatMap(({ group, answer }) => (answer === "member" ? [group] : []));
  if (held.length > 0) {
    const response = await get(`users/${account}`);
    const user = v.safeParse(userWithKind, response.status === 200 ? jsonOf(response.body) : undefined);
    if (!user.success || String(user.output.id) !== account)
      return { groups: [], unknown: { why: UNKNOWN_KIND, ...waitOf(response, clock.now()) } };
    if (user.output.bot) return { groups: [] };
  }
  return {
    groups: held,
    ...(unknown && { unknown }),
  };
}

/**
 * `bot` is true for users of access tokens and for service accounts (https://docs.gitlab.com/api/users/). They are members
 * like people, and whoever has the token writes their comments.
 */
const userWithKind = v.object({ id: v.number(), bot: v.boolean() });
const UNKNOWN_KIND = "GitLab did not say whether the account is a bot";

/** The groups that the instance has and shows to the token. A path that another group has now leads there by a redirect. */
export async function knownGroups(
  groups: readonly string[],
  { settings }: LookedUpTarget,
  deps: Omit<LookUpDeps, "ownAccounts">,
): Promise<Membership> {
  const get = await caller(v.parse(instanceTarget, settings), deps);
  const answers = await Promise.all(
    groups.map(async (group) => {
      const response = await get(`groups/${encodeURIComponent(group)}?with_projects=false`);
      const found = v.safeParse(named, response.status === 200 ? jsonOf(response.body) : undefined);
      return { group, response, isKnown: found.success && found.output.full_path === group };
    }),
  );
  const unclear = answers.find(
    ({ isKnown, response }) => !isKnown && response.status !== 404 && response.status !== 200,
  );
  return {
    groups: answers.flatMap(({ group, isKnown }) => (isKnown ? [group] : [])),
    ...(unclear && { unknown: { why: whyOf(unclear.group, unclear.response) } }),
  };
}

const named = v.object({ full_path: v.string() });

async function caller(
  target: InstanceTarget,
  { secrets, callOut, signal }: Pick<LookUpDeps, "secrets" | "callOut" | "signal">,
): Promise<(path: string) => Promise<OutboundResponse>> {
  const token = await secrets.read(target.token);
  const headers = { authorization: `Bearer ${token.reveal()}`, accept: "application/json" };
  const bounds = { timeoutMs: target.timeoutSeconds * 1_000, maxResponseBytes: MAX_RESPONSE_BYTES, signal };
  return (path) => callOut({ method: "GET", url: new URL(`${apiOf(target)}/api/v4/${path}`), headers, ...bounds });
}

/** A hundred members of at most about 2 KB each, if a server does not know the filter. */
const MAX_RESPONSE_BYTES = 500_000;
const PER_PAGE = 100;

const members = v.array(
  v.object({
    id: v.number(),
    username: v.nullish(v.string(), ""),
    /** Of the user: `active`, or `blocked`, `deactivated`, `banned` and others. */
    state: v.string(),
    /** Of the membership: `awaiting` until an owner has approved it. Older servers do not report it. */
    membership_state: v.nullish(v.string(), "active"),
    access_level: v.number(),
    /** The date at whose beginning the membership ends, in UTC. */
    expires_at: v.nullish(
      v.pipe(
        v.string(),
        v.check((date) => !Number.isNaN(Date.parse(date))),
      ),
    ),
  }),
);

/**
 * The user names of project and group access tokens, and the default ones of service accounts
 * (https://docs.gitlab.com/user/project/settings/project_access_tokens/#bot-users-for-projects).
 */
const BOT_NAME = /^(?:(?:project|group)_\d+_bot|service_account_)/i;

/** Below it, an account has no access (0) or minimal access (5), and is no member in any other sense. */
const GUEST = 10;

function answerOf(response: OutboundResponse, account: string, now: EpochMillis): "member" | "other" | "unknown" {
  const read = v.safeParse(members, response.status === 200 ? jsonOf(response.body) : undefined);
  if (!read.success) return "unknown";
  const own = read.output.filter(({ id }) => String(id) === account);
  const isMember = own.some(
    ({ username, state, membership_state, access_level, expires_at: end }) =>
      !BOT_NAME.test(username) &&
      state === "active" &&
      membership_state === "active" &&
      access_level >= GUEST &&
      (typeof end !== "string" || Date.parse(end) > now),
  );
  if (isMember) return "member";
  // A server that does not know the filter lists everybody, and the user may be on a later page.
  return own.length === 0 && read.output.length >= PER_PAGE ? "unknown" : "other";
}

const whyOf = (group: string, { status }: OutboundResponse): string =>
  status === 404
    ? `GitLab has no group ${group}, or does not show it to the token (404)`
    : `GitLab did not answer about the group ${group} (${status})`;

function waitOf({ headers }: OutboundResponse, now: EpochMillis): { readonly afterSeconds?: number } {
  const afterSeconds = retryAfterSeconds(headers, now);
  return afterSeconds === undefined ? {} : { afterSeconds };
}
