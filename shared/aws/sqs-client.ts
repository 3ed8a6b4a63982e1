import { SQSClient } from "@aws-sdk/client-sqs";
import { CALL_LIMITS } from "./call-limits.ts";

/** Apart from the other clients: a function loads this one when it sends its first message. */
export const sqsClient = (): SQSClient => new SQSClient(CALL_LIMITS);
