import { ActionStore } from "./actions.ts";
import { ApprovalStore } from "./approvals.ts";
import { BoardStore, type BoardStoreOptions } from "./boards.ts";
import { ChangeLinkStore } from "./change-links.ts";
import { CommentReplyStore } from "./comment-replies.ts";
import { CredentialUsageStore } from "./credential-usage.ts";
import { DeliveryStore, type DeliveryStoreOptions } from "./deliveries.ts";
import { OriginStore } from "./origins.ts";
import { OwnAccountStore } from "./own-accounts.ts";
import { RateLimitStore } from "./rate-limits.ts";
import { ReplayCache } from "./replay-cache.ts";
import { RunStore } from "./runs.ts";
import { StoredTokenStore } from "./stored-tokens.ts";
import type { Table } from "./table.ts";

export interface Stores {
  readonly deliveries: DeliveryStore;
  readonly actions: ActionStore;
  readonly origins: OriginStore;
  readonly boards: BoardStore;
  readonly approvals: ApprovalStore;
  readonly runs: RunStore;
  readonly rateLimits: RateLimitStore;
  readonly replayCache: ReplayCache;
  readonly storedTokens: StoredTokenStore;
  readonly credentialUses: CredentialUsageStore;
  readonly ownAccounts: OwnAccountStore;
  readonly changeLinks: ChangeLinkStore;
  readonly commentReplies: CommentReplyStore;
}

/** Opens all stores over one table. */
export function openStores(table: Table, options: DeliveryStoreOptions & BoardStoreOptions): Stores {
  return {
    deliveries: new DeliveryStore(table, options),
    actions: new ActionStore(table, options),
    origins: new OriginStore(table, options),
    boards: new BoardStore(table, options),
    approvals: new ApprovalStore(table, options),
    runs: new RunStore(table, options),
    rateLimits: new RateLimitStore(table),
    replayCache: new ReplayCache(table),
    storedTokens: new StoredTokenStore(table),
    credentialUses: new CredentialUsageStore(table, options),
    ownAccounts: new OwnAccountStore(table, options),
    changeLinks: new ChangeLinkStore(table, options),
    commentReplies: new CommentReplyStore(table, options),
  };
}
