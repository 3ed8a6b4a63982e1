import { UPSTREAM_REFUSALS } from "../delivery/rejection-audit.ts";
import { type BusEvent, isMeantFor } from "../model/bus-event.ts";
import { type AboutRoute, type DeliveryState, ROUTE_STATES, type RouteOutcome } from "../model/delivery-state.ts";
import type { DeliverySummary, RecordedDelivery, Replay } from "../model/recorded-delivery.ts";
import type { Rejection } from "../model/rejection.ts";
import { rejectionText } from "../model/rejection-text.ts";
import { explainMatch, nearestFirst } from "../routes/explain-match.ts";
import type { RoutePattern } from "../routes/route-pattern.ts";
import { isShownToConfined } from "./confined-fields.ts";
import type { ShownExpectedRun } from "./expected-runs.ts";
import {
  decisionAfter,
  heldChecks,
  isHeld,
  type Mark,
  type NextCheck,
  routeChecks,
  routeSteps,
  type Step,
  sentence,
} from "./explain-route.ts";
import type { RouteLine, ShownTimelineEvent } from "./shown-timeline.ts";

/** What is known of a delivery: the answer of the API, as far as an explanation needs it. */
export interface ShownFacts {
  readonly delivery: Pick<DeliverySummary, "id" | "source" | "outcome" | "what" | "principal" | "repeats"> &
    Pick<RecordedDelivery, "unrelayed"> & {
      readonly receivedAt: string;
      readonly refusedFor?: Rejection;
      readonly excludedFor?: Rejection;
      readonly shadowRejection?: Rejection;
      readonly state?: DeliveryState;
      /** What became of each route. */
      readonly routes?: readonly Pick<
        RouteOutcome,
        "route" | "event" | "target" | "state" | "why" | "waitsFor" | "of"
      >[];
    };
  readonly events: readonly BusEvent[];
  readonly timeline: readonly ShownTimelineEvent[];
  readonly runs?: readonly ShownExpectedRun[];
}

export interface ExplainedRoute {
  readonly route: string;
  /** The id of the published event, if it is not the first event of its delivery. */
  readonly event?: string;
  /** The target of its action, or today's one if it did not act; undefined if neither is known. */
  readonly target?: string;
  /** Whether it matched the event when that arrived: the timeline has lines about it. */
  readonly matched: boolean;
  /** The match, roles, approval, attempts, and what came back. The last is the state of the route. */
  readonly steps: readonly Step[];
  /** What to look at next, the likeliest cause first. */
  readonly checks: readonly NextCheck[];
}

/** Why a delivery did what it did, or nothing. */
export interface DeliveryExplanation {
  /** One sentence. */
  readonly answer: string;
  readonly mark: Mark;
  /** How it was proved, recorded, understood and published. */
  readonly steps: readonly Step[];
  /** The routes that acted on it, the worst first, then the others, the nearest first. */
  readonly routes: readonly ExplainedRoute[];
  /** Routes that are not shown: they are still further, or the caller may not know what they are about. */
  readonly otherRoutes: number;
  /** What was traced back to it. */
  readonly followed: readonly string[];
  /** What to look at next, the likeliest cause first. Those of a route are at the route. */
  readonly checks: readonly NextCheck[];
}

export interface ExplainedBy {
  readonly patterns: readonly RoutePattern[];
  /** Whether the caller may read only some deliveries: then routes for other sources and parts are not shown. */
  readonly isConfined: boolean;
}

/** Explains a delivery from its record and timeline, and from the routes of today. Pure. */
export function explainDelivery(shown: ShownFacts, by: ExplainedBy): DeliveryExplanation {
  const { delivery, timeline } = shown;
  const acted = matchedRoutes(shown, by);
  const missed = delivery.outcome === "event" ? missedRoutes(shown, by, acted) : [];
  const routes = [...acted, ...missed.slice(0, MAX_MISSED)];
  const [worst] = acted;
  const { answer, mark } = answerOf(shown, worst, missed[0]);
  return {
    answer,
    mark,
    steps: [proofStep(shown), recordStep(shown), ...meaningSteps(shown)],
    routes,
    otherRoutes: delivery.outcome === "event" ? by.patterns.length - routes.filter(isIn(by.patterns)).length : 0,
    followed: timeline.flatMap((line) =>
      line.kind === "followed_by" ? [`${line.what} (${line.delivery})${line.claimed ? ", as it claims" : ""}`] : [],
    ),
    checks: acted.length === 0 ? checksOf(shown, missed[0]) : [],
  };
}

