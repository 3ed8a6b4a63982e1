import * as v from "valibot";
import { actions } from "#verifying-actions";
import { type GroupAnswer, rolesIn } from "../approvals/groups.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Membership } from "../model/approval.ts";
import { OutboundTokens } from "../outbound/outbound-tokens.ts";
import { ASK_WITHIN_MS, type AskDeps } from "./ask-site.ts";
import { askedAnswers, FRESH_MS, NEGATIVE_MS } from "./asked-answers.ts";
import type { GroupSource } from "./group-sources.ts";
import type { RouteOutline } from "./route-outline.ts";
import { type CredentialUseDeps, trackCredentialUse } from "./track-credential-use.ts";

export interface AskGroupsDeps extends AskDeps, CredentialUseDeps {
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
}

/** Undefined if the source has no target to ask. */
export type AskGroups = (source: string, account: string, place?: string) => Promise<GroupAnswer | undefined>;

/**
 * Returns what asks the targets for the groups of accounts. Answers are in memory, by target, account and groups. An answer
 * that leaves something unknown is not kept. Import this module on demand: most processes ask for no groups.
 */
export function groupAsker(groupSources: RouteOutline["groupSources"], deps: AskGroupsDeps): AskGroups {
  const { clock } = deps;
  const outbound = new OutboundTokens({ ...deps, awsToken: undefined });
  const askOnce = askedAnswers<Membership & { readonly asked: readonly string[] }>({
    ...deps,
    freshMs: ({ groups, asked }) => (groups.length === asked.length ? FRESH_MS : NEGATIVE_MS),
  });

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
    const { answer, askedAt } = await askOnce(key, async () => ({
      ...(await membershipOf(account, asked, target, { ...deps, outbound })),
      asked,
    }));
    const { groups, unknown } = answer;
    const roles = rolesIn(groups, map);
    return { source, target: target.name, groups, asked, roles, askedAt: askedAt.at, ...(unknown && { unknown }) };
  };
}

/** Whether an address is below that of the instance, for a target that has one. */
function isAt(place: string, settings: object): boolean {
  const parsed = v.safeParse(withUrl, settings);
  return parsed.success && place.startsWith(`${parsed.output.url}/`);
}

const withUrl = v.object({ url: v.string() });

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
