import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import * as v from "valibot";
import { type ReceiveTools, receive, type Source } from "../delivery/receive.ts";
import type { Clock } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { ReceivedRequest } from "../model/request.ts";

export interface PartnerTools extends ReceiveTools {
  /** By the name of their partner event source. */
  readonly sources: ReadonlyMap<string, Source>;
  readonly clock: Clock;
}

const envelope = v.pipe(v.string(), v.parseJson(), v.object({ source: v.string() }));

/**
 * Records the partner event that each message of a batch is, as a delivery of the source that is told by it. What could
 * not be recorded comes again by itself, and too many times to the failure queue; one message's failure is no other's.
 */
export function partnerHandler(tools: PartnerTools) {
  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const left = await Promise.all(Records.map(async (record) => ((await isTaken(record, tools)) ? [] : [record])));
    return { batchItemFailures: left.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

async function isTaken({ messageId, body }: SQSRecord, tools: PartnerTools): Promise<boolean> {
  const startedAt = tools.clock.now();
  const read = v.safeParse(envelope, body);
  const source = read.success ? tools.sources.get(read.output.source) : undefined;
  const line = () => ({ request: messageId, source: source?.name, durationMs: tools.clock.now() - startedAt });
  if (source === undefined) {
    tools.log.warn({ ...line(), reason: "source_unknown" }, "refused");
    return false;
  }
  try {
    const receipt = await receive(requestOf(messageId, body, tools.clock), source, tools);
    if (receipt.ok) tools.log.info({ ...line(), ...receipt.value }, "delivery");
    else tools.log.warn({ ...line(), ...receipt.rejection }, "refused");
    return receipt.ok;
  } catch (error) {
    tools.log.error({ ...line(), error: kindOf(error) }, "failed");
    return false;
  }
}

/** A message as the path of a delivery takes it: there is no address and no header, and the bytes are the event's. */
const requestOf = (requestId: string, body: string, clock: Clock): ReceivedRequest => ({
  ...{ method: "POST", url: new URL("eventbridge:partner"), headers: new Headers(), requestId },
  body: new TextEncoder().encode(body),
  repeatable: true,
  receivedAt: clock.now(),
});
