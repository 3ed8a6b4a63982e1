import { actions } from "#verifying-actions";
import type { Sites } from "../approvals/verify.ts";
import { Fault, kindOf } from "../host/fault.ts";
import type { EditRight } from "../model/approval.ts";
import type { PageAddress } from "../model/board.ts";
import { OutboundTokens } from "../outbound/outbound-tokens.ts";
import { ASK_WITHIN_MS, type AskDeps } from "./ask-site.ts";
import { askedAnswers, FRESH_MS, NEGATIVE_MS } from "./asked-answers.ts";
import { groupTargetsFor, siteIn } from "./group-sources.ts";
import type { RouteOutline } from "./route-outline.ts";
import type { Config, ConfiguredTarget } from "./schema.ts";
import { type CredentialUseDeps, trackCredentialUse } from "./track-credential-use.ts";

export interface AskEditDeps extends AskDeps, CredentialUseDeps {
  /** A number in [0, 1), for jitter. */
  readonly random: () => number;
}

/**
 * Returns what asks the targets of routes whether an account may edit a page. Answers are in memory, by target, account and
 * page. Import this module on demand: most processes do not ask.
 */
export function editAsker(
  { sources }: Pick<Config, "sources">,
  verifiers: RouteOutline["verifiers"],
  deps: AskEditDeps,
): Sites["mayEdit"] {
  const outbound = new OutboundTokens({ ...deps, awsToken: undefined });
  const askOnce = askedAnswers<EditRight>({ ...deps, freshMs: ({ mayEdit }) => (mayEdit ? FRESH_MS : NEGATIVE_MS) });
  return async (route, by, page) => {
    const target = verifiers[route];
    const source = sources.find(({ name }) => name === by.source);
    if (target === undefined || source === undefined) return undefined;
    const { provider, settings } = source;
    const { account } = by;
    const at = { ...target, site: siteIn(target.settings) };
    if (groupTargetsFor({ provider, site: siteIn(settings) }, [at]).length === 0) return undefined;
    const key = JSON.stringify([target.name, account, page.site, page.id]);
    return (await askOnce(key, () => rightOf(account, page, target, { ...deps, outbound }))).answer;
  };
}

/** What the site of a target answers. A failure of any kind leaves it unknown. */
async function rightOf(
  account: string,
  page: PageAddress,
  { name, kind, settings }: ConfiguredTarget,
  deps: AskEditDeps & { readonly outbound: OutboundTokens },
): Promise<EditRight> {
  const action = actions.find((one) => one.name === kind);
  if (action?.mayEdit === undefined) return unknown(`a target of kind ${kind} cannot be asked`);
  const signal = AbortSignal.timeout(ASK_WITHIN_MS);
  const callOut = trackCredentialUse(name, settings, deps);
  try {
    return await action.mayEdit(account, page, { name, settings }, { ...deps, callOut, signal });
  } catch (error) {
    return unknown(error instanceof Fault ? error.message : `asking failed (${kindOf(error)})`);
  }
}

const unknown = (why: string): EditRight => ({ mayEdit: false, unknown: { why } });
