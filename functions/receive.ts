import { randomUUID } from "node:crypto";
import { peopleOf } from "../shared/approvals/people.ts";
import { awsLog } from "../shared/aws/aws-log.ts";
import { AwsSecrets } from "../shared/aws/aws-secrets.ts";
import { bridgeIdentity, kmsKey } from "../shared/aws/bridge-identity.ts";
import { dynamoDbClient } from "../shared/aws/clients.ts";
import { gatewayHandler } from "../shared/aws/gateway-events.ts";
import { setting } from "../shared/aws/settings.ts";
import { compiledWithoutRoutes } from "../shared/config/compiled.ts";
import { connectSources } from "../shared/config/connect.ts";
import type { Principal } from "../shared/delivery/principal.ts";
import { refuseOverRate } from "../shared/delivery/rate-limits.ts";
import { Refusals } from "../shared/delivery/refusals.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { createApp } from "../shared/http/app.ts";
import { policyOf } from "../shared/identity/policy.ts";
import { createTokenVerifier } from "../shared/identity/verify-token.ts";
import { openIssuer } from "../shared/outbound/open-issuer.ts";
import { statusSource } from "../shared/status/index.ts";
import { DynamoDbActions } from "../shared/store/dynamodb-actions.ts";
import { DynamoDbApprovals } from "../shared/store/dynamodb-approvals.ts";
import { DynamoDbDeliveries } from "../shared/store/dynamodb-deliveries.ts";
import { DynamoDbRates } from "../shared/store/dynamodb-rates.ts";
import { DynamoDbRuns } from "../shared/store/dynamodb-runs.ts";
import { DynamoDbSeenTokens } from "../shared/store/dynamodb-seen-tokens.ts";
import { DynamoDbTable } from "../shared/store/dynamodb-table.ts";
import { DynamoDbUses } from "../shared/store/dynamodb-uses.ts";

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
const kept = { ...config.limits, clock };
const overRate = (principal: Principal) => refuseOverRate(principal, { policy, rates, clock });
const calls = { deliveries, tokens, trustEntries, policy, refuseOverRate: overRate, clock };

/** The HTTP interface, behind an HTTP API or a function URL. */
export const handler = gatewayHandler(
  createApp({
    sources: connectSources(config, { secrets, tokens, clock }),
    maxBodyBytes: config.limits.bodyBytes,
    status: statusSource({ tokens, trustEntries, policy, issuers: config.issuers }),
    orders: {
      ...calls,
      people: peopleOf(config.sources),
      approvals: new DynamoDbApprovals(table, kept),
      actions: new DynamoDbActions(table, kept),
      runs: new DynamoDbRuns(table, kept),
    },
    refusals: new Refusals({ deliveries, log }),
    uses: new DynamoDbUses(table, config.limits),
    // Any item will do: an answer that there is none comes from the table too.
    ready: () => deliveries.get("readiness"),
    newRequestId: randomUUID,
    issuer: openIssuer(bridgeIdentity(config, process.env), { secrets, kmsKey }),
    ...calls,
    log,
  }),
);
