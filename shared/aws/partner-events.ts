import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import * as v from "valibot";
import { type ReceiveDeps, receive, type Source } from "../delivery/receive.ts";
import type { Clock } from "../host/clock.ts";
import { kindOf } from "../host/fault.ts";
import type { ReceivedRequest } from "../model/request.ts";

export interface PartnerDeps extends ReceiveDeps {
  /** By the name of their partner event source. */
  readonly sources: ReadonlyMap<string, Source>;
  readonly clock: Clock;
}

const envelope = v.pipe(v.string(), v.parseJson(), v.object({ source: v.string() }));

/**
 * Records the partner event that each message of a batch is, as a delivery of the source that is told by it. What could
 * not be recorded comes again by itself, and too many times to the failure queue; one message's failure is no other's.
 */
export function partnerHandler(deps: PartnerDeps) {
  return async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => {
    const left = await Promise.all(Records.map(async (record) => ((await isTaken(record, deps)) ? [] : [record])));
    return { batchItemFailures: left.flat().map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

async function isTaken({ messageId, body }: SQSRecord, deps: PartnerDeps): Promise<boolean> {
  const startedAt = deps.clock.now();
  const read = v.safeParse(envelope, body);
  const source = read.success ? deps.sources.get(read.output.source) : undefined;
  const line = () => ({ request: messageId, source: source?.name, durationMs: deps.clock.now() - startedAt });
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

/** A message as the path of a delivery takes it: there is no address and no header, and the bytes are the event's. */
const requestOf = (requestId: string, body: string, clock: Clock): ReceivedRequest => ({
  ...{ method: "POST", url: new URL("eventbridge:partner"), headers: new Headers(), requestId },
  body: new TextEncoder().encode(body),
  repeatable: true,
  receivedAt: clock.now(),
});
