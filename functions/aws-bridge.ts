import { awsLog } from "../shared/aws/aws-log.ts";
import { AwsSecrets } from "../shared/aws/aws-secrets.ts";
import { bridgeIdentity, kmsKey } from "../shared/aws/bridge-identity.ts";
import { dynamoDbClient } from "../shared/aws/dynamodb-client.ts";
import { MIN_RECORD_DAYS } from "../shared/aws/record-days.ts";
import { setting } from "../shared/aws/settings.ts";
import { compiledOrders, compiledPatterns, compiledRouteOutline } from "../shared/config/compiled.ts";
import type { ConfigWithoutOrders } from "../shared/config/schema.ts";
import { CredentialUsage } from "../shared/delivery/credential-usage.ts";
import { systemClock as clock } from "../shared/host/clock.ts";
import { noTokenVerifier } from "../shared/identity/token-verifier.ts";
import { callOutOf } from "../shared/outbound/certificate-authorities.ts";
import { openIssuer } from "../shared/outbound/open-issuer.ts";
import { DynamoDbTable } from "../shared/store/dynamodb/table.ts";
import { openStores } from "../shared/store/open-stores.ts";
import type { Table } from "../shared/store/table.ts";
import { type Bridge, buildBridge, type Ports } from "./bridge.ts";

/**
 * The bridge of a function in AWS, over the deployed table. `config` is the compiled one, without routes for a function
 * that runs no action: patterns then stay out of its bundle. A function that takes requests passes `tokenVerifier`.
 */
export function awsBridge(
  name: string,
  config: ConfigWithoutOrders,
  {
    verifierOf = () => noTokenVerifier,
    opened: { table, options } = awsTable(config),
    // The sweep finds what was woken.
    wokenOf = () => async () => undefined,
  }: {
    readonly verifierOf?: (config: ConfigWithoutOrders, ports: Omit<Ports, "tokens">) => Ports["tokens"];
    readonly opened?: OpenTable;
    readonly wokenOf?: (log: Ports["log"]) => Ports["woken"];
  } = {},
): Bridge {
  const log = awsLog(name, process.env, clock);
  const secrets = new AwsSecrets(process.env, { clock, random: Math.random, log });
  const stores = openStores(table, options);
  const ports: Omit<Ports, "tokens"> = {
    stores,
    credentialUsage: new CredentialUsage({ credentialUses: stores.credentialUses, log }),
    orders: compiledOrders(),
    patterns: compiledPatterns,
    recorded: () => undefined,
    woken: wokenOf(log),
    approvalPollSeconds: 3_600,
    // The function has no schemas of all providers to compute it.
    configuration: process.env["CONFIGURATION_DIGEST"],
    secrets,
    clock,
    log,
    callOut: callOutOf(config),
    random: Math.random,
    issuer: openIssuer({ ...config, identity: bridgeIdentity(config, process.env) }, { secrets, kmsKey }),
  };
  return buildBridge(config, compiledRouteOutline(), { ...ports, tokens: verifierOf(config, ports) });
}

/** A table, and how its stores are opened. */
interface OpenTable {
  readonly table: Table;
  readonly options: ReturnType<typeof awsTable>["options"];
}

/** The deployed table. */
export const awsTable = ({ limits }: ConfigWithoutOrders) => ({
  table: new DynamoDbTable(dynamoDbClient(), setting(process.env, "TABLE_NAME")),
  options: {
    retentionDays: Math.max(limits.retentionDays, MIN_RECORD_DAYS),
    // The table's stream invokes the relay: no record needs a mark, and nothing is nudged after a commit.
    markUnrelayed: false,
    singleProcess: false,
    clock,
  },
});
