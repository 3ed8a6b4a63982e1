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
import type { WokenQueues } from "./woken-queues.ts";

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
  /** The queues of the other kinds of actions that its commands may decide about. None is its own: that would be a loop. */
  readonly woken: WokenQueues;
  /** Maximum number of actions that run at once, so that the targets are not overloaded. */
  readonly concurrency: number;
}

/** Runs one kind of action, from its queue. */
export class Act extends BridgeFunction {
  constructor(scope: Construct, id: string, props: ActProps) {
    const {
      kind,
      table,
      digest,
      queue,
      secrets,
      identities,
      signingKeys,
      acceptsCommands,
      woken,
      concurrency,
      ...defaults
    } = props;
    super(scope, id, {
      ...defaults,
      name: `act-${kind}`,
      description: `Runs ${kind} actions`,
      environment: {
        TABLE_NAME: table.table.tableName,
        CONFIGURATION_DIGEST: digest,
        QUEUE_URL: queue.queue.queueUrl,
        DEAD_LETTER_QUEUE_URL: queue.deadLetters.queueUrl,
        ...woken.environment,
        ...signingKeys?.environment,
      },
      timeout: queue.functionTimeout,
      // It sends nothing to its own queue. Messages of an earlier release, which did, may still arrive and go round.
      mayLoop: true,
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
    woken.grantTo(this.handler);
    const indexes = acceptsCommands ? [TABLE.dueIndex.name] : [];
    table.allow(this.handler, ["GetItem", "PutItem", "UpdateItem", "Query"], indexes);
    grantSecrets(this.handler, secrets);
    signingKeys?.grantSign(this.handler);
    grantWebIdentity(this.handler, identities);
  }
}
