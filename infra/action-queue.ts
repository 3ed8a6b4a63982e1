import { Duration, Validations } from "aws-cdk-lib";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import type { Action } from "../shared/actions/action.ts";
import { leaseMs } from "../shared/delivery/act.ts";
import { DEFAULT_RETRY } from "../shared/delivery/backoff.ts";
import { LONGEST_RETENTION } from "./failure-queue.ts";

/**
 * Visibility as a multiple of the function's timeout (Lambda developer guide, "Configuring an Amazon SQS queue to use
 * with Lambda"): room for the service's own retries while it throttles.
 */
const VISIBILITY_FACTOR = 6;
/**
 * Receives before SQS itself gives a message up. The function counts attempts and gives up by its own policy; this is for
 * messages it never gets to count, and leaves room for receives that found nothing due yet.
 */
const MAX_RECEIVES = 2 * DEFAULT_RETRY.maxAttempts;

/** One kind of action's queue, with the dead-letter queue for what was given up. */
export class ActionQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;
  /** What its function needs for one message: the longest attempt, and the calls around it. */
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
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAX_RECEIVES },
    });
    Validations.of(this.deadLetters).acknowledge({
      id: "AwsSolutions-SQS3",
      reason: "this is the dead-letter queue of the queue beside it",
    });
  }
}
