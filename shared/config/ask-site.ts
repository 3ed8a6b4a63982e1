import { actions } from "#verifying-actions";
import type { LookUpDeps } from "../actions/action.ts";
import type { CallOut } from "../host/call-out.ts";
import type { CurrentState, Subject } from "../model/approval.ts";
import { type OutboundDeps, OutboundTokens } from "../outbound/outbound-tokens.ts";
import type { ConfiguredTarget } from "./schema.ts";

export interface AskDeps extends Omit<LookUpDeps, "signal" | "outbound"> {
  readonly issuer: OutboundDeps["issuer"];
}

/** Asks a target what a subject is now. Its `callOut` makes the calls to this target. */
export type AskSite = (
  subject: Subject,
  known: string | undefined,
  { target, callOut }: { readonly target: ConfiguredTarget; readonly callOut: CallOut },
) => Promise<CurrentState>;

/** A person or a sender waits for the answer. */
export const ASK_WITHIN_MS = 4_000;

/**
 * Returns what asks the targets that routes name under `approval.verifyWith`. The package for AWS has only the actions of
 * their kinds as `#verifying-actions`. Import this module on demand: most processes ask no site.
 */
export function siteAsker(deps: AskDeps): AskSite {
  const outbound = new OutboundTokens({ ...deps, awsToken: undefined });
  return async (subject, known, { target: { kind, name, settings }, callOut }) => {
    const action = actions.find((one) => one.name === kind);
    if (action?.lookUp === undefined) return { state: "unknown", why: `a target of kind ${kind} cannot be asked` };
    const signal = AbortSignal.timeout(ASK_WITHIN_MS);
    return action.lookUp(subject, known, { name, settings }, { ...deps, outbound, callOut, signal });
  };
}
