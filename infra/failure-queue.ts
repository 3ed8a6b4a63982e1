import { Duration, Validations } from "aws-cdk-lib";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";

/** SQS keeps a message at most this long. */
export const LONGEST_RETENTION = Duration.days(14);

/**
 * Where the machinery between the functions puts what it could not hand on: stream records that the relay failed on,
 * events that reached no queue, sweeps that did not run. A message here says what was lost sight of, not what to repeat.
 */
export class FailureQueue extends Construct {
  readonly queue: Queue;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.queue = new Queue(this, "Queue", {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: LONGEST_RETENTION,
    });
    Validations.of(this.queue).acknowledge({
      id: "AwsSolutions-SQS3",
      reason: "this queue is the end of the line: it is what others name as their dead-letter queue",
    });
  }
}
