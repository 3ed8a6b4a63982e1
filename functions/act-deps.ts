import type { Action } from "../shared/actions/action.ts";
import { holdForApproval } from "../shared/approvals/gate.ts";
import { connectAction } from "../shared/config/connect-action.ts";
import type { ActDeps } from "../shared/delivery/act.ts";
import type { RetryPolicy } from "../shared/delivery/backoff.ts";
import type { OutboundToken } from "../shared/outbound/issuer.ts";
import { OutboundTokens } from "../shared/outbound/outbound-tokens.ts";
import type { Bridge } from "./bridge.ts";

/** What a process that runs actions has beside the bridge. */
interface Acting {
  /** The kinds that it runs. */
  readonly actions: readonly Action[];
  readonly retry: RetryPolicy;
  /** See {@link ActDeps}. */
  readonly missingMs: ActDeps["missingMs"];
  /** `sts:GetWebIdentityToken`; undefined outside AWS. */
  readonly awsToken: ((audience: string) => Promise<OutboundToken>) | undefined;
}

/** Returns the dependencies of a process that runs actions. */
export function actDeps(bridge: Bridge, { actions, retry, missingMs, awsToken }: Acting): ActDeps {
  const { config, secrets, clock, log, callOut, random, issuer } = bridge;
  const outbound = new OutboundTokens({ secrets, callOut, clock, issuer, awsToken });
  const { systemTokens, origins, boards, ownAccounts, changeLinks, commentReplies, commands, credentialUsage } = bridge;
  const actionDeps = {
    secrets,
    clock,
    callOut,
    random,
    outbound,
    systemTokens,
    origins,
    boards,
    ownAccounts,
    changeLinks,
    commentReplies,
    commands,
    credentialUsage,
  };
  return {
    routes: actions.flatMap((action) => connectAction(action, config, actionDeps)),
    runReporters: bridge.runReporters,
    deliveries: bridge.deliveries,
    actions: bridge.actions,
    origins,
    runs: bridge.runs,
    chainHops: config.limits.chainHops,
    hold: (input) => holdForApproval(input, bridge),
    retry,
    missingMs,
    clock,
    random,
    log,
  };
}
