import { awsLog } from "../shared/aws/aws-log.ts";
import { dynamoDbClient } from "../shared/aws/clients.ts";
import { partnerHandler } from "../shared/aws/partner-events.ts";
import { setting } from "../shared/aws/settings.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { partnerSources } from "../shared/providers/buildkite/partner-source.ts";
import { DynamoDbDeliveries } from "../shared/store/dynamodb-deliveries.ts";
import { DynamoDbTable } from "../shared/store/dynamodb-table.ts";

const { sources, limits } = compiledWithoutRoutes();
const table = new DynamoDbTable(dynamoDbClient(), setting(process.env, "TABLE_NAME"));

/** Records what Buildkite's partner event source tells. The table's stream tells the relay. */
export const handler = partnerHandler({
  sources: partnerSources(sources),
  deliveries: new DynamoDbDeliveries(table, { retentionDays: limits.retentionDays, markUnrelayed: false }),
  clock,
  log: awsLog("receive-partner", process.env, clock),
});
