import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDbActions } from "./dynamodb-actions.ts";
import { DynamoDbApprovals } from "./dynamodb-approvals.ts";
import { DynamoDbBoards } from "./dynamodb-boards.ts";
import { type DeliveryStoreOptions, DynamoDbDeliveries } from "./dynamodb-deliveries.ts";
import { DynamoDbOrigins } from "./dynamodb-origins.ts";
import { DynamoDbOwnAccounts } from "./dynamodb-own-accounts.ts";
import { DynamoDbRates } from "./dynamodb-rates.ts";
import { DynamoDbRuns } from "./dynamodb-runs.ts";
import { DynamoDbSeals } from "./dynamodb-seals.ts";
import { DynamoDbSeenTokens } from "./dynamodb-seen-tokens.ts";
import { DynamoDbTable } from "./dynamodb-table.ts";
import { DynamoDbUses } from "./dynamodb-uses.ts";
import type { StoreOptions } from "./fields.ts";

export interface Stores {
  readonly deliveries: DynamoDbDeliveries;
  readonly actions: DynamoDbActions;
  readonly origins: DynamoDbOrigins;
  readonly boards: DynamoDbBoards;
  readonly approvals: DynamoDbApprovals;
  readonly runs: DynamoDbRuns;
  readonly rates: DynamoDbRates;
  readonly seenTokens: DynamoDbSeenTokens;
  readonly seals: DynamoDbSeals;
  readonly uses: DynamoDbUses;
  readonly ownAccounts: DynamoDbOwnAccounts;
}

/** All stores over one table. */
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
    rates: new DynamoDbRates(table),
    seenTokens: new DynamoDbSeenTokens(table),
    seals: new DynamoDbSeals(table),
    uses: new DynamoDbUses(table, options),
    ownAccounts: new DynamoDbOwnAccounts(table, options),
  };
}
