import { type ShownDelivery, type ShownEntry, shownDelivery } from "./answers.ts";
import { get } from "./bridge-client.ts";
import { tellEntry } from "./events.ts";
import type { Session } from "./session.ts";
import { printable } from "./table.ts";

export interface TraceOptions {
  /** Called for each line as it comes to be known. */
  readonly print: (line: string) => void;
  /** Whether this entry of a delivery of `what` is the last to wait for. */
  readonly isEnd: (entry: ShownEntry, what: string) => boolean;
  readonly timeoutMs: number;
  readonly pollMs?: number;
}

/**
 * Prints what follows a delivery, and what follows that, line by line with the time since it was received. Reads the
 * bridge's own interface, as a person would. False when the end did not come in time.
 */
export async function trace(session: Session, id: string, options: TraceOptions): Promise<boolean> {
  const { print, isEnd, timeoutMs, pollMs = 50 } = options;
  const printed = new Set<string>();
  const followed = new Set([id]);
  let start: number | undefined;
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += pollMs) {
    const lines: Line[] = [];
    for (const delivery of followed) {
      const shown = await get(session, `/v1/deliveries/${delivery}`, shownDelivery);
      for (const { entry } of linesOf(shown)) if (entry?.kind === "followed_by") followed.add(entry.delivery);
      lines.push(...linesOf(shown));
    }
    start ??= Math.min(...lines.map(({ at }) => at));
    for (const line of lines.sort((a, b) => a.at - b.at)) {
      if (printed.has(line.text)) continue;
      printed.add(line.text);
      print(`${String(line.at - start).padStart(6)} ms  ${printable(line.text)}`);
      if (line.entry && isEnd(line.entry, line.what)) return true;
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return false;
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
    ...timeline.map((entry) => ({ at: Date.parse(entry.at), what, text: `${what}: ${tellEntry(entry)}`, entry })),
  ];
}