const MAX_MISSED = 20;

const isIn = (patterns: readonly RoutePattern[]) => {
  const names = new Set(patterns.map(({ name }) => name));
  return ({ route }: ExplainedRoute): boolean => names.has(route);
};

/** The routes that have a line in the timeline, the worst first. */
function matchedRoutes(shown: ShownFacts, by: ExplainedBy): readonly ExplainedRoute[] {
  const rankOf = (one: ExplainedRoute): number => {
    const state = outcomeOf(one, shown)?.state;
    return state === undefined ? ROUTE_STATES.length : ROUTE_STATES.indexOf(state);
  };
  const byRoute = new Map<string, RouteLine[]>();
  for (const line of shown.timeline) {
    if (!("route" in line)) continue;
    const key = JSON.stringify([line.route, line.event]);
    byRoute.set(key, [...(byRoute.get(key) ?? []), line]);
  }
  return [...byRoute.values()]
    .flatMap((lines) => {
      const [first] = lines;
      return first === undefined ? [] : [matchedRoute(first, lines, shown, by)];
    })
    .toSorted((a, b) => MARKS.indexOf(stateOf(a).mark) - MARKS.indexOf(stateOf(b).mark) || rankOf(a) - rankOf(b));
}

const outcomeOf = ({ route, event }: AboutRoute, { delivery }: ShownFacts) =>
  delivery.routes?.find((one) => one.route === route && one.event === event);

/** The worst first. */
const MARKS: readonly Mark[] = ["bad", "warn", "busy", "good", "quiet"];

/** The names of the accounts that the events name. */
function namesIn(events: readonly BusEvent[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { detail } of events) {
    const { id, name, username = name } = "actor" in detail && detail.actor !== undefined ? detail.actor : {};
    if (id !== undefined && username !== undefined) names.set(id, name ?? username);
  }
  return names;
}

function matchedRoute(
  { route, event }: RouteLine,
  lines: readonly RouteLine[],
  shown: ShownFacts,
  { patterns, isConfined }: ExplainedBy,
): ExplainedRoute {
  const { delivery, events, runs = [] } = shown;
  const configured = patterns.find(({ name }) => name === route);
  const published = events.find(({ detail }) => detail.id === (event ?? delivery.id));
  const run = runs.find((one) => one.route === route && one.event === event);
  const steps = routeSteps(lines, run, namesIn(events));
  const outcome = outcomeOf({ route, event }, shown);
  const closing = closingSteps(outcome, steps.at(-1), {
    isSilent: run?.noReportSince !== undefined,
    isTried: lines.some(({ kind }) => kind === "attempt"),
    decision: decisionOf(outcome, lines),
  });
  // The route may have had another target then.
  const target = outcome?.target ?? configured?.target;
  const about = { id: delivery.id, route, target, reporter: configured?.reporter };
  const nextChecks = (): readonly NextCheck[] => {
    // While its target is probed, its newest line is an attempt that failed.
    if (outcome?.state === "waiting" && isHeld(outcome, about)) return heldChecks(lines, about);
    return closing.length > 0 ? [] : routeChecks(lines, run, about);
  };
  return {
    route,
    ...(event !== undefined && { event }),
    ...(target !== undefined && { target }),
    matched: true,
    steps: [matchStep(configured, published, { target: outcome?.target, isConfined }), ...steps, ...closing],
    checks: nextChecks(),
  };
}

/**
 * The state of the route, if the last step does not show it. The lines are written before the state, and some changes of it
 * have no line: a first report of a run, a replay, and a second wait.
 */
