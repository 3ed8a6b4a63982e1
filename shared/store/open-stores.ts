import type { AccessStore } from "./access.ts";
import { ActionStore } from "./actions.ts";
import { ApprovalStore } from "./approvals.ts";
import { AttentionStore } from "./attention.ts";
import type { BulkReplayStore } from "./bulk-replays.ts";
import type { CommitRunStore } from "./commit-runs.ts";
import { CredentialUsageStore } from "./credential-usage.ts";
import { DeliveryStore, type DeliveryStoreOptions } from "./deliveries.ts";
import { EndedRunStore } from "./ended-runs.ts";
import type { StoreOptions } from "./fields.ts";
import type { FlowStore } from "./flows.ts";
import { OriginStore } from "./origins.ts";
import { OwnAccountStore } from "./own-accounts.ts";
import type { PromotionWaits } from "./promotion-waits.ts";
import { RateLimitStore } from "./rate-limits.ts";
import { RefusalStore } from "./refusals.ts";
import { ReplayCache } from "./replay-cache.ts";
import { ReportedRunStore } from "./reported-runs.ts";
import type { RunCancelStore } from "./run-cancels.ts";
import { RunStore } from "./runs.ts";
import { SessionCutoffStore } from "./session-cutoffs.ts";
import { StoredTokenStore } from "./stored-tokens.ts";
import type { Table } from "./table.ts";
import { TargetStore } from "./targets.ts";

export interface Stores {
  readonly deliveries: DeliveryStore;
  readonly actions: ActionStore;
  readonly attention: AttentionStore;
  readonly origins: OriginStore;
  readonly approvals: ApprovalStore;
  readonly runs: RunStore;
  readonly reportedRuns: ReportedRunStore;
  readonly rateLimits: RateLimitStore;
  readonly replayCache: ReplayCache;
  readonly storedTokens: StoredTokenStore;
  readonly credentialUses: CredentialUsageStore;
  readonly ownAccounts: OwnAccountStore;
  readonly sessionCutoffs: SessionCutoffStore;
  readonly endedRuns: EndedRunStore;
  readonly refusals: RefusalStore;
  readonly targets: TargetStore;
  /** It is loaded when it is needed: a function that only records deliveries starts without it. */
  readonly bulkReplays: () => Promise<BulkReplayStore>;
  /** Likewise. */
  readonly flows: () => Promise<FlowStore>;
  /** Likewise. */
  readonly commitRuns: () => Promise<CommitRunStore>;
  /** Likewise. */
  readonly runCancels: () => Promise<RunCancelStore>;
  /** Likewise. */
  readonly promotionWaits: () => Promise<PromotionWaits>;
  /** Likewise. */
  readonly access: () => Promise<AccessStore>;
}

/** Opens the stores over one table that every function uses. `openPageStores` opens those of the actions. */
export function openStores(table: Table, options: DeliveryStoreOptions & StoreOptions): Stores {
  return {
    deliveries: new DeliveryStore(table, options),
    // Where the stream lists the deliveries, queues have the actions.
    actions: new ActionStore(table, options, { indexAll: options.markUnrelayed }),
    attention: new AttentionStore(table),
    origins: new OriginStore(table, options),
    approvals: new ApprovalStore(table, options),
    runs: new RunStore(table, options),
    reportedRuns: new ReportedRunStore(table, options),
    rateLimits: new RateLimitStore(table),
    replayCache: new ReplayCache(table),
    storedTokens: new StoredTokenStore(table),
    credentialUses: new CredentialUsageStore(table, options),
    ownAccounts: new OwnAccountStore(table, options),
    sessionCutoffs: new SessionCutoffStore(table),
    endedRuns: new EndedRunStore(table, options),
    refusals: new RefusalStore(table),
    targets: new TargetStore(table),
    bulkReplays: async () => {
      const { BulkReplayStore } = await import("./bulk-replays.ts");
      return new BulkReplayStore(table, options);
    },
    flows: async () => {
      const { FlowStore } = await import("./flows.ts");
      return new FlowStore(table, options);
    },
    commitRuns: async () => {
      const { CommitRunStore } = await import("./commit-runs.ts");
      return new CommitRunStore(table, options);
    },
    runCancels: async () => {
      const { RunCancelStore } = await import("./run-cancels.ts");
      return new RunCancelStore(table, options);
    },
    promotionWaits: async () => {
      const { PromotionWaits } = await import("./promotion-waits.ts");
      return new PromotionWaits(table, options);
    },
    access: async () => {
      const { AccessStore } = await import("./access.ts");
      return new AccessStore(table, options);
    },
  };
}
