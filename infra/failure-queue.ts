import { Duration, Validations } from "aws-cdk-lib";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { QUEUE_DAYS } from "../shared/aws/record-days.ts";

export const LONGEST_RETENTION = Duration.days(QUEUE_DAYS);

/** Time for a reader to process and delete a message. The sweep needs less than a minute. */
export const VISIBILITY = Duration.minutes(2);

/**
 * A queue for what AWS services could not pass from one function to the next: events that reached no queue and sweeps that
 * did not run. A second such queue has the batches that the table's stream gave up on.
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
      reason: "this queue is itself the dead-letter queue of other resources",
    });
  }
}
