import { Duration, Validations } from "aws-cdk-lib";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import type { Action } from "../shared/actions/action.ts";
import { leaseMs } from "../shared/delivery/act.ts";
import { RECEIVES_FOR_WAITS } from "../shared/delivery/act-on-message.ts";
import { DEFAULT_RETRY } from "../shared/delivery/backoff.ts";
import { LONGEST_RETENTION } from "./failure-queue.ts";

/**
 * Visibility timeout as a multiple of the function's timeout (Lambda developer guide, "Configuring an Amazon SQS queue to
 * use with Lambda"). It leaves time for Lambda's own retries while the function is throttled.
 */
const VISIBILITY_FACTOR = 6;
/**
 * Receives after which SQS itself moves a message to the dead-letter queue. The function counts attempts and gives up by
 * its own policy. This limit is for messages that it never counts, with room for receives before the message was due.
 */
const MAX_RECEIVES = 2 * DEFAULT_RETRY.maxAttempts + RECEIVES_FOR_WAITS;

/** The queue of one kind of action, with the dead-letter queue for actions that gave up. */
export class ActionQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;
  /** Time for one message: the longest attempt and the calls around it. */
  readonly functionTimeout: Duration;

  constructor(scope: Construct, id: string, action: Pick<Action, "maxAttemptMs">) {
    super(scope, id);
    this.functionTimeout = Duration.millis(leaseMs([action]));
    this.deadLetters = new Queue(this, "DeadLetters", {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: LONGEST_RETENTION,
    });
    this.queue = new Queue(this, "Queue", {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: Duration.millis(VISIBILITY_FACTOR * this.functionTimeout.toMilliseconds()),
      // SQS forgets after four days by default, and what it forgets goes to no dead-letter queue.
      retentionPeriod: LONGEST_RETENTION,
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });
    Validations.of(this.deadLetters).acknowledge({
      id: "AwsSolutions-SQS3",
      reason: "this is the dead-letter queue of the action queue",
    });
  }
}
