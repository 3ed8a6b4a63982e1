import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { CALL_LIMITS } from "./call-limits.ts";

/** Apart from the other clients, so that a function that only records does not load them. */
export const dynamoDbClient = (): DynamoDBClient => new DynamoDBClient(CALL_LIMITS);
