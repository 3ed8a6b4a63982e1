import { dynamoDbClient } from "../shared/aws/clients.ts";
import { setting } from "../shared/aws/settings.ts";
import type { Config } from "../shared/config/schema.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { openStores, type Stores } from "../shared/store/dynamodb/open-stores.ts";

/** The stores over the deployed table, whose stream tells the relay what was recorded. */
export function awsStores({ retentionDays }: Config["limits"]): Stores {
  const options = { retentionDays, markUnrelayed: false, clock };
  return openStores(dynamoDbClient(), setting(process.env, "TABLE_NAME"), options);
}
