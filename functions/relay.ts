import { awsLog } from "../shared/aws/aws-log.ts";
import { dynamoDbClient, eventBridgeClient } from "../shared/aws/clients.ts";
import { setting } from "../shared/aws/settings.ts";
import { streamHandler } from "../shared/aws/stream-records.ts";
import { EventBridgeBus } from "../shared/bus/eventbridge-bus.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { relayAll } from "../shared/delivery/relay.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { DynamoDbDeliveries, recordedEventIn } from "../shared/store/dynamodb-deliveries.ts";
import { DynamoDbTable } from "../shared/store/dynamodb-table.ts";

const { retentionDays } = compiledWithoutRoutes().limits;
const log = awsLog("relay", process.env, clock);
const bus = new EventBridgeBus(eventBridgeClient(), setting(process.env, "BUS_NAME"));
const table = new DynamoDbTable(dynamoDbClient(), setting(process.env, "TABLE_NAME"));
const outbox = new DynamoDbDeliveries(table, { retentionDays, markUnrelayed: false });

/** Publishes what the table's stream tells was recorded. */
export const handler = streamHandler({
  read: recordedEventIn,
  relay: (deliveries) => relayAll(deliveries, { bus, outbox, clock, log }),
  log,
});
