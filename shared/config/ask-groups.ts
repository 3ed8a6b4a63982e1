import * as v from "valibot";
import { actions } from "#verifying-actions";
import { type GroupAnswer, rolesIn } from "../approvals/groups.ts";
import { backoffMs } from "../delivery/backoff.ts";
import { type Moment, momentOf, msSince } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Membership } from "../model/approval.ts";
import { OutboundTokens } from "../outbound/outbound-tokens.ts";
import { ASK_WITHIN_MS, type AskDeps } from "./ask-site.ts";
import type { GroupSource } from "./group-sources.ts";
import type { RouteOutline } from "./route-outline.ts";
import { type CredentialUseDeps, trackCredentialUse } from "./track-credential-use.ts";

export interface AskGroupsDeps extends AskDeps, CredentialUseDeps {
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
}

/** Undefined if the source has no target to ask. */
export type AskGroups = (source: string, account: string, place?: string) => Promise<GroupAnswer | undefined>;

/** How long an answer counts, from the beginning of the question. Who is removed from a group loses its roles within it. */
const FRESH_MS = 60_000;
/** The same if the account is not in all of the groups, so that who is added to one need not wait. */
const NEGATIVE_MS = 5_000;
/** Answers, and questions without one, that one process keeps. The oldest goes first. */
const MAX_KNOWN = 1_000;

/** The wait for a site that does not answer. It doubles with each question that it did not answer. */
const BACKOFF = { baseMs: 5_000, capMs: 600_000, maxAttempts: Number.POSITIVE_INFINITY };

interface Known {
  readonly membership: Membership;
  readonly askedAt: Moment;
}

/**
 * Returns what asks the targets for the groups of accounts. Answers are in memory, by target, account and groups. An answer
 * that leaves something unknown is not kept. Import this module on demand: most processes ask for no groups.
 */
export function groupAsker(groupSources: RouteOutline["groupSources"], deps: AskGroupsDeps): AskGroups {
  const { clock } = deps;
  const outbound = new OutboundTokens({ ...deps, awsToken: undefined });
  const known = new Map<string, Known>();
  const asking = new Map<string, Promise<Known>>();
  /** By key: how often in a row the question was not answered. Those of other accounts do not make anybody wait. */
  const unanswered = new Map<string, number>();

  const ask = async (
    key: string,
    account: string,
    groups: readonly string[],
    { target }: GroupSource,
  ): Promise<Known> => {
    const askedAt = momentOf(clock);
    const membership = await membershipOf(account, groups, target, { ...deps, outbound });
    if (membership.unknown === undefined) {
      unanswered.delete(key);
      return { membership, askedAt };
    }
    const count = (unanswered.get(key) ?? 0) + 1;
    unanswered.delete(key);
    unanswered.set(key, count);
    dropOldest(unanswered);
    const afterSeconds = backoffMs(count, membership.unknown, BACKOFF, deps.random()) / 1_000;
    return { membership: { ...membership, unknown: { ...membership.unknown, afterSeconds } }, askedAt };
  };

  /** Questions at the same time are one. */
  const askOnce = async (key: string, question: () => Promise<Known>): Promise<Known> => {
    const running = asking.get(key) ?? question();
    asking.set(key, running);
    try {
      const answer = await running;
      known.delete(key);
      if (answer.membership.unknown === undefined) known.set(key, answer);
      dropOldest(known);
      return answer;
    } finally {
      asking.delete(key);
    }
  };

  return async (source, account, place) => {
    const sources = await groupSources();
    const from = Object.hasOwn(sources, source) ? sources[source] : undefined;
    if (from === undefined) return undefined;
    const { map, target } = from;
    const asked = Object.keys(map);
    if (place !== undefined && !isAt(place, target.settings)) {
      const unknown = { why: `the event does not show that it is of the instance of ${target.name}` };
      return { source, target: target.name, groups: [], asked, roles: [], askedAt: clock.now(), unknown };
    }
    const key = JSON.stringify([target.name, account, asked]);
    const last = known.get(key);
    const isFresh = last !== undefined && msSince(last.askedAt, clock) < freshMsOf(last, asked);
    const { membership, askedAt } = isFresh
      ? last
      : await askOnce(key, () => ask(key, account, asked, { map, target }));
    const { groups, unknown } = membership;
    const roles = rolesIn(groups, map);
    return { source, target: target.name, groups, asked, roles, askedAt: askedAt.at, ...(unknown && { unknown }) };
  };
}

function dropOldest(kept: Map<string, unknown>): void {
  const [oldest] = kept.keys();
  if (kept.size > MAX_KNOWN && oldest !== undefined) kept.delete(oldest);
}

/** Whether an address is below that of the instance, for a target that has one. */
function isAt(place: string, settings: object): boolean {
  const parsed = v.safeParse(withUrl, settings);
  return parsed.success && place.startsWith(`${parsed.output.url}/`);
}

const withUrl = v.object({ url: v.string() });

const freshMsOf = ({ membership }: Known, asked: readonly string[]): number =>
  membership.groups.length === asked.length ? FRESH_MS : NEGATIVE_MS;

/** What the site of a target answers. A failure of any kind leaves it unknown. */
async function membershipOf(
  account: string,
  groups: readonly string[],
  { name, kind, settings }: GroupSource["target"],
  deps: AskGroupsDeps & { readonly outbound: OutboundTokens },
): Promise<Membership> {
  const action = actions.find((one) => one.name === kind);
  if (action?.groupsOf === undefined) return { groups: [], unknown: { why: `a target of kind ${kind} has no groups` } };
  const signal = AbortSignal.timeout(ASK_WITHIN_MS);
  const callOut = trackCredentialUse(name, settings, deps);
  try {
    const answer = await action.groupsOf(account, groups, { name, settings }, { ...deps, callOut, signal });
    return { ...answer, groups: groups.filter((group) => answer.groups.includes(group)) };
  } catch (error) {
    return {
      groups: [],
      unknown: { why: error instanceof Fault ? error.message : `asking failed (${kindOf(error)})` },
    };
  }
}
