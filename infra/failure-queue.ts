import { Duration, Validations } from "aws-cdk-lib";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";

/** SQS keeps a message at most this long. */
export const LONGEST_RETENTION = Duration.days(14);

/** Out of sight for whoever reads a message: the sweep does within a minute. */
const VISIBILITY = Duration.minutes(2);

/**
 * Where the machinery between the functions puts what it could not hand on: events that reached no queue, sweeps that did
 * not run; and, in a queue of its own, what the table's stream gave up on.
 */
export class FailureQueue extends Construct {
  readonly queue: Queue;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.queue = new Queue(this, "Queue", {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: LONGEST_RETENTION,
      visibilityTimeout: VISIBILITY,
    });
    Validations.of(this.queue).acknowledge({
      id: "AwsSolutions-SQS3",
      reason: "this queue is the end of the line: it is what others name as their dead-letter queue",
    });
  }
}
