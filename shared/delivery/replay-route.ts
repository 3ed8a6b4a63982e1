import type { EpochMillis } from "../host/clock.ts";
import { busEventsOf, isMeantFor } from "../model/bus-event.ts";
import { type DeliveryOutcome, isSafeToRerun, type SeenState } from "../model/delivery-state.ts";
import { type EventFacts, factsOfDelivery } from "../model/event-facts.ts";
import type { RecordedDelivery } from "../model/recorded-delivery.ts";
import { ok, type Result, reject } from "../model/result.ts";
import type { TimelineEvent } from "../model/timeline.ts";
import { matches } from "../routes/matches.ts";
import type { RoutePattern } from "../routes/route-pattern.ts";
import type { ActionStore } from "../store/actions.ts";
import type { DeliveryStore } from "../store/deliveries.ts";
import { actionIdIn, readOutcome } from "./delivery-outcomes.ts";
import { type ReplayDeps, type Replayed, type ReplayOrder, replay, replayIdOf } from "./replay.ts";

export interface ReplayRouteDeps extends ReplayDeps {
  readonly deliveries: ReplayDeps["deliveries"] & Pick<DeliveryStore, "timeline">;
  readonly actions: ReplayDeps["actions"] & Pick<ActionStore, "status">;
  /** The patterns of the configured routes. */
  readonly patterns: () => Promise<readonly RoutePattern[]>;
}

/** A delivery, and the routes for which it may run again. */
export interface Replayable {
  readonly of: RecordedDelivery;
  readonly about: readonly EventFacts[];
  readonly timeline: readonly TimelineEvent[];
  /** The routes that acted on it. */
  readonly recorded: readonly string[];
  /** The routes that match it with the configuration of today. Those of a replay are routes that it runs again. */
  readonly firing: readonly string[];
  readonly outcome: DeliveryOutcome | undefined;
}

/** Reads what a replay of a delivery depends on. */
export async function replayableOf(of: RecordedDelivery, deps: ReplayRouteDeps): Promise<Replayable> {
  const timeline = await deps.deliveries.timeline(of.id);
  const scheduled = timeline.flatMap((line) =>
    line.kind === "scheduled" || line.kind === "already_scheduled" ? [line.route] : [],
  );
  const published = of.events === undefined ? [] : busEventsOf(of);
  // A replay runs for its own routes only. The others belong to the delivery that it repeats, where they may have run.
  const own = (await deps.patterns()).filter(({ name }) => isMeantFor(name, of));
  const firing = own.filter(({ pattern }) => published.some((event) => matches(pattern, event)));
  return {
    of,
    about: factsOfDelivery(of),
    timeline,
    recorded: [...new Set(scheduled)],
    firing: firing.map(({ name }) => name),
    outcome: await readOutcome(of, timeline, deps),
  };
}

/** The state in which somebody saw a route of a delivery. */
export interface Seen {
  readonly state: SeenState;
  /** Undefined for `unmatched`. */
  readonly since?: EpochMillis | undefined;
}

/** The state of a route: the worst, if the delivery has several events. `all`: the states for each of its events. */
export function seenNow(route: string, { outcome }: Replayable): Seen & { readonly all: readonly SeenState[] } {
  const own = outcome?.routes.filter((one) => one.route === route) ?? [];
  const [worst] = own;
  if (worst !== undefined) return { state: worst.state, since: worst.since, all: own.map(({ state }) => state) };
  // The route may still be about to act on it.
  const state = outcome?.state === "pending" ? "pending" : "unmatched";
  return { state, all: [state] };
}

/** Why a delivery cannot run again for any route; undefined if it can. */
export function whyNeverReplayed({ events, refusal }: RecordedDelivery): string | undefined {
  if (events === undefined) return "The delivery is not an event";
  // Otherwise a caller who may replay would vouch for a sender that was not authenticated.
  if (refusal !== undefined) return "The sender was not authenticated: shadow mode let the delivery in";
  return undefined;
}

export interface RouteReplay extends Pick<ReplayOrder, "by" | "reason" | "order" | "requestId" | "traceparent"> {
  readonly replayable: Replayable;
  readonly route: string;
  readonly seen: Seen;
  /** Run it again although something may have run already, or still runs. */
  readonly isForced: boolean;
}

/**
 * Runs a route of a delivery again for the state in which it was seen, once: the delivery, the route, its state and the time
 * since which it has that state are the key, whoever asks and however often. The record of the new delivery is the claim,
 * in one conditional write. A route that has another state meanwhile is not run.
 */
export async function replaySeen(
  { replayable, route, seen, isForced, ...who }: RouteReplay,
  deps: ReplayRouteDeps,
): Promise<Result<Replayed>> {
  const { of } = replayable;
  const key = keyOfSeen(of.id, route, seen);
  if ((await deps.deliveries.get(replayIdOf(key))) === undefined) {
    const { state, since, all } = seenNow(route, replayable);
    if (state !== seen.state || since !== seen.since) return reject({ reason: "replay_outdated", state });
    const unsafe = all.find((one) => !isSafeToRerun(one));
    if (unsafe !== undefined && !isForced) return reject({ reason: "replay_unsafe", state: unsafe });
    // The claim would be spent for nothing, also if the route matches again later.
    if (!replayable.firing.includes(route)) return reject({ reason: "replay_impossible", problem: MATCHES_NO_MORE });
  }
  const answersFor = answeredBy([route], replayable);
  return ok(await replay({ ...who, of, routes: [route], isRollback: false, answersFor, key }, deps));
}

/** Whether a route was run again for the state in which it was seen. */
export const wasReplayed = async (
  delivery: string,
  route: string,
  seen: Seen,
  { deliveries }: Pick<ReplayRouteDeps, "deliveries">,
): Promise<boolean> => (await deliveries.get(replayIdOf(keyOfSeen(delivery, route, seen)))) !== undefined;

/** What identifies the replay of a route for the state in which it was seen. */
export const keyOfSeen = (delivery: string, route: string, { state, since }: Seen): readonly string[] => [
  "state",
  delivery,
  route,
  state,
  String(since ?? ""),
];

const MATCHES_NO_MORE = "The route does not match the delivery any more: nothing would run";

/** The actions whose failure a replay for these routes answers for. A route that matches no more runs nothing. */
export const answeredBy = (routes: readonly string[], { of, timeline, firing }: Replayable): readonly string[] =>
  timeline.flatMap((line) =>
    line.kind === "scheduled" && routes.includes(line.route) && firing.includes(line.route)
      ? (actionIdIn(line, of, timeline) ?? [])
      : [],
  );
