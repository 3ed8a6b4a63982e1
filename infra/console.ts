import { Duration } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { TABLE } from "../shared/store/dynamodb/key-schema.ts";
import { BridgeFunction, type FunctionDefaults } from "./bridge-function.ts";
import type { DeliveryTable } from "./delivery-table.ts";
import { grantSecrets, type SecretGrant } from "./secret-grants.ts";

export interface ConsoleProps extends FunctionDefaults {
  readonly table: DeliveryTable;
  /** Of the console's own block, and no sender's. */
  readonly secrets: SecretGrant;
}

/** The pages for people: apart from `receive`, so that neither's load, size or failure is the other's. */
export class Console extends BridgeFunction {
  constructor(scope: Construct, id: string, { table, secrets, ...defaults }: ConsoleProps) {
    super(scope, id, {
      ...defaults,
      name: "console",
      description: "The pages under /console",
      environment: { TABLE_NAME: table.table.tableName },
      timeout: Duration.seconds(15),
    });
    // What the interface does for people: it reads, counts their requests, and records what they order.
    table.allow(
      this.handler,
      ["PutItem", "UpdateItem", "GetItem", "Query"],
      [TABLE.dayIndex.name, TABLE.dueIndex.name],
    );
    grantSecrets(this.handler, secrets);
  }
}
