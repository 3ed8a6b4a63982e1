import { SQSClient } from "@aws-sdk/client-sqs";
import { CALL_LIMITS } from "./call-limits.ts";

/** A file of its own: `receive` loads this client when it sends its first message, and the others at its start. */
export const sqsClient = (): SQSClient => new SQSClient(CALL_LIMITS);
