import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { SQSClient } from "@aws-sdk/client-sqs";

/**
 * Bounds of every call to AWS. All attempts together stay below the ten seconds that GitLab waits, the least patient of the
 * senders; without them a call that hangs would hold a function until its end.
 */
export const CALL_LIMITS = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
} as const;

// Region, credentials and endpoints come from the function's environment, as the SDK reads it.
export const dynamoDbClient = (): DynamoDBClient => new DynamoDBClient(CALL_LIMITS);
export const eventBridgeClient = (): EventBridgeClient => new EventBridgeClient(CALL_LIMITS);
export const sqsClient = (): SQSClient => new SQSClient(CALL_LIMITS);
