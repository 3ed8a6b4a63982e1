import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../host/clock.ts";
import { get } from "./bridge-client.ts";
import { type ShownThread, shownDelivery, shownThread } from "./responses.ts";
import type { Session } from "./session.ts";

/** How often the bridge is asked, in milliseconds. */
const ASK_EVERY_MS = 2_000;

/** States in which something is left to do. A failed route may still be run again, so the others have ended. */
const OPEN_STATES: readonly string[] = ["pending", "waiting", "retrying", "expecting_run"];

/** A run that an order started, as its system reports it. */
interface OrderedRun {
  readonly what: string;
  readonly state: string;
  readonly isGood: boolean;
  readonly isOpen: boolean;
}

/** Whether everything ran, and every reported run succeeded. */
export const isSuccess = ({ state, runs }: Pick<SeenOrder, "state" | "runs">): boolean =>
  state === "ran" && runs.every(({ isGood }) => isGood);

/**
 * What is known of an order when nothing is left to do and its reported runs have ended, or when the seconds are over. It
 * changes nothing, so whoever stops waiting changes nothing. Throws an `AbortError` or a Fault when `signal` is aborted.
 */
export async function orderAfter(
  session: Session,
  id: string,
  { seconds, signal }: { readonly seconds: number; readonly signal: AbortSignal },
): Promise<SeenOrder> {
  const until = systemClock.monotonic() + seconds * 1_000;
  for (;;) {
    const seen = await orderNow(session, id, signal);
    const leftMs = until - systemClock.monotonic();
    if (!seen.isOpen || leftMs <= 0) return seen;
    await sleep(Math.min(ASK_EVERY_MS, leftMs), undefined, { signal });
  }
}

export interface SeenOrder {
  /** The state of its delivery. */
  readonly state: string;
  /** Who is asked, if it waits for an approval. */
  readonly waitsFor?: string;
  /** The reported runs; none if no source reports those of its targets. */
  readonly runs: readonly OrderedRun[];
  /** Something is left to do, or a run goes on. */
  readonly isOpen: boolean;
}

async function orderNow(session: Session, id: string, signal: AbortSignal): Promise<SeenOrder> {
  const { delivery } = await get(session, `/v1/deliveries/${encodeURIComponent(id)}`, shownDelivery, { signal });
  const { state = "pending", routes = [] } = delivery;
  const waitsFor = routes.flatMap((route) => route.waitsFor ?? []).join(", ");
  if (OPEN_STATES.includes(state)) return { state, ...(waitsFor && { waitsFor }), runs: [], isOpen: true };
  const thread = await get(session, `/v1/threads?delivery=${encodeURIComponent(id)}`, shownThread, { signal });
  const runs = runsOf(id, thread);
  return { state, runs, isOpen: runs.some(({ isOpen }) => isOpen) };
}

/** The runs that the order's own attempts started: no other delivery is between them and the order. */
function runsOf(id: string, { spans }: ShownThread): readonly OrderedRun[] {
  const known = new Map(spans.map((span) => [span.id, span]));
  const causeOf = (span: ShownThread["spans"][number]): string | undefined => {
    for (let at: typeof span | undefined = span; at !== undefined; at = known.get(at.parent ?? ""))
      if (at.kind === "delivery") return at.delivery;
    return undefined;
  };
  return spans
    .filter((span) => span.kind === "run" && causeOf(span) === id)
    .map(({ what, state, tone, end }) => ({ what, state, isGood: tone === "good", isOpen: end === undefined }));
}
