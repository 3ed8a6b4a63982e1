import type { Action } from "../shared/actions/action.ts";
import { connectAction } from "../shared/config/connect-action.ts";
import { type ActDeps, leaseMs } from "../shared/delivery/act.ts";
import type { RetryPolicy } from "../shared/delivery/backoff.ts";
import { TargetGate } from "../shared/delivery/target-gate.ts";
import type { OutboundToken } from "../shared/outbound/issuer.ts";
import { OutboundTokens } from "../shared/outbound/outbound-tokens.ts";
import type { PageStores } from "../shared/store/open-page-stores.ts";
import type { Bridge } from "./bridge.ts";
import { openFlowGate } from "./open-flow-gate.ts";

/** What a process that runs actions has beside the bridge. */
interface Acting {
  /** The kinds that it runs. */
  readonly actions: readonly Action[];
  readonly retry: RetryPolicy;
  readonly pageStores: PageStores;
  /** See {@link ActDeps}. */
  readonly missingMs: ActDeps["missingMs"];
  /** `sts:GetWebIdentityToken`; undefined outside AWS. */
  readonly awsToken: ((audience: string) => Promise<OutboundToken>) | undefined;
}

/** Returns the dependencies of a process that runs actions. */
export function actDeps(bridge: Bridge, { actions, retry, pageStores, missingMs, awsToken }: Acting): ActDeps {
  const { config, secrets, clock, log, callOut, random, issuer } = bridge;
  const outbound = new OutboundTokens({ secrets, callOut, clock, issuer, awsToken });
  const { boards, changeLinks, changeComments, commentReplies, commitStatuses, approvalMessages } = pageStores;
  const { systemTokens, origins, ownAccounts, commands, deliveries, recorded, credentialUsage, orders } = bridge;
  const { approvals, access, rules, people, rateLimits } = bridge;
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
    changeComments,
    commitStatuses,
    commentReplies,
    approvals,
    rules,
    people,
    access,
    roles: config.roles,
    approvalMessages,
    rateLimits,
    commands,
    deliveries,
    recorded,
    credentialUsage,
    orders,
  };
  const routes = actions.flatMap((action) => connectAction(action, config, actionDeps));
  const { targets } = bridge;
  const targetNames = new Set(routes.map(({ target }) => target));
  return {
    routes,
    targetGate: new TargetGate({ targets, targetNames, leaseMs: leaseMs(routes), clock, log }),
    runReporters: bridge.runReporters,
    deliveries,
    actions: bridge.actions,
    origins,
    runs: bridge.runs,
    judgePromotion: async (route, detail, options) => {
      const { judgePromotion } = await import("../shared/delivery/judge-promotion.ts");
      return judgePromotion(route, detail, { ...bridge, ...options });
    },
    chainHops: config.limits.chainHops,
    // Few routes need an approval, so the others start without its code.
    hold: async (input, beforeFiring) =>
      input.route.approval === undefined
        ? {}
        : (await import("../shared/approvals/gate.ts")).holdForApproval(input, beforeFiring, bridge),
    leaveOut: async (input, newer) => {
      const { endForNewer } = await import("../shared/approvals/end-for-newer.ts");
      await endForNewer(input, newer, bridge);
    },
    flowGate: () => openFlowGate(bridge),
    showWait: async (attempt, outcome) => {
      const { showWait } = await import("../shared/delivery/show-wait.ts");
      await showWait(attempt, outcome, bridge);
    },
    retry,
    missingMs,
    messageMs: 0,
    clock,
    random,
    log,
  };
}
