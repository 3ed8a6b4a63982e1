import type { Probe } from "../actions/action.ts";
import type { Clock } from "../host/clock.ts";
import { isTerminal } from "../model/build-order.ts";
import { BUILD_STATES } from "../model/event.ts";
import { PROBE_KIND } from "../model/probe-run.ts";
import { get } from "./bridge-client.ts";
import { type ListedDelivery, listedDeliveries } from "./responses.ts";
import type { Session } from "./session.ts";
import { printable } from "./terminal-text.ts";

interface FollowDeps {
  readonly session: Session;
  readonly print: (line: string) => void;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly pollMs?: number;
}

/**
 * Sends the request of a probe, and prints each hop when it is reached, with the time since the request. Returns whether
 * the bridge was sent the end of the run. Otherwise it prints why the next hop may be missing. The event log is read before
 * anything is sent, so that no run starts that nobody can follow.
 */
export async function followProbe(probe: Probe, deps: FollowDeps): Promise<boolean> {
  await reportsOf(probe, deps.session);
  const { print, timeoutMs, clock, pollMs = 500 } = deps;
  const startedMs = clock.monotonic();
  const hop = (what: string, fact: string): void =>
    print(printable(`${what.padEnd(WIDTH)}  ${fact}, after ${((clock.monotonic() - startedMs) / 1_000).toFixed(1)} s`));
  const answer = await probe.send(AbortSignal.timeout(timeoutMs));
  hop(RESULTS[answer.result], answer.summary);
  if (answer.result !== "accepted") return false;
  const seen = new Set<string>();
  while (clock.monotonic() - startedMs < timeoutMs) {
    for (const { id, what, outcome } of await reportsOf(probe, deps.session)) {
      if (seen.has(id)) continue;
      seen.add(id);
      // A run of a changed trigger can be an event as any other.
      const type = outcome === "event" ? what : probeTypeOf(what);
      hop(type === undefined ? outcome.toUpperCase() : "reported", `${type ?? what} (${id})`);
      if (type !== undefined && ENDS.includes(type)) return type === "build.succeeded";
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  const next = seen.size === 0 ? "NO RUN" : "NO END";
  hop(next, `the bridge was not sent ${seen.size === 0 ? "any event" : "the end"} of ${probe.run}`);
  if (seen.size === 0) for (const cause of probe.withoutRun(answer)) print(printable(`  - ${cause}`));
  return false;
}

/** The type that an ignored event of a probe's run would have; undefined for other ignored events. */
const probeTypeOf = (what: string): string | undefined =>
  what.startsWith(PROBE_KIND) ? what.slice(PROBE_KIND.length) : undefined;

const RESULTS = { accepted: "accepted", refused: "REFUSED", unreached: "NOT REACHED" } as const;
const WIDTH = 11;
const ENDS = BUILD_STATES.filter(isTerminal).map((state) => `build.${state}`);

/** What the source was sent about the run, the oldest first. */
async function reportsOf({ reportedBy, run }: Probe, session: Session): Promise<readonly ListedDelivery[]> {
  const query = new URLSearchParams({ source: reportedBy, text: run });
  const { deliveries } = await get(session, `/v1/deliveries?${query}`, listedDeliveries);
  return deliveries.toReversed();
}
