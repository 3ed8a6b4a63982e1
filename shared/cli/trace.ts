import { get } from "./bridge-client.ts";
import { runLines, timelineLine } from "./events.ts";
import { type ShownDelivery, type ShownTimelineEvent, shownDelivery } from "./responses.ts";
import type { Session } from "./session.ts";
import { printable } from "./terminal-text.ts";

export interface TraceOptions {
  readonly print: (line: string) => void;
  /** Whether this timeline event, of a delivery of type `what`, ends the trace. */
  readonly isEnd: (event: ShownTimelineEvent, what: string) => boolean;
  readonly timeoutMs: number;
  readonly pollMs?: number;
}

/**
 * Prints the timelines of a delivery and of all deliveries that follow it, ordered by time, with the milliseconds since the
 * first was received. It polls the bridge's own HTTP interface and prints at the end, because it may find an earlier line
 * after a later one. Returns false if the end did not come within `timeoutMs`; the known lines are printed anyway.
 */
export async function trace(session: Session, id: string, options: TraceOptions): Promise<boolean> {
  const { print, isEnd, timeoutMs, pollMs = 50 } = options;
  const known: Known = { session, deliveries: new Set([id]) };
  const isLast = ({ event, what }: Line): boolean => event !== undefined && isEnd(event, what);
  let lines = await readLines(known);
  for (let waitedMs = 0; waitedMs < timeoutMs && !lines.some(isLast); waitedMs += pollMs) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    lines = await readLines(known);
  }
  const hasEnded = lines.some(isLast);
  // The deliveries are read one after another, so those read before the end may have new lines.
  if (hasEnded) lines = await readLines(known);
  const sorted = lines.toSorted((a, b) => a.at - b.at);
  const shown = hasEnded ? sorted.slice(0, sorted.findIndex(isLast) + 1) : sorted;
  const start = sorted[0]?.at ?? 0;
  for (const { at, text } of shown) print(`${String(at - start).padStart(6)} ms  ${printable(text)}`);
  return hasEnded;
}

interface Known {
  readonly session: Session;
  /** Ids; those of the deliveries that follow are added. */
  readonly deliveries: Set<string>;
}

async function readLines({ session, deliveries }: Known): Promise<readonly Line[]> {
  const lines: Line[] = [];
  // The loop also visits ids that are added to the set during the loop.
  for (const delivery of deliveries) {
    const shown = linesOf(await get(session, `/v1/deliveries/${delivery}`, shownDelivery));
    for (const { event } of shown) if (event?.kind === "followed_by") deliveries.add(event.delivery);
    lines.push(...shown);
  }
  return lines;
}

interface Line {
  readonly at: number;
  readonly what: string;
  readonly text: string;
  readonly event?: ShownTimelineEvent;
}

function linesOf({ delivery, timeline, runs = [] }: ShownDelivery): readonly Line[] {
  const { id, what, subject = "", source, principal, receivedAt, relayedAt } = delivery;
  const received = `${what} ${subject} received from ${source}, proved by ${principal.method} (${principal.credential}): ${id}`;
  return [
    { at: Date.parse(receivedAt), what, text: received },
    ...(relayedAt === undefined ? [] : [{ at: Date.parse(relayedAt), what, text: `${what} relayed: ${id}` }]),
    ...timeline.map((event) => ({ at: Date.parse(event.at), what, text: `${what}: ${timelineLine(event)}`, event })),
    ...runLines({ runs }).map(({ at, text }) => ({ at: Date.parse(at), what, text: `${what}: ${text}` })),
  ];
}
