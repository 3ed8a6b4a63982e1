import { Duration } from "aws-cdk-lib";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { TABLE } from "../shared/store/key-schema.ts";
import { BridgeFunction, type FunctionDefaults } from "./bridge-function.ts";
import type { DeliveryTable } from "./delivery-table.ts";
import { RECEIVE_MEMORY_MB } from "./memory.ts";
import { grantSecrets, type SecretGrant } from "./secret-grants.ts";
import type { SigningKeys } from "./signing-keys.ts";

export interface ReceiveProps extends FunctionDefaults {
  readonly table: DeliveryTable;
  /** Takes the records that the table does not. */
  readonly spill: Queue;
  /** Of the configuration, as one machine has it of the same file. The overview shows it. */
  readonly digest: string;
  readonly secrets: SecretGrant;
  /** Undefined if the bridge issues no tokens. */
  readonly signingKeys: SigningKeys | undefined;
  readonly reservedConcurrency: number | undefined;
}

/** Receives requests: authenticates and records deliveries, and serves the API for on-call. */
export class Receive extends BridgeFunction {
  constructor(scope: Construct, id: string, { table, spill, digest, secrets, signingKeys, ...defaults }: ReceiveProps) {
    super(scope, id, {
      ...defaults,
      name: "receive",
      description: "Receives webhooks and serves the API",
      environment: {
        TABLE_NAME: table.table.tableName,
        SPILL_QUEUE_URL: spill.queueUrl,
        CONFIGURATION_DIGEST: digest,
        ...signingKeys?.environment,
      },
      // GitLab waits ten seconds for a response, which is the shortest timeout of the senders.
      timeout: Duration.seconds(10),
      // A sender waits while this function starts.
      memoryMb: RECEIVE_MEMORY_MB,
    });
    // Rate limits, the replay cache and decisions are updates. Open approvals are in the index `due`, by their expiry.
    table.allow(
      this.handler,
      ["PutItem", "UpdateItem", "GetItem", "Query"],
      [TABLE.dueIndex.name, TABLE.stateIndex.name],
    );
    spill.grant(this.handler, "sqs:SendMessage");
    grantSecrets(this.handler, secrets);
    signingKeys?.grantPublish(this.handler);
  }
}
