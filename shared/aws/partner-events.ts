import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import * as v from "valibot";
import { type ReceiveDeps, receive, type Source } from "../delivery/receive.ts";
import type { Clock } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { ReceivedRequest } from "../model/request.ts";

export interface PartnerDeps extends ReceiveDeps {
  /** By the name of the partner event source. */
  readonly sources: ReadonlyMap<string, Source>;
  readonly clock: Clock;
}

const envelope = v.pipe(v.string(), v.parseJson(), v.object({ source: v.string() }));

/**
 * Records the partner event in each message of a batch as a delivery of its source. If a message cannot be recorded, SQS
 * redelivers it, and moves it to the failure queue after too many receives. A failure of one message does not affect the
 * others.
 */
export function partnerHandler(deps: PartnerDeps) {
  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const failed = await Promise.all(Records.map(async (record) => ((await isRecorded(record, deps)) ? [] : [record])));
    return { batchItemFailures: failed.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

async function isRecorded({ messageId, body }: SQSRecord, deps: PartnerDeps): Promise<boolean> {
  const startedMs = deps.clock.monotonic();
  const read = v.safeParse(envelope, body);
  const source = read.success ? deps.sources.get(read.output.source) : undefined;
  const line = () => ({ request: messageId, source: source?.name, durationMs: deps.clock.monotonic() - startedMs });
  if (source === undefined) {
    deps.log.warn({ ...line(), reason: "source_unknown" }, "refused");
    return false;
  }
  try {
    const receipt = await receive(requestOf(messageId, body, deps.clock), source, deps);
    if (receipt.ok) deps.log.info({ ...line(), ...receipt.value }, "delivery");
    else deps.log.warn({ ...line(), ...receipt.rejection }, "refused");
    return receipt.ok;
  } catch (error) {
    deps.log.error({ ...line(), error: kindOf(error) }, "failed");
    return false;
  }
}

/** The message as a request: without headers, with a placeholder URL, and with the bytes of the event as its body. */
const requestOf = (requestId: string, body: string, clock: Clock): ReceivedRequest => ({
  method: "POST",
  url: new URL("eventbridge:partner"),
  headers: new Headers(),
  requestId,
  body: new TextEncoder().encode(body),
  repeatable: true,
  receivedAt: clock.now(),
});
