import type { EpochMillis } from "../host/clock.ts";
import { type Attention, type AttentionState, FAILED_STATES, NEEDS_ATTENTION } from "./attention.ts";
import type { RecordedDelivery } from "./recorded-delivery.ts";
import type { TimelineEvent } from "./timeline.ts";

/** The states of one route of a delivery, the worst first. Of several routes the worst is the state of the delivery. */
export const ROUTE_STATES = [
  "given_up",
  "accepted_without_run",
  "cut",
  "retrying",
  "waiting",
  "pending",
  "expecting_run",
  "ran",
  "not_fired",
  "superseded",
  "repeat",
] as const;
type RouteState = (typeof ROUTE_STATES)[number];

/** Nothing has run for a route in these states, and nothing will: to run it again runs nothing twice. */
const RERUN_STATES = ["given_up", "cut", "not_fired"] as const satisfies readonly RouteState[];

/** A replay of a route in these states answers for it: it is `superseded` then. */
export const isFailed = (state: SeenState): boolean => (FAILED_STATES as readonly SeenState[]).includes(state);

/** `unmatched`: the route did not act on the delivery. */
export type SeenState = RouteState | "unmatched";

export const isSafeToRerun = (state: SeenState): boolean =>
  state === "unmatched" || (RERUN_STATES as readonly SeenState[]).includes(state);

/** What became of a delivery. The last four have no route. */
export const DELIVERY_STATES = [...ROUTE_STATES, "no_route", "refused", "unusable", "ignored"] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export const needsAttention = (state: DeliveryState): state is AttentionState =>
  (NEEDS_ATTENTION as readonly DeliveryState[]).includes(state);

/** What is stored about the action of a route. */
export interface KnownAction {
  readonly state: "due" | "expecting_run" | "accepted_without_run" | "done" | "gave_up";
  readonly target: string;
  /** Undefined if no person has to look at it, and for actions of earlier releases. */
  readonly attention?: Attention;
  readonly dueAt?: EpochMillis;
  readonly run?: { readonly acceptedAt: EpochMillis };
  readonly report?: { readonly at: EpochMillis };
}

/** What became of one route of a delivery. */
export interface RouteOutcome {
  readonly route: string;
  /** The id of the published event, if it is not the first event of its delivery. */
  readonly event?: string;
  /** Undefined if its action has expired, or was stored for another delivery. */
  readonly target?: string;
  readonly state: RouteState;
  readonly since: EpochMillis;
  /** When the next step is due. */
  readonly next?: EpochMillis;
  /** One sentence. */
  readonly why?: string;
  /** `waiting`: the people or the thing that it waits for. */
  readonly waitsFor?: string;
  /** `repeat`: the delivery whose action counts for this one. `superseded`: the one in its place, or its replay. */
  readonly of?: string;
}

/** What became of a delivery, with its routes, the worst first. */
export interface DeliveryOutcome {
  readonly state: DeliveryState;
  readonly since: EpochMillis;
  readonly routes: readonly RouteOutcome[];
}

export interface Evidence {
  readonly delivery: Pick<
    RecordedDelivery,
    "outcome" | "receivedAt" | "repeats" | "relayedAt" | "unrelayed" | "replay"
  >;
  readonly timeline: readonly TimelineEvent[];
  /** The action of a route for an event; undefined if none is stored. */
  readonly actionOf: (about: AboutRoute) => KnownAction | undefined;
  readonly now: EpochMillis;
}

/** A route, and the id of the published event if it is not the first event of its delivery. */
export interface AboutRoute {
  readonly route: string;
  readonly event?: string | undefined;
}

/**
 * Derives what became of a delivery. Undefined for the record of a read, which is no delivery. The order of the lines does
 * not matter. A line is written before the action that it is about: if a process ended between the two, the action counts.
 */