function closingSteps(
  outcome: ReturnType<typeof outcomeOf>,
  last: Step | undefined,
  { isSilent, isTried, decision }: Closing,
): readonly Step[] {
  if (outcome === undefined) return [];
  const { state, why, waitsFor, of } = outcome;
  const because = why === undefined ? "." : `: ${sentence(why)}`;
  const unless = (marks: readonly (Mark | undefined)[], step: Step): readonly Step[] =>
    marks.includes(last?.mark) ? [] : [step];
  switch (state) {
    case "given_up":
    case "accepted_without_run":
    case "cut":
      return unless(["bad"], { mark: "bad", text: `It needs a person: ${state.replaceAll("_", " ")}${because}` });
    case "not_fired":
      return unless(["bad", "quiet"], { mark: "bad", text: `It did not fire${because}` });
    case "retrying":
      return unless(["warn"], { mark: "warn", text: `It is tried again${because}` });
    case "waiting": {
      if (decision !== undefined)
        return [{ mark: "busy", text: AFTER_DECISION[RUNS_AFTER.has(decision) ? "runs" : "ends"] }];
      const what = waitsFor === undefined ? "" : ` for ${waitsFor}`;
      return unless(isTried ? [] : ["busy"], { mark: "busy", text: `It waits${what}${because}` });
    }
    case "pending":
      return unless(["busy"], { mark: "busy", text: "Its action is due." });
    case "expecting_run":
      return unless(["busy"], { mark: "busy", text: "No run is reported yet." });
    case "ran":
      return unless(["good", isSilent ? "warn" : undefined], {
        mark: "good",
        text: isTried ? "Its run was reported." : "It ran.",
      });
    case "superseded":
      return unless(["quiet"], { mark: "quiet", text: of === undefined ? `It was replaced${because}` : againText(of) });
    case "repeat":
      return unless(["quiet"], { mark: "quiet", text: "Another delivery reported the same event first." });
  }
}

interface Closing {
  readonly isSilent: boolean;
  readonly isTried: boolean;
  /** What was decided since the line that says what it waits for. */
  readonly decision: ReturnType<typeof decisionAfter>;
}

/** Its action looks at a decision when its turn comes. Until then its state is that of the wait. */
const AFTER_DECISION = {
  runs: "It runs when its turn comes.",
  ends: "Nothing runs: it ends when its turn comes.",
} as const;
const RUNS_AFTER: ReadonlySet<string> = new Set(["granted", "fired"]);

function decisionOf(outcome: ReturnType<typeof outcomeOf>, lines: readonly RouteLine[]): Closing["decision"] {
  const waiting = lines.findLast((line) => line.kind === "waiting");
  return waiting === undefined || outcome?.waitsFor !== waiting.waitsFor ? undefined : decisionAfter(waiting, lines);
}

const againText = (of: string): string => `It was run again as ${of}, which counts for it.`;

/** `target`: where its action was meant for; undefined if that is not known. */
function matchStep(
  configured: RoutePattern | undefined,
  published: BusEvent | undefined,
  { target, isConfined }: { readonly target: string | undefined; readonly isConfined: boolean },
): Step {
  if (configured === undefined) return { mark: "warn", text: "It matched. The route is no longer configured." };
  if (target !== undefined && target !== configured.target)
    return { mark: "warn", text: `It matched then, for ${target}. Today the route leads to ${configured.target}.` };
  const explanation = explainMatch(configured.pattern, published);
  if (explanation.matched) return { mark: "quiet", text: "It matches." };
  const why = isConfined && !isShownToConfined(explanation) ? "" : `: ${explanation.misses[0]?.text ?? ""}`;
  return { mark: "warn", text: `It matched then. Today's pattern does not${why}.` };
}

