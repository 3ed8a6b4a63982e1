import { Validations } from "aws-cdk-lib";
import { Queue, QueueEncryption } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { SPILL_BYTES } from "../shared/aws/spilled-records.ts";
import { LONGEST_RETENTION, VISIBILITY } from "./failure-queue.ts";

/** The records of deliveries that the table did not take. Receive fills it, and the sweep records what is in it. */
export class SpillQueue extends Construct {
  readonly queue: Queue;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    this.queue = new Queue(this, "Queue", {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: LONGEST_RETENTION,
      visibilityTimeout: VISIBILITY,
      maxMessageSizeBytes: SPILL_BYTES,
    });
    Validations.of(this.queue).acknowledge({
      id: "AwsSolutions-SQS3",
      reason:
        "a record stays here until it is in the table, and while the table is down no number of tries is too many",
    });
  }
}