export function outcomeOf(evidence: Evidence): DeliveryOutcome | undefined {
  const { delivery, timeline } = evidence;
  const { receivedAt: since } = delivery;
  switch (delivery.outcome) {
    case "audit":
      return undefined;
    case "refused":
    case "unusable":
    case "ignored":
      return { state: delivery.outcome, since, routes: [] };
    case "event":
      break;
  }
  const routes = routesIn(timeline)
    .map((lines) => routeOutcomeOf(lines, evidence))
    .sort(worstFirst);
  const [worst] = routes;
  const isPending = worst === undefined ? isUnpublished(evidence) : delivery.unrelayed === true;
  if (worst !== undefined && !(isPending && rank("pending") < rank(worst.state)))
    return { state: worst.state, since: worst.since, routes };
  if (isPending) return { state: "pending", since, routes };
  const own = timeline.find((line) => line.kind === "ignored");
  if (own !== undefined) return { state: "ignored", since: own.at, routes };
  if (delivery.repeats !== undefined) return { state: "repeat", since, routes };
  return { state: "no_route", since: delivery.relayedAt ?? since, routes };
}

const rank = (state: RouteState): number => ROUTE_STATES.indexOf(state);

const worstFirst = (one: RouteOutcome, other: RouteOutcome): number =>
  rank(one.state) - rank(other.state) || other.since - one.since || (one.route < other.route ? -1 : 1);

/** Time within which the stream of the table publishes a delivery. One that it could not publish is marked. */
const RELAY_MS = 30_000;

/** Only an installation with an outbox records when it published a delivery. */
function isUnpublished({ delivery, timeline, now }: Evidence): boolean {
  if (delivery.unrelayed || timeline.some((line) => line.kind === "ignored")) return delivery.unrelayed === true;
  return delivery.relayedAt === undefined && delivery.repeats === undefined && now - delivery.receivedAt < RELAY_MS;
}

type RouteLine = Extract<
  TimelineEvent,
  { readonly kind: "scheduled" | "already_scheduled" | "waiting" | "attempt" | "run" | "cut" }
>;

interface RouteLines extends Pick<RouteOutcome, "route" | "event"> {
  /** In order of time. */
  readonly lines: readonly RouteLine[];
}

/** The lines about each route on which the delivery acted, and each of its events. */
function routesIn(timeline: readonly TimelineEvent[]): readonly RouteLines[] {
  const routes = new Map<
    string,
    { readonly about: Pick<RouteOutcome, "route" | "event">; readonly lines: RouteLine[] }
  >();
  for (const line of [...timeline].sort((one, other) => one.at - other.at)) {
    if (!isRouteLine(line)) continue;
    const { route, event } = line;
    const key = `${route} ${event ?? ""}`;
    const known = routes.get(key) ?? { about: { route, ...(event !== undefined && { event }) }, lines: [] };
    known.lines.push(line);
    routes.set(key, known);
  }
  return [...routes.values()].map(({ about, lines }) => ({ ...about, lines }));
}

function isRouteLine(line: TimelineEvent): line is RouteLine {
  switch (line.kind) {
    case "scheduled":
    case "already_scheduled":
    case "waiting":
    case "attempt":
    case "run":
    case "cut":
      return true;
    default:
      return false;
  }
}

function routeOutcomeOf({ lines, ...about }: RouteLines, { actionOf, delivery, timeline }: Evidence): RouteOutcome {
  const [first] = lines;
  const repeat = lines.find((line) => line.kind === "already_scheduled");
  const isOwn = lines.some(({ kind }) => kind !== "already_scheduled");
  if (repeat !== undefined && !isOwn) return { ...about, state: "repeat", since: repeat.at, of: repeat.by };
  const action = actionOf(about);
  const since = first?.at ?? delivery.receivedAt;
  const found = outcomeInLines(lines);
  if (action === undefined) return { ...about, since, ...found };
  const outcome = { ...about, target: action.target, ...outcomeOfAction(action, lines, since) };
  return action.attention === undefined ? unlessReplayed(outcome, timeline) : outcome;
}

/** A failure that was replayed needs nobody any more: the replay is a delivery with a state of its own. */
function unlessReplayed(outcome: RouteOutcome, timeline: readonly TimelineEvent[]): RouteOutcome {
  if (!isFailed(outcome.state)) return outcome;
  const replays = timeline
    .filter((line) => line.kind === "replayed")
    .filter(({ routes, at }) => routes.includes(outcome.route) && at >= outcome.since);
  const [first] = replays;
  const last = replays.at(-1);
  if (first === undefined || last === undefined) return outcome;
  const words = outcome.state.replaceAll("_", " ");
  // The state begins once, so that the key of a bulk replay stays the same however often it is repeated.
  const state = { state: "superseded", since: first.at, of: last.delivery } as const;
  return { ...outcome, ...state, why: `${words}, run again as ${last.delivery}` };
}

