import type { Context } from "aws-lambda";
import { SWEEP_SIZE, sweep } from "../shared/delivery/relay.ts";
import { relaying } from "./relaying.ts";

/** Time that a round must have, in milliseconds; what is left then is for the next sweep. */
const ROUND_MS = 15_000;

const tools = relaying("sweep");

/** Publishes what the relay marked, on a schedule. */
export async function handler(_: unknown, context: Pick<Context, "getRemainingTimeInMillis">): Promise<void> {
  do {
    if ((await sweep(tools)) < SWEEP_SIZE) return;
  } while (context.getRemainingTimeInMillis() > ROUND_MS);
}
