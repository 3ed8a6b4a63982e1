import { randomUUID } from "node:crypto";
import { awsLog } from "../shared/aws/aws-log.ts";
import { AwsSecrets } from "../shared/aws/aws-secrets.ts";
import { bridgeIdentity, kmsKey } from "../shared/aws/bridge-identity.ts";
import { dynamoDbClient } from "../shared/aws/clients.ts";
import { gatewayHandler } from "../shared/aws/gateway-events.ts";
import { setting } from "../shared/aws/settings.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { connectSources } from "../shared/config/connect.ts";
import { refuseOverRate } from "../shared/delivery/rate-limits.ts";
import { Refusals } from "../shared/delivery/refusals.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { createApp } from "../shared/http/app.ts";
import { policyOf } from "../shared/identity/policy.ts";
import { createTokenVerifier } from "../shared/identity/verify-token.ts";
import { openIssuer } from "../shared/outbound/open-issuer.ts";
import { statusSource } from "../shared/status/index.ts";
import { DynamoDbDeliveries } from "../shared/store/dynamodb-deliveries.ts";
import { DynamoDbRates } from "../shared/store/dynamodb-rates.ts";
import { DynamoDbSeenTokens } from "../shared/store/dynamodb-seen-tokens.ts";
import { DynamoDbTable } from "../shared/store/dynamodb-table.ts";

const config = compiledWithoutRoutes();
const secrets = new AwsSecrets(process.env);
const table = new DynamoDbTable(dynamoDbClient(), setting(process.env, "TABLE_NAME"));
const tokens = createTokenVerifier(config.issuers, {
  seenTokens: new DynamoDbSeenTokens(table),
  publicUrl: config.identity?.issuer,
  clock,
});
// The table's stream tells the relay what was recorded.
const deliveries = new DynamoDbDeliveries(table, { retentionDays: config.limits.retentionDays, markUnrelayed: false });

const rates = new DynamoDbRates(table);
const policy = policyOf(config.roles);
const trustEntries = Object.keys(config.issuers);
const log = awsLog("receive", process.env, clock);

/** The HTTP interface, behind an HTTP API or a function URL. */
export const handler = gatewayHandler(
  createApp({
    sources: connectSources(config, { secrets, tokens, clock }),
    maxBodyBytes: config.limits.bodyBytes,
    trustEntries,
    status: statusSource({ tokens, trustEntries, policy, issuers: config.issuers }),
    policy,
    refuseOverRate: (principal) => refuseOverRate(principal, { policy, rates, clock }),
    refusals: new Refusals({ deliveries, log }),
    // Any item will do: an answer that there is none comes from the table too.
    ready: () => deliveries.get("readiness"),
    newRequestId: randomUUID,
    issuer: openIssuer(bridgeIdentity(config, process.env), { secrets, kmsKey }),
    ...{ deliveries, tokens, clock, log },
  }),
);
