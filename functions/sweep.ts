import type { Context } from "aws-lambda";
import { awsLog } from "../shared/aws/aws-log.ts";
import { dynamoDbClient, eventBridgeClient } from "../shared/aws/clients.ts";
import { setting } from "../shared/aws/settings.ts";
import { EventBridgeBus } from "../shared/bus/eventbridge-bus.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { SWEEP_SIZE, sweep } from "../shared/delivery/relay.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { DynamoDbDeliveries } from "../shared/store/dynamodb-deliveries.ts";
import { DynamoDbTable } from "../shared/store/dynamodb-table.ts";

/** Time that a round must have, in milliseconds; what is left then is for the next sweep. */
const ROUND_MS = 15_000;

const { retentionDays } = compiledWithoutRoutes().limits;
const log = awsLog("sweep", process.env, clock);
const bus = new EventBridgeBus(eventBridgeClient(), setting(process.env, "BUS_NAME"));
const table = new DynamoDbTable(dynamoDbClient(), setting(process.env, "TABLE_NAME"));
const deliveries = new DynamoDbDeliveries(table, { retentionDays, markUnrelayed: false });

/** Publishes what the relay marked, on a schedule. */
export async function handler(_: unknown, context: Pick<Context, "getRemainingTimeInMillis">): Promise<void> {
  do {
    if ((await sweep({ bus, deliveries, outbox: deliveries, clock, log })) < SWEEP_SIZE) return;
  } while (context.getRemainingTimeInMillis() > ROUND_MS);
}
