import { actions } from "../actions/registry.ts";
import type { CallOut } from "../host/call-out.ts";
import type { Clock } from "../host/clock.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { Secrets } from "../host/secrets.ts";
import { groupSourcesOf } from "./group-sources.ts";
import { tokensOf } from "./preview-target.ts";
import type { Config } from "./schema.ts";

/** A group that gives roles, and whether its site knows it. */
export interface CheckedGroup {
  readonly source: string;
  readonly group: string;
  readonly target: string;
  /** Undefined if the site does not say; then `why` does. */
  readonly isKnown: boolean | undefined;
  readonly why?: string;
}

const ASK_WITHIN_MS = 10_000;

/** Asks the sites of all sources whose people are known by groups whether they have these groups. */
export async function checkGroups(
  config: Config,
  deps: { readonly secrets: Secrets; readonly clock: Clock; readonly callOut: CallOut },
): Promise<readonly CheckedGroup[]> {
  const checked: CheckedGroup[] = [];
  for (const [source, { map, target }] of Object.entries(groupSourcesOf(config))) {
    const wanted = Object.keys(map);
    const asked = { ...deps, ...tokensOf(config, deps), signal: AbortSignal.timeout(ASK_WITHIN_MS) };
    const action = actions.find(({ name }) => name === target.kind);
    const { groups = [], unknown } = (await action?.knownGroups?.(wanted, target, asked).catch(whyUnknown)) ?? {};
    for (const group of wanted) {
      const about = { source, group, target: target.name };
      if (groups.includes(group)) checked.push({ ...about, isKnown: true });
      else checked.push(unknown ? { ...about, isKnown: undefined, why: unknown.why } : { ...about, isKnown: false });
    }
  }
  return checked;
}

const whyUnknown = (error: unknown) => ({
  groups: [],
  unknown: { why: error instanceof Fault ? error.message : `asking failed (${kindOf(error)})` },
});
