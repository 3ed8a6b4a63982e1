import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient } from "@aws-sdk/client-eventbridge";

/**
 * Limits of every call to AWS. All attempts together stay below ten seconds, which GitLab waits and which is the shortest
 * timeout of the senders. Without the limits, a call that hangs would block a function until its timeout.
 */
export const CALL_LIMITS = {
  maxAttempts: 3,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_000, throwOnRequestTimeout: true },
} as const;

// The SDK reads region, credentials and endpoints from the environment of the function.
export const dynamoDbClient = (): DynamoDBClient => new DynamoDBClient(CALL_LIMITS);
export const eventBridgeClient = (): EventBridgeClient => new EventBridgeClient(CALL_LIMITS);
