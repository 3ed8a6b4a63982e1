import { SqsEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import type { Construct } from "constructs";
import type { TargetIdentity } from "../shared/outbound/target-identity.ts";
import { TABLE } from "../shared/store/dynamodb/key-schema.ts";
import type { ActionQueue } from "./action-queue.ts";
import { BridgeFunction, type FunctionDefaults } from "./bridge-function.ts";
import type { DeliveryTable } from "./delivery-table.ts";
import { grantSecrets, type SecretGrant } from "./secret-grants.ts";
import type { SigningKeys } from "./signing-keys.ts";
import { grantWebIdentity } from "./target-identities.ts";

export interface ActProps extends FunctionDefaults {
  /** Kind of the action. */
  readonly kind: string;
  readonly table: DeliveryTable;
  readonly queue: ActionQueue;
  readonly secrets: SecretGrant;
  /** How its targets are shown who the bridge is, of those that are shown a short-lived token. */
  readonly identities: readonly TargetIdentity[];
  /** Absent where none of its targets is shown a token of the bridge's own. */
  readonly signingKeys: SigningKeys | undefined;
  /** Whether people command the bridge by what it is run with: it then looks for what waits for an approval. */
  readonly isCommanded: boolean;
  /** Actions run at once: more would be more than the targets can bear. */
  readonly concurrency: number;
}

/** Runs one kind of action, from its queue. */
export class Act extends BridgeFunction {
  constructor(scope: Construct, id: string, props: ActProps) {
    const { kind, table, queue, secrets, identities, signingKeys, isCommanded, concurrency, ...defaults } = props;
    super(scope, id, {
      ...defaults,
      name: `act-${kind}`,
      description: `Runs ${kind} actions`,
      environment: {
        TABLE_NAME: table.table.tableName,
        QUEUE_URL: queue.queue.queueUrl,
        DEAD_LETTER_QUEUE_URL: queue.deadLetters.queueUrl,
        ...signingKeys?.environment,
      },
      timeout: queue.functionTimeout,
    });
    // One message a call: its attempt may take all the time the function has.
    const limits = { batchSize: 1, maxConcurrency: concurrency };
    this.handler.addEventSource(new SqsEventSource(queue.queue, { ...limits, reportBatchItemFailures: true }));
    queue.deadLetters.grant(this.handler, "sqs:SendMessage");
    // An action that waits its turn goes to the queue's end.
    queue.queue.grant(this.handler, "sqs:SendMessage");
    const indexes = isCommanded ? [TABLE.dueIndex.name] : [];
    table.allow(this.handler, ["GetItem", "PutItem", "UpdateItem", "Query"], indexes);
    grantSecrets(this.handler, secrets);
    signingKeys?.maySign(this.handler);
    grantWebIdentity(this.handler, identities);
  }
}
