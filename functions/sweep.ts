import type { Context } from "aws-lambda";
import { sqsClient } from "../shared/aws/clients.ts";
import { setting } from "../shared/aws/settings.ts";
import { requeueDeadLetters } from "../shared/aws/stream-dead-letters.ts";
import { SWEEP_SIZE, sweep } from "../shared/delivery/relay.ts";
import { requeueSpan } from "../shared/delivery/requeue-span.ts";
import { relaying } from "./relaying.ts";

/** Time that a round must have, in milliseconds; what is left then is for the next sweep. */
const ROUND_MS = 15_000;
/** Time that is for rounds, whatever the stream gave up on. */
const ROUNDS_MS = 30_000;

const deps = relaying("sweep");
const queue = { sqs: sqsClient(), queueUrl: setting(process.env, "QUEUE_URL") };

/** Publishes what the relay marked, and what the stream gave up on, on a schedule. */
export async function handler(_: unknown, context: Pick<Context, "getRemainingTimeInMillis">): Promise<void> {
  const hasTime = () => context.getRemainingTimeInMillis() > ROUNDS_MS;
  await requeueDeadLetters({ ...queue, log: deps.log, mark: (span) => requeueSpan(span, { ...deps, hasTime }) });
  do {
    if ((await sweep(deps)) < SWEEP_SIZE) return;
  } while (context.getRemainingTimeInMillis() > ROUND_MS);
}
