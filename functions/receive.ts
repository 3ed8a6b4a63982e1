import { randomUUID } from "node:crypto";
import { awsLog } from "../shared/aws/aws-log.ts";
import { AwsSecrets } from "../shared/aws/aws-secrets.ts";
import { dynamoDbClient } from "../shared/aws/clients.ts";
import { gatewayHandler } from "../shared/aws/gateway-events.ts";
import { setting } from "../shared/aws/settings.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { connectSources } from "../shared/config/connect.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { createApp } from "../shared/http/app.ts";
import { createTokenVerifier } from "../shared/identity/verify-token.ts";
import { DynamoDbDeliveries } from "../shared/store/dynamodb-deliveries.ts";
import { DynamoDbTable } from "../shared/store/dynamodb-table.ts";

const config = compiledWithoutRoutes();
const secrets = new AwsSecrets(process.env);
const tokens = createTokenVerifier(config.issuers, { clock });
const table = new DynamoDbTable(dynamoDbClient(), setting(process.env, "TABLE_NAME"));
// The table's stream tells the relay what was recorded.
const deliveries = new DynamoDbDeliveries(table, { retentionDays: config.limits.retentionDays, markUnrelayed: false });

/** The HTTP interface, behind an HTTP API or a function URL. */
export const handler = gatewayHandler(
  createApp({
    sources: connectSources(config, { secrets, tokens, clock }),
    maxBodyBytes: config.limits.bodyBytes,
    readers: Object.keys(config.issuers),
    // Any item will do: an answer that there is none comes from the table too.
    ready: () => deliveries.get("readiness"),
    newRequestId: randomUUID,
    log: awsLog("receive", clock),
    ...{ deliveries, tokens, clock },
  }),
);