/** The routes without a line in the timeline, the nearest first. Of several events, each route has the nearest. */
function missedRoutes(
  shown: ShownFacts,
  { patterns, isConfined }: ExplainedBy,
  matched: readonly ExplainedRoute[],
): readonly ExplainedRoute[] {
  const { events } = shown;
  const acted = new Set(matched.map(({ route }) => route));
  const candidates = patterns
    .filter(({ name }) => !acted.has(name))
    .flatMap((configured) => {
      const explained = events.map((event) => ({
        route: { configured, event },
        explanation: explainMatch(configured.pattern, event),
      }));
      return nearestFirst(explained).slice(0, 1);
    })
    .filter(({ explanation }) => explanation.matched || !isConfined || isShownToConfined(explanation));
  return nearestFirst(candidates).map(({ route: { configured, event }, explanation }) => ({
    route: configured.name,
    ...(event.detail.id !== event.detail.delivery && { event: event.detail.id }),
    target: configured.target,
    matched: false,
    steps: explanation.matched
      ? [unfired(configured.name, event, shown)]
      : explanation.misses.slice(0, MAX_MISSES).map(({ text }, at) => ({ mark: "quiet", text: missText(text, at) })),
    checks: [],
  }));
}

const MAX_MISSES = 5;

const missText = (text: string, at: number): string => `${at === 0 ? "No match" : "Nor"}: ${text}.`;

/** Why a route did not act on an event that matches it today. */
function unfired(route: string, { detail }: BusEvent, shown: ShownFacts): Step {
  if (isOwnEdit(shown)) return { mark: "quiet", text: `It matches. ${OWN_EDIT}` };
  if (!isMeantFor(route, detail))
    return { mark: "quiet", text: "It matches, but this delivery runs another one again for other routes only." };
  return { mark: "warn", text: shown.delivery.unrelayed ? `It matches. ${NOT_PUBLISHED}` : CHANGED_OR_UNPUBLISHED };
}

const CHANGED_OR_UNPUBLISHED =
  "It matches today, and did not fire: the route was added or changed later, or the event is not published yet.";

const isOwnEdit = ({ timeline }: ShownFacts): boolean => timeline.some(({ kind }) => kind === "ignored");

function proofStep({ delivery }: ShownFacts): Step {
  const { principal, shadowRejection, refusedFor } = delivery;
  const { method, credential, subject, issuer, trustEntry, roles } = principal;
  if (shadowRejection !== undefined)
    return {
      mark: "warn",
      text: `Shadow mode let it in. It would be refused: ${rejectionText(shadowRejection)}.`,
    };
  const secret = ["current", "next"].includes(credential)
    ? `the secret "${credential}"`
    : `the credential ${credential}`;
  const entry = trustEntry === undefined ? "" : `, by the trust entry ${trustEntry}`;
  const held = roles.length === 0 ? "no roles" : `the roles ${roles.join(", ")}`;
  const text = `Proved by ${method} with ${secret}, as ${subject} of ${issuer}${entry}, with ${held}.`;
  return refusedFor === undefined
    ? { mark: "good", text }
    : { mark: "bad", text: `${text} It was refused: ${rejectionText(refusedFor)}.` };
}

function recordStep({ delivery, events }: ShownFacts): Step {
  const { replay, promotion } = events[0]?.detail ?? {};
  if (replay !== undefined) {
    const what =
      promotion?.from === undefined
        ? whatItRepeats(replay)
        : `It promotes from ${promotion.from} to ${promotion.to} the run of`;
    return {
      mark: "quiet",
      text: `${what} ${replay.of}, for the routes ${replay.routes.join(", ")}.`,
    };
  }
  if (delivery.repeats !== undefined)
    return { mark: "quiet", text: `It repeats ${delivery.repeats}, which reported the same event first.` };
  return { mark: "quiet", text: `It is new: received at ${delivery.receivedAt} by the source ${delivery.source}.` };
}

function whatItRepeats({ isRollback, lastReport }: Replay): string {
  if (lastReport === undefined) return isRollback ? "It rolls back to" : "It runs again";
  const why = lastReport.isOverdue ? `there was no report since ${lastReport.at}` : "the run was reported again";
  return `The bridge recorded it, because ${why}: it repeats`;
}

function meaningSteps(shown: ShownFacts): readonly Step[] {
  const { delivery, events } = shown;
  switch (delivery.outcome) {
    case "ignored":
      return [{ mark: "quiet", text: ignoredText(delivery) }];
    case "unusable":
      return [{ mark: "bad", text: `It could not be read: ${delivery.what}.` }];
    case "refused":
    case "audit":
      return [];
    case "event":
      return [
        { mark: "quiet", text: `It means ${delivery.what}, ${events[0]?.detail.subject ?? ""}.` },
        ...(isOwnEdit(shown) ? [{ mark: "quiet", text: OWN_EDIT } as const] : []),
        ...(delivery.unrelayed ? [{ mark: "warn", text: NOT_PUBLISHED } as const] : []),
      ];
  }
}

