import { type ShownDelivery, type ShownEntry, shownDelivery } from "./answers.ts";
import { get } from "./bridge-client.ts";
import { timelineLine } from "./events.ts";
import type { Session } from "./session.ts";
import { printable } from "./table.ts";

export interface TraceOptions {
  readonly print: (line: string) => void;
  /** Whether this entry of a delivery of `what` is the last to wait for. */
  readonly isEnd: (entry: ShownEntry, what: string) => boolean;
  readonly timeoutMs: number;
  readonly pollMs?: number;
}

/**
 * Prints what follows a delivery, and what follows that, in order of time, with the time since the first was received.
 * Reads the bridge's own interface, as a person would. Prints nothing before the end: a line can be found after lines
 * that are later than it. False if the end did not come in time; what is known then is printed all the same.
 */
export async function trace(session: Session, id: string, options: TraceOptions): Promise<boolean> {
  const { print, isEnd, timeoutMs, pollMs = 50 } = options;
  const known: Known = { session, deliveries: new Set([id]) };
  const isLast = ({ entry, what }: Line): boolean => entry !== undefined && isEnd(entry, what);
  let lines = await readLines(known);
  for (let waitedMs = 0; waitedMs < timeoutMs && !lines.some(isLast); waitedMs += pollMs) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    lines = await readLines(known);
  }
  const hasEnded = lines.some(isLast);
  // One reading takes the deliveries one after the other: those read before the end may have got lines since.
  if (hasEnded) lines = await readLines(known);
  const sorted = lines.toSorted((a, b) => a.at - b.at);
  const shown = hasEnded ? sorted.slice(0, sorted.findIndex(isLast) + 1) : sorted;
  const start = sorted[0]?.at ?? 0;
  for (const { at, text } of shown) print(`${String(at - start).padStart(6)} ms  ${printable(text)}`);
  return hasEnded;
}

interface Known {
  readonly session: Session;
  /** Grows by what follows them. */
  readonly deliveries: Set<string>;
}

async function readLines({ session, deliveries }: Known): Promise<readonly Line[]> {
  const lines: Line[] = [];
  // A set that grows while it is walked is walked to its end.
  for (const delivery of deliveries) {
    const shown = linesOf(await get(session, `/v1/deliveries/${delivery}`, shownDelivery));
    for (const { entry } of shown) if (entry?.kind === "followed_by") deliveries.add(entry.delivery);
    lines.push(...shown);
  }
  return lines;
}

interface Line {
  readonly at: number;
  readonly what: string;
  readonly text: string;
  readonly entry?: ShownEntry;
}

function linesOf({ delivery, timeline }: ShownDelivery): readonly Line[] {
  const { id, what, subject = "", source, principal, receivedAt, relayedAt } = delivery;
  const received = `${what} ${subject} received from ${source}, proved by ${principal.method} (${principal.credential}): ${id}`;
  return [
    { at: Date.parse(receivedAt), what, text: received },
    ...(relayedAt === undefined ? [] : [{ at: Date.parse(relayedAt), what, text: `${what} relayed: ${id}` }]),
    ...timeline.map((entry) => ({ at: Date.parse(entry.at), what, text: `${what}: ${timelineLine(entry)}`, entry })),
  ];
}
