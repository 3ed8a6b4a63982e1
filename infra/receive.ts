import { Duration } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { TABLE } from "../shared/store/dynamodb/key-schema.ts";
import { BridgeFunction, type FunctionDefaults } from "./bridge-function.ts";
import type { DeliveryTable } from "./delivery-table.ts";
import { RECEIVE_MEMORY_MB } from "./memory.ts";
import { grantSecrets, type SecretGrant } from "./secret-grants.ts";
import type { SigningKeys } from "./signing-keys.ts";

export interface ReceiveProps extends FunctionDefaults {
  readonly table: DeliveryTable;
  readonly secrets: SecretGrant;
  /** Absent where the bridge issues no tokens. */
  readonly signingKeys: SigningKeys | undefined;
  readonly reservedConcurrency: number | undefined;
}

/** Takes requests: proves them, records them, and answers on-call's questions about them. */
export class Receive extends BridgeFunction {
  constructor(scope: Construct, id: string, { table, secrets, signingKeys, ...defaults }: ReceiveProps) {
    super(scope, id, {
      ...defaults,
      name: "receive",
      description: "Takes webhooks, and answers on-call",
      environment: { TABLE_NAME: table.table.tableName, ...signingKeys?.environment },
      // GitLab waits ten seconds for an answer, the shortest of the senders.
      timeout: Duration.seconds(10),
      // A sender waits while this function starts.
      memoryMb: RECEIVE_MEMORY_MB,
    });
    // Counts of requests, tokens that are used once and decisions are updates; open approvals are due at their end.
    table.allow(
      this.handler,
      ["PutItem", "UpdateItem", "GetItem", "Query"],
      [TABLE.dayIndex.name, TABLE.dueIndex.name],
    );
    grantSecrets(this.handler, secrets);
    signingKeys?.mayPublish(this.handler);
  }
}
