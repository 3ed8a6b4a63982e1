import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { CALL_LIMITS } from "./call-limits.ts";

// The SDK reads region, credentials and endpoints from the environment of the function.
export const eventBridgeClient = (): EventBridgeClient => new EventBridgeClient(CALL_LIMITS);
