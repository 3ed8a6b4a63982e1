import { Duration } from "aws-cdk-lib";
import type { Construct } from "constructs";
import { TABLE } from "../shared/store/key-schema.ts";
import { BridgeFunction, type FunctionDefaults } from "./bridge-function.ts";
import type { DeliveryTable } from "./delivery-table.ts";
import { grantSecrets, type SecretGrant } from "./secret-grants.ts";
import type { WokenQueues } from "./woken-queues.ts";

export interface ConsoleProps extends FunctionDefaults {
  readonly table: DeliveryTable;
  /** Of the configuration, as one machine has it of the same file. The overview shows it. */
  readonly digest: string;
  /** Secrets of the `console` block, and none of a source. */
  readonly secrets: SecretGrant;
  /** The queues of the kinds of actions of which some wait for a decision, which a request may bring. */
  readonly woken: WokenQueues;
}

/** The console. It is separate from `receive`, so that load, size and failures of one do not affect the other. */
export class Console extends BridgeFunction {
  constructor(scope: Construct, id: string, { table, digest, secrets, woken, ...defaults }: ConsoleProps) {
    super(scope, id, {
      ...defaults,
      name: "console",
      description: "Serves the pages under /console",
      environment: { TABLE_NAME: table.table.tableName, CONFIGURATION_DIGEST: digest, ...woken.environment },
      timeout: Duration.seconds(15),
    });
    // The API that the console calls reads records, counts requests, and records approvals, replays and rollbacks.
    table.allow(
      this.handler,
      ["PutItem", "UpdateItem", "GetItem", "Query"],
      [TABLE.dueIndex.name, TABLE.stateIndex.name],
    );
    grantSecrets(this.handler, secrets);
    woken.grantTo(this.handler);
  }
}