type Found = Pick<RouteOutcome, "state" | "since" | "next" | "why" | "waitsFor" | "of">;

function outcomeOfAction(action: KnownAction, lines: readonly RouteLine[], since: EpochMillis): Found {
  const { state, attention, dueAt: next, run, report } = action;
  switch (state) {
    case "done": {
      const last = lastAttempt(lines, "done");
      const { endedAs = "ran" } = last?.outcome === "done" ? last : {};
      if (endedAs !== "ran")
        return { state: ENDED_STATES[endedAs], since: last?.at ?? since, ...whyOf(last), ...newerIn(last) };
      return { state: "ran", since: report?.at ?? last?.at ?? since };
    }
    case "gave_up": {
      const last = lastAttempt(lines, "give_up");
      const isCut = attention === undefined ? hasCut(lines) : attention.state === "cut";
      return { state: isCut ? "cut" : "given_up", since: attention?.since ?? last?.at ?? since, ...whyOf(last) };
    }
    case "accepted_without_run": {
      const missing = lines.findLast((line) => line.kind === "run" && line.state !== "reported");
      return { state, since: attention?.since ?? missing?.at ?? since, ...whyOf(missing) };
    }
    case "due":
    case "expecting_run":
      return unfinished({ ...action, state }, lines, { since: run?.acceptedAt ?? since, next });
  }
}

function unfinished(
  { state, attention }: KnownAction & { readonly state: "due" | "expecting_run" },
  lines: readonly RouteLine[],
  { since, next }: { readonly since: EpochMillis; readonly next: EpochMillis | undefined },
): Found {
  const due = next === undefined ? {} : { next };
  if (attention?.state === "retrying")
    return { state: "retrying", since: attention.since, ...due, ...whyOf(lastAttempt(lines, "retry")) };
  const waiting = lines.findLast((line) => line.kind === "waiting");
  if (attention?.state === "waiting") {
    const { waitsFor } = waiting ?? {};
    return { state: "waiting", since: attention.since, ...due, ...whyOf(waiting), ...(waitsFor && { waitsFor }) };
  }
  return { state: state === "due" ? "pending" : state, since, ...due };
}

/** The outcome that the lines alone give: the action has expired. */
function outcomeInLines(lines: readonly RouteLine[]): Partial<Found> & Pick<Found, "state"> {
  const last = lines.findLast((line) => line.kind === "attempt" || line.kind === "run" || line.kind === "waiting");
  if (last === undefined) return { state: "pending" };
  const { at: since } = last;
  if (last.kind === "waiting") {
    const { waitsFor, summary: why } = last;
    return waitsFor === undefined ? { state: "pending" } : { state: "waiting", since, why, waitsFor };
  }
  if (last.kind === "run")
    return last.state === "reported"
      ? { state: "ran", since }
      : { state: "accepted_without_run", since, ...whyOf(last) };
  switch (last.outcome) {
    case "done":
      return last.endedAs === undefined
        ? { state: "ran", since }
        : { state: ENDED_STATES[last.endedAs], since, ...whyOf(last), ...newerIn(last) };
    case "accepted":
      return { state: "expecting_run", since };
    case "retry":
      return { state: "retrying", since, ...whyOf(last) };
    case "give_up":
      return { state: hasCut(lines) ? "cut" : "given_up", since, ...whyOf(last) };
  }
}

type AttemptLine = Extract<RouteLine, { readonly kind: "attempt" }>;

const ENDED_STATES = {
  superseded: "superseded",
  not_fired: "not_fired",
  nothing_to_do: "not_fired",
} as const satisfies Record<NonNullable<AttemptLine["endedAs"]>, RouteState>;

const lastAttempt = (lines: readonly RouteLine[], outcome: AttemptLine["outcome"]): AttemptLine | undefined =>
  lines.findLast((line) => line.kind === "attempt" && line.outcome === outcome) as AttemptLine | undefined;

const hasCut = (lines: readonly RouteLine[]): boolean => lines.some(({ kind }) => kind === "cut");

const newerIn = (line: AttemptLine | undefined): Pick<RouteOutcome, "of"> =>
  line?.supersededBy === undefined ? {} : { of: line.supersededBy };

const whyOf = (line: RouteLine | undefined): Pick<RouteOutcome, "why"> =>
  line !== undefined && "summary" in line ? { why: line.summary } : {};
