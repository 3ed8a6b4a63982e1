import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { type Fault, kindOf } from "../host/fault.ts";
import type { Log } from "../host/log.ts";
import type { Fields, ItemKey } from "../store/table.ts";

/** Two tries in three seconds: the sender of the delivery waits, and has waited for the table already. */
const SPILL_LIMITS = {
  maxAttempts: 2,
  requestHandler: { connectionTimeout: 500, requestTimeout: 1_500, throwOnRequestTimeout: true },
} as const;
/** Bytes of a message (SQS quotas). A record has at most 400 KB, which is 533 KB in base64. */
export const SPILL_BYTES = 1_048_576;

export interface SpillDeps {
  readonly queueUrl: string;
  readonly log: Log;
}

/**
 * Puts the record of a delivery that the table did not take into a queue: the packed item, as the table would have it.
 * Throws the fault of the table if the queue does not take it either.
 */
export async function spillRecord(item: Fields & ItemKey, fault: Fault, { queueUrl, log }: SpillDeps): Promise<void> {
  client ??= new SQSClient(SPILL_LIMITS);
  const fields = { delivery: item.pk, fault: fault.code };
  try {
    await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: bodyOf(item) }));
  } catch (error) {
    log.error({ ...fields, error: kindOf(error) }, "a delivery could not be recorded, and not be spilled either");
    throw fault;
  }
  log.warn(fields, "a delivery could not be recorded yet; it waits in the queue of spilled records");
}

let client: SQSClient | undefined;

/** The fields as JSON, with bytes in base64. */
function bodyOf(item: Fields & ItemKey): string {
  const fields = Object.entries(item).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? { base64: Buffer.from(value).toString("base64") } : value,
  ]);
  return JSON.stringify(Object.fromEntries(fields));
}
