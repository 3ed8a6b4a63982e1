import { SqsEventSource } from "aws-cdk-lib/aws-lambda-event-sources";
import type { Construct } from "constructs";
import type { TargetIdentity } from "../shared/outbound/target-identity.ts";
import { TABLE } from "../shared/store/key-schema.ts";
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
  /** Of the configuration. A rule that grants a run is recorded with it. */
  readonly digest: string;
  readonly queue: ActionQueue;
  readonly secrets: SecretGrant;
  /** How the bridge identifies itself to those targets that get a short-lived token. */
  readonly identities: readonly TargetIdentity[];
  /** Undefined if no target of this kind gets a token that the bridge issues. */
  readonly signingKeys: SigningKeys | undefined;
  /** Whether its events may contain commands of people. It then queries the approvals that are open. */
  readonly acceptsCommands: boolean;
  /** Maximum number of actions that run at once, so that the targets are not overloaded. */
  readonly concurrency: number;
}

/** Runs one kind of action, from its queue. */
export class Act extends BridgeFunction {
  constructor(scope: Construct, id: string, props: ActProps) {
    const { kind, table, digest, queue, secrets, identities, signingKeys, acceptsCommands, concurrency, ...defaults } =
      props;
    super(scope, id, {
      ...defaults,
      name: `act-${kind}`,
      description: `Runs ${kind} actions`,
      environment: {
        TABLE_NAME: table.table.tableName,
        CONFIGURATION_DIGEST: digest,
        QUEUE_URL: queue.queue.queueUrl,
        DEAD_LETTER_QUEUE_URL: queue.deadLetters.queueUrl,
        ...signingKeys?.environment,
      },
      timeout: queue.functionTimeout,
      // An action that waits for people or for its turn goes round for days.
      sendsToItself: true,
    });
    this.handler.addEventSource(
      new SqsEventSource(queue.queue, {
        // One message per call: its attempt may take the whole timeout of the function.
        batchSize: 1,
        maxConcurrency: concurrency,
        reportBatchItemFailures: true,
      }),
    );
    queue.deadLetters.grant(this.handler, "sqs:SendMessage");
    // A message that must wait for its turn is sent to the end of the queue.
    queue.queue.grant(this.handler, "sqs:SendMessage");
    const indexes = acceptsCommands ? [TABLE.dueIndex.name] : [];
    table.allow(this.handler, ["GetItem", "PutItem", "UpdateItem", "Query"], indexes);
    grantSecrets(this.handler, secrets);
    signingKeys?.grantSign(this.handler);
    grantWebIdentity(this.handler, identities);
  }
}
