import { setTimeout as wait } from "node:timers/promises";
import { systemClock } from "../host/clock.ts";
import { Fault } from "../host/fault.ts";
import { stateText } from "../model/state-words.ts";
import { get } from "./bridge-client.ts";
import type { Invocation } from "./command.ts";
import { DeliveryTail } from "./delivery-tail.ts";
import { EXIT } from "./exit-codes.ts";
import { type Display, displayOf, formatOf, timeText } from "./output.ts";
import { type ListedDelivery, listedDeliveries } from "./responses.ts";
import { besidesSession, sessionOf } from "./session.ts";
import { cutTo, jsonLine, jsonText, printable } from "./terminal-text.ts";

/** How long after a read the next one begins. */
const POLL_MS = 2_000;
/** The longest wait while the bridge cannot be reached. */
const MAX_WAIT_MS = 15_000;
/** A connection to a machine that lost its power gives no answer and no error. */
const CALL_TIMEOUT_MS = 30_000;

/** `drawbridge events tail [--follow]`. */
export async function tailCommand(invocation: Invocation): Promise<number> {
  const { options, given, print, warn } = invocation;
  const session = await sessionOf(invocation);
  const { since, limit, ...filters } = besidesSession(options);
  const interrupted = given.has("follow") ? invocation.interrupted() : undefined;
  const tail = new DeliveryTail({
    list: (query) => {
      const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
      const signal = interrupted === undefined ? timeout : AbortSignal.any([timeout, interrupted]);
      return get(session, `/v1/deliveries?${new URLSearchParams(query)}`, listedDeliveries, { signal });
    },
    filters,
    since,
    last: Number(limit),
  });
  if (interrupted === undefined) {
    const found = await tail.read();
    if (formatOf(invocation) === "json") print(jsonText(found));
    else printLines(found, invocation);
    return EXIT.done;
  }
  let failures = 0;
  let waitMs = POLL_MS;
  while (!interrupted.aborted) {
    const startedMs = systemClock.monotonic();
    try {
      printLines(await tail.read(), invocation);
      if (failures > 0) warn("the bridge answers again; nothing was left out");
      failures = 0;
      // A read of many pages is followed by a longer wait, so that the bridge has time for its work.
      waitMs = Math.max(POLL_MS, 2 * (systemClock.monotonic() - startedMs));
    } catch (error) {
      if (interrupted.aborted) break;
      if (!isTemporary(error)) throw error;
      if (failures === 0) warn(`${error.message}; trying again`);
      failures += 1;
      waitMs = Math.min(MAX_WAIT_MS, 500 * 2 ** failures);
    }
    await wait(waitMs, undefined, { signal: interrupted }).catch(() => undefined);
  }
  return Number(interrupted.reason);
}

const isTemporary = (error: unknown): error is Fault =>
  error instanceof Fault && (error.code === "target_unreachable" || error.code === "token_unavailable");

/** Each delivery is a line of its own, also in JSON, because the list has no end. */
function printLines(found: readonly ListedDelivery[], invocation: Invocation): void {
  const display = displayOf(invocation);
  const isTable = formatOf(invocation) === "table";
  for (const one of found) invocation.print(isTable ? lineOf(one, display) : jsonLine(one));
}

/** As wide as the longest state. */
const STATE_COLUMNS = "✕ accepted, no run".length;

/** A line has no columns of its own width: what comes later is not known. */
function lineOf(
  { id, receivedAt, source, outcome, state, what, subject = "" }: ListedDelivery,
  display: Display,
): string {
  const start = `${timeText(receivedAt, display)}  ${stateText(state ?? outcome).padEnd(STATE_COLUMNS)}  `;
  const middle = printable([what, subject, `(${source})`].filter((part) => part !== "").join(" "));
  if (display.columns === undefined) return `${start}${middle}  ${id}`;
  const room = Math.max(10, display.columns - start.length - id.length - 2);
  return `${start}${cutTo(middle, room, { isPadded: true })}  ${id}`;
}
