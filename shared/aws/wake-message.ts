import { SendMessageCommand, type SQSClient } from "@aws-sdk/client-sqs";
import type { ActionStatus } from "../store/actions.ts";
import { sqsClient } from "./sqs-client.ts";

/**
 * Sends the message of an action that was made due into a queue, as the rule of its route did at first. The message that it
 * waits with comes later, and finds the action running or done.
 */
export async function sendWake(
  { route, delivery, event = delivery }: Pick<ActionStatus, "route" | "delivery" | "event">,
  queueUrl: string,
): Promise<void> {
  client ??= sqsClient();
  const message = { route, entry: { detail: { id: event, delivery } } };
  await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(message) }));
}

let client: SQSClient | undefined;