const OWN_EDIT = "It was not published: the bridge itself made this change.";
const NOT_PUBLISHED = "It is not published yet: the next sweep publishes it.";

const ignoredText = ({ excludedFor, what }: ShownFacts["delivery"]): string =>
  excludedFor === undefined
    ? `It was ignored: the bridge publishes no event for "${what}".`
    : `It was ignored, because the settings of its source exclude it: ${rejectionText(excludedFor)}.`;

const stateOf = ({ steps }: ExplainedRoute): Step => steps[steps.length - 1] ?? { mark: "quiet", text: "" };

function answerOf(
  shown: ShownFacts,
  worst: ExplainedRoute | undefined,
  nearest: ExplainedRoute | undefined,
): { readonly answer: string; readonly mark: Mark } {
  const { delivery } = shown;
  const { outcome, refusedFor, shadowRejection, repeats, state, unrelayed } = delivery;
  if (outcome === "refused") return { answer: `It was refused: ${refusedFor?.reason ?? delivery.what}.`, mark: "bad" };
  if (outcome === "unusable") return { answer: `It could not be read: ${delivery.what}.`, mark: "bad" };
  if (outcome === "ignored") return { answer: ignoredText(delivery), mark: "quiet" };
  if (outcome === "audit" && shadowRejection !== undefined)
    return { answer: `Shadow mode let a request pass that is to be refused: ${shadowRejection.reason}.`, mark: "warn" };
  if (outcome === "audit" && UPSTREAM_REFUSALS.includes(delivery.what) && refusedFor !== undefined)
    return { answer: `A gateway was made to refuse a request: ${refusedFor.reason}.`, mark: "bad" };
  if (outcome === "audit" && refusedFor !== undefined)
    return {
      answer: `A read was refused: ${refusedFor.reason}. Nothing was to happen, so nothing is missing.`,
      mark: "quiet",
    };
  if (outcome === "audit") return { answer: `It is the record of an act: ${delivery.what}.`, mark: "quiet" };
  if (state === "pending" && unrelayed) return { answer: NOT_PUBLISHED, mark: "warn" };
  if (worst !== undefined) {
    const { text, mark } = stateOf(worst);
    return { answer: `Route ${worst.route}: ${text}`, mark };
  }
  if (isOwnEdit(shown)) return { answer: OWN_EDIT, mark: "quiet" };
  if (unrelayed) return { answer: NOT_PUBLISHED, mark: "warn" };
  if (state === "pending") return { answer: "It is not published yet. That takes moments.", mark: "busy" };
  if (repeats !== undefined)
    return { answer: `It repeats ${repeats}, and no route acted on it by itself.`, mark: "quiet" };
  if (nearest === undefined) return { answer: "No route matched, and none is near.", mark: "warn" };
  const [first] = nearest.steps;
  return { answer: `No route fired. The nearest is ${nearest.route}. ${first?.text ?? ""}`, mark: "warn" };
}

function checksOf(shown: ShownFacts, nearest: ExplainedRoute | undefined): readonly NextCheck[] {
  const { id, outcome, source, principal } = shown.delivery;
  if (outcome === "refused" && principal.trustEntry !== undefined)
    return [
      { text: "Explain the token of the caller, claim by claim", command: "drawbridge token explain --file token.txt" },
    ];
  if (outcome !== "event" || nearest === undefined || isOwnEdit(shown)) return [];
  return [
    {
      text: "Compare the nearest route with this event, before a change is deployed",
      command: `drawbridge route test ${nearest.route} --delivery ${id}`,
    },
    { text: "Look for a field or a value that no event has", command: "drawbridge check" },
    { text: "Look for other events of the source that fired", command: `drawbridge events list --source ${source}` },
  ];
}
