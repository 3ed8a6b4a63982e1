import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDbActions } from "./actions.ts";
import { DynamoDbApprovals } from "./approvals.ts";
import { DynamoDbBoards } from "./boards.ts";
import { DynamoDbCredentialUsage } from "./credential-usage.ts";
import { type DeliveryStoreOptions, DynamoDbDeliveries } from "./deliveries.ts";
import type { StoreOptions } from "./fields.ts";
import { DynamoDbOrigins } from "./origins.ts";
import { DynamoDbOwnAccounts } from "./own-accounts.ts";
import { DynamoDbRateLimits } from "./rate-limits.ts";
import { DynamoDbReplayCache } from "./replay-cache.ts";
import { DynamoDbRuns } from "./runs.ts";
import { DynamoDbStoredTokens } from "./stored-tokens.ts";
import { DynamoDbTable } from "./table.ts";

export interface Stores {
  readonly deliveries: DynamoDbDeliveries;
  readonly actions: DynamoDbActions;
  readonly origins: DynamoDbOrigins;
  readonly boards: DynamoDbBoards;
  readonly approvals: DynamoDbApprovals;
  readonly runs: DynamoDbRuns;
  readonly rateLimits: DynamoDbRateLimits;
  readonly replayCache: DynamoDbReplayCache;
  readonly storedTokens: DynamoDbStoredTokens;
  readonly credentialUses: DynamoDbCredentialUsage;
  readonly ownAccounts: DynamoDbOwnAccounts;
}

/** Opens all stores over one table. */
export function openStores(
  client: DynamoDBClient,
  tableName: string,
  options: DeliveryStoreOptions & StoreOptions,
): Stores {
  const table = new DynamoDbTable(client, tableName);
  return {
    deliveries: new DynamoDbDeliveries(table, options),
    actions: new DynamoDbActions(table, options),
    origins: new DynamoDbOrigins(table, options),
    boards: new DynamoDbBoards(table, options),
    approvals: new DynamoDbApprovals(table, options),
    runs: new DynamoDbRuns(table, options),
    rateLimits: new DynamoDbRateLimits(table),
    replayCache: new DynamoDbReplayCache(table),
    storedTokens: new DynamoDbStoredTokens(table),
    credentialUses: new DynamoDbCredentialUsage(table, options),
    ownAccounts: new DynamoDbOwnAccounts(table, options),
  };
}
